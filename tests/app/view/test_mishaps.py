"""Everything a person can break: a clear message, and nothing lost."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.app.conftest import EXPLODING_CLOTH, ROOT, write_ball
from tests.app.view.conftest import SCENES, Screen, why_no_screen


def start(screen: Screen, *arguments: object, folder: Path, **options) -> subprocess.Popen:
    """`simview` as its own process."""
    environment = {**screen.environment(), "SIMRUN_CONFIG": str(folder / "config")}
    return subprocess.Popen(
        [sys.executable, "-m", "app.view.cli", *map(str, arguments)],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def tool(screen: Screen, *words: object) -> str:
    done = subprocess.run(
        ["xdotool", *map(str, words)], env=screen.environment(), capture_output=True, text=True, timeout=60
    )
    return done.stdout.strip()


def wait_for_window(screen: Screen, process: subprocess.Popen) -> str:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert process.poll() is None, process.stderr.read()
        # before a window is on the screen nobody can close it, and pyglet drops what it is told
        found = tool(screen, "search", "--onlyvisible", "--name", "^simview$").split()
        if found:
            return found[-1]
        time.sleep(0.1)
    raise AssertionError("no window appeared")


def ask_to_close(screen: Screen, window: str) -> None:
    """What the window manager sends when the person closes a window."""
    from pyglet.libs.x11 import xlib

    display = xlib.XOpenDisplay(screen.name.encode())
    event = xlib.XEvent()
    event.xclient.type = 33  # ClientMessage
    event.xclient.window = int(window)
    event.xclient.message_type = xlib.XInternAtom(display, b"WM_PROTOCOLS", 0)
    event.xclient.format = 32
    event.xclient.data.l[0] = xlib.XInternAtom(display, b"WM_DELETE_WINDOW", 0)
    xlib.XSendEvent(display, int(window), 0, 0, event)
    xlib.XSync(display, 0)
    xlib.XCloseDisplay(display)


@pytest.fixture
def own_screen():
    reason = why_no_screen()
    if reason is not None:
        pytest.skip(reason)
    screen = Screen()
    yield screen
    screen.close()


def test_without_a_display_there_is_one_clear_message(tmp_path):
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    done = subprocess.run(
        [sys.executable, "-m", "app.view.cli", str(SCENES / "dominoes.usda")],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1 and done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1 and "no display" in done.stderr and "--render" in done.stderr


def test_a_display_that_does_not_answer_is_one_clear_message(tmp_path):
    if why_no_screen() is not None:
        pytest.skip(why_no_screen())
    done = subprocess.run(
        [sys.executable, "-m", "app.view.cli"],
        cwd=tmp_path,
        env={**os.environ, "DISPLAY": ":9871", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1 and len(done.stderr.strip().splitlines()) == 1 and ":9871" in done.stderr


def test_closing_the_window_ends_the_program_and_remembers_preferences(own_screen, tmp_path):
    process = start(own_screen, SCENES / "dominoes.usda", folder=tmp_path)
    window = wait_for_window(own_screen, process)
    time.sleep(3.0)
    ask_to_close(own_screen, window)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0 and err == ""
    stored = (tmp_path / "config" / "preferences.json").read_text()
    assert "dominoes.usda" in stored and (tmp_path / "config" / "layout.ini").is_file()


def test_closing_while_a_scene_is_being_read_ends_at_once(own_screen, tmp_path):
    process = start(own_screen, SCENES / "rigid_pile.usda", folder=tmp_path)
    window = wait_for_window(own_screen, process)
    ask_to_close(own_screen, window)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0 and err == ""


def test_a_lost_display_ends_with_one_line_and_keeps_the_recording(own_screen, tmp_path):
    from pxr import Usd

    scene = write_ball(tmp_path)
    process = start(own_screen, scene, "--play", folder=tmp_path)
    window = wait_for_window(own_screen, process)
    tool(own_screen, "windowfocus", window)
    output = tmp_path / "ball_001.usd"
    end = time.monotonic() + 60
    while not output.exists() and time.monotonic() < end:
        tool(own_screen, "key", "--clearmodifiers", "ctrl+shift+r")
        time.sleep(2.0)
    own_screen.process.kill()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    lines = [line for line in err.strip().splitlines() if line.startswith("simview:")]
    assert len(lines) == 1 and "display" in lines[0] and "Traceback" not in err
    stage = Usd.Stage.Open(str(output))
    assert len(stage.GetPrimAtPath("/World/Ball").GetAttribute("xformOp:translate").GetTimeSamples()) > 5


BREAK_GRAPHICS = {
    "a call fails": "def broken(self, *a, **k): raise moderngl.Error('cannot map the buffer')\nRenderer.draw = broken",
    "the context is lost silently": "pyglet.gl.glGetError = lambda: 0x0507",
}


@pytest.mark.parametrize("how", BREAK_GRAPHICS)
def test_a_lost_graphics_context_ends_with_one_line_and_keeps_the_recording(own_screen, tmp_path, how):
    """A driver that is reset cannot be had here; the program sees what it would see, once ten frames are recorded."""
    from pxr import Usd

    scene, output = write_ball(tmp_path), tmp_path / "ball_001.usd"
    script = tmp_path / "lose_graphics.py"
    script.write_text(f"""
import moderngl, pyglet, sys
from app.render.renderer import Renderer
from app.view import cli, window
from app.view.application import Application

def tick(app, seconds, tick=Application.tick):
    tick(app, seconds)
    if app.session is not None and app.runner.recording_path is None:
        app.toggle_recording()
        app.toggle_play()
    if app.session is not None and app.session.frame > 10:
        exec({BREAK_GRAPHICS[how]!r}, globals())

Application.tick = tick
sys.exit(cli.main([{str(scene)!r}]))
""")
    environment = {**own_screen.environment(), "SIMRUN_CONFIG": str(tmp_path / "config")}
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1 and done.stdout == ""
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1 and "start simview again" in lines[0] and str(output) in lines[0]
    stage = Usd.Stage.Open(str(output))
    assert len(stage.GetPrimAtPath("/World/Ball").GetAttribute("xformOp:translate").GetTimeSamples()) > 5
    assert "ball.usda" in (tmp_path / "config" / "preferences.json").read_text()


def test_a_broken_file_that_is_dropped_leaves_what_is_open(desk, tmp_path):
    desk.open(write_ball(tmp_path))
    broken = tmp_path / "broken.usda"
    broken.write_text("#usda 1.0\ndef Mesh {")
    picture, text = tmp_path / "picture.png", tmp_path / "no_such.usda"
    for dropped, words in ((broken, "broken.usda"), (picture, ".usda"), (text, "no such file")):
        desk.window.dispatch_event("on_file_drop", 600, 300, [str(dropped)])
        desk.until(lambda: any(e.level == "error" for e in desk.app.log.entries), "there is a message")
        entry = desk.app.log.entries[-1]
        assert words in entry.message and "Traceback" not in entry.message
        desk.app.log.clear()
    assert desk.app.view.path.name == "ball.usda"
    desk.key("Right")
    desk.until(lambda: desk.app.session.frame == 1)


def test_a_dropped_scene_is_opened(desk, tmp_path):
    desk.window.dispatch_event("on_file_drop", 600, 300, [str(write_ball(tmp_path))])
    desk.until(lambda: desk.app.view is not None)


def test_many_files_opened_in_a_row_end_with_the_last(desk, tmp_path):
    desk.app.toggles.contacts = desk.app.toggles.shapes = True
    desk.app.play_when_loaded = True
    ball = write_ball(tmp_path)
    files = [*sorted(SCENES.glob("*.usda")), ROOT / "tests" / "app" / "pendulum.xml"] * 2 + [ball]
    for path in files:
        desk.window.dispatch_event("on_file_drop", 600, 300, [str(path)])
        desk.settle(1)
    desk.until(lambda: desk.app.runner.loading is None and desk.app.view is not None and desk.app.view.path == ball)
    desk.until(lambda: desk.app.session.frame > 2)
    assert desk.app.session.model.body_count == 1
    assert [e.message for e in desk.app.log.entries if e.level == "error"] == []


def test_deleting_the_open_file_is_told_once_and_changes_nothing(desk, tmp_path):
    desk.open(write_ball(tmp_path))
    (tmp_path / "ball.usda").unlink()
    desk.until(lambda: any("not there any more" in e.message for e in desk.app.log.entries))
    desk.run(1.2)
    assert sum("not there any more" in e.message for e in desk.app.log.entries) == 1
    desk.key("Right")
    desk.until(lambda: desk.app.session.frame == 1)


def test_a_file_that_is_broken_while_open_is_told_and_what_is_open_stays(desk, tmp_path):
    desk.open(write_ball(tmp_path))
    view = desk.app.view
    (tmp_path / "ball.usda").write_text("#usda 1.0\ndef Sphere {")
    desk.until(lambda: any(e.level == "error" for e in desk.app.log.entries))
    assert desk.app.view is view
    desk.key("Right")
    desk.until(lambda: desk.app.session.frame == 1)
    write_ball(tmp_path)
    desk.until(lambda: desk.app.view is not view, "the mended file is read")


@pytest.mark.parametrize("size", [(1, 1), (320, 240), (2000, 40), (40, 2000)])
def test_any_size_of_the_window_is_survived(desk, tmp_path, size):
    desk.open(write_ball(tmp_path))
    desk.window.set_minimum_size(1, 1)
    desk.window.set_size(*size)
    desk.run(0.3)
    desk.settle()
    desk.window.set_size(1280, 800)
    desk.run(0.3)
    assert desk.picture().std() > 5


def test_a_simulation_that_blows_up_rests_at_its_last_good_frame_and_names_the_prim(desk, tmp_path):
    scene = tmp_path / "exploding.usda"
    scene.write_text(EXPLODING_CLOTH)
    desk.open(scene)
    desk.app.runner.speed = None
    desk.key("space")
    desk.until(lambda: any(e.level == "error" for e in desk.app.log.entries))
    entry = next(e for e in desk.app.log.entries if e.level == "error")
    assert entry.path == "/World/Flag" and desk.app.selection.path == "/World/Flag"
    assert np.isfinite(desk.app.frame.rows("particle_q")).all() and not desk.app.runner.playing
    desk.key("r")
    desk.until(lambda: desk.app.session.frame == 0)


def test_settings_that_cannot_be_read_are_as_if_there_were_none(tmp_path):
    from app.view.preferences import Preferences

    (tmp_path / "preferences.json").write_text("{ not json")
    assert Preferences.load(tmp_path) == Preferences()
    (tmp_path / "preferences.json").write_text(
        '{"theme": "pink", "text_scale": "big", "recent": [1, "a"], "window_size": [9]}'
    )
    loaded = Preferences.load(tmp_path)
    assert loaded.theme == "dark" and loaded.text_scale == 1.0 and loaded.recent == ["a"]
    assert loaded.window_size == Preferences().window_size


def test_preferences_come_back(tmp_path):
    from app.view.preferences import Preferences

    chosen = Preferences(theme="light", text_scale=1.3, recent=["/a.usda"], window_size=[900, 700])
    assert chosen.save(tmp_path / "new") and Preferences.load(tmp_path / "new") == chosen


def test_simrun_view_is_the_viewer_and_says_the_same_without_a_display(tmp_path):
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", str(SCENES / "dominoes.usda"), "--view"],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1 and "no display" in done.stderr and list(tmp_path.iterdir()) == []

"""View, log, profiler, plots, preferences and progress in the real window."""

from __future__ import annotations

import numpy as np
import pytest

from app.render.options import SHADING_MODES
from tests.app.conftest import write_ball
from tests.app.view.conftest import SCENES, tab


@pytest.fixture
def ball(desk, tmp_path):
    desk.open(write_ball(tmp_path))
    return desk


def show(desk, title: str) -> None:
    """Bring a panel to the front."""
    desk.window.layout.wanted.append(title)
    desk.settle(4)


def changed(before: np.ndarray, after: np.ndarray, by: int = 30) -> int:
    """Pixels that differ."""
    return int((np.abs(before - after).sum(axis=2) > by).sum())


def test_shading_modes_follow_each_other_and_look_different(desk):
    desk.open(SCENES / "dominoes.usda")
    pictures = []
    for mode in SHADING_MODES:
        assert desk.app.draw.shading == mode
        pictures.append(desk.picture())
        desk.key("z")
    assert desk.app.draw.shading == "shaded"
    for k, picture in enumerate(pictures):
        assert all(changed(picture, other) > 500 for other in pictures[:k])


@pytest.mark.parametrize(("key", "name"), [("g", "grid"), ("shift+s", "shadows")])
def test_grid_and_shadows_are_switched_with_keys(desk, key, name):
    desk.open(SCENES / "cloth_over_sphere.usda")
    before = desk.picture()
    desk.key(key)
    assert getattr(desk.app.draw, name) is False and changed(before, desk.picture(), by=8) > 300
    desk.key(key)
    assert changed(before, desk.picture()) < 50


@pytest.mark.parametrize("label", ["shadows", "ambient occlusion", "ground grid", "axes", "lights of the stage"])
def test_every_box_of_the_view_panel_changes_the_picture(desk, label):
    desk.open(SCENES / "cloth_over_sphere.usda")
    show(desk, "View")
    desk.move(700, 60)
    before = desk.picture()
    desk.press(label)
    desk.move(700, 60)
    after = desk.picture()
    desk.press(label)
    assert changed(before, after, by=8) > 100


def test_a_prim_is_hidden_and_shown_again(ball):
    before = ball.picture()
    ball.app.selection.set("/World/Ball")
    ball.settle()
    ball.press("visible")
    ball.app.selection.set(None)
    hidden = ball.picture()
    assert changed(before, hidden) > 5000
    ball.app.selection.set("/World/Ball")
    ball.settle()
    ball.press("visible")
    ball.app.selection.set(None)
    assert changed(before, ball.picture()) < 50


def test_purposes_are_shown_on_demand(desk, tmp_path):
    scene = tmp_path / "purposes.usda"
    scene.write_text(
        '#usda 1.0\n(upAxis = "Y")\ndef Xform "World"\n{\n    def Sphere "Drawn"\n    {\n    }\n'
        '    def Cube "Guide"\n    {\n        uniform token purpose = "guide"\n        double size = 2.6\n    }\n}\n'
    )
    desk.open(scene)
    show(desk, "View")
    before = desk.picture()
    desk.press("guide")
    assert "guide" in desk.app.draw.purposes and changed(before, desk.picture()) > 5000
    desk.press("guide")
    assert changed(before, desk.picture()) < 100


def test_the_cameras_of_the_stage_are_chosen_with_a_key(desk):
    desk.open(SCENES / "cloth_over_sphere.usda")
    item = desk.app.view.render.cameras[0]
    wanted = item.camera(None, up=desk.app.view.render.up)
    desk.key("2")
    desk.until(lambda: not desk.app.camera.is_moving)
    assert np.linalg.norm(desk.app.camera.camera.eye - wanted.eye) > 0.1
    desk.key("c")
    desk.until(lambda: not desk.app.camera.is_moving)
    assert desk.app.camera.camera.eye == pytest.approx(wanted.eye, abs=1e-3)


def test_names_of_bodies_are_written_beside_them(ball):
    before = ball.picture()
    ball.app.toggles.names = True
    assert changed(before, ball.picture()) > 60


def test_a_warning_in_the_log_leads_to_its_prim(desk, tmp_path):
    path = write_ball(tmp_path)
    text = path.read_text()
    path.write_text(
        text.replace(
            'def Sphere "Ball"', 'def Cube "Odd" (references = @gone.usda@)\n    {\n    }\n    def Sphere "Ball"'
        )
    )
    desk.open(path)
    desk.key("Escape")
    assert desk.app.selection.path is None
    line = next(label for label in desk.widgets if "</World/Odd>" in label)
    desk.press(line)
    assert desk.app.selection.path == "/World/Odd"


def test_the_profiler_shows_where_the_time_goes(ball, monkeypatch):
    from app.view.panels import profiler_panel

    rows = {}
    monkeypatch.setattr(profiler_panel, "row", lambda text, value, hint="": rows.update({text: value}))
    ball.simulate(5)
    ball.click(*tab(ball, "Profiler"))
    ball.settle()
    for name in ("simulate", "check and record", "draw the scene", "draw the panels", "frames a second", "history"):
        assert name in rows
    assert float(rows["simulate"].split(" ms")[0]) > 0.0


def test_any_quantity_can_be_picked_for_the_plot(desk):
    desk.open(SCENES / "cloth_over_sphere.usda")
    desk.simulate(6)
    desk.click(*tab(desk, "Plots"))
    desk.settle()
    plots = next(p for p, _ in desk.window.layout.panels if p.title == "Plots")
    known = {quantity.name: quantity for quantity in plots.known}
    for name in ("elastic energy", "membrane energy", "bending energy", "mechanical energy", "contacts"):
        assert name in known
    desk.press("add quantity...")
    desk.type("elast")
    desk.press("elastic energy [J]")
    desk.key("Escape")
    desk.until(lambda: len(plots.series["elastic energy [J]"].values) == 7, "the frames are read")
    values = plots.series["elastic energy [J]"].values
    assert values[0] == pytest.approx(0.0, abs=1e-3) and values[-1] > values[0]


def test_filming_all_frames_shows_progress(ball):
    from app.view.film import HistoryFilm

    ball.simulate(20)
    ball.key("F10")
    shares = []
    ball.until(
        lambda: shares.append(getattr(ball.app.film, "share", 1.0)) or not isinstance(ball.app.film, HistoryFilm)
    )
    assert shares == sorted(shares) and len({round(s, 3) for s in shares}) > 5


def test_panels_are_hidden_one_by_one_and_all_at_once(ball):
    wide = ball.window.picture.width
    ball.key("Tab")
    assert ball.window.picture.width > wide + 200
    ball.key("Tab")
    ball.app.preferences.hidden_panels.append("Stage")
    ball.settle(4)
    assert ball.window.picture.width > wide + 100


def test_arrangement_and_preferences_are_remembered(screen, tmp_path, monkeypatch):
    """Two windows, one after the other, in processes of their own."""
    import subprocess
    import sys

    script = tmp_path / "twice.py"
    script.write_text("""
import sys
from app.settings import RunOptions
from app.view.application import Application
from app.view.preferences import Preferences
from app.view.window import Loop, open_window
app = Application(Preferences.load(), RunOptions())
window = open_window(app)
loop = Loop(app, window)
app.open(sys.argv[1])
pictures = 0
while pictures < 12:
    loop._awake_until = 1e18
    pictures += loop.turn() and app.view is not None
print(app.preferences.theme, app.toggles.joints, app.draw.grid, app.preferences.hidden_panels, window.gui.has_layout,
      round(window.picture.width))
if sys.argv[2] == "change":
    app.toggle_theme()
    app.toggles.joints, app.draw.grid = True, False
    app.preferences.hidden_panels.append("Plots")
    app.preferences.hidden_panels.append("Stage")
    for _ in range(10):
        loop._awake_until = 1e18
        loop.turn()
    print(round(window.picture.width))
window.end()
app.close(store=True)
""")
    scene = write_ball(tmp_path)
    environment = {**screen.environment(), "SIMRUN_CONFIG": str(tmp_path / "config")}

    def run(mode: str) -> list[str]:
        done = subprocess.run(
            [sys.executable, str(script), str(scene), mode],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    first, width = run("change")
    assert first.startswith("dark False True [] False")
    (second,) = run("look")
    assert second.startswith("light True False ['Plots', 'Stage'] True") and second.endswith(f" {width}")


def test_text_and_marks_are_twice_as_large_on_a_screen_of_twice_the_density(tmp_path):
    import subprocess
    import sys

    from tests.app.view.conftest import Screen, why_no_screen

    if why_no_screen() is not None:
        pytest.skip(why_no_screen())
    screen = Screen(resources="Xft.dpi:\t192\n")
    script = tmp_path / "dense.py"
    script.write_text("""
from app.settings import RunOptions
from app.view.application import Application
from app.view.preferences import Preferences
from app.view.window import Loop, open_window
from imgui_bundle import imgui
app = Application(Preferences(), RunOptions())
window = open_window(app, remember=False)
loop = Loop(app, window)
heights = []
draw = window.dialogs.draw
window.dialogs.draw = lambda: (heights.append(imgui.get_font_size()), draw())
loop.turn()
print(window.text_scale, heights[0])
""")
    try:
        done = subprocess.run(
            [sys.executable, str(script)], env=screen.environment(), capture_output=True, text=True, timeout=120
        )
    finally:
        screen.close()
    assert done.stdout.split() == ["2.0", "30.0"], done.stderr

"""A screen of our own (Xvfb) with the real window on it, driven through the window system."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from app.render.options import DrawOptions
from app.settings import RunOptions
from tests.app.conftest import ROOT

WIDTH, HEIGHT = 1280, 800
SCENES = ROOT / "scenes"


def why_no_screen() -> str | None:
    """What is missing for a window of our own; None if nothing is."""
    missing = [name for name in ("Xvfb", "xdotool") if shutil.which(name) is None]
    if missing:
        return f"no window tests: {', '.join(missing)} not installed (apt-get install xvfb xdotool libgl1-mesa-dri)"
    for package in ("pyglet", "imgui_bundle", "moderngl"):
        try:
            __import__(package)
        except ImportError:
            return f'no window tests: {package} not installed (pip install "simrun[view]")'
    return None


class Screen:
    """An X server without a monitor."""

    def __init__(self, resources: str = ""):
        """Start it; `resources` is what a desktop would tell programs about it, as X resources."""
        read, write = os.pipe()
        self.process = subprocess.Popen(
            ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{WIDTH}x{HEIGHT}x24", "-nolisten", "tcp"],
            pass_fds=[write],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(write)
        with os.fdopen(read) as pipe:
            self.name = f":{pipe.readline().strip()}"
        self._display = self._tell(resources) if resources and self.name != ":" else None

    def environment(self) -> dict[str, str]:
        """Variables for programs that should appear on it."""
        return {**os.environ, "DISPLAY": self.name, "LIBGL_ALWAYS_SOFTWARE": "1", "PYTHONPATH": str(ROOT)}

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(10)

    def _tell(self, resources: str) -> object:
        """Set the property that `xrdb` sets. A screen starts anew when its last program leaves: so this one stays."""
        from pyglet.libs.x11 import xlib

        display = xlib.XOpenDisplay(self.name.encode())
        data = resources.encode()
        values = (ctypes.c_ubyte * len(data)).from_buffer_copy(data)
        manager, string, replace = 23, 31, 0  # XA_RESOURCE_MANAGER, XA_STRING, PropModeReplace
        root = xlib.XDefaultRootWindow(display)
        xlib.XChangeProperty(display, root, manager, string, 8, replace, values, len(data))
        xlib.XSync(display, 0)
        return display


@pytest.fixture(scope="session")
def screen() -> Iterator[Screen]:
    reason = why_no_screen()
    if reason is not None:
        pytest.skip(reason)
    screen = Screen()
    if screen.name == ":":
        pytest.skip("no window tests: Xvfb does not start here")
    yield screen
    screen.close()


class Desk:
    """The window of one application, and a person in front of it: xdotool moves the pointer and presses keys."""

    def __init__(self, screen: Screen):
        from app.view.application import Application
        from app.view.preferences import Preferences
        from app.view.window import Loop, open_window

        self.screen = screen
        self.app = Application(Preferences(window_size=[WIDTH, HEIGHT]), RunOptions())
        self.window = open_window(self.app, remember=False)
        self.loop = Loop(self.app, self.window)
        self.widgets: dict[str, tuple[float, float, float, float]] = {}
        self._watch_widgets()
        self.run(0.1)
        self.focus()

    # the person

    def tool(self, *words: object) -> None:
        """One call of xdotool, then time for the window to notice."""
        subprocess.run(["xdotool", *map(str, words)], env=self.screen.environment(), check=True, timeout=20)
        self.settle()

    def focus(self) -> None:
        """Give the window the keyboard; there is no window manager to do it."""
        self.tool("windowfocus", self.window._window)

    def key(self, *keys: str) -> None:
        """Press keys, in xdotool's words: "space", "ctrl+z"."""
        for each in keys:
            self.tool("key", "--clearmodifiers", each)

    def type(self, text: str) -> None:
        """Type a text."""
        self.tool("type", "--delay", "1", text)
        self.settle(2 * len(text) + 2)  # ImGui takes in one key a frame

    def move(self, x: float, y: float) -> None:
        """Move the pointer to a point of the window."""
        self.tool("mousemove", round(x), round(y))

    def click(self, x: float, y: float, button: int = 1) -> None:
        """Click somewhere in the window."""
        self.move(x, y)
        self.tool("mousedown", button)
        self.tool("mouseup", button)

    def drag(self, start, end, *, button: int = 1, modifier: str | None = None, steps: int = 6, hold=None) -> None:
        """Drag from a point to another; `hold` is called before the button is let go."""
        if modifier:
            self.tool("keydown", modifier)
        self.move(*start)
        self.tool("mousedown", button)
        for share in np.linspace(0.0, 1.0, steps + 1)[1:]:
            self.move(start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1]))
        if hold is not None:
            hold()
        self.tool("mouseup", button)
        if modifier:
            self.tool("keyup", modifier)

    def press(self, label: str) -> None:
        """Click a widget by its label."""
        self.click(*self.middle(label))

    def middle(self, label: str) -> tuple[float, float]:
        """Where a widget is."""
        self.until(lambda: label in self.widgets, f"the widget {label!r} is shown; there are {sorted(self.widgets)}")
        left, top, right, bottom = self.widgets[label]
        return 0.5 * (left + right), 0.5 * (top + bottom)

    # time

    def run(self, seconds: float) -> None:
        """Let the window live."""
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            self.loop.turn()

    def settle(self, pictures: int = 2) -> None:
        """Let the window take in what happened, and draw."""
        for _ in range(pictures):
            self.widgets.clear()
            self.window.had_event = True
            self.loop._awake_until = time.perf_counter() + 1.0
            self.loop.turn()

    def until(self, condition: Callable[[], object], what: str = "", timeout: float = 30.0) -> None:
        """Let the window live until something is so."""
        end = time.perf_counter() + timeout
        while not condition():
            self.loop._awake_until = time.perf_counter() + 1.0
            self.loop.turn()
            assert time.perf_counter() < end, f"after {timeout} s it was still not so that {what or condition}"

    # the scene

    def open(self, path: Path) -> None:
        """Open a scene and wait for it."""
        before = self.app.view
        self.app.open(path)
        self.until(lambda: self.app.view is not None and self.app.view is not before, f"{path} is open")
        self.settle()

    def simulate(self, frames: int) -> None:
        """Simulate some frames, then rest."""
        goal = self.app.session.frame + frames
        self.app.runner.step(frames)
        self.until(lambda: self.app.session.frame >= goal)
        self.app.runner.drain()
        self.settle()

    def at(self, share_x: float, share_y: float) -> tuple[float, float]:
        """A point of the picture, in the window."""
        area = self.window.picture
        return area.x + share_x * area.width, area.y + share_y * area.height

    def place_of(self, point) -> tuple[float, float]:
        """Where a world point is seen, in the window."""
        area = self.window.picture
        camera = self.app.camera.camera
        x, y, _ = camera.project(np.asarray(point, float)[None], int(area.width), int(area.height))[0]
        return area.x + x, area.y + y

    def pixels(self) -> np.ndarray:
        """The window as it is, [height, width, 3]."""
        self.settle()
        width, height = self.window.get_framebuffer_size()
        return self.window.read_screen((0, 0, width, height)).astype(int)

    def picture(self) -> np.ndarray:
        """The picture alone."""
        pixels = self.pixels()
        left, bottom, width, height = self.window.picture_pixels()
        top = pixels.shape[0] - bottom - height
        return pixels[top : top + height, left : left + width]

    def clean(self) -> None:
        """As if the program had just started."""
        app = self.app
        self.tool("keyup", "ctrl", "keyup", "shift", "keyup", "alt", "mouseup", 1, "mouseup", 3)
        app.runner.pause()
        app.runner.drain()
        app.tick(0.0)
        app.close_scene()
        app.dialog = app.wanted_screenshot = None
        app.camera.flying = app.timeline.loop = app.gizmo_turns = False
        app.panels_shown, app.play_when_loaded, app.runner.speed = True, False, 1.0
        for name in vars(app.toggles):
            setattr(app.toggles, name, False)
        for name, value in DrawOptions(background="dark").as_dict().items():
            setattr(app.draw, name, value)
        app.preferences.pull_strength = app.timeline.speed = app.preferences.text_scale = 1.0
        app.log.clear()
        app.preferences.hidden_panels.clear()
        app.preferences.recent.clear()
        self.window.input.cancel()
        self.window.layout.arrange()
        if tuple(self.window.get_size()) != (WIDTH, HEIGHT):
            self.window.set_size(WIDTH, HEIGHT)
        self.run(0.05)
        self.focus()

    def close(self) -> None:
        self.window.end()
        self.app.close()

    def _watch_widgets(self) -> None:
        """Note where every widget is drawn, by its label."""
        from imgui_bundle import imgui

        def noted(function):
            def draw(label, *arguments, **options):
                result = function(label, *arguments, **options)
                low, high = imgui.get_item_rect_min(), imgui.get_item_rect_max()
                self.widgets[label.split("##")[0] or label] = (low.x, low.y, high.x, high.y)
                return result

            return draw

        for name in (
            "button", "small_button", "selectable", "checkbox", "combo", "tree_node_ex", "collapsing_header", "drag_float",
            "drag_int", "drag_float3", "slider_float", "input_text_with_hint", "input_text", "menu_item", "invisible_button",
        ):  # fmt: skip
            setattr(imgui, name, noted(getattr(imgui, name)))
        begin_menu = imgui.begin_menu
        imgui.begin_menu = noted(begin_menu)


def tab(desk: Desk, title: str) -> tuple[float, float]:
    """Where the tab of a panel is."""
    from imgui_bundle import imgui

    window = imgui.internal.find_window_by_name(title)
    rect = window.dc.dock_tab_item_rect
    return 0.5 * (rect.min.x + rect.max.x), 0.5 * (rect.min.y + rect.max.y)


@pytest.fixture(scope="session")
def _desk(screen: Screen) -> Iterator[Desk]:
    before = {name: os.environ.get(name) for name in ("DISPLAY", "LIBGL_ALWAYS_SOFTWARE")}
    os.environ.update(DISPLAY=screen.name, LIBGL_ALWAYS_SOFTWARE="1")
    desk = Desk(screen)
    yield desk
    desk.close()
    for name, value in before.items():
        os.environ.pop(name, None) if value is None else os.environ.update({name: value})


@pytest.fixture
def desk(_desk: Desk, tmp_path: Path) -> Iterator[Desk]:
    """The window, as if just opened, at the start screen; its working folder is the test's."""
    _desk.clean()
    _desk.app.folder = tmp_path
    yield _desk
    _desk.app.close_scene()

"""Everything a key or a menu can do, as one table: name, words, keys, deed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.view.application import Application

MODIFIERS = ("Ctrl", "Shift", "Alt")


@dataclass(frozen=True)
class Action:
    """Something the person can do.

    Attributes:
        name: for tests and scripts, unique.
        label: in menus and in the list of keys.
        group: menu, or heading in the list of keys.
        keys: "Space", "Ctrl+Shift+Z": any of them.
        run: what it does.
        while_typing: whether it works while a text field has the keyboard.
    """

    name: str
    label: str
    group: str
    keys: tuple[str, ...]
    run: Callable[[Application], object]
    while_typing: bool = False


def _action(name, label, group, keys, run=None, **options) -> Action:
    run = run or (lambda app: getattr(app, name)())
    return Action(name, label, group, tuple(keys.split()), run, **options)


def _view(name: str, keys: str) -> Action:
    return _action(f"view_{name}", f"View from {name}" if name != "home" else "Home view", "View", keys,
                   lambda app: app.look_from(name))  # fmt: skip


ACTIONS: tuple[Action, ...] = (
    _action("open_dialog", "Open...", "File", "Ctrl+O"),
    _action("reload", "Reload", "File", "Ctrl+R"),
    _action("close_scene", "Close scene", "File", "Ctrl+W"),
    _action("toggle_recording", "Record USD from now / stop", "File", "Ctrl+Shift+R"),
    _action("save_dialog", "Save what was simulated as USD...", "File", "Ctrl+S"),
    _action("screenshot", "Save screenshot", "File", "F12 Ctrl+P", while_typing=True),
    _action("toggle_film", "Film the picture / stop", "File", "F11", while_typing=True),
    _action("film_history", "Film of all simulated frames, from here", "File", "F10", while_typing=True),
    _action("quit", "Quit", "File", "Ctrl+Q", while_typing=True),
    _action("undo", "Undo", "Edit", "Ctrl+Z"),
    _action("redo", "Redo", "Edit", "Ctrl+Shift+Z Ctrl+Y"),
    _action("select_nothing", "Select nothing", "Edit", "Escape"),
    _action("toggle_gizmo", "Gizmo moves / turns the selected body", "Edit", "M"),
    _action("set_initial_state", "Make this the initial state", "Edit", "Ctrl+I"),
    _action("toggle_play", "Play / pause", "Time", "Space"),
    _action("step_forward", "One frame forward", "Time", "Right Period"),
    _action("step_back", "One frame back", "Time", "Left Comma"),
    _action("go_to_start", "First frame", "Time", "Home"),
    _action("go_to_end", "Newest frame", "Time", "End"),
    _action("continue_from_here", "Simulate on from the frame shown", "Time", "Shift+Space"),
    _action("reset", "Reset to the initial state", "Time", "R Backspace"),
    _action("toggle_loop", "Loop playback", "Time", "L"),
    _action("toggle_real_time", "Real time / as fast as possible", "Time", "T"),
    _action("slower", "Slower", "Time", "Minus"),
    _action("faster", "Faster", "Time", "Equal Plus"),
    _action("frame_selection", "Frame selection", "View", "F"),
    _action("frame_all", "Frame all", "View", "A"),
    _view("home", "0 H"),
    _view("front", "1"),
    _view("right", "2"),
    _view("top", "3"),
    _view("back", "Ctrl+1"),
    _view("left", "Ctrl+2"),
    _view("bottom", "Ctrl+3"),
    _action("toggle_orthographic", "Perspective / orthographic", "View", "5"),
    _action("toggle_flying", "Fly mode (W A S D, E and Q for up and down)", "View", "V"),
    _action("next_camera", "Next camera of the stage", "View", "C Bracketright"),
    _action("previous_camera", "Previous camera of the stage", "View", "Bracketleft"),
    _action("next_shading", "Next shading (shaded, wireframe, points, normals)", "View", "Z"),
    _action("toggle_grid", "Grid", "View", "G"),
    _action("toggle_shadows", "Shadows", "View", "Shift+S"),
    _action("toggle_theme", "Dark / light theme", "View", "Ctrl+T"),
    _action("larger_text", "Larger text", "View", "Ctrl+Equal Ctrl+Plus", while_typing=True),
    _action("smaller_text", "Smaller text", "View", "Ctrl+Minus", while_typing=True),
    _action("toggle_panels", "Show / hide panels", "View", "Tab"),
    _action("toggle_help", "Keys", "Help", "F1", while_typing=True),
)

#: what hands do in the picture, for the list of keys
MOUSE_HABITS = (
    ("Left drag, Alt+left drag", "orbit"),
    ("Right or middle drag, Shift+left drag, Alt+middle drag", "pan"),
    ("Wheel, Alt+right drag", "zoom"),
    ("Click", "select"),
    ("Double click", "select and look there"),
    ("Ctrl+drag", "pull with a spring"),
)

BY_NAME = {action.name: action for action in ACTIONS}
BY_KEY = {key: action for action in ACTIONS for key in action.keys}


def key_text(key: str, modifiers: set[str]) -> str:
    """A key with its modifiers as the table writes it: ("Z", {"Shift", "Ctrl"}) -> "Ctrl+Shift+Z"."""
    return "+".join([*(m for m in MODIFIERS if m in modifiers), key])


def find_action(key: str, modifiers: set[str], *, typing: bool = False) -> Action | None:
    """What a key means now, None for nothing."""
    action = BY_KEY.get(key_text(key, modifiers))
    return None if action is None or (typing and not action.while_typing) else action

"""What the mouse does in the picture: move the camera, select, pull. Knows no window; buttons and modifiers are words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from app.view.application import Application
from app.view.camera_control import motion_of

#: how far a click may slip [pixels]
CLICK_SLIP = 4
WHEEL_STEP = 0.15


class Hit(Protocol):
    """What is under the pointer; `app.render.picking.Pick` is one."""

    path: str
    body: int
    instance: int
    position: np.ndarray


@dataclass
class _Press:
    button: str
    modifiers: set[str]
    x: float
    y: float
    moved: bool = False
    motion: str | None = None
    #: the plane in which a pull moves: a point of it
    anchor: np.ndarray | None = None


class PictureInput:
    """Turns presses, drags and clicks in the picture into deeds. Positions are pixels from its top left corner."""

    def __init__(self, app: Application, pick: Callable[[float, float], Hit | None]):
        """Acts on `app`; `pick` says what is seen at a pixel."""
        self._app, self._pick = app, pick
        self._press: _Press | None = None
        self.size = (1, 1)
        self.held_keys: set[str] = set()

    @property
    def is_dragging(self) -> bool:
        """Whether a button that was pressed in the picture is still down."""
        return self._press is not None

    def press(self, x: float, y: float, button: str, modifiers: set[str]) -> None:
        """A mouse button goes down."""
        if self._press is not None:
            return
        self._press = press = _Press(button, modifiers, x, y, motion=motion_of(button, modifiers))
        if modifiers == {"Ctrl"} and button in ("left", "right"):
            hit = self._pick(x, y)
            if hit is not None and self._app.grab(hit.path, hit.position, hit.body):
                self._app.selection.set(hit.path, hit.instance)
                press.anchor = np.asarray(hit.position, float)

    def drag(self, x: float, y: float, dx: float, dy: float) -> None:
        """The mouse moves while a button is down."""
        press = self._press
        if press is None:
            return
        if not press.moved and abs(x - press.x) + abs(y - press.y) > CLICK_SLIP:
            press.moved = True
            dx, dy = x - press.x, y - press.y
        if not press.moved:
            return
        if press.anchor is not None:
            self._app.pull_to(self._in_plane(x, y, press.anchor))
        elif press.motion is not None:
            self._app.camera.drag(press.motion, dx, dy, *self.size)

    def release(self, button: str, *, twice: bool = False) -> None:
        """A mouse button goes up; `twice` for the second of a double click."""
        press = self._press
        if press is None or press.button != button:
            return
        self._press = None
        if press.anchor is not None:
            self._app.release()
        elif not press.moved and button == "left" and not press.modifiers:
            self.click(press.x, press.y, twice=twice)

    def click(self, x: float, y: float, *, twice: bool = False) -> None:
        """Select what is there, or nothing; a double click also looks there."""
        hit = self._pick(x, y)
        self._app.selection.set(None if hit is None else hit.path, -1 if hit is None else hit.instance)
        if twice and hit is not None:
            self._app.frame_selection()

    def wheel(self, x: float, y: float, amount: float) -> None:
        """The wheel turns: come nearer to what is under the pointer."""
        hit = self._pick(x, y)
        self._app.camera.zoom(WHEEL_STEP * amount, None if hit is None else hit.position)

    def cancel(self) -> None:
        """Forget a press (the window lost the mouse)."""
        self._press = None
        self.held_keys.clear()
        self._app.release()

    def _in_plane(self, x: float, y: float, anchor: np.ndarray) -> np.ndarray:
        """Where the ray through a pixel meets the plane through a point that faces the camera."""
        camera = self._app.camera.camera
        origin, direction = camera.ray(x, y, *self.size)
        normal = camera.axes()[2]
        along = float(direction @ normal)
        if abs(along) < 1e-9:
            return anchor
        return origin + direction * (float((anchor - origin) @ normal) / along)

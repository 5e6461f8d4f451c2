"""Which camera: one of the stage by name, a named view, or one that frames the scene."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from app.errors import UsageError
from app.render.camera import Bounds, Camera
from app.render.lights import ground_axes
from app.render.scene import RenderScene

NAMED_VIEWS = ("perspective", "front", "back", "left", "right", "top", "bottom")


def named_view(name: str, bounds: Bounds, up_axis: int, *, aspect: float = 16.0 / 9.0) -> Camera:
    """A camera that frames a box from a side; all but `perspective` are orthographic.

    Raises:
        KeyError: if there is no such view.
    """
    if name == "perspective":
        return Camera.framing(bounds, up_axis=up_axis, aspect=aspect)
    up, (right, front) = np.eye(3)[up_axis], ground_axes(up_axis)
    directions = {"front": front, "back": -front, "right": right, "left": -right, "top": up, "bottom": -up}
    direction = directions[name]
    # Seen from above or below, the front of the scene is at the lower edge of the picture.
    upward = {"top": -front, "bottom": front}.get(name, up)
    camera = Camera(direction.copy(), np.zeros(3), upward.copy(), orthographic_height=1.0)
    return camera.frame(bounds, aspect=aspect)


def choose_camera(
    scene: RenderScene, name: str | None, bounds: Bounds, body_q: np.ndarray, *, aspect: float = 16.0 / 9.0
) -> Camera:
    """The camera a person named, else the first of the stage, else one that frames what moves and the ground below it.

    Raises:
        UsageError: if there is no camera or view of that name; the message lists them.
    """
    if name is not None:
        try:
            return scene.find_camera(name).camera(body_q, up=scene.up)
        except KeyError:
            if name in NAMED_VIEWS:
                return named_view(name, with_ground(bounds, scene), scene.up_axis, aspect=aspect)
            known = ", ".join([*(c.path for c in scene.cameras), *NAMED_VIEWS])
            raise UsageError(f"--camera {name}: there is no such camera; expected one of {known}") from None
    if scene.cameras:
        return scene.cameras[0].camera(body_q, up=scene.up)
    return Camera.framing(with_ground(bounds, scene), up_axis=scene.up_axis, aspect=aspect)


def with_ground(bounds: Bounds, scene: RenderScene) -> Bounds:
    """The box with the ground below it, when that is not far: things fall there."""
    if scene.ground_height is None or bounds.is_empty:
        return bounds
    gap = float(bounds.lower[scene.up_axis]) - scene.ground_height
    if not 0.0 < gap < 6.0 * bounds.radius:
        return bounds
    lower = bounds.lower.copy()
    lower[scene.up_axis] = scene.ground_height
    return replace(bounds, lower=lower)

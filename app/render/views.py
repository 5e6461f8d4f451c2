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
    return clear_view(scene, with_ground(bounds, scene), aspect=aspect)


def clear_view(scene: RenderScene, bounds: Bounds, *, aspect: float = 16.0 / 9.0) -> Camera:
    """A camera that frames a box from the front right, or from higher up or another side where walls are in the way."""
    lower, upper = _standing_boxes(scene)
    up, (right, front) = scene.up, ground_axes(scene.up_axis)
    first = None
    for rise, side in _SIDES:
        camera = Camera.framing(
            bounds, up_axis=scene.up_axis, direction=0.55 * side * right + 0.9 * front + rise * up, aspect=aspect
        )
        first = first or camera
        if bounds.is_empty or not _hides(lower, upper, camera.eye, bounds.center):
            return camera
    return first


_SIDES = ((0.42, 1.0), (0.42, -1.0), (1.1, 1.0), (2.2, 1.0), (5.0, 1.0))
"""How high, and on which side, a camera is tried."""


def _standing_boxes(scene: RenderScene) -> tuple[np.ndarray, np.ndarray]:
    """Corners of the boxes [n, 3] around meshes that no body carries, the ground apart."""
    boxes = [
        scene_bounds
        for item in scene.meshes
        if item.visible and not item.ground and item.purpose != "guide" and len(item.bodies) == 1 and item.body < 0
        for scene_bounds in [scene.bounds(items=[item])]
        if item.particles is None and not scene_bounds.is_empty
    ]
    return np.array([b.lower for b in boxes]).reshape(-1, 3), np.array([b.upper for b in boxes]).reshape(-1, 3)


def _hides(lower: np.ndarray, upper: np.ndarray, eye: np.ndarray, target: np.ndarray) -> bool:
    """Whether a box is between eye and target; one around the target is its surroundings, not a wall."""
    around = ((lower <= target) & (target <= upper)).all(axis=1)
    way = target - eye
    way = np.where(np.abs(way) < 1e-12, 1e-12, way)
    enter, leave = (lower - eye) / way, (upper - eye) / way
    begin, end = np.minimum(enter, leave).max(axis=1), np.maximum(enter, leave).min(axis=1)
    return bool(((begin < end) & (begin < 1.0) & (end > 0.0) & ~around).any())


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

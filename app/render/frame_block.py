"""The uniform block that all shaders of a picture share (`shaders/frame.glsl`), as bytes."""

from __future__ import annotations

import numpy as np

from app.render.camera import Bounds, Camera
from app.render.lights import MAX_LIGHTS, MAX_SHADOWS, LightRig

FLOATS = 2 * 16 + 16 * MAX_SHADOWS + 4 * (7 + MAX_SHADOWS) + 4 * 4 * MAX_LIGHTS + 4 * 13


def frame_block(
    camera: Camera,
    size: tuple[int, int],
    bounds: Bounds,
    up: np.ndarray,
    rig: LightRig,
    *,
    exposure: float,
    shadow_matrices: list[np.ndarray],
    shadow_size: int,
    ground_height: float,
    clip_bounds: Bounds,
) -> bytes:
    """std140 bytes of the block."""
    width, height = size
    view = camera.view_matrix()
    projection = camera.projection_matrix(width / height, clip_bounds)
    lights = np.zeros((4, MAX_LIGHTS, 4))
    count = min(len(rig.places), MAX_LIGHTS)
    for row, values in zip(lights, (rig.places, rig.colors, rig.axes, rig.cones), strict=True):
        row[:count] = values[:count]
    # Shadow map coordinates run from 0 to 1, clip space from -1 to 1.
    to_map = np.array([[0.5, 0, 0, 0.5], [0, 0.5, 0, 0.5], [0, 0, 0.5, 0.5], [0, 0, 0, 1.0]])
    maps, shadows = np.tile(np.eye(4), (MAX_SHADOWS, 1, 1)), np.zeros((MAX_SHADOWS, 4))
    texel = 2.0 * 1.05 * bounds.radius / shadow_size
    for k, matrix in enumerate(shadow_matrices):
        maps[k] = (to_map @ matrix).T
        softness = float(np.clip(0.15 * rig.softness[k] * shadow_size, 1.2, 24.0))
        shadows[k] = rig.shares[k], texel * max(1.0, 0.5 * softness), 0.0, softness
    near, _ = camera.clipping(clip_bounds)
    rows = [
        (projection @ view).T.ravel(),
        view.T.ravel(),
        maps.ravel(),
        [*camera.eye, 0.0 if camera.orthographic_height else 1.0],
        [*camera.axes()[2], near],
        [width, height, 1.0 / width, 1.0 / height],
        [*up, ground_height],
        [*rig.sky, rig.exposure * exposure],
        [*rig.earth, 0.0],
        shadows.ravel(),
        [*bounds.center, bounds.radius],
        lights.ravel(),
        _dome_rows(rig).ravel(),
    ]
    data = np.concatenate([np.asarray(row, np.float64).ravel() for row in rows]).astype(np.float32)
    assert len(data) == FLOATS
    return data.tobytes()


def _dome_rows(rig: LightRig) -> np.ndarray:
    rows = np.zeros((13, 4))
    if rig.dome is not None:
        rows[:3, :3] = rig.dome.to_image
        rows[3, :3] = rig.dome.color
        rows[4:, :3] = rig.dome.diffuse
    return rows

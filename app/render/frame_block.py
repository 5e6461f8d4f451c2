"""The uniform block that all shaders of a picture share (`shaders/frame.glsl`), as bytes."""

from __future__ import annotations

import numpy as np

from app.render.camera import Bounds, Camera
from app.render.lights import MAX_LIGHTS, LightRig

FLOATS = 3 * 16 + 8 * 4 + 3 * 4 * MAX_LIGHTS


def frame_block(
    camera: Camera,
    size: tuple[int, int],
    bounds: Bounds,
    up: np.ndarray,
    rig: LightRig,
    *,
    exposure: float,
    shadow_matrix: np.ndarray | None,
    shadow_texel: float,
    shadow_softness: float,
    ground_height: float,
    clip_bounds: Bounds,
) -> bytes:
    """std140 bytes of the block."""
    width, height = size
    view = camera.view_matrix()
    projection = camera.projection_matrix(width / height, clip_bounds)
    lights = np.zeros((3, MAX_LIGHTS, 4))
    count = min(len(rig.places), MAX_LIGHTS)
    lights[0, :count], lights[1, :count], lights[2, :count] = rig.places[:count], rig.colors[:count], rig.axes[:count]
    casts = shadow_matrix is not None and count > 0
    # Shadow map coordinates run from 0 to 1, clip space from -1 to 1.
    to_map = np.array([[0.5, 0, 0, 0.5], [0, 0.5, 0, 0.5], [0, 0, 0.5, 0.5], [0, 0, 0, 1.0]])
    shadow = to_map @ shadow_matrix if casts else np.eye(4)
    near, _ = camera.clipping(clip_bounds)
    rows = [
        (projection @ view).T.ravel(),
        view.T.ravel(),
        shadow.T.ravel(),
        [*camera.eye, 0.0 if camera.orthographic_height else 1.0],
        [*camera.axes()[2], near],
        [width, height, 1.0 / width, 1.0 / height],
        [*up, ground_height],
        [*rig.sky, rig.exposure * exposure],
        [*rig.earth, 0.0],
        [1.0 if casts else 0.0, shadow_texel, 0.0, shadow_softness],
        [*bounds.center, bounds.radius],
        lights.ravel(),
    ]
    data = np.concatenate([np.asarray(row, np.float64).ravel() for row in rows]).astype(np.float32)
    assert len(data) == FLOATS
    return data.tobytes()

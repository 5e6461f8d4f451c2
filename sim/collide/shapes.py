"""World placement and bounds of every shape, refreshed before each collision pass."""

import numpy as np

import engine as en
from sim.collide.shape_types import BOX, CAPSULE, CONE, CYLINDER, ELLIPSOID, MESH, PLANE, SPHERE

INFINITE = 1.0e9


def local_bounds(kind: int, scale: np.ndarray, vertices: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Axis-aligned bounds (lower, upper) [m] of a shape in its own frame."""
    r, h = float(scale[0]), float(scale[1])
    half = {
        SPHERE: (r, r, r),
        BOX: tuple(scale),
        CAPSULE: (r, r + h, r),
        CYLINDER: (r, h, r),
        CONE: (r, h, r),
        ELLIPSOID: tuple(scale),
        PLANE: (r, 0.0, h) if r > 0.0 and h > 0.0 else (INFINITE, 0.0, INFINITE),
    }
    if kind == MESH and vertices is not None and len(vertices):
        scaled = np.asarray(vertices, dtype=np.float64).reshape(-1, 3) * np.asarray(scale, dtype=np.float64)
        return scaled.min(axis=0), scaled.max(axis=0)
    extent = np.asarray(half.get(kind, (0.0, 0.0, 0.0)), dtype=np.float64)
    return -extent, extent


class ShapePlacement:
    """Shape frames in the world and world bounds.

    Attributes:
        lower_s, upper_s: Bounds in the shape frame [m], shape [shape_count, 3].
        X_ws: Shape frame to world, shape [shape_count, 7].
        lower_w, upper_w: World bounds [m], shape [shape_count, 3].
    """

    def __init__(self, model):
        kinds = model.shape_geo.type.numpy()
        scales = model.shape_geo.scale.numpy()
        sources = list(getattr(model, "shape_geo_src", None) or [None] * len(kinds))
        bounds = [local_bounds(int(k), s, getattr(m, "vertices", None)) for k, s, m in zip(kinds, scales, sources)]
        self.count = len(kinds)
        self.lower_s = en.array(np.array([b[0] for b in bounds], dtype=np.float32), dtype=en.vec3)
        self.upper_s = en.array(np.array([b[1] for b in bounds], dtype=np.float32), dtype=en.vec3)
        self.X_ws = en.zeros(self.count, dtype=en.transform)
        self.lower_w = en.zeros(self.count, dtype=en.vec3)
        self.upper_w = en.zeros(self.count, dtype=en.vec3)

    def refresh(self, model, body_q) -> None:
        """Recomputes frames and bounds from the body poses (one kernel)."""
        en.launch(
            place_shapes,
            dim=self.count,
            inputs=[
                body_q, model.shape_body, model.shape_transform, model.shape_geo.type, model.shape_geo.scale,
                self.lower_s, self.upper_s,
            ],
            outputs=[self.X_ws, self.lower_w, self.upper_w],
        )  # fmt: skip


@en.func
def disc_reach(axis: float, radius: float) -> float:
    """How far a disc of `radius` reaches along an axis that its normal has the component `axis` on."""
    return radius * en.sqrt(en.max(1.0 - axis * axis, 0.0))


@en.kernel
def place_shapes(
    body_q: en.array(dtype=en.transform),
    shape_body: en.array(dtype=int),
    shape_transform: en.array(dtype=en.transform),
    shape_type: en.array(dtype=int),
    shape_scale: en.array(dtype=en.vec3),
    lower_s: en.array(dtype=en.vec3),
    upper_s: en.array(dtype=en.vec3),
    X_ws: en.array(dtype=en.transform),
    lower_w: en.array(dtype=en.vec3),
    upper_w: en.array(dtype=en.vec3),
):
    s = en.tid()
    X = shape_transform[s]
    b = shape_body[s]
    if b >= 0:
        X = en.transform_multiply(body_q[b], X)
    X_ws[s] = X
    R = en.quat_to_matrix(en.transform_get_rotation(X))
    half = (upper_s[s] - lower_s[s]) * 0.5
    center = en.transform_point(X, (upper_s[s] + lower_s[s]) * 0.5)
    reach = en.vec3(
        en.abs(R[0, 0]) * half[0] + en.abs(R[0, 1]) * half[1] + en.abs(R[0, 2]) * half[2],
        en.abs(R[1, 0]) * half[0] + en.abs(R[1, 1]) * half[1] + en.abs(R[1, 2]) * half[2],
        en.abs(R[2, 0]) * half[0] + en.abs(R[2, 1]) * half[1] + en.abs(R[2, 2]) * half[2],
    )
    kind = shape_type[s]
    scale = shape_scale[s]
    if kind == SPHERE:
        reach = en.vec3(scale[0], scale[0], scale[0])
    elif kind == CAPSULE:
        reach = en.vec3(
            scale[0] + en.abs(R[0, 1]) * scale[1],
            scale[0] + en.abs(R[1, 1]) * scale[1],
            scale[0] + en.abs(R[2, 1]) * scale[1],
        )
    elif kind == CYLINDER:
        reach = en.vec3(
            disc_reach(R[0, 1], scale[0]) + en.abs(R[0, 1]) * scale[1],
            disc_reach(R[1, 1], scale[0]) + en.abs(R[1, 1]) * scale[1],
            disc_reach(R[2, 1], scale[0]) + en.abs(R[2, 1]) * scale[1],
        )
    elif kind == ELLIPSOID:
        reach = en.vec3(
            en.length(en.vec3(R[0, 0] * scale[0], R[0, 1] * scale[1], R[0, 2] * scale[2])),
            en.length(en.vec3(R[1, 0] * scale[0], R[1, 1] * scale[1], R[1, 2] * scale[2])),
            en.length(en.vec3(R[2, 0] * scale[0], R[2, 1] * scale[1], R[2, 2] * scale[2])),
        )
    lower_w[s] = center - reach
    upper_w[s] = center + reach

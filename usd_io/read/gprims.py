"""Geometry prims as collision shapes in metres: one function a prim type, and the table that lists them.

Each takes the linear map ``A`` from prim space (stage units) to the body's axes (metres) and gives the shape and the
rotation ``R`` of its frame. A shape stays analytic when A is a rotation, mirroring and a scale it can take; otherwise
(shear, ellipsoids, elliptic cylinders) it becomes the exact convex mesh, and the log says so.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from pxr import Usd

from usd_io.errors import SceneError
from usd_io.read import tessellation as tess
from usd_io.read.frames import has_orthogonal_columns, rotation_with_axis, split_rotation
from usd_io.read.reading import LARGEST, Reading
from usd_io.read.values import scalar, token
from usd_io.shape_records import (
    Box,
    Capsule,
    Cone,
    Cylinder,
    MeshShape,
    Plane,
    Shape,
    Sphere,
)

Placed = tuple[Shape, np.ndarray]
_AXES = {"X": 0, "Y": 1, "Z": 2}


def _axis(reading: Reading, prim: Usd.Prim) -> int:
    name = token(reading, prim, "axis", "Z")
    if name not in _AXES:
        raise SceneError(f"{reading.at(prim)} axis", f"got '{name}'", expected="X, Y or Z", next_step="correct it")
    return _AXES[name]


def _length(reading: Reading, prim: Usd.Prim, name: str, default: float, *, zero: bool = False) -> float:
    bound = {"low": 0.0} if zero else {"above": 0.0}
    value = scalar(reading, prim, name, default, **bound)
    if value > LARGEST or 0.0 < value < 1.0 / LARGEST:
        raise SceneError(
            f"{reading.at(prim)} {name}", f"got {value:g}", expected=f"a length below {LARGEST:g} and not vanishing"
        )
    return value


def mirror_free(A: np.ndarray, keep: int | None = None) -> tuple[np.ndarray, np.ndarray] | None:
    """Rotation and positive scales of a shear-free A; a mirroring is undone on a lateral axis (not ``keep``).

    None when A shears.
    """
    if not has_orthogonal_columns(A):
        return None
    R, K = split_rotation(A)
    scale = np.abs(np.diag(K))
    if keep is not None and K[keep, keep] < 0.0:
        # The mirrored axis was the one to keep: mirror a lateral axis instead, by half a turn about the third.
        R = R.copy()
        R[:, [keep, (keep + 1) % 3]] *= -1.0
    return R, scale


def convex_mesh(A: np.ndarray, points: np.ndarray, triangles: np.ndarray) -> Placed:
    """Mesh with A baked into its points."""
    flip = np.linalg.det(A) < 0.0
    return (
        MeshShape(
            (points @ A.T).astype(np.float32), np.ascontiguousarray(triangles[:, ::-1] if flip else triangles), True
        ),
        np.eye(3),
    )


def _note_mesh(reading: Reading, prim: Usd.Prim) -> None:
    kind = prim.GetTypeName()
    reading.log.add(
        prim.GetPath().pathString,
        f"{kind} with a non-uniform scale or shear; it collides as a convex mesh of that form",
        kind=f"tessellated {kind}",
    )


def _uniform(*scales: float) -> bool:
    return max(scales) - min(scales) <= 1e-4 * max(scales)


def _sphere(reading: Reading, prim: Usd.Prim, A: np.ndarray) -> Placed:
    radius = _length(reading, prim, "radius", 1.0)
    split = mirror_free(A)
    if split and _uniform(*split[1]):
        return Sphere(radius * float(split[1].mean())), split[0]
    _note_mesh(reading, prim)
    return convex_mesh(A, *tess.revolve(tess.sphere_profile(radius), 2))


def _cube(reading: Reading, prim: Usd.Prim, A: np.ndarray) -> Placed:
    half = 0.5 * _length(reading, prim, "size", 2.0)
    split = mirror_free(A)
    if split:
        return Box(tuple(float(half * s) for s in split[1])), split[0]
    _note_mesh(reading, prim)
    return convex_mesh(A, *tess.box_mesh(np.full(3, half)))


def _lateral(split: tuple[np.ndarray, np.ndarray] | None, axis: int) -> tuple[float, float] | None:
    """Lateral and axial scale, if the lateral two are equal."""
    if not split:
        return None
    s = split[1]
    u, v = s[(axis + 1) % 3], s[(axis + 2) % 3]
    return (float(0.5 * (u + v)), float(s[axis])) if _uniform(u, v) else None


def _capsule_like(reading: Reading, prim: Usd.Prim, A: np.ndarray, bottom: float, top: float, height: float) -> Placed:
    axis = _axis(reading, prim)
    split = mirror_free(A, axis)
    scales = _lateral(split, axis)
    if bottom == top and scales and _uniform(*scales):
        return Capsule(bottom * scales[0], 0.5 * height * scales[1], "XYZ"[axis]), split[0]
    if bottom == top:
        _note_mesh(reading, prim)
    return convex_mesh(A, *tess.revolve(tess.capsule_profile(bottom, top, height), axis))


def _cylinder_like(reading: Reading, prim: Usd.Prim, A: np.ndarray, bottom: float, top: float, height: float) -> Placed:
    axis = _axis(reading, prim)
    split = mirror_free(A, axis)
    scales = _lateral(split, axis)
    if scales and (bottom == top or top == 0.0):
        shape = Cylinder if bottom == top else Cone
        return shape(bottom * scales[0], 0.5 * height * scales[1], "XYZ"[axis]), split[0]
    if not scales:
        _note_mesh(reading, prim)
    return convex_mesh(A, *tess.revolve(tess.frustum_profile(bottom, top, height), axis))


def _capsule(reading: Reading, prim: Usd.Prim, A: np.ndarray) -> Placed:
    radius = _length(reading, prim, "radius", 0.5)
    return _capsule_like(reading, prim, A, radius, radius, _length(reading, prim, "height", 1.0, zero=True))


def _capsule_1(reading: Reading, prim: Usd.Prim, A: np.ndarray) -> Placed:
    bottom, top = _two_radii(reading, prim, 0.5)
    return _capsule_like(reading, prim, A, bottom, top, _length(reading, prim, "height", 1.0, zero=True))


def _cylinder(reading: Reading, prim: Usd.Prim, A: np.ndarray) -> Placed:
    radius = _length(reading, prim, "radius", 1.0)
    return _cylinder_like(reading, prim, A, radius, radius, _length(reading, prim, "height", 2.0))


def _cylinder_1(reading: Reading, prim: Usd.Prim, A: np.ndarray) -> Placed:
    bottom, top = _two_radii(reading, prim, 1.0)
    return _cylinder_like(reading, prim, A, bottom, top, _length(reading, prim, "height", 2.0))


def _two_radii(reading: Reading, prim: Usd.Prim, default: float) -> tuple[float, float]:
    bottom = _length(reading, prim, "radiusBottom", default, zero=True)
    top = _length(reading, prim, "radiusTop", default, zero=True)
    if max(bottom, top) == 0.0:
        raise SceneError(
            reading.at(prim),
            "radiusBottom and radiusTop are both 0",
            expected="at least one greater than 0",
            next_step="set a radius",
        )
    return bottom, top


def _cone(reading: Reading, prim: Usd.Prim, A: np.ndarray) -> Placed:
    radius = _length(reading, prim, "radius", 1.0)
    return _cylinder_like(reading, prim, A, radius, 0.0, _length(reading, prim, "height", 2.0))


def _plane(reading: Reading, prim: Usd.Prim, A: np.ndarray) -> Placed:
    axis = _axis(reading, prim)
    normal = np.linalg.inv(A).T[:, axis]
    return Plane("XYZ"[axis]), rotation_with_axis(axis, normal)


GPRIMS: dict[str, Callable[[Reading, Usd.Prim, np.ndarray], Placed]] = {
    "Sphere": _sphere,
    "Cube": _cube,
    "Capsule": _capsule,
    "Capsule_1": _capsule_1,
    "Cylinder": _cylinder,
    "Cylinder_1": _cylinder_1,
    "Cone": _cone,
    "Plane": _plane,
}
"""Analytic prim types; meshes are in ``approximation``."""

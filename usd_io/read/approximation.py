"""Mesh colliders: ``physics:approximation`` tokens to shapes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from pxr import Usd

from sim.geometry.hull import MAX_VERTICES, convex_hull
from sim.geometry.hull_topology import is_convex
from usd_io.read.decomposition import can_decompose, convex_parts
from usd_io.read.mesh import compact
from usd_io.read.reading import Reading
from usd_io.shape_records import Box, MeshShape, Shape, Sphere

SLAB = 0.02
"""Thickness given to the hull of a flat mesh, as a part of its diagonal."""
Placed = tuple[Shape, np.ndarray, np.ndarray]
"""Shape, rotation of its frame and position of its origin, both in the axes the points came in [m]."""


def approximate(
    reading: Reading, prim: Usd.Prim, token: str, points: np.ndarray, triangles: np.ndarray, down: np.ndarray
) -> Placed:
    """The collision shape of a mesh given in metres, by approximation token; an unknown token means ``none``.

    ``down`` is the downward direction in the axes of the points.
    """
    build = APPROXIMATIONS.get(token)
    if build is None:
        reading.log.add(
            prim.GetPath().pathString,
            f"physics:approximation '{token}' is not known; the mesh itself is used",
            kind=f"approximation {token}",
        )
        build = _exact
    elif token in _SUBSTITUTED:
        reading.log.add(
            prim.GetPath().pathString,
            f"physics:approximation '{token}': {_SUBSTITUTED[token]}",
            kind=f"approximation {token}",
        )
    elif token == "convexDecomposition" and not can_decompose():
        reading.log.add(
            prim.GetPath().pathString,
            "physics:approximation 'convexDecomposition' needs the package coacd; the mesh itself is used; "
            "pip install simrun[decompose]",
            kind=f"approximation {token}",
        )
        build = _exact
    return build(points, triangles, down)


def _exact(points: np.ndarray, triangles: np.ndarray, down: np.ndarray) -> Placed:
    points, triangles = compact(points, triangles)
    return MeshShape(points.astype(np.float32), triangles), np.eye(3), np.zeros(3)


def _hull(points: np.ndarray, triangles: np.ndarray, down: np.ndarray) -> Placed:
    compacted, faces = compact(points, triangles)
    if _is_hull(compacted, faces):
        # What has been wrapped once, as in a converted robot, stays as it is, to the bit.
        return MeshShape(compacted.astype(np.float32), faces, True), np.eye(3), np.zeros(3)
    hull = convex_hull(compacted) or _slab(compacted, down)
    if hull is None:
        return _exact(points, triangles, down)
    return MeshShape(hull[0].astype(np.float32), hull[1], True), np.eye(3), np.zeros(3)


def _is_hull(points: np.ndarray, triangles: np.ndarray) -> bool:
    """Whether a mesh is what ``convex_hull`` makes: few points, none twice, a closed surface that faces outward."""
    if len(points) > MAX_VERTICES or len(np.unique(points, axis=0)) < len(points) or not is_convex(points, triangles):
        return False
    a, b, c = (points[triangles[:, k]] - points.mean(axis=0) for k in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c))) > 0.0


def _parts(points: np.ndarray, triangles: np.ndarray, down: np.ndarray) -> Placed:
    points, triangles = compact(points, triangles)
    pieces = convex_parts(points, triangles)
    if len(pieces) < 2:
        return _hull(points, triangles, down)
    parts = tuple((p.astype(np.float32), t.astype(np.int32)) for p, t in pieces)
    return MeshShape(points.astype(np.float32), triangles, parts=parts), np.eye(3), np.zeros(3)


def _slab(points: np.ndarray, down: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Hull of a flat mesh: a plate of ``SLAB`` of its size, solid from both sides: below the mesh, around a wall."""
    centred = points - points.mean(axis=0)
    normal = np.linalg.svd(centred, full_matrices=False)[2][2]
    thickness = SLAB * np.linalg.norm(np.ptp(points, axis=0))
    slope = float(normal @ down)
    offset = normal * thickness * np.sign(slope)
    if abs(slope) < 0.1:
        return convex_hull(np.concatenate([points - 0.5 * thickness * normal, points + 0.5 * thickness * normal]))
    return convex_hull(np.concatenate([points, points + offset]))


def _box(points: np.ndarray, triangles: np.ndarray, down: np.ndarray) -> Placed:
    """The smaller of the box along the mesh's own axes and the one along its principal axes."""
    used = points[np.unique(triangles)]
    centred = used - used.mean(axis=0)
    _, _, Vt = np.linalg.svd(centred, full_matrices=False)
    principal = Vt.T if np.linalg.det(Vt) > 0.0 else -Vt.T
    best = None
    for R in (np.eye(3), principal):
        local = used @ R
        low, high = local.min(axis=0), local.max(axis=0)
        half = np.maximum(0.5 * (high - low), 1e-4 * np.linalg.norm(high - low))
        if best is None or half.prod() < 0.999 * best[1].prod():
            best = (R, half, R @ (0.5 * (low + high)))
    R, half, centre = best
    return Box(tuple(float(h) for h in half)), R, centre


def _ball(points: np.ndarray, triangles: np.ndarray, down: np.ndarray) -> Placed:
    """Smallest enclosing ball by Badoiu and Clarkson's iteration (2003), grown to hold every point."""
    used = points[np.unique(triangles)]
    centre = 0.5 * (used.min(axis=0) + used.max(axis=0))
    for step in range(1, 200):
        far = used[np.argmax(np.einsum("ij,ij->i", used - centre, used - centre))]
        centre = centre + (far - centre) / (step + 1.0)
    radius = float(np.linalg.norm(used - centre, axis=1).max())
    return Sphere(radius), np.eye(3), centre


_SUBSTITUTED = {
    "meshSimplification": "the mesh is used unsimplified",
}
APPROXIMATIONS: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], Placed]] = {
    "none": _exact,
    "sdf": _exact,
    "meshSimplification": _exact,
    "convexDecomposition": _parts,
    "convexHull": _hull,
    "boundingCube": _box,
    "boundingSphere": _ball,
}

"""Shading normals of meshes that bring none."""

from __future__ import annotations

import numpy as np

MOST_TRIANGLES = 400_000
"""Above this, edges are not told from curves: it takes too long."""


def corner_normals(points: np.ndarray, triangles: np.ndarray, crease_degrees: float) -> np.ndarray:
    """Unit normal of every corner [3 m, 3]: the area-weighted mean of the faces around its point that lie within an angle.

    0 degrees gives flat faces, 180 one normal a point.
    """
    a, b, c = (points[triangles[:, k]].astype(np.float64) for k in range(3))
    faces = np.cross(b - a, c - a)
    corners = triangles.ravel()
    if crease_degrees <= 0.0:
        return _unit(np.repeat(faces, 3, axis=0))
    if crease_degrees >= 180.0 or len(triangles) > MOST_TRIANGLES:
        return _unit(point_sums(corners, np.repeat(faces, 3, axis=0), len(points))[corners])
    order = np.argsort(corners, kind="stable")
    count = np.bincount(corners, minlength=len(points))
    first = np.cumsum(count) - count
    # Every pair of corners that share a point: of the one to be shaded, and of each around it.
    around = count[corners]
    mine = np.repeat(np.arange(len(corners)), around)
    place = np.arange(len(mine)) - np.repeat(np.cumsum(around) - around, around)
    other = order[first[corners[mine]] + place]
    unit = _unit(faces)
    alike = np.einsum("ij,ij->i", unit[mine // 3], unit[other // 3]) >= np.cos(np.radians(crease_degrees))
    return _unit(point_sums(mine[alike], faces[other[alike] // 3], len(corners)))


def point_sums(index: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    """Sums of rows of values [k, 3] that go to the same index, [count, 3]."""
    return np.stack([np.bincount(index, values[:, axis], minlength=count) for axis in range(3)], axis=1)


def _unit(vectors: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.where(length > 1e-30, vectors / np.maximum(length, 1e-30), np.array([0.0, 0.0, 1.0]))

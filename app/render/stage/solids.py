"""Triangles of spheres, boxes and solids of revolution, with their true normals."""

from __future__ import annotations

from functools import cache

import numpy as np

from app.render.scene import Geometry

SEGMENTS, RINGS = 48, 12


@cache
def unit_box() -> Geometry:
    """Half extents 1."""
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float32)
    quads = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])
    points = corners[quads].reshape(-1, 3)
    axes = np.array([[-1, 0, 0], [1, 0, 0], [0, -1, 0], [0, 1, 0], [0, 0, -1], [0, 0, 1]], np.float32)
    first = 4 * np.arange(6)[:, None]
    triangles = np.concatenate([first + np.array([0, 1, 2]), first + np.array([0, 2, 3])])
    uvs = np.tile(np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32), (6, 1))
    return Geometry(points, triangles.astype(np.int32), np.repeat(axes, 4, axis=0), uvs, closed=True)


@cache
def unit_sphere() -> Geometry:
    """Radius 1."""
    return _revolved(*_arc(0.0, -0.5 * np.pi, 0.5 * np.pi, 1.0, 2 * RINGS))


@cache
def unit_cylinder() -> Geometry:
    """Radius 1 about z, from -1 to 1."""
    return frustum(1.0, 1.0)


@cache
def frustum(bottom: float, top: float) -> Geometry:
    """Between a disc at z = -1 and one at z = 1, of these radii."""
    slope = 0.5 * (bottom - top)
    side = np.array([1.0, slope]) / np.hypot(1.0, slope)
    profile = np.array([[0, -1], [bottom, -1], [bottom, -1], [top, 1], [top, 1], [0, 1]], float)
    normals = np.array([[0, -1], [0, -1], side, side, [0, 1], [0, 1]], float)
    return _revolved(profile, normals)


@cache
def capsule(bottom: float, top: float, height: float) -> Geometry:
    """Half spheres of two radii around z = -height/2 and z = height/2, and the cone between."""
    low, low_n = _arc(-0.5 * height, -0.5 * np.pi, 0.0, bottom, RINGS)
    high, high_n = _arc(0.5 * height, 0.0, 0.5 * np.pi, top, RINGS)
    return _revolved(np.concatenate([low, high]), np.concatenate([low_n, high_n]))


@cache
def unit_square() -> Geometry:
    """Half extents 1 in x and y, facing +z."""
    points = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float32)
    normals = np.tile(np.array([0, 0, 1], np.float32), (4, 1))
    uvs = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    return Geometry(points, np.array([[0, 1, 2], [0, 2, 3]], np.int32), normals, uvs)


def _arc(center: float, start: float, end: float, radius: float, steps: int) -> tuple[np.ndarray, np.ndarray]:
    angle = np.linspace(start, end, steps + 1)
    normals = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return radius * normals + np.array([0.0, center]), normals


def _revolved(profile: np.ndarray, normals: np.ndarray) -> Geometry:
    """Surface of a profile [k, 2] of (radius, z) turned about z; profile points have normals."""
    angle = 2.0 * np.pi * np.arange(SEGMENTS + 1) / SEGMENTS
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    k, n = len(profile), SEGMENTS + 1

    def turned(values: np.ndarray) -> np.ndarray:
        around = values[:, None, :1] * circle[None]
        return np.concatenate([around, np.broadcast_to(values[:, None, 1:], (k, n, 1))], axis=2).reshape(-1, 3)

    ring, step = np.meshgrid(np.arange(k - 1), np.arange(SEGMENTS), indexing="ij")
    a = (ring * n + step).ravel()
    triangles = np.concatenate([np.stack([a, a + 1, a + n + 1], 1), np.stack([a, a + n + 1, a + n], 1)])
    points = turned(profile)
    p = points[triangles]
    area = np.linalg.norm(np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]), axis=1)
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(profile, axis=0), axis=1))])
    v = length / max(length[-1], 1e-12)
    uvs = np.stack([np.tile(np.arange(n) / SEGMENTS, k), np.repeat(v, n)], axis=1)
    keep = area > 1e-12 * max(area.max(), 1e-30)
    return Geometry(
        points.astype(np.float32),
        np.ascontiguousarray(triangles[keep], np.int32),
        turned(normals).astype(np.float32),
        uvs.astype(np.float32),
        closed=True,
    )


def about_axis(axis: str) -> np.ndarray:
    """Rotation [4, 4] that takes z to X, Y or Z."""
    out = np.eye(4)
    order = {"X": [2, 0, 1], "Y": [1, 2, 0], "Z": [0, 1, 2]}[axis]
    out[:3, :3] = np.eye(3)[order]
    return out

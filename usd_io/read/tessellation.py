"""Triangle meshes of round gprims, for those that a scale or two different radii take out of the analytic shapes."""

from __future__ import annotations

import numpy as np

SEGMENTS = 24
RINGS = 8


def box_mesh(half: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Corners and outward triangles of an axis-aligned box."""
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float) * half
    quads = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])
    return corners, np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int32)


def revolve(profile: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Closed surface of revolution of a profile [k, 2] of (radius, height) rising along ``axis``.

    End points off the axis are closed with a disc.
    """
    profile = np.asarray(profile, float)
    lower, upper = profile[0], profile[-1]
    rings = profile[(profile[:, 0] > 0.0)]
    angles = 2.0 * np.pi * np.arange(SEGMENTS) / SEGMENTS
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    ring_points = np.concatenate(
        [rings[:, None, :1] * circle, np.broadcast_to(rings[:, None, 1:], (len(rings), SEGMENTS, 1))], axis=2
    )
    points = np.concatenate([ring_points.reshape(-1, 3), [[0.0, 0.0, lower[1]], [0.0, 0.0, upper[1]]]])
    south, north = len(points) - 2, len(points) - 1
    k = np.arange(SEGMENTS)
    after = (k + 1) % SEGMENTS
    parts = [np.stack([np.full(SEGMENTS, south), after, k], axis=1)]
    for ring in range(len(rings) - 1):
        low, high = ring * SEGMENTS, (ring + 1) * SEGMENTS
        parts.append(np.stack([low + k, low + after, high + after], axis=1))
        parts.append(np.stack([low + k, high + after, high + k], axis=1))
    last = (len(rings) - 1) * SEGMENTS
    parts.append(np.stack([last + k, last + after, np.full(SEGMENTS, north)], axis=1))
    order = [(axis + 1) % 3, (axis + 2) % 3, axis]
    turned = np.empty_like(points)
    turned[:, order] = points
    return turned, np.concatenate(parts).astype(np.int32)


def sphere_profile(radius: float) -> np.ndarray:
    """Half circle from pole to pole."""
    return capsule_profile(radius, radius, 0.0)


def capsule_profile(bottom: float, top: float, height: float) -> np.ndarray:
    """Two half spheres, ``height`` between their centres; the body between them is a straight cone."""
    a = np.linspace(-0.5 * np.pi, 0.0, RINGS + 1)
    low = np.stack([bottom * np.cos(a), -0.5 * height + bottom * np.sin(a)], axis=1)
    high = np.stack([top * np.cos(a[::-1]), 0.5 * height - top * np.sin(a[::-1])], axis=1)
    low[0, 0] = high[-1, 0] = 0.0
    if height == 0.0:
        high = high[1:]
    return np.concatenate([low, high])


def frustum_profile(bottom: float, top: float, height: float) -> np.ndarray:
    """Cone or cylinder between two discs."""
    return np.array([[bottom, -0.5 * height], [top, 0.5 * height]])

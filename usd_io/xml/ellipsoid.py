"""Ellipsoids as meshes: neither USD's gprims nor the colliders have one."""

from __future__ import annotations

import numpy as np

from usd_io.records import MeshShape

SEEN, COLLIDING = (12, 24), (6, 12)
"""Rings and sectors of the mesh; contacts cost as many points."""


def ellipsoid_mesh(radii: np.ndarray, rings: int, sectors: int) -> MeshShape:
    """A closed convex mesh with its points on the ellipsoid of semi-axes ``radii`` [m]."""
    polar = np.pi * np.arange(1, rings) / rings
    around = 2.0 * np.pi * np.arange(sectors) / sectors
    ring = np.stack(
        [
            np.outer(np.sin(polar), np.cos(around)),
            np.outer(np.sin(polar), np.sin(around)),
            np.repeat(np.cos(polar)[:, None], sectors, axis=1),
        ],
        axis=-1,
    ).reshape(-1, 3)
    points = np.concatenate([ring, [[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]]])
    i, k = np.meshgrid(np.arange(rings - 2), np.arange(sectors), indexing="ij")
    a, b = i * sectors + k, i * sectors + (k + 1) % sectors
    c, d = a + sectors, b + sectors
    band = np.concatenate([np.stack([a, c, d], -1).reshape(-1, 3), np.stack([a, d, b], -1).reshape(-1, 3)])
    k = np.arange(sectors)
    top, bottom, last = len(ring), len(ring) + 1, (rings - 2) * sectors
    caps = [
        np.stack([np.full(sectors, top), k, (k + 1) % sectors], -1),
        np.stack([np.full(sectors, bottom), last + (k + 1) % sectors, last + k], -1),
    ]
    triangles = np.concatenate([band, *caps]).astype(np.int32)
    return MeshShape((points * radii).astype(np.float32), triangles, convex=True)

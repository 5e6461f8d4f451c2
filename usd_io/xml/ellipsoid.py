"""Ellipsoids as meshes: neither USD's gprims nor the colliders have one."""

from __future__ import annotations

import numpy as np

from usd_io.records import MeshShape

RINGS, SECTORS = 12, 24


def ellipsoid_mesh(radii: np.ndarray) -> MeshShape:
    """A closed convex mesh with its points on the ellipsoid of semi-axes ``radii`` [m]."""
    polar = np.pi * np.arange(1, RINGS) / RINGS
    around = 2.0 * np.pi * np.arange(SECTORS) / SECTORS
    ring = np.stack(
        [
            np.outer(np.sin(polar), np.cos(around)),
            np.outer(np.sin(polar), np.sin(around)),
            np.repeat(np.cos(polar)[:, None], SECTORS, axis=1),
        ],
        axis=-1,
    ).reshape(-1, 3)
    points = np.concatenate([ring, [[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]]])
    i, k = np.meshgrid(np.arange(RINGS - 2), np.arange(SECTORS), indexing="ij")
    a, b = i * SECTORS + k, i * SECTORS + (k + 1) % SECTORS
    c, d = a + SECTORS, b + SECTORS
    band = np.concatenate([np.stack([a, c, d], -1).reshape(-1, 3), np.stack([a, d, b], -1).reshape(-1, 3)])
    k = np.arange(SECTORS)
    top, bottom, last = len(ring), len(ring) + 1, (RINGS - 2) * SECTORS
    caps = [
        np.stack([np.full(SECTORS, top), k, (k + 1) % SECTORS], -1),
        np.stack([np.full(SECTORS, bottom), last + (k + 1) % SECTORS, last + k], -1),
    ]
    triangles = np.concatenate([band, *caps]).astype(np.int32)
    return MeshShape((points * radii).astype(np.float32), triangles, convex=True)

"""Ellipsoids with a mesh of their own, since USD's gprims have none."""

from __future__ import annotations

import numpy as np

from usd_io.shape_records import EllipsoidShape

SEEN, COLLIDING = (12, 24), (6, 12)
"""Rings and sectors of the mesh as it is drawn, and as a file keeps it for contacts."""


def ellipsoid_mesh(radii: np.ndarray, rings: int, sectors: int) -> EllipsoidShape:
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
    rx, ry, rz = (float(r) for r in radii)
    return EllipsoidShape((points * radii).astype(np.float32), triangles, convex=True, radii=(rx, ry, rz))

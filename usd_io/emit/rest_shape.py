"""Rest shapes that differ from the starting shape."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from usd_io.records import DeformableRecord


@contextmanager
def at_rest(builder: Any, start: int, record: DeformableRecord, same_topology: bool) -> Iterator[None]:
    """While it lasts, the particles stand in their rest shape (the builder measures elements as they stand)."""
    if record.rest_points is None or not same_topology:
        yield
        return
    span = slice(start, start + record.count)
    builder.particle_q[span] = record.rest_points
    try:
        yield
    finally:
        builder.particle_q[span] = record.points_w


def membrane_rest(corners: np.ndarray) -> np.ndarray:
    """Inverse rest matrices [m, 2, 2] of triangles [m, 3, 3], in a frame with x along the first edge."""
    u, v = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    x = u / np.linalg.norm(u, axis=1, keepdims=True)
    along = np.einsum("ij,ij->i", v, x)
    across = np.linalg.norm(v - along[:, None] * x, axis=1)
    D = np.zeros((len(corners), 2, 2))
    D[:, 0, 0], D[:, 0, 1], D[:, 1, 1] = np.linalg.norm(u, axis=1), along, across
    return np.linalg.inv(D)


def tetrahedron_rest(corners: np.ndarray) -> np.ndarray:
    """Inverse rest matrices [m, 3, 3] of tetrahedra [m, 4, 3]; columns are the edges from the first corner."""
    return np.linalg.inv(np.swapaxes(corners[:, 1:] - corners[:, :1], 1, 2))

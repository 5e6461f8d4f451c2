"""Convex decomposition of a mesh by CoACD (Wei et al. 2022), an optional package; results are kept in memory."""

from __future__ import annotations

import importlib.util
from functools import cache

import numpy as np

from sim.geometry.hull import convex_hull

CONCAVITY = 0.05
"""How far, as a part of the mesh's size, a piece may differ from the mesh."""
MOST_PARTS = 32


@cache
def can_decompose() -> bool:
    """Whether the package is there."""
    return importlib.util.find_spec("coacd") is not None


def convex_parts(points: np.ndarray, triangles: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Convex pieces (points, outward triangles) that together stand for the mesh; needs `can_decompose()`."""
    import coacd

    key = points.astype(np.float64).tobytes(), triangles.astype(np.int32).tobytes()
    if key not in _known:
        coacd.set_log_level("error")
        pieces = coacd.run_coacd(
            coacd.Mesh(points.astype(np.float64), triangles.astype(np.int32)),
            threshold=CONCAVITY,
            max_convex_hull=MOST_PARTS,
            seed=1,
        )
        hulls = (convex_hull(np.asarray(p)) for p, _ in pieces)
        _known[key] = [hull for hull in hulls if hull is not None]
    return _known[key]


_known: dict[tuple[bytes, bytes], list[tuple[np.ndarray, np.ndarray]]] = {}

"""Hinges of a triangle mesh."""

from __future__ import annotations

import numpy as np


def bending_edges(triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Edges with exactly two triangles.

    Returns:
        Rows (i, j, k, l), shape [e, 4]: the edge runs k-l between the triangles (i, k, l) and (j, l, k); and the two
        triangles of each, shape [e, 2].
    """
    tail, head = triangles.ravel().astype(np.int64), triangles[:, [1, 2, 0]].ravel().astype(np.int64)
    opposite = triangles[:, [2, 0, 1]].ravel()
    key = np.minimum(tail, head) * (int(triangles.max(initial=0)) + 1) + np.maximum(tail, head)
    order = np.argsort(key, kind="stable")
    _, start, uses = np.unique(key[order], return_index=True, return_counts=True)
    pair = start[uses == 2]
    first, second = order[pair], order[pair + 1]
    rows = np.stack([opposite[first], opposite[second], tail[first], head[first]], axis=1)
    good = rows[:, 0] != rows[:, 1]  # two triangles back to back have no hinge between them
    return rows[good].astype(np.int32), np.stack([first // 3, second // 3], axis=1)[good]

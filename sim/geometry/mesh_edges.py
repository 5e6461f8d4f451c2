"""Edges of a triangle mesh: which triangles share an edge, which edges are borders or non-manifold."""

from dataclasses import dataclass

import numpy as np

from sim.geometry.integer_order import stable_order_of_pairs


@dataclass(frozen=True)
class MeshEdges:
    """Undirected edges in the order in which the triangles first mention them.

    Attributes:
        indices: Rows [o0, o1, v1, v2], shape [edge_count, 4]: the edge is v1-v2 as its first triangle winds it, o0 the
            vertex opposite in that triangle, o1 the one opposite in the second triangle (-1 where there is none, and
            where more than two triangles meet).
        triangle_count: How many triangles meet at each edge, shape [edge_count].
    """

    indices: np.ndarray
    triangle_count: np.ndarray

    @property
    def is_border(self) -> np.ndarray:
        """Edges of one triangle only."""
        return self.triangle_count == 1

    @property
    def is_manifold(self) -> np.ndarray:
        """Edges of one or two triangles."""
        return self.triangle_count <= 2


def mesh_edges(triangles: np.ndarray) -> MeshEdges:
    """Finds all edges of ``triangles`` [n, 3] (vertex indices >= 0, no repeated vertex within a triangle)."""
    triangles = np.asarray(triangles, dtype=np.int64)
    if len(triangles) == 0:
        return MeshEdges(np.empty((0, 4), dtype=np.int32), np.empty(0, dtype=np.int64))
    # Half-edge h = 3 * triangle + side, from corner `side` to the next one.
    tail = triangles.ravel()
    head = triangles[:, [1, 2, 0]].ravel()
    opposite = triangles[:, [2, 0, 1]].ravel()
    low, high = np.minimum(tail, head), np.maximum(tail, head)

    order = stable_order_of_pairs(low, high)
    low_sorted, high_sorted = low[order], high[order]
    is_first = np.ones(len(order), dtype=bool)
    is_first[1:] = (low_sorted[1:] != low_sorted[:-1]) | (high_sorted[1:] != high_sorted[:-1])
    start = np.flatnonzero(is_first)
    count = np.diff(np.append(start, len(order)))

    first = order[start]
    second = order[np.minimum(start + 1, len(order) - 1)]
    indices = np.empty((len(start), 4), dtype=np.int32)
    indices[:, 0] = opposite[first]
    indices[:, 1] = np.where(count == 2, opposite[second], -1)
    indices[:, 2] = tail[first]
    indices[:, 3] = head[first]

    # Back to the order of the first mention: a dense inverse instead of a second sort.
    slot = np.zeros(len(tail), dtype=np.int64)
    slot[first] = np.arange(1, len(first) + 1)
    by_mention = slot[slot > 0] - 1
    return MeshEdges(indices[by_mention], count[by_mention])


def alike_together(rows: np.ndarray) -> np.ndarray:
    """An order of edge rows that puts those of one pattern together, as on a regular grid, by their first end.

    Neighbours in it reach neighbouring vertices, which is what lanes and GPU threads load and store fastest. Meshes of
    many patterns keep their order.
    """
    if len(rows) == 0:
        return np.zeros(0, dtype=np.int64)
    offset = np.where(rows >= 0, rows - rows[:, 2:3].astype(np.int64), np.iinfo(np.int32).max)
    mixed = offset @ np.array([0x1F123BB5, 0x2545F491, 0, 0x5851F42D])
    patterns, number = np.unique(mixed, return_inverse=True)
    if len(patterns) > min(64, max(8, len(rows) // 16)):
        return np.arange(len(rows))
    return stable_order_of_pairs(number, rows[:, 2])

"""Which faces meet at every edge and every point of a mesh, by NumPy: an oracle for what kernels find."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.spatial.mesh_features import CORNERS_AND_FACE


@dataclass(frozen=True)
class MeshTopology:
    """Features (welded points, then edges) of a mesh and the faces around them.

    Points at the same place count as one, so that seams of texture coordinates do not tear the surface.

    Attributes:
        feature_ids: Features at the edges ab, bc, ca and points a, b, c of every face, shape [triangle_count, 6].
        starts: Feature `i` is surrounded by `items[starts[i] : starts[i + 1]]`, shape [feature_count + 1].
        items: `4 * face + k`: the face meets the feature with its `k`-th point, or with an edge where `k` is 3.
    """

    feature_ids: np.ndarray
    starts: np.ndarray
    items: np.ndarray


def mesh_topology(points: np.ndarray, triangles: np.ndarray) -> MeshTopology:
    """Find the features of a mesh.

    Args:
        points: shape [point_count, 3].
        triangles: Point numbers, shape [triangle_count, 3].
    """
    welded = _welded(points)
    corners = welded[triangles]
    point_count = int(corners.max()) + 1
    ends = np.stack([corners, np.roll(corners, -1, axis=1)], 2)
    edge_key = ends.min(2) * np.int64(point_count) + ends.max(2)
    edge = _ranked(edge_key.ravel())
    feature_ids = np.concatenate([point_count + edge.reshape(-1, 3), corners], 1)

    face = np.arange(len(triangles))[:, None] * CORNERS_AND_FACE
    item = np.concatenate([np.repeat(face + 3, 3, axis=1), face + np.arange(3)], 1).ravel()
    feature = feature_ids.ravel()
    bits = int(item.max()).bit_length()
    # An edge that a face uses twice (a triangle folded onto itself) is met by that face once.
    key = np.sort((feature << bits) | item)
    key = key[np.concatenate([[True], key[1:] != key[:-1]])]
    items = key & ((1 << bits) - 1)
    feature_count = int(feature.max()) + 1
    starts = np.searchsorted(key >> bits, np.arange(feature_count + 1))
    return MeshTopology(feature_ids.astype(np.int32), starts.astype(np.int32), items.astype(np.int32))


def _ranked(keys: np.ndarray) -> np.ndarray:
    """Rank of every key among the distinct keys."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    rank = np.empty(len(keys), np.int64)
    rank[order] = np.cumsum(np.concatenate([[False], ordered[1:] != ordered[:-1]]))
    return rank


def _welded(points: np.ndarray) -> np.ndarray:
    """Number of the distinct place of every point."""
    points = points + np.float32(0)  # -0 and 0 are one place
    order = np.lexsort(points.T)
    ordered = points[order]
    new = np.concatenate([[False], np.any(ordered[1:] != ordered[:-1], axis=1)])
    welded = np.empty(len(points), np.int64)
    welded[order] = np.cumsum(new)
    return welded

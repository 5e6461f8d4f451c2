"""The parts of a mesh that depend on which triangles lie where: the tree, its leaves, and which faces meet.

Made on the host, with splits chosen by surface area, or by kernels, with triangles packed along a space-filling curve;
the latter can be part of a graph.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import engine as en
from engine.spatial.box_bvh import node_blocks, parents_of
from engine.spatial.bvh import LEAF_SIZE, BvhTree, build_bvh
from engine.spatial.forest import build_forest
from engine.spatial.mesh_features import find_features
from engine.spatial.mesh_layout import LANES, PACKET_FACE_ROW, PACKET_ROWS
from engine.spatial.packed_order import PackedOrder, PackedTree
from engine.taping import NotTaped


@dataclass
class MeshParts:
    """Arrays of a mesh, and the first node of every level.

    Attributes:
        level_starts: First node of every level, then node_count.
        child: Child codes, int32, shape [node_count, WIDTH], see `BvhTree`.
        nodes: Nodes as queries read them, see `mesh_layout`; boxes are fitted afterwards.
        parents: Parent of every node, int32.
        packet_faces: Faces in the lanes of every leaf, its last one repeated, int32, shape [leaf_count, LANES].
        packets: Leaves as queries read them, with the face numbers only.
        feature_ids, starts, items: See `find_features`.
        roots: (group number, root of its subtree), int32, shape [group_count, 2]; None without groups.
    """

    level_starts: list[int]
    child: Any
    nodes: Any
    parents: Any
    packet_faces: Any
    packets: Any
    feature_ids: Any
    starts: Any
    items: Any
    roots: Any = None


@en.kernel
def bound_triangles(
    points: en.array(dtype=en.vec3),
    indices: en.array(dtype=int),
    lowers: en.array(dtype=en.vec3),
    uppers: en.array(dtype=en.vec3),
):
    """The box of every triangle."""
    face = en.tid()
    a = points[indices[3 * face]]
    b = points[indices[3 * face + 1]]
    c = points[indices[3 * face + 2]]
    lowers[face] = en.min(a, en.min(b, c))
    uppers[face] = en.max(a, en.max(b, c))


@en.kernel
def fill_packet_faces(
    order: en.array(dtype=int), count: int, packet_faces: en.array2d(dtype=int), packets: en.array3d(dtype=float)
):
    """Faces of every leaf, from the `count` triangles in order; one thread per lane."""
    packet, lane = en.tid()
    face = order[en.min(packet * LEAF_SIZE + lane, count - 1)]
    packet_faces[packet, lane] = face
    packets[packet, PACKET_FACE_ROW, lane] = en.bitcast(face, en.float32)


def parts_from_kernels(points: Any, indices: Any) -> MeshParts:
    """The parts of a mesh, made by kernels from arrays of its device; nothing is read on the host."""
    device, count = points.device, indices.shape[0] // 3
    lowers, uppers = (en.empty(count, dtype=en.vec3, device=device) for _ in range(2))
    en.launch(bound_triangles, count, [points, indices], [lowers, uppers])
    packed = PackedOrder(count, device)
    packed.sort(lowers, uppers)
    tree = PackedTree(count, device)
    packet_faces = en.empty((tree.leaf_count, LANES), dtype=en.int32, device=device)
    packets = en.zeros((tree.leaf_count, PACKET_ROWS, LANES), dtype=en.float32, device=device)
    en.launch(fill_packet_faces, packet_faces.shape, [packed.numbers, count], [packet_faces, packets])
    return MeshParts(tree.level_starts, tree.child, tree.nodes, tree.parents, packet_faces, packets,
                     *find_features(points, indices))  # fmt: skip


def parts_from_host(points: Any, indices: Any, groups: np.ndarray | None) -> MeshParts:
    """The parts of a mesh, its tree made by NumPy, with a subtree for each group if there are any."""
    positions, triangles = points.numpy(), indices.numpy().reshape(-1, 3)
    a, b, c = (positions[triangles[:, k]] for k in range(3))  # NumPy's min() along a short axis takes ten times as long
    lower, upper, roots = np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c), None
    if groups is None:
        tree = build_bvh(lower, upper)
    else:
        tree, roots = build_forest(lower, upper, groups)
        roots = en.array(roots, dtype=en.int32)
    first, end = tree.leaf_starts[:-1, None], tree.leaf_starts[1:, None]
    packet_faces = np.ascontiguousarray(tree.order[np.minimum(first + np.arange(LEAF_SIZE), end - 1)])
    packets = np.zeros((len(packet_faces), PACKET_ROWS, LANES), np.float32)
    packets[:, PACKET_FACE_ROW] = packet_faces.view(np.float32)
    with NotTaped():  # which faces meet has no gradient
        features = find_features(points, indices)
    return MeshParts(**_tree_arrays(tree), packet_faces=en.array(packet_faces, dtype=en.int32),
                     packets=en.array(packets, dtype=en.float32), **_named(features), roots=roots)  # fmt: skip


def _tree_arrays(tree: BvhTree) -> dict[str, Any]:
    return {
        "level_starts": tree.level_starts.tolist(),
        "child": en.array(tree.child, dtype=en.int32),
        "nodes": en.array(node_blocks(tree), dtype=en.float32),
        "parents": en.array(parents_of(tree.child), dtype=en.int32),
    }


def _named(features: Any) -> dict[str, Any]:
    return dict(zip(("feature_ids", "starts", "items"), features))

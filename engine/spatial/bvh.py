"""Bounding volume hierarchy over boxes: a binned surface-area build, level by level, collapsed into wide nodes.

All nodes of one level are split together by a kernel on the host, a thread for each (`surface_area_splits`); NumPy puts
nodes in their places. Its result depends on nothing but the input, so the same boxes always give the same tree.

Method: binned SAH, Wald, "On fast Construction of SAH-based Bounding Volume Hierarchies", RT 2007; collapse of
a binary tree into wide nodes, Wald, Benthin, Boulos, "Getting Rid of Packets", RT 2008.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_LEVELS_PER_NODE = 3

WIDTH = 2**_LEVELS_PER_NODE
"""Children of a node."""

LEAF_SIZE = 8
"""Most primitives in a leaf."""

STACK_SIZE = 80
"""Entries a depth-first traversal needs at most, `WIDTH` of slack included; the build keeps the depth within it."""

_MOST_LEVELS = (STACK_SIZE - WIDTH - 1) // (WIDTH - 1)

EMPTY = np.int32(-(2**31))
"""Child code of an unused slot; its box is inverted, so no query enters it."""


@dataclass(frozen=True)
class BvhTree:
    """Tree of `WIDTH`-ary nodes in breadth-first order, the root first.

    Attributes:
        child: Child codes, shape [node_count, WIDTH]; the used slots come first. `c >= 0`: the node `c`.
            `c == EMPTY`: nothing. Otherwise a leaf: `~c == LEAF_SIZE * leaf + primitives_in_leaf - 1`.
        order: Primitive indices in leaf order, shape [primitive_count], a permutation.
        leaf_starts: Leaf `i` holds `order[leaf_starts[i] : leaf_starts[i + 1]]`, shape [leaf_count + 1].
        level_starts: First node of every level, then node_count; shape [level_count + 1].
        lower: Lower corners of the children's boxes, shape [node_count, WIDTH, 3].
        upper: Upper corners of the children's boxes, shape [node_count, WIDTH, 3].
    """

    child: np.ndarray
    order: np.ndarray
    leaf_starts: np.ndarray
    level_starts: np.ndarray
    lower: np.ndarray
    upper: np.ndarray


def build_bvh(lower: np.ndarray, upper: np.ndarray, levels_above: int = 0) -> BvhTree:
    """Build the tree over boxes.

    Args:
        lower: Lower corners, shape [primitive_count, 3], finite.
        upper: Upper corners, shape [primitive_count, 3], finite, not below `lower`.
        levels_above: Levels of nodes that will be put above the tree.

    Returns:
        The tree; a traversal that pushes every child it may visit needs at most `STACK_SIZE` entries.
    """
    lower = np.ascontiguousarray(lower, np.float32)
    upper = np.ascontiguousarray(upper, np.float32)
    most_levels = _MOST_LEVELS - levels_above
    return _collapse(_BinaryTree(lower, upper, most_levels), most_levels)


class _BinaryTree:
    """Binary tree; children of node `i` are `left[i]` and `left[i] + 1`, `left[i] < 0` is a leaf.

    Node `i` holds the primitives `order[start[i] : start[i] + count[i]]`.
    """

    def __init__(self, lower: np.ndarray, upper: np.ndarray, most_levels: int):
        from engine.spatial.surface_area_splits import SurfaceAreaSplits

        splits = SurfaceAreaSplits(lower, upper)
        start, count = np.zeros(1, np.int64), np.full(1, len(lower), np.int64)
        starts, counts, lefts, lowers, uppers = [], [], [], [], []
        node_count, level = 1, 0
        while len(start):
            inner = count > LEAF_SIZE
            left = np.full(len(start), -1, np.int64)
            inner_count = int(inner.sum())
            left[inner] = node_count + 2 * np.arange(inner_count)
            starts.append(start)
            counts.append(count)
            lefts.append(left)
            halve = level + 1 + np.ceil(np.log2(count / LEAF_SIZE)) >= _LEVELS_PER_NODE * most_levels
            box_lower, box_upper, first = splits.split(start, count, halve, LEAF_SIZE + 1)
            lowers.append(box_lower)
            uppers.append(box_upper)
            start, count, first = start[inner], count[inner], first[inner].astype(np.int64)
            start = np.stack([start, start + first], 1).ravel()
            count = np.stack([first, count - first], 1).ravel()
            node_count += 2 * inner_count
            level += 1
        self.order = splits.order
        self.start, self.count, self.left = map(np.concatenate, (starts, counts, lefts))
        self.lower, self.upper = np.concatenate(lowers), np.concatenate(uppers)
        self.area = _half_area(self.lower, self.upper)


def _half_area(lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """Half the surface of boxes, the SAH's measure; computed in double so that huge boxes do not overflow."""
    size = upper.astype(np.float64) - lower
    return size[..., 0] * size[..., 1] + size[..., 1] * size[..., 2] + size[..., 2] * size[..., 0]


def _collapse(tree: _BinaryTree, most_levels: int) -> BvhTree:
    """Collapse the binary tree into wide nodes, opening large children first while the traversal stack allows."""
    levels = _wide_levels(tree, _open_largest)
    if len(levels) > most_levels:
        levels = _wide_levels(tree, _open_all)
    is_leaf = tree.left < 0
    leaf_start = np.sort(tree.start[is_leaf])
    leaf_of = np.searchsorted(leaf_start, tree.start)

    children, lowers, uppers, level_starts = [], [], [], [0]
    for slots in levels:
        next_start = level_starts[-1] + len(slots)
        used = slots >= 0
        inner = used & (tree.left[slots] >= 0)
        code = ~(LEAF_SIZE * leaf_of[slots] + tree.count[slots] - 1)
        code[~used] = EMPTY
        code[inner] = next_start + np.arange(int(inner.sum()))
        children.append(code.astype(np.int32))
        lowers.append(np.where(used[..., None], tree.lower[slots], np.float32(np.inf)))
        uppers.append(np.where(used[..., None], tree.upper[slots], np.float32(-np.inf)))
        level_starts.append(next_start)
    return BvhTree(
        child=np.concatenate(children),
        order=tree.order.astype(np.int32),
        leaf_starts=np.append(leaf_start, len(tree.order)).astype(np.int32),
        level_starts=np.array(level_starts, np.int32),
        lower=np.concatenate(lowers),
        upper=np.concatenate(uppers),
    )


def _wide_levels(tree: _BinaryTree, open_nodes) -> list[np.ndarray]:
    """Binary nodes in the slots of every wide node, one array [node_count, WIDTH] per level, -1 where empty."""
    levels = [open_nodes(tree, np.zeros(1, np.int64))]
    while True:
        slots = levels[-1]
        inner = slots[(slots >= 0) & (tree.left[slots] >= 0)]
        if len(inner) == 0:
            return levels
        levels.append(open_nodes(tree, inner))


def _open_largest(tree: _BinaryTree, nodes: np.ndarray) -> np.ndarray:
    """Replace the inner node of largest area by its children until the slots are full: few, well-filled nodes."""
    slots = np.full((len(nodes), WIDTH), -1, np.int64)
    slots[:, 0] = nodes
    for used in range(1, WIDTH):
        area = np.where((slots >= 0) & (tree.left[slots] >= 0), tree.area[slots], -1.0)
        widest = np.argmax(area, axis=1)
        rows = np.flatnonzero(area[np.arange(len(nodes)), widest] >= 0)
        left = tree.left[slots[rows, widest[rows]]]
        slots[rows, widest[rows]] = left
        slots[rows, used] = left + 1
    return slots


def _open_all(tree: _BinaryTree, nodes: np.ndarray) -> np.ndarray:
    """Take the nodes `_LEVELS_PER_NODE` levels below (a leaf on the way stands for itself): bounded depth."""
    slots = nodes[:, None]
    for _ in range(_LEVELS_PER_NODE):
        inner = (slots >= 0) & (tree.left[slots] >= 0)
        first = np.where(inner, tree.left[slots], slots)
        second = np.where(inner, tree.left[slots] + 1, -1)
        slots = np.stack([first, second], 2).reshape(len(nodes), 2 * slots.shape[1])
    return np.take_along_axis(slots, np.argsort(slots < 0, axis=1, kind="stable"), axis=1)

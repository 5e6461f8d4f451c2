"""Boxes in the order of a space-filling curve, and the tree that packs neighbours in that order.

The shape of the tree depends on the number of boxes alone: eight boxes a leaf, eight leaves a node, and so on. Building
for new positions is therefore sorting and fitting boxes, all of it kernels, so it can be part of a graph. Kamel,
Faloutsos, "Hilbert R-tree", VLDB 1994; the curve's formula is Skilling's, "Programming the Hilbert Curve", 2004.
"""

from __future__ import annotations

import itertools
from typing import Any

import engine as en
from engine.device_algorithms import radix_sort_pairs
from engine.device_algorithms.blocks import cut
from engine.spatial.bvh import EMPTY, LEAF_SIZE, WIDTH
from engine.spatial.bvh_layout import BLOCK_ROWS, COUNT_ROW, LANES, NUMBER_ROW

INFINITY = float("inf")

AXIS_BITS = 10
TOP_BIT = 1 << (AXIS_BITS - 1)


@en.kernel
def bound_blocks(
    lowers: en.array(dtype=en.vec3), uppers: en.array(dtype=en.vec3), size: int, bounds: en.array(dtype=en.vec3)
):
    """Bounds of the (doubled) centres of a block of boxes; one thread per block."""
    block = en.tid()
    low = en.vec3(INFINITY, INFINITY, INFINITY)
    high = -low
    for i in range(block * size, en.min((block + 1) * size, lowers.shape[0])):
        centre = lowers[i] + uppers[i]
        low = en.min(low, centre)
        high = en.max(high, centre)
    bounds[2 * block] = low
    bounds[2 * block + 1] = high


@en.kernel
def bound_all(bounds: en.array(dtype=en.vec3)):
    """Bounds of all blocks into the first two entries; one thread."""
    low = bounds[0]
    high = bounds[1]
    for block in range(1, bounds.shape[0] / 2):
        low = en.min(low, bounds[2 * block])
        high = en.max(high, bounds[2 * block + 1])
    bounds[0] = low
    bounds[1] = high


@en.func
def hilbert_index(x: int, y: int, z: int) -> int:
    """Place on the Hilbert curve of a point with coordinates of `AXIS_BITS` bits."""
    for k in range(AXIS_BITS - 1):
        bit = en.static(TOP_BIT) >> k
        below = bit - 1
        if (x & bit) != 0:
            x = x ^ below
        if (y & bit) != 0:
            x = x ^ below
        else:
            swap = (x ^ y) & below
            x = x ^ swap
            y = y ^ swap
        if (z & bit) != 0:
            x = x ^ below
        else:
            swap = (x ^ z) & below
            x = x ^ swap
            z = z ^ swap
    y = y ^ x
    z = z ^ y
    flip = 0
    for k in range(AXIS_BITS - 1):
        bit = en.static(TOP_BIT) >> k
        if (z & bit) != 0:
            flip = flip ^ (bit - 1)
    x = x ^ flip
    y = y ^ flip
    z = z ^ flip
    index = 0
    for k in range(AXIS_BITS):
        shift = AXIS_BITS - 1 - k
        index = (index << 3) | ((x >> shift & 1) << 2) | ((y >> shift & 1) << 1) | (z >> shift & 1)
    return index


@en.kernel
def place_on_curve(
    lowers: en.array(dtype=en.vec3),
    uppers: en.array(dtype=en.vec3),
    bounds: en.array(dtype=en.vec3),
    keys: en.array(dtype=int),
    numbers: en.array(dtype=int),
):
    """Place of every box on the curve, by its centre."""
    i = en.tid()
    low = bounds[0]
    extent = bounds[1] - low
    widest = en.max(en.max(extent[0], extent[1]), extent[2])
    scale = en.where(widest > 0.0, 1023.0 / widest, 0.0)
    p = (lowers[i] + uppers[i] - low) * scale
    x = en.min(en.max(int(p[0]), 0), 1023)
    y = en.min(en.max(int(p[1]), 0), 1023)
    z = en.min(en.max(int(p[2]), 0), 1023)
    keys[i] = hilbert_index(x, y, z)
    numbers[i] = i


@en.kernel
def fill_packed_leaves(order: en.array(dtype=int), numbers: en.array2d(dtype=int)):
    """Numbers of the boxes of every leaf, -1 in unused lanes; one thread per lane."""
    leaf, lane = en.tid()
    at = leaf * LEAF_SIZE + lane
    number = -1
    if at < order.shape[0] / 2:  # the second half is scratch of the sort
        number = order[at]
    numbers[leaf, lane] = number


class PackedOrder:
    """Sorts boxes along the curve; its arrays are allocated once, so that sorting can be captured."""

    def __init__(self, count: int, device: Any):
        self._keys = en.empty(2 * count, dtype=en.int32, device=device)
        #: the boxes in order; the second half is scratch of the sort
        self.numbers = en.empty(2 * count, dtype=en.int32, device=device)
        self._count = count
        self._blocks, self._size = cut(count)
        self._bounds = en.empty(2 * self._blocks, dtype=en.vec3, device=device)

    def fill(self, lowers: Any, uppers: Any, leaf_numbers: Any) -> None:
        """Write the numbers of the boxes of every leaf, `array2d(int32)` of shape [leaf_count, LEAF_SIZE]."""
        self.sort(lowers, uppers)
        en.launch(fill_packed_leaves, leaf_numbers.shape, [self.numbers], [leaf_numbers])

    def sort(self, lowers: Any, uppers: Any) -> None:
        """Put the numbers of the boxes in order."""
        en.launch(bound_blocks, self._blocks, [lowers, uppers, self._size], [self._bounds])
        en.launch(bound_all, 1, [], [self._bounds])
        en.launch(place_on_curve, self._count, [lowers, uppers, self._bounds], [self._keys, self.numbers])
        radix_sort_pairs(self._keys, self.numbers, self._count, end_bit=3 * AXIS_BITS)


@en.kernel
def fill_packed_tree(
    count: int,
    leaf_count: int,
    child: en.array2d(dtype=int),
    nodes: en.array3d(dtype=float),
    parents: en.array(dtype=int),
):
    """The nodes of the tree over `count` boxes, root first, their own boxes inverted; one thread per slot."""
    node, slot = en.tid()
    size = (leaf_count + WIDTH - 1) / WIDTH
    first = child.shape[0] - size
    below = leaf_count
    first_below = 0
    deepest = True
    while node < first:
        below = size
        first_below = first
        size = (size + WIDTH - 1) / WIDTH
        first = first - size
        deepest = False
    place = (node - first) * WIDTH + slot
    code = en.static(int(EMPTY))
    if place < below:
        if deepest:
            used = en.min(LEAF_SIZE, count - place * LEAF_SIZE)
            code = -(place * LEAF_SIZE + used)  # ~(… - 1)
        else:
            code = first_below + place
            parents[code] = node
    if node == 0 and slot == 0:
        parents[0] = -1
    child[node, slot] = code
    for axis in range(3):
        nodes[node, axis, slot] = en.float32(INFINITY)
        nodes[node, axis + 3, slot] = en.float32(-INFINITY)
    nodes[node, NUMBER_ROW, slot] = en.bitcast(code, en.float32)
    children = en.where(slot == 0, en.min(WIDTH, below - (node - first) * WIDTH), 0)
    nodes[node, COUNT_ROW, slot] = en.bitcast(children, en.float32)


class PackedTree:
    """The tree that packs boxes which are in order: eight a leaf, eight leaves a node, and so on.

    Attributes:
        leaf_count: How many leaves; leaf `i` holds the boxes from `LEAF_SIZE * i` on.
        level_starts: First node of every level, the root's first, then node_count.
        child: Child codes as of `BvhTree`, int32, shape [node_count, WIDTH].
        nodes: Nodes as queries read them, see `bvh_layout`; their boxes are to be fitted.
        parents: Parent of every node, -1 for the root, int32.
    """

    def __init__(self, count: int, device: Any):
        self.leaf_count = -(-count // LEAF_SIZE)
        sizes = [-(-self.leaf_count // WIDTH)]
        while sizes[-1] > 1:
            sizes.append(-(-sizes[-1] // WIDTH))
        self.level_starts = [0, *itertools.accumulate(sizes[::-1])]
        node_count = self.level_starts[-1]
        self.child = en.empty((node_count, WIDTH), dtype=en.int32, device=device)
        self.nodes = en.empty((node_count, BLOCK_ROWS, LANES), dtype=en.float32, device=device)
        self.parents = en.empty(node_count, dtype=en.int32, device=device)
        arrays = [self.child, self.nodes, self.parents]
        en.launch(fill_packed_tree, self.child.shape, [count, self.leaf_count], arrays)

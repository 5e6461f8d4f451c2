"""A hierarchy over boxes of the user, for finding those that meet a box, a ray, a sphere or a capsule."""

from __future__ import annotations

from typing import Any

import numpy as np

import engine as en
from engine.capture import recording_of
from engine.errors import EngineError, EngineValueError
from engine.spatial.bvh import EMPTY, LEAF_SIZE, BvhTree, build_bvh
from engine.spatial.bvh_layout import (
    BLOCK_ROWS,
    COUNT_ROW,
    GROUP_COUNT,
    GROUPS,
    LANES,
    LEAVES,
    NODES,
    NUMBER_ROW,
    PARENTS,
    PRIMITIVE_COUNT,
)
from engine.spatial.descriptor import take_descriptor
from engine.spatial.fit_at_once import arrivals, fit, fit_boxes_at_once
from engine.spatial.forest import build_forest, checked_groups
from engine.spatial.packed_order import PackedOrder, PackedTree
from engine.taping import structures

INFINITY = float("inf")
_EMPTY = int(EMPTY)


@en.kernel
def fill_leaves(
    lowers: en.array(dtype=en.vec3),
    uppers: en.array(dtype=en.vec3),
    numbers: en.array2d(dtype=int),
    leaves: en.array3d(dtype=float),
):
    """Write the boxes and numbers of every leaf's primitives, inverted boxes into unused lanes; one thread per lane."""
    leaf, lane = en.tid()
    number = numbers[leaf, lane]
    for axis in range(3):
        lower = en.float32(INFINITY)
        upper = en.float32(-INFINITY)
        if number >= 0:
            lower = lowers[number][axis]
            upper = uppers[number][axis]
        leaves[leaf, axis, lane] = lower
        leaves[leaf, axis + 3, lane] = upper
    leaves[leaf, NUMBER_ROW, lane] = en.bitcast(number, en.float32)


@en.kernel
def fit_boxes(
    child: en.array2d(dtype=int), leaves: en.array3d(dtype=float), first_node: int, nodes: en.array3d(dtype=float)
):
    """Fit the boxes of one level's children; one thread per child. Deeper levels must be fitted already."""
    offset, slot = en.tid()
    node = first_node + offset
    code = child[node, slot]
    if code != _EMPTY:
        for axis in range(3):
            lower = en.float32(INFINITY)
            upper = en.float32(-INFINITY)
            if code >= 0:
                for k in range(LANES):
                    lower = en.min(lower, nodes[code, axis, k])
                    upper = en.max(upper, nodes[code, axis + 3, k])
            else:
                leaf = -(code + 1) / LANES
                for k in range(LANES):
                    lower = en.min(lower, leaves[leaf, axis, k])
                    upper = en.max(upper, leaves[leaf, axis + 3, k])
            nodes[node, axis, slot] = lower
            nodes[node, axis + 3, slot] = upper


@en.kernel
def count_leaves(count: int, leaves: en.array3d(dtype=float)):
    """How many of `count` boxes lie in every leaf, if they fill one after the other."""
    leaf = en.tid()
    leaves[leaf, COUNT_ROW, 0] = en.bitcast(en.min(LEAF_SIZE, count - leaf * LEAF_SIZE), en.float32)


@en.kernel
def note_wrong_boxes(lowers: en.array(dtype=en.vec3), uppers: en.array(dtype=en.vec3), wrong: en.array(dtype=int)):
    """How many boxes there are from the first one on that is not finite."""
    i = en.tid()
    if not (en.isfinite(lowers[i]) and en.isfinite(uppers[i])):
        en.atomic_max(wrong, 0, lowers.shape[0] - i)


def parents_of(child: np.ndarray) -> np.ndarray:
    """Parent of every node of a tree, -1 for the root."""
    parents = np.full(len(child), -1, np.int32)
    node, slot = np.nonzero(child >= 0)
    parents[child[node, slot]] = node
    return parents


def node_blocks(tree: BvhTree) -> np.ndarray:
    """Nodes as queries read them; the boxes of unused slots are inverted."""
    blocks = np.zeros((len(tree.child), BLOCK_ROWS, LANES), np.float32)
    blocks[:, 0:3] = tree.lower.transpose(0, 2, 1)
    blocks[:, 3:6] = tree.upper.transpose(0, 2, 1)
    blocks[:, NUMBER_ROW] = tree.child.view(np.float32)
    used = (tree.child != EMPTY).sum(axis=1).astype(np.int32)
    blocks[:, COUNT_ROW, 0] = used.view(np.float32)
    return blocks


class Bvh:
    """Boxes in a hierarchy that kernels can query.

    Attributes:
        id: Handle for kernels (`uint64`), valid as long as this object lives; afterwards queries find nothing.
        lowers: Lower corners, `array(vec3)`. After changing its contents call `refit()` or `rebuild()`.
        uppers: Upper corners, `array(vec3)`.
        device: Where the hierarchy lives.
    """

    def __init__(
        self,
        lowers: Any,
        uppers: Any,
        constructor: str | None = None,
        groups: Any = None,
        leaf_size: int | None = None,
    ):
        """Take the arrays (shared, not copied) and build the hierarchy.

        Args:
            lowers: Lower corners of the boxes, `array(vec3)`.
            uppers: Upper corners, `array(vec3)` of the same length.
            constructor: "lbvh" (the default) packs boxes along a space-filling curve, in kernels: fast to build and
                rebuild. "sah" chooses splits by surface area, on the host: forty times slower to build; queries
                differ by less than 30% either way. "median" means "lbvh".
            groups: A number for each box, `array(int32)`, so that queries may look in one group only (see
                `bvh_get_group_root`). Such a hierarchy is built on the host.
            leaf_size: For compatibility; leaves hold up to 8 boxes, which are tested at once.

        Raises:
            EngineError: Arrays of other types or lengths, no boxes, or boxes that are not finite.
        """
        checked_constructor("Bvh", constructor)
        for name, a in (("lowers", lowers), ("uppers", uppers)):
            if not isinstance(a, en.array) or a.dtype is not en.vec3 or a.ndim != 1 or not a.is_contiguous:
                got = f"array{a.ndim}d of {a.dtype}" if isinstance(a, en.array) else type(a).__name__
                raise EngineError(f"Bvh: {name} is {got}; expected a contiguous array(dtype=vec3)")
        if lowers.shape != uppers.shape or lowers.shape[0] == 0:
            raise EngineError(
                f"Bvh: got {lowers.shape[0]} lower and {uppers.shape[0]} upper corners; expected one of each for a box"
            )
        self.lowers, self.uppers = lowers, uppers
        self.constructor, self.groups = constructor, groups
        self._group_numbers = checked_groups("Bvh", groups, lowers.shape[0])
        self.device = lowers.device
        self._descriptor = take_descriptor(self, self.device)
        self.id = en.uint64(self._descriptor.address)
        self._packed: PackedOrder | None = None
        with en.ScopedDevice(self.device):
            self._build()

    def kernel_arrays(self) -> list[Any]:
        """Arrays of its own that kernels reach through the id."""
        return [self._nodes, self._leaves, self._parents]

    def __del__(self) -> None:
        """Nothing to do, for programs that call it: memory and descriptor go back when the object dies."""

    def _build(self) -> None:
        if recording_of(self.device) is None:
            self._check()
        if self.constructor == "sah" or self._group_numbers is not None:
            self._packed = None
            low, high = self.lowers.numpy(), self.uppers.numpy()
            low, high = np.minimum(low, high), np.maximum(low, high)
            if self._group_numbers is None:
                self._adopt(build_bvh(low, high))
            else:
                tree, roots = build_forest(low, high, self._group_numbers)
                self._adopt(tree)
                self._roots = en.array(roots, dtype=en.int32)
                self._descriptor[GROUPS] = self._roots.ptr
                self._descriptor[GROUP_COUNT] = len(roots)
        elif self._packed is None:
            self._packed = PackedOrder(self.lowers.shape[0], self.device)
            self._adopt_packed(PackedTree(self.lowers.shape[0], self.device))
        if self._packed is not None:
            self._packed.fill(self.lowers, self.uppers, self._numbers)
        self.refit()

    def _check(self) -> None:
        count, wrong = self.lowers.shape[0], en.zeros(1, dtype=en.int32)
        en.launch(note_wrong_boxes, count, [self.lowers, self.uppers], [wrong], record_tape=False)
        left = int(wrong.numpy()[0])
        if left:
            i = count - left
            low, high = self.lowers.numpy()[i], self.uppers.numpy()[i]
            raise EngineError(f"Bvh: box {i} is {low} to {high}; expected finite numbers")

    def _adopt(self, tree: BvhTree) -> None:
        """Allocate the arrays of a tree; boxes are fitted afterwards."""
        first, end = tree.leaf_starts[:-1, None], tree.leaf_starts[1:, None]
        at = first + np.arange(LEAF_SIZE)
        numbers = np.where(at < end, tree.order[np.minimum(at, end - 1)], -1).astype(np.int32)
        leaves = np.zeros((len(numbers), BLOCK_ROWS, LANES), np.float32)
        leaves[:, NUMBER_ROW] = numbers.view(np.float32)
        leaves[:, COUNT_ROW, 0] = (end - first)[:, 0].astype(np.int32).view(np.float32)
        self._level_starts = tree.level_starts.tolist()
        self._child = en.array(tree.child, dtype=en.int32)
        self._nodes = en.array(node_blocks(tree), dtype=en.float32)
        self._numbers = en.array(numbers, dtype=en.int32)
        self._leaves = en.array(leaves, dtype=en.float32)
        self._parents = en.array(parents_of(tree.child), dtype=en.int32)
        self._describe()

    def _adopt_packed(self, tree: PackedTree) -> None:
        """Allocate the arrays of a tree over boxes in order; `PackedOrder` says which they are."""
        self._level_starts, self._child = tree.level_starts, tree.child
        self._nodes, self._parents = tree.nodes, tree.parents
        self._numbers = en.empty((tree.leaf_count, LANES), dtype=en.int32)
        self._leaves = en.zeros((tree.leaf_count, BLOCK_ROWS, LANES), dtype=en.float32)
        en.launch(count_leaves, tree.leaf_count, [self.lowers.shape[0]], [self._leaves])
        self._describe()

    def _describe(self) -> None:
        self._arrived = arrivals(self._parents.shape[0], self.device)
        arrays = {NODES: self._nodes.ptr, LEAVES: self._leaves.ptr, PARENTS: self._parents.ptr}
        self._descriptor.update({**arrays, PRIMITIVE_COUNT: self.lowers.shape[0]})

    def refit(self) -> None:
        """Bring the hierarchy up to date after the boxes changed. Runs as kernels, so it can be captured in a graph.

        Queries stay exact for any change; after a large one `rebuild` makes them faster.
        """
        structures.changed(self)
        en.launch(fill_leaves, self._numbers.shape, [self.lowers, self.uppers, self._numbers], [self._leaves])
        if fit(fit_boxes_at_once, self._child, self._parents, self._leaves, self._nodes, self._arrived):
            return
        starts = self._level_starts
        for first, end in zip(starts[-2::-1], starts[:0:-1]):
            en.launch(fit_boxes, (end - first, LANES), [self._child, self._leaves, first], [self._nodes])

    def rebuild(self, constructor: str | None = None) -> None:
        """Build the hierarchy anew for boxes that moved far; runs as kernels, so it can be captured in a graph.

        Args:
            constructor: As when made; None: the same. A "sah" hierarchy is only refitted inside a capture.
        """
        checked_constructor("Bvh", constructor)
        structures.changed(self)
        captured = recording_of(self.device) is not None
        if captured and (self._packed is None or constructor == "sah"):
            self.refit()
            return
        self.constructor = constructor or self.constructor
        with en.ScopedDevice(self.device):
            self._build()


def checked_constructor(what: str, constructor: str | None) -> None:
    """Raises EngineValueError for a way to build hierarchies that does not exist."""
    if constructor not in (None, "sah", "median", "lbvh"):
        raise EngineValueError(f"{what}: got constructor {constructor!r}; expected 'sah', 'median', 'lbvh' or None")


def is_cubql_available() -> bool:
    """Whether hierarchies can be built by NVIDIA's cuBQL: they cannot; for programs that ask."""
    return False

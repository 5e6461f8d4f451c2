"""Hierarchies of primitives in groups: one subtree for each group, so that a query may stay inside one."""

from __future__ import annotations

from typing import Any

import numpy as np

import engine as en
from engine.errors import EngineError
from engine.spatial.bvh import EMPTY, LEAF_SIZE, WIDTH, BvhTree, build_bvh


def build_forest(lower: np.ndarray, upper: np.ndarray, groups: np.ndarray) -> tuple[BvhTree, np.ndarray]:
    """Build a tree whose subtrees hold one group each.

    Args:
        lower: Lower corners of the primitives' boxes, shape [primitive_count, 3].
        upper: Upper corners.
        groups: Group number of each primitive, int32.

    Returns:
        The tree; and (group number, root of its subtree) in ascending order, shape [group_count, 2].
    """
    numbers = np.unique(groups)
    above = _levels_above(len(numbers))
    members = [np.flatnonzero(groups == g) for g in numbers]
    trees = [build_bvh(lower[m], upper[m], levels_above=above) for m in members]
    firsts = np.cumsum([0, *(len(t.child) for t in trees)])
    first_leaves = np.cumsum([0, *(len(t.leaf_starts) - 1 for t in trees)])
    child = np.concatenate([_moved(t.child, n, leaf) for t, n, leaf in zip(trees, firsts, first_leaves)])
    boxes = [np.concatenate([getattr(t, side) for t in trees]) for side in ("lower", "upper")]
    child, (low, high) = _join_roots(child, boxes, firsts[:-1])
    depth = _depths(child)
    place = np.argsort(depth, kind="stable")
    new = np.empty_like(place)
    new[place] = np.arange(len(place))
    child = np.where(child >= 0, new[np.maximum(child, 0)], child).astype(np.int32)
    starts = np.cumsum([0, *(len(m) for m in members)])
    tree = BvhTree(
        child=child[place],
        order=np.concatenate([m[t.order] for m, t in zip(members, trees)]).astype(np.int32),
        leaf_starts=np.concatenate([*(t.leaf_starts[:-1] + s for t, s in zip(trees, starts)), starts[-1:]]).astype(
            np.int32
        ),
        level_starts=np.append(np.searchsorted(depth[place], np.arange(depth.max() + 1)), len(child)).astype(np.int32),
        lower=low[place],
        upper=high[place],
    )
    return tree, np.stack([numbers, new[firsts[:-1]]], axis=1).astype(np.int32)


def _levels_above(count: int) -> int:
    """Levels of nodes that join `count` roots."""
    levels = 0
    while count > 1:
        count = -(-count // WIDTH)
        levels += 1
    return levels


def _moved(child: np.ndarray, node: int, leaf: int) -> np.ndarray:
    """Child codes of a tree whose nodes and leaves come after others."""
    inner, leaves = child >= 0, (child < 0) & (child != EMPTY)
    return np.where(inner, child + node, np.where(leaves, child - LEAF_SIZE * leaf, child)).astype(np.int32)


def _join_roots(child: np.ndarray, boxes: list[np.ndarray], roots: np.ndarray):
    """Nodes above the roots, the topmost one last."""
    level = [int(r) for r in roots]
    children, lows, highs = [child], [boxes[0]], [boxes[1]]
    count = len(child)
    spans = {r: (boxes[0][r].min(axis=0), boxes[1][r].max(axis=0)) for r in level}
    while len(level) > 1:
        above = []
        for first in range(0, len(level), WIDTH):
            below = level[first : first + WIDTH]
            codes = np.full((1, WIDTH), EMPTY, np.int32)
            low, high = np.full((1, WIDTH, 3), np.inf, np.float32), np.full((1, WIDTH, 3), -np.inf, np.float32)
            codes[0, : len(below)] = below
            for k, node in enumerate(below):
                low[0, k], high[0, k] = spans[node]
            children.append(codes)
            lows.append(low)
            highs.append(high)
            spans[count] = low[0].min(axis=0), high[0].max(axis=0)
            above.append(count)
            count += 1
        level = above
    return np.concatenate(children), (np.concatenate(lows), np.concatenate(highs))


def _depths(child: np.ndarray) -> np.ndarray:
    """Depth of every node below the topmost one, which is the last, or the first where there is one group."""
    depth = np.full(len(child), -1)
    is_child = np.zeros(len(child), bool)
    is_child[child[child >= 0]] = True
    level = np.flatnonzero(~is_child)
    d = 0
    while len(level):
        depth[level] = d
        below = child[level]
        level = below[below >= 0]
        d += 1
    return depth


def checked_groups(what: str, groups: Any, count: int) -> np.ndarray | None:
    """Group numbers as NumPy data; raises EngineError if there is not one for each primitive."""
    if groups is None:
        return None
    if not isinstance(groups, en.array) or groups.dtype is not en.int32 or groups.shape != (count,):
        got = f"array{groups.ndim}d of {groups.dtype}" if isinstance(groups, en.array) else type(groups).__name__
        raise EngineError(f"{what}: groups is {got}; expected array(int32) with one number for each of {count}")
    return groups.numpy()

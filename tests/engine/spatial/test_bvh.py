import numpy as np
import pytest

from engine.spatial.bvh import EMPTY, LEAF_SIZE, STACK_SIZE, WIDTH, build_bvh


def leaf_code(code):
    return ~code // LEAF_SIZE, ~code % LEAF_SIZE + 1


def random_boxes(n, seed=0):
    rng = np.random.default_rng(seed)
    lower = rng.uniform(-1, 1, (n, 3)).astype(np.float32)
    return lower, lower + rng.uniform(0, 0.1, (n, 3)).astype(np.float32)


def clustered_boxes(n):
    """Half of what is left lies in half of the space, again and again: splits by area peel off little each time."""
    x = (0.5 ** np.linspace(0, 100, n)).astype(np.float32)
    lower = np.stack([x, x, x], 1)
    return lower, lower


def identical_boxes(n):
    return np.zeros((n, 3), np.float32), np.ones((n, 3), np.float32)


CASES = {
    "one": random_boxes(1),
    "full leaf": random_boxes(LEAF_SIZE),
    "two leaves": random_boxes(LEAF_SIZE + 1),
    "many": random_boxes(3000),
    "clustered": clustered_boxes(5000),
    "identical": identical_boxes(1000),
}


@pytest.mark.parametrize("case", CASES)
def test_every_primitive_is_in_one_leaf_and_inside_all_boxes_above(case):
    lower, upper = CASES[case]
    bvh = build_bvh(lower, upper)
    assert np.array_equal(np.sort(bvh.order), np.arange(len(lower)))
    seen = np.zeros(len(lower), int)
    stack = [(0, np.full(3, -np.inf), np.full(3, np.inf))]
    while stack:
        node, box_lower, box_upper = stack.pop()
        used = bvh.child[node] != EMPTY
        assert not np.any(np.diff(used.astype(int)) > 0), "used slots come first"
        for slot in np.flatnonzero(used):
            lo, up = bvh.lower[node, slot], bvh.upper[node, slot]
            assert np.all(lo >= box_lower) and np.all(up <= box_upper)
            code = int(bvh.child[node, slot])
            if code >= 0:
                assert code > node
                stack.append((code, lo, up))
                continue
            leaf, count = leaf_code(code)
            assert bvh.leaf_starts[leaf + 1] - bvh.leaf_starts[leaf] == count
            inside = bvh.order[bvh.leaf_starts[leaf] : bvh.leaf_starts[leaf + 1]]
            seen[inside] += 1
            assert np.all(lower[inside] >= lo) and np.all(upper[inside] <= up)
    assert np.all(seen == 1)


@pytest.mark.parametrize("case", CASES)
def test_depth_fits_the_traversal_stack(case):
    bvh = build_bvh(*CASES[case])
    levels = len(bvh.level_starts) - 1
    assert levels * (WIDTH - 1) + 1 + WIDTH <= STACK_SIZE


@pytest.mark.parametrize("case", CASES)
def test_children_lie_one_level_below(case):
    bvh = build_bvh(*CASES[case])
    level = np.searchsorted(bvh.level_starts, np.arange(len(bvh.child)), side="right") - 1
    for node, slot in np.argwhere(bvh.child >= 0):
        assert level[bvh.child[node, slot]] == level[node] + 1


def test_the_same_boxes_give_the_same_tree():
    a, b = build_bvh(*random_boxes(2000)), build_bvh(*random_boxes(2000))
    assert np.array_equal(a.child, b.child) and np.array_equal(a.order, b.order)


def test_boxes_of_huge_extent_build():
    lower = np.array([[-3e38, 0, 0]] + [[i, 0, 0] for i in range(50)], np.float32)
    bvh = build_bvh(lower, lower + np.float32(1))
    assert np.array_equal(np.sort(bvh.order), np.arange(51))

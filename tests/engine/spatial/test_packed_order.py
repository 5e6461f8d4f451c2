"""The tree that packs boxes in order: every box in one leaf, every node under one parent."""

import numpy as np
import pytest

from engine.spatial.bvh import EMPTY, LEAF_SIZE, WIDTH
from engine.spatial.bvh_layout import COUNT_ROW, NUMBER_ROW
from engine.spatial.packed_order import PackedTree


@pytest.mark.parametrize("count", [1, 7, 8, 9, 64, 65, 512, 513, 4096, 5000, 33000])
def test_every_box_lies_in_one_leaf_and_every_node_under_one_parent(count, device):
    tree = PackedTree(count, device)
    child, nodes, parents = tree.child.numpy(), tree.nodes.numpy(), tree.parents.numpy()
    assert tree.level_starts[0] == 0 and tree.level_starts[1] == 1 and tree.level_starts[-1] == len(child)
    level = np.searchsorted(tree.level_starts, np.arange(len(child)), side="right")
    boxes, seen = [], [0]
    for node, codes in enumerate(child):
        used = [int(c) for c in codes if c != EMPTY]
        assert used and codes[len(used) :].tolist() == [EMPTY] * (WIDTH - len(used))
        assert nodes[node, COUNT_ROW].view(np.int32).tolist() == [len(used)] + [0] * (WIDTH - 1)
        for c in used:
            if c >= 0:
                assert parents[c] == node and level[c] == level[node] + 1
                seen.append(c)
            else:
                leaf, last = divmod(~c, LEAF_SIZE)
                boxes += range(leaf * LEAF_SIZE, leaf * LEAF_SIZE + last + 1)
    assert boxes == list(range(count)) and sorted(seen) == list(range(len(child))) and parents[0] == -1
    assert tree.leaf_count == -(-count // LEAF_SIZE)
    assert np.array_equal(nodes[:, NUMBER_ROW].view(np.int32), child)
    assert (nodes[:, :3] == np.inf).all() and (nodes[:, 3:6] == -np.inf).all()

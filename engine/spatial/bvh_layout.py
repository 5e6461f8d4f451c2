"""What the id of a `Bvh` points to, and what a mesh shares with it.

Nodes are blocks of float32 rows of `LANES` numbers as in a mesh: lower x y z, upper x y z of the children's boxes,
child codes (int32), then the number of children. A leaf is a block of the same form: the boxes of its primitives,
their numbers, how many there are.
"""

from engine.spatial.mesh_layout import LANES, NODE_BYTES, NODE_CHILD_ROW, NODE_COUNT_ROW

NODES, LEAVES, PARENTS, PRIMITIVE_COUNT = range(4)
"""Descriptor words: addresses of nodes, leaves and int32[node_count] parents (-1 above the root); a count."""

GROUPS, GROUP_COUNT = 4, 5
"""Descriptor words: address of int32[group_count, 2], the number of a group and the root of its subtree, ascending;
their count."""

ALL = -1
"""The root that stands for the whole hierarchy."""

BLOCK_BYTES, BLOCK_ROWS = NODE_BYTES, 8
NUMBER_ROW, COUNT_ROW = NODE_CHILD_ROW, NODE_COUNT_ROW

__all__ = [
    "ALL",
    "BLOCK_BYTES",
    "BLOCK_ROWS",
    "COUNT_ROW",
    "GROUPS",
    "GROUP_COUNT",
    "LANES",
    "LEAVES",
    "NODES",
    "NUMBER_ROW",
    "PARENTS",
    "PRIMITIVE_COUNT",
]

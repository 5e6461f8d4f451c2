"""What the id of a `Bvh` points to, and what a mesh shares with it.

Nodes are blocks of float32 rows of `LANES` numbers as in a mesh: lower x y z, upper x y z of the children's boxes,
child codes (int32), then the number of children. A leaf is a block of the same form: the boxes of its primitives,
their numbers, how many there are.
"""

from engine.spatial.mesh_layout import LANES, NODE_BYTES, NODE_CHILD_ROW, NODE_COUNT_ROW

NODES, LEAVES, PARENTS, PRIMITIVE_COUNT = range(4)
"""Descriptor words: addresses of nodes, leaves and int32[node_count] parents (-1 above the root); a count."""

BLOCK_BYTES, BLOCK_ROWS = NODE_BYTES, 8
NUMBER_ROW, COUNT_ROW = NODE_CHILD_ROW, NODE_COUNT_ROW

__all__ = [
    "BLOCK_BYTES",
    "BLOCK_ROWS",
    "COUNT_ROW",
    "LANES",
    "LEAVES",
    "NODES",
    "NUMBER_ROW",
    "PARENTS",
    "PRIMITIVE_COUNT",
]

"""What a mesh id points to: the memory layout that `Mesh` writes and the queries read.

The id of a mesh is the address of its descriptor (see `engine.spatial.descriptor`): addresses and counts, so that one
integer hands a whole mesh to a kernel. A descriptor of zeros is a mesh that is gone; every query then finds nothing.

Nodes of the hierarchy and packets of triangles are blocks of float32 rows of `LANES` numbers, one lane per child or per
triangle. A query handles a block with the same straight-line code for all lanes, which the compiler turns into vector
instructions.
"""

from engine.spatial.bvh import LEAF_SIZE, WIDTH

POINTS, INDICES, VELOCITIES, NODES, PACKETS, FEATURE_IDS, FEATURE_NORMALS, DIPOLES = range(8)
"""Descriptor words that hold addresses: vec3[point_count], int32[3 * triangle_count], vec3[point_count] or 0, nodes,
packets, int32[triangle_count, 6], vec3[feature_count], dipoles or 0."""

POINT_COUNT, TRIANGLE_COUNT = 8, 9
"""Descriptor words that hold counts."""

PARENTS = 10
"""Descriptor word: address of int32[node_count], the parent of every node, -1 for the root."""

POINTS_GRADIENT, VELOCITIES_GRADIENT = 11, 12
"""Descriptor words: addresses of the gradients of points and velocities while a tape goes backward, else 0."""

BVH = 16
"""First of the descriptor words that say of the hierarchy what those of a `Bvh` say, see `bvh_layout`."""

LANES = WIDTH
assert LEAF_SIZE == LANES

NODE_ROWS = 8
"""Rows of a node: lower x y z, upper x y z of the children's boxes, child codes (int32), then in lane 0 of the last row
the number of children (int32). See `BvhTree.child` for the codes."""

NODE_CHILD_ROW, NODE_COUNT_ROW = 6, 7

PACKET_ROWS = 10
"""Rows of a packet: x y z of the triangles' first, second and third points, then the face numbers (int32).
A leaf with fewer triangles than lanes repeats its last one."""

PACKET_FACE_ROW = 9

DIPOLE_ROWS = 8
"""Rows of a node's dipoles: see `fit_dipoles`."""

NODE_BYTES, PACKET_BYTES, ROW_BYTES = 4 * NODE_ROWS * LANES, 4 * PACKET_ROWS * LANES, 4 * LANES

FEATURES_PER_FACE = 6
"""Columns of the feature table: the edges ab, bc, ca of a face, then its points a, b, c. A feature number says which
normal of the mesh belongs there; faces that share an edge or a point share its number."""

# ruff: noqa: F811
"""Walks over hierarchies of boxes that give one primitive after the other, written in the kernel language.

A query must be small, since it lives in registers between two steps of the user's loop: it has no stack of nodes.
The children of a node that a query meets are 8 bits; the bits of the levels above are kept in two words that shift like
a stack, and nodes know their parents. Entering a node tests its 8 boxes at once.
"""

from __future__ import annotations

import engine as en
from engine.in_out import InOut
from engine.spatial import mesh_layout
from engine.spatial.bvh_layout import (
    ALL,
    BLOCK_BYTES,
    COUNT_ROW,
    GROUP_COUNT,
    GROUPS,
    LANES,
    LEAVES,
    NODES,
    NUMBER_ROW,
    PARENTS,
)
from engine.spatial.closest_point import triangle_distance_sq
from engine.spatial.traversal import packet_point

INFINITY = float("inf")
SLACK = 1.0000004
"""Covers the rounding of the distances to a box: Ize, "Robust BVH Ray Traversal", JCGT 2013."""

BOX, RAY, SPHERE = range(3)
TOP, GONE = -1, -2
"""Places of a query that is above the root, and of one that has ended."""


@en.struct
class BvhQuery:
    """A walk over the boxes that meet something; `for index in query` gives their numbers.

    Attributes:
        nodes, leaves, parents: Addresses of the hierarchy.
        kind: `BOX` from `a` to `b`; `RAY` from `a` with 1 / direction `b`, as thick as `radius`; `SPHERE` around `a`.
        triangles: Whether leaves hold triangles of a mesh instead of boxes.
        node: Where the walk is: a node, `TOP` or `GONE`.
        bits, bits_above: Children still to visit, 8 bits a level; the current node's lowest.
        leaf: Address of the current leaf.
        leaf_bits: Its primitives still to report.
        root: The node that the walk starts from.
        exact: Whether a sphere must reach the triangle itself, not only its box.
    """

    nodes: en.uint64
    leaves: en.uint64
    parents: en.uint64
    kind: int
    triangles: bool
    a: en.vec3
    b: en.vec3
    radius: float
    node: int
    bits: en.uint64
    bits_above: en.uint64
    leaf: en.uint64
    leaf_bits: int
    root: int
    exact: bool


@en.func
def _gap(query: BvhQuery, lower: en.vec3, upper: en.vec3, max_dist: float) -> float:
    """Not above 0 where the query meets a box; straight-line code, so that it vectorises over the boxes of a node."""
    a = query.a
    b = query.b
    gap = en.float32(0.0)
    if query.kind == BOX:
        for k in range(3):
            gap = en.max(gap, en.max(lower[k] - b[k], a[k] - upper[k]))
    elif query.kind == RAY:
        enter = en.float32(0.0)
        leave = max_dist
        for k in range(3):
            backward = b[k] < 0.0
            first = en.where(backward, upper[k] + query.radius, lower[k] - query.radius)
            last = en.where(backward, lower[k] - query.radius, upper[k] + query.radius)
            # a parallel ray in the plane of a side gives NaN (0 * infinity); min and max skip it as first operand
            enter = en.max((first - a[k]) * b[k], enter)
            leave = en.min((last - a[k]) * b[k], leave)
        gap = en.where(enter <= leave * SLACK, 0.0, 1.0)
    else:
        distance_sq = en.float32(0.0)
        for k in range(3):
            d = en.max(en.max(lower[k] - a[k], a[k] - upper[k]), 0.0)
            distance_sq = distance_sq + d * d
        gap = distance_sq - query.radius * query.radius
    return gap


@en.func
def _bits_of_block(query: BvhQuery, block: en.uint64, max_dist: float) -> int:
    """The boxes of a node or leaf that the query meets, one bit each."""
    bits = 0
    for lane in range(LANES):
        lower = en.vec3(
            en.ptr_load(en.float32, block, lane),
            en.ptr_load(en.float32, block, LANES + lane),
            en.ptr_load(en.float32, block, 2 * LANES + lane),
        )
        upper = en.vec3(
            en.ptr_load(en.float32, block, 3 * LANES + lane),
            en.ptr_load(en.float32, block, 4 * LANES + lane),
            en.ptr_load(en.float32, block, 5 * LANES + lane),
        )
        bits = bits | en.where(_gap(query, lower, upper, max_dist) <= 0.0, 1 << lane, 0)
    return bits & ((1 << en.ptr_load(en.int32, block, COUNT_ROW * LANES)) - 1)


@en.func
def _bits_of_triangles(query: BvhQuery, packet: en.uint64, used: int, max_dist: float) -> int:
    """The triangles of a mesh's leaf whose boxes the query meets, one bit each."""
    bits = 0
    for lane in range(LANES):
        p = packet_point(packet, lane, 0)
        q = packet_point(packet, lane, 1)
        r = packet_point(packet, lane, 2)
        if query.exact:
            distance_sq = triangle_distance_sq(p, q, r, query.a)
            bits = bits | en.where(distance_sq <= query.radius * query.radius, 1 << lane, 0)
        else:
            lower = en.min(en.min(p, q), r)
            upper = en.max(en.max(p, q), r)
            bits = bits | en.where(_gap(query, lower, upper, max_dist) <= 0.0, 1 << lane, 0)
    return bits & ((1 << used) - 1)


@en.func
def _lowest(bits: int) -> int:
    """Number of the lowest bit that is set."""
    return en.popcount((bits & -bits) - 1)


@en.func
def _next(query: BvhQuery, index: int, max_dist: float = INFINITY):
    found = False
    while not found and query.node != GONE:
        here = int(query.bits & en.uint64(255))
        if query.leaf_bits != 0:
            lane = _lowest(query.leaf_bits)
            query.leaf_bits = query.leaf_bits & (query.leaf_bits - 1)
            row = en.where(query.triangles, mesh_layout.PACKET_FACE_ROW * LANES, NUMBER_ROW * LANES)
            index = en.ptr_load(en.int32, query.leaf, row + lane)
            found = True
        elif here == 0:
            if query.node == TOP:
                query.node = GONE
            else:
                above = en.ptr_load(en.int32, query.parents, query.node)
                query.node = en.where(query.node == query.root, TOP, above)
                query.bits = (query.bits >> en.uint64(8)) | (query.bits_above << en.uint64(56))
                query.bits_above = query.bits_above >> en.uint64(8)
        else:
            query.bits = query.bits & (query.bits - en.uint64(1))
            code = query.root
            if query.node >= 0:
                block = query.nodes + en.uint64(query.node) * en.uint64(BLOCK_BYTES)
                code = en.ptr_load(en.int32, block, NUMBER_ROW * LANES + _lowest(here))
            if code >= 0:
                block = query.nodes + en.uint64(code) * en.uint64(BLOCK_BYTES)
                bits = _bits_of_block(query, block, max_dist)
                if bits != 0:
                    query.bits_above = (query.bits_above << en.uint64(8)) | (query.bits >> en.uint64(56))
                    query.bits = (query.bits << en.uint64(8)) | en.uint64(bits)
                    query.node = code
            else:
                leaf = -(code + 1)
                number = en.uint64(leaf / LANES)
                if query.triangles:
                    query.leaf = query.leaves + number * en.uint64(mesh_layout.PACKET_BYTES)
                    query.leaf_bits = _bits_of_triangles(query, query.leaf, leaf % LANES + 1, max_dist)
                else:
                    query.leaf = query.leaves + number * en.uint64(BLOCK_BYTES)
                    query.leaf_bits = _bits_of_block(query, query.leaf, max_dist)
    return found, query, index


@en.struct
class MeshBvh:
    """The hierarchy of a mesh, from `mesh_get_bvh`; a type of its own, so that queries know what its leaves hold."""

    id: en.uint64


@en.func
def _start(id: en.uint64, kind: int, root: int) -> BvhQuery:
    query = BvhQuery()
    query.nodes = en.ptr_load(en.uint64, id, NODES)
    query.leaves = en.ptr_load(en.uint64, id, LEAVES)
    query.parents = en.ptr_load(en.uint64, id, PARENTS)
    query.kind = kind
    query.root = en.max(root, 0)
    query.node = en.where(query.nodes == en.uint64(0), GONE, TOP)
    query.bits = en.uint64(1)
    return query


@en.func
def bvh_query_aabb(id: en.uint64, low: en.vec3, high: en.vec3, root: int = ALL) -> BvhQuery:
    """Start looking for the boxes of a `Bvh` that overlap the box from `low` to `high` (touching counts).

    `root`, from `bvh_get_group_root`, restricts the search to one group.
    """
    query = _start(id, BOX, root)
    query.a = low
    query.b = high
    return query


@en.func
def bvh_query_aabb(bvh: MeshBvh, low: en.vec3, high: en.vec3, root: int = ALL) -> BvhQuery:
    query = bvh_query_aabb(bvh.id, low, high, root)
    query.triangles = True
    return query


@en.func
def bvh_query_ray(id: en.uint64, start: en.vec3, dir: en.vec3, root: int = ALL) -> BvhQuery:
    """Start looking for the boxes of a `Bvh` that the ray `start + t dir`, `t >= 0`, meets; `root` as for boxes."""
    query = _start(id, RAY, root)
    query.a = start
    query.b = en.vec3(1.0 / dir[0], 1.0 / dir[1], 1.0 / dir[2])
    return query


@en.func
def bvh_query_ray(bvh: MeshBvh, start: en.vec3, dir: en.vec3, root: int = ALL) -> BvhQuery:
    query = bvh_query_ray(bvh.id, start, dir, root)
    query.triangles = True
    return query


@en.func
def bvh_query_sphere(id: en.uint64, center: en.vec3, radius: float, root: int = ALL) -> BvhQuery:
    """Start looking for the boxes of a `Bvh` within `radius` of `center`; `root` as for boxes."""
    query = _start(id, SPHERE, root)
    query.a = center
    query.radius = radius
    return query


@en.func
def bvh_query_sphere(bvh: MeshBvh, center: en.vec3, radius: float, root: int = ALL) -> BvhQuery:
    query = bvh_query_sphere(bvh.id, center, radius, root)
    query.triangles = True
    return query


@en.func
def bvh_query_capsule(id: en.uint64, start: en.vec3, dir: en.vec3, radius: float, root: int = ALL) -> BvhQuery:
    """As `bvh_query_ray`, for boxes grown by `radius` on all sides; no box nearer than that to the ray is missed."""
    query = bvh_query_ray(id, start, dir, root)
    query.radius = radius
    return query


@en.func
def bvh_query_capsule(bvh: MeshBvh, start: en.vec3, dir: en.vec3, radius: float, root: int = ALL) -> BvhQuery:
    query = bvh_query_ray(bvh, start, dir, root)
    query.radius = radius
    return query


@en.func
def bvh_get_group_root(id: en.uint64, group: int) -> int:
    """What queries take as `root` to look in one group only; -1, the whole hierarchy, if no box is of that group."""
    table = en.ptr_load(en.uint64, id, GROUPS)
    low = 0
    high = int(en.ptr_load(en.uint64, id, GROUP_COUNT))
    end = high
    while low < high:
        middle = (low + high) / 2
        if en.ptr_load(en.int32, table, 2 * middle) < group:
            low = middle + 1
        else:
            high = middle
    root = int(ALL)
    if low < end:
        if en.ptr_load(en.int32, table, 2 * low) == group:
            root = en.ptr_load(en.int32, table, 2 * low + 1)
    return root


@en.func
def mesh_get_bvh(id: en.uint64) -> MeshBvh:
    """The hierarchy of a mesh as a handle for `bvh_query_...`, which then give the numbers of its faces."""
    return MeshBvh(id + en.uint64(8 * mesh_layout.BVH))


@en.func
def mesh_get_group_root(id: en.uint64, group: int) -> int:
    """As `bvh_get_group_root`, for the groups of a mesh's faces."""
    return bvh_get_group_root(id + en.uint64(8 * mesh_layout.BVH), group)


@en.func
def mesh_query_aabb(id: en.uint64, low: en.vec3, high: en.vec3, root: int = ALL) -> BvhQuery:
    """Start looking for the triangles of a mesh whose bounding boxes overlap the box from `low` to `high`."""
    return bvh_query_aabb(mesh_get_bvh(id), low, high, root)


@en.func
def mesh_query_sphere(id: en.uint64, center: en.vec3, radius: float, root: int = ALL) -> BvhQuery:
    """Start looking for the triangles of a mesh within `radius` of `center`, the triangles themselves, not their boxes."""
    query = bvh_query_sphere(mesh_get_bvh(id), center, radius, root)
    query.exact = True
    return query


bvh_query_next = InOut(_next, (0, 1), "bvh_query_next")
bvh_query_next.__doc__ = """`bvh_query_next(query, index, max_dist=inf) -> bool`: move on to the next box.

Sets `index` to its number; returns whether there was one. Rays and capsules end at `t = max_dist`."""
mesh_query_aabb_next = InOut(_next, (0, 1), "mesh_query_aabb_next")
mesh_query_aabb_next.__doc__ = """`mesh_query_aabb_next(query, index) -> bool`: move on to the next triangle.

Sets `index` to the number of the face; returns whether there was one."""
mesh_query_next = InOut(_next, (0, 1), "mesh_query_next")
mesh_query_next.__doc__ = mesh_query_aabb_next.__doc__.replace("mesh_query_aabb_next", "mesh_query_next")
BvhQuery.__engine_next__ = bvh_query_next
MeshQuery = MeshQueryAABB = MeshQuerySphere = BvhQuery

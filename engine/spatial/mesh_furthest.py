"""Furthest points of meshes, written in the kernel language.

The distance to a point is convex, so the furthest point of a triangle is one of its corners: only corners are compared,
and the walk goes first where boxes reach furthest.
"""

from __future__ import annotations

import engine as en
from engine.spatial.bvh import STACK_SIZE
from engine.spatial.mesh_layout import LANES, NODE_BYTES, NODES, PACKET_BYTES, PACKET_FACE_ROW, PACKETS
from engine.spatial.mesh_point import MeshQueryPoint
from engine.spatial.traversal import packet_point, push_children


@en.func
def _reach_sq(node: en.uint64, lane: int, p: en.vec3) -> float:
    """Squared distance from `p` to the furthest corner of the box of a child."""
    dx = en.max(
        en.abs(p[0] - en.ptr_load(en.float32, node, lane)),
        en.abs(p[0] - en.ptr_load(en.float32, node, 3 * LANES + lane)),
    )
    dy = en.max(
        en.abs(p[1] - en.ptr_load(en.float32, node, LANES + lane)),
        en.abs(p[1] - en.ptr_load(en.float32, node, 4 * LANES + lane)),
    )
    dz = en.max(
        en.abs(p[2] - en.ptr_load(en.float32, node, 2 * LANES + lane)),
        en.abs(p[2] - en.ptr_load(en.float32, node, 5 * LANES + lane)),
    )
    return dx * dx + dy * dy + dz * dz


@en.func
def _distance_sq(packet: en.uint64, lane: int, corner: int, p: en.vec3) -> float:
    return en.length_sq(packet_point(packet, lane, corner) - p)


@en.func
def mesh_query_furthest_point_no_sign(id: en.uint64, point: en.vec3, min_dist: float) -> MeshQueryPoint:
    """The point of the mesh furthest from `point` [m], if it is further than `min_dist` [m]; its `sign` is 0."""
    nodes = en.ptr_load(en.uint64, id, NODES)
    packets = en.ptr_load(en.uint64, id, PACKETS)
    stack = en.empty(shape=STACK_SIZE, dtype=en.int32)
    stack_key = en.empty(shape=STACK_SIZE, dtype=en.float32)
    keys = en.empty(shape=LANES, dtype=en.float32)
    stack[0] = 0
    stack_key[0] = -1.0e38
    # negative squared distances, so that the walk for the nearest serves for the furthest
    best = en.where(min_dist > 0.0, -min_dist * min_dist, 0.0)
    if min_dist < 0.0:
        best = en.float32(1.0)
    query = MeshQueryPoint()
    count = en.where(nodes == en.uint64(0), 0, 1)
    while count > 0:
        count = count - 1
        code = stack[count]
        if stack_key[count] < best:
            if code >= 0:
                node = nodes + en.uint64(code) * en.uint64(NODE_BYTES)
                for k in range(LANES):
                    keys[k] = -_reach_sq(node, k, point)
                count = push_children(node, keys, best, stack, stack_key, count)
            else:
                leaf = -(code + 1)
                packet = packets + en.uint64(leaf / LANES) * en.uint64(PACKET_BYTES)
                used = leaf % LANES + 1
                k = 0
                while k < used:
                    for corner in range(3):
                        key = -_distance_sq(packet, k, corner, point)
                        if key < best:
                            best = key
                            query.result = True
                            query.face = en.ptr_load(en.int32, packet, PACKET_FACE_ROW * LANES + k)
                            query.u = 1.0 if corner == 0 else 0.0
                            query.v = 1.0 if corner == 1 else 0.0
                    k = k + 1
    return query

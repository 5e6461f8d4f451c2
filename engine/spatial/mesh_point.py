"""Closest points of meshes and inside or outside, written in the kernel language.

The sign comes from angle-weighted pseudonormals: at an edge the sum of the normals of its faces, at a point the sum of
the normals around it weighted by the faces' angles there. With them the sign of `(p - closest) . normal` is right
wherever the closest point lies: Baerentzen & Aanaes, "Signed Distance Computation Using the Angle Weighted
Pseudonormal", TVCG 2005. (The normal of the closest face alone is wrong near sharp edges.) They cost one load per
query, where counting crossings of rays or a winding number costs a second walk. Only where the pseudonormal cannot
decide - next to faces without area, or where two sheets lie back to back - rays do.
"""

from __future__ import annotations

import engine as en
from engine.spatial.bvh import STACK_SIZE
from engine.spatial.closest_point import FACE, THIN, closest_point_on_triangle, triangle_distance_sq
from engine.spatial.mesh_access import mesh_eval_position, mesh_get_point
from engine.spatial.mesh_layout import (
    FEATURE_IDS,
    FEATURE_NORMALS,
    FEATURES_PER_FACE,
    LANES,
    NODE_BYTES,
    NODES,
    PACKET_BYTES,
    PACKET_FACE_ROW,
    PACKETS,
)
from engine.spatial.mesh_ray import INFINITY, mesh_query_ray, mesh_query_ray_count_intersections
from engine.spatial.traversal import packet_point, push_children

UNDECIDED = 1.0e-3
"""Cosine between offset and pseudonormal below which rays decide the sign."""

RIM = 1.0e-3
"""A ray that hits a face this near to its border (in barycentric coordinates) is not trusted for a sign."""

THIRD = 1.0 / 3.0


@en.struct
class MeshQueryPoint:
    """The closest point of a mesh.

    Attributes:
        result: Whether there is one within the distance asked for; the other fields mean something only then.
        sign: 1 outside, -1 inside, 0 where it was not asked for.
        face: Number of the face.
        u, v: Barycentric coordinates: the closest point is `u p0 + v p1 + (1 - u - v) p2`.
    """

    result: bool
    sign: float
    face: int
    u: float
    v: float


@en.func
def _box_distance_sq(node: en.uint64, lane: int, p: en.vec3) -> float:
    """Squared distance from `p` to the box of a child."""
    below_x = en.ptr_load(en.float32, node, lane) - p[0]
    below_y = en.ptr_load(en.float32, node, LANES + lane) - p[1]
    below_z = en.ptr_load(en.float32, node, 2 * LANES + lane) - p[2]
    above_x = p[0] - en.ptr_load(en.float32, node, 3 * LANES + lane)
    above_y = p[1] - en.ptr_load(en.float32, node, 4 * LANES + lane)
    above_z = p[2] - en.ptr_load(en.float32, node, 5 * LANES + lane)
    dx = en.max(en.max(below_x, above_x), 0.0)
    dy = en.max(en.max(below_y, above_y), 0.0)
    dz = en.max(en.max(below_z, above_z), 0.0)
    return dx * dx + dy * dy + dz * dz


@en.func
def _triangle_distance_sq(packet: en.uint64, lane: int, p: en.vec3) -> float:
    return triangle_distance_sq(
        packet_point(packet, lane, 0), packet_point(packet, lane, 1), packet_point(packet, lane, 2), p
    )


@en.func
def _closest_triangle(id: en.uint64, p: en.vec3, max_dist: float):
    """Packet address and lane of the closest triangle; the lane is -1 where none is nearer than `max_dist`."""
    nodes = en.ptr_load(en.uint64, id, NODES)
    packets = en.ptr_load(en.uint64, id, PACKETS)
    stack = en.empty(shape=STACK_SIZE, dtype=en.int32)
    stack_distance_sq = en.empty(shape=STACK_SIZE, dtype=en.float32)
    distance_sq = en.empty(shape=LANES, dtype=en.float32)
    stack[0] = 0
    stack_distance_sq[0] = 0.0

    best = en.where(max_dist > 0.0, max_dist * max_dist, 0.0)
    best_packet = packets
    best_lane = -1
    count = en.where(nodes == en.uint64(0), 0, 1)
    while count > 0:
        count = count - 1
        code = stack[count]
        if stack_distance_sq[count] < best:
            if code >= 0:
                node = nodes + en.uint64(code) * en.uint64(NODE_BYTES)
                for k in range(LANES):
                    distance_sq[k] = _box_distance_sq(node, k, p)
                count = push_children(node, distance_sq, best, stack, stack_distance_sq, count)
            else:
                leaf = -(code + 1)
                packet = packets + en.uint64(leaf / LANES) * en.uint64(PACKET_BYTES)
                for k in range(LANES):
                    distance_sq[k] = _triangle_distance_sq(packet, k, p)
                used = leaf % LANES + 1
                k = 0
                while k < used:
                    if distance_sq[k] < best:
                        best = distance_sq[k]
                        best_packet = packet
                        best_lane = k
                    k = k + 1
    return best_packet, best_lane


@en.func
def _closest_point(id: en.uint64, p: en.vec3, max_dist: float):
    """The closest point without sign, and the part of its face on which it lies (see `closest_point_on_triangle`)."""
    packet, lane = _closest_triangle(id, p, max_dist)
    query = MeshQueryPoint()
    query.result = lane >= 0
    feature = int(FACE)
    if lane >= 0:
        # the points themselves, not the packet's copies: gradients go to them
        face = en.ptr_load(en.int32, packet, PACKET_FACE_ROW * LANES + lane)
        u, v, part = closest_point_on_triangle(
            mesh_get_point(id, 3 * face), mesh_get_point(id, 3 * face + 1), mesh_get_point(id, 3 * face + 2), p
        )
        query.u = u
        query.v = v
        query.face = face
        feature = part
    return query, feature


@en.func
def _sign(id: en.uint64, p: en.vec3, face: int, u: float, v: float, feature: int) -> float:
    """1 if `p` is outside, -1 if inside, given its closest point."""
    side = en.float32(0.0)
    decided = True
    if feature == FACE:
        a = mesh_get_point(id, 3 * face)
        normal = en.cross(mesh_get_point(id, 3 * face + 1) - a, mesh_get_point(id, 3 * face + 2) - a)
        side = en.dot(p - a, normal)
    else:
        ids = en.ptr_load(en.uint64, id, FEATURE_IDS)
        number = en.ptr_load(en.int32, ids, FEATURES_PER_FACE * face + feature - 1)
        normal = en.ptr_load(en.vec3, en.ptr_load(en.uint64, id, FEATURE_NORMALS), number)
        offset = p - mesh_eval_position(id, face, u, v)
        side = en.dot(offset, normal)
        decided = en.abs(side) >= UNDECIDED * en.length(offset) and en.dot(normal, normal) > 0.0
    sign = en.where(side < 0.0, -1.0, 1.0)
    if not decided:
        sign = _sign_by_rays(id, p, face)
    return sign


@en.func
def _has_area(id: en.uint64, face: int) -> bool:
    """Whether a face is more than its edges: the normal of one that is not is made of rounding errors."""
    a = mesh_get_point(id, 3 * face)
    ab = mesh_get_point(id, 3 * face + 1) - a
    ac = mesh_get_point(id, 3 * face + 2) - a
    n = en.cross(ab, ac)
    return en.dot(n, n) > THIN * en.dot(ab, ab) * en.dot(ac, ac)


@en.func
def _sign_by_rays(id: en.uint64, p: en.vec3, face: int) -> float:
    """The side of the first face that a ray from `p` hits squarely; the first ray aims at `face`."""
    dir = mesh_eval_position(id, face, THIRD, THIRD) - p
    sign = en.float32(1.0)
    k = 0
    while k < 4:
        hit = mesh_query_ray(id, p, dir, INFINITY)
        if hit.result:
            sign = hit.sign
            margin = en.min(en.min(hit.u, hit.v), 1.0 - hit.u - hit.v)
            square = en.abs(en.dot(hit.normal, dir)) > RIM * en.length(dir)
            if margin > RIM and square and _has_area(id, hit.face):
                k = 4
        elif k > 0:
            sign = 1.0
            k = 4
        # directions without special meaning, so that they meet no edge of a modelled shape head on
        dir = en.where(
            k == 0, en.vec3(0.48, 0.61, 0.63), en.where(k == 1, en.vec3(-0.71, 0.33, -0.62), en.vec3(0.29, -0.85, 0.44))
        )
        k = k + 1
    return sign


@en.func
def mesh_query_point_no_sign(id: en.uint64, point: en.vec3, max_dist: float) -> MeshQueryPoint:
    """Closest point of the mesh within `max_dist` [m] of `point` [m]; its `sign` is 0."""
    query, _feature = _closest_point(id, point, max_dist)
    return query


@en.func
def mesh_query_point(id: en.uint64, point: en.vec3, max_dist: float) -> MeshQueryPoint:
    """Closest point of the mesh within `max_dist` [m] of `point` [m], and the side of the surface `point` is on.

    The sign is right everywhere for a mesh that is closed and does not cut itself. For an open mesh it tells the side
    of the nearest surface.
    """
    query, feature = _closest_point(id, point, max_dist)
    if query.result:
        query.sign = _sign(id, point, query.face, query.u, query.v, feature)
    return query


@en.func
def mesh_query_point_sign_normal(
    id: en.uint64, point: en.vec3, max_dist: float, epsilon: float = 1.0e-3
) -> MeshQueryPoint:
    """The same as `mesh_query_point`, whose sign comes from normals already.

    `epsilon` exists for compatibility: faces that meet at the closest point are known exactly here, not by a tolerance.
    """
    return mesh_query_point(id, point, max_dist)


@en.func
def mesh_query_point_sign_parity(id: en.uint64, point: en.vec3, max_dist: float) -> MeshQueryPoint:
    """Closest point as `mesh_query_point`; inside is where rays leave the mesh through an odd number of faces.

    Three rays vote, so that one that grazes an edge does no harm. Right for closed meshes whatever way faces turn.
    """
    query, _feature = _closest_point(id, point, max_dist)
    if query.result:
        odd = mesh_query_ray_count_intersections(id, point, en.vec3(0.48, 0.61, 0.63)) & 1
        odd = odd + (mesh_query_ray_count_intersections(id, point, en.vec3(-0.71, 0.33, -0.62)) & 1)
        odd = odd + (mesh_query_ray_count_intersections(id, point, en.vec3(0.29, -0.85, 0.44)) & 1)
        query.sign = en.where(odd >= 2, -1.0, 1.0)
    return query


@en.func
def mesh_query_inside(id: en.uint64, point: en.vec3) -> bool:
    """Whether `point` [m] is inside the closed mesh."""
    return mesh_query_point(id, point, INFINITY).sign < 0.0

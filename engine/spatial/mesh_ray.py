"""Rays against meshes, written in the kernel language.

A ray never slips between two triangles that share an edge: Woop, Benthin, Wald, "Watertight Ray/Triangle
Intersection", JCGT 2013. The points are sheared so that the ray becomes the z axis, and the side on which the axis
passes an edge is decided by a product in float64 that is exact in sign, so both triangles of the edge agree.
"""

from __future__ import annotations

import engine as en
from engine.spatial.bvh import STACK_SIZE
from engine.spatial.mesh_layout import (
    LANES,
    NODE_BYTES,
    NODES,
    PACKET_BYTES,
    PACKET_FACE_ROW,
    PACKETS,
    ROW_BYTES,
)
from engine.spatial.traversal import packet_point, push_children

INFINITY = float("inf")
BOX_SLACK = 1.0000004
"""Covers the rounding of the distances to a box: Ize, "Robust BVH Ray Traversal", JCGT 2013."""


@en.struct
class MeshQueryRay:
    """Where a ray hits a mesh first.

    Attributes:
        result: Whether there is a hit; the other fields mean something only then.
        sign: 1 where the ray meets the front of the face (against its normal), -1 at its back.
        face: Number of the face.
        t: The hit is at `start + t dir`; a distance [m] if `dir` has unit length.
        u, v: Barycentric coordinates: the hit is at `u p0 + v p1 + (1 - u - v) p2`.
        normal: Unit normal of the face, by the right-hand rule.
    """

    result: bool
    sign: float
    face: int
    t: float
    u: float
    v: float
    normal: en.vec3


@en.func
def _edge_side(ax: float, ay: float, bx: float, by: float) -> en.float64:
    return en.float64(ax) * en.float64(by) - en.float64(ay) * en.float64(bx)


@en.func
def _ray_axes(dir: en.vec3):
    """Numbers of the coordinates that play x, y, z for the ray: z is where it points most; a right-handed order."""
    ax = en.abs(dir[0])
    ay = en.abs(dir[1])
    az = en.abs(dir[2])
    z = 2
    if ax >= ay and ax >= az:
        z = 0
    elif ay >= az:
        z = 1
    x = (z + 1) % 3
    y = (z + 2) % 3
    return x, y, z


@en.func
def _component(v: en.vec3, k: int) -> float:
    return en.where(k == 0, v[0], en.where(k == 1, v[1], v[2]))


@en.func
def _first_hit(id: en.uint64, start: en.vec3, dir: en.vec3, max_t: float):
    """Packet address and lane of the first triangle hit, and t; the lane is -1 where nothing is hit."""
    nodes = en.ptr_load(en.uint64, id, NODES)
    packets = en.ptr_load(en.uint64, id, PACKETS)
    stack = en.zeros(shape=STACK_SIZE, dtype=en.int32)
    stack_t = en.zeros(shape=STACK_SIZE, dtype=en.float32)
    ts = en.zeros(shape=LANES, dtype=en.float32)

    inv_x = 1.0 / dir[0]
    inv_y = 1.0 / dir[1]
    inv_z = 1.0 / dir[2]
    near_x = en.where(inv_x < 0.0, en.uint64(3 * ROW_BYTES), en.uint64(0))
    near_y = en.where(inv_y < 0.0, en.uint64(4 * ROW_BYTES), en.uint64(ROW_BYTES))
    near_z = en.where(inv_z < 0.0, en.uint64(5 * ROW_BYTES), en.uint64(2 * ROW_BYTES))
    far_x = en.uint64(3 * ROW_BYTES) - near_x
    far_y = en.uint64(5 * ROW_BYTES) - near_y
    far_z = en.uint64(7 * ROW_BYTES) - near_z

    kx, ky, kz = _ray_axes(dir)
    start_x = _component(start, kx)
    start_y = _component(start, ky)
    start_z = _component(start, kz)
    scale = 1.0 / _component(dir, kz)
    shear_x = _component(dir, kx) * scale
    shear_y = _component(dir, ky) * scale
    row_x = en.uint64(kx * ROW_BYTES)
    row_y = en.uint64(ky * ROW_BYTES)
    row_z = en.uint64(kz * ROW_BYTES)

    best = max_t
    best_packet = packets
    best_lane = -1
    count = en.where(nodes == en.uint64(0), 0, 1)
    while count > 0:
        count = count - 1
        code = stack[count]
        if stack_t[count] < best:
            if code >= 0:
                node = nodes + en.uint64(code) * en.uint64(NODE_BYTES)
                from_x = node + near_x
                from_y = node + near_y
                from_z = node + near_z
                to_x = node + far_x
                to_y = node + far_y
                to_z = node + far_z
                for k in range(LANES):
                    enter_x = (en.ptr_load(en.float32, from_x, k) - start[0]) * inv_x
                    enter_y = (en.ptr_load(en.float32, from_y, k) - start[1]) * inv_y
                    enter_z = (en.ptr_load(en.float32, from_z, k) - start[2]) * inv_z
                    leave_x = (en.ptr_load(en.float32, to_x, k) - start[0]) * inv_x
                    leave_y = (en.ptr_load(en.float32, to_y, k) - start[1]) * inv_y
                    leave_z = (en.ptr_load(en.float32, to_z, k) - start[2]) * inv_z
                    # a parallel ray in the plane of a side gives 0 * infinity, NaN; as first operand min and max skip it
                    enter = en.max(enter_x, en.max(enter_y, en.max(enter_z, 0.0)))
                    leave = en.min(leave_x, en.min(leave_y, en.min(leave_z, best))) * BOX_SLACK
                    ts[k] = en.where(enter <= leave, enter, INFINITY)
                count = push_children(node, ts, best, stack, stack_t, count)
            else:
                leaf = -(code + 1)
                packet = packets + en.uint64(leaf / LANES) * en.uint64(PACKET_BYTES)
                from_x = packet + row_x
                from_y = packet + row_y
                from_z = packet + row_z
                for k in range(LANES):
                    az = en.ptr_load(en.float32, from_z, k) - start_z
                    bz = en.ptr_load(en.float32, from_z, 3 * LANES + k) - start_z
                    cz = en.ptr_load(en.float32, from_z, 6 * LANES + k) - start_z
                    ax = en.ptr_load(en.float32, from_x, k) - start_x - shear_x * az
                    bx = en.ptr_load(en.float32, from_x, 3 * LANES + k) - start_x - shear_x * bz
                    cx = en.ptr_load(en.float32, from_x, 6 * LANES + k) - start_x - shear_x * cz
                    ay = en.ptr_load(en.float32, from_y, k) - start_y - shear_y * az
                    by = en.ptr_load(en.float32, from_y, 3 * LANES + k) - start_y - shear_y * bz
                    cy = en.ptr_load(en.float32, from_y, 6 * LANES + k) - start_y - shear_y * cz
                    u = _edge_side(cx, cy, bx, by)
                    v = _edge_side(ax, ay, cx, cy)
                    w = _edge_side(bx, by, ax, ay)
                    zero = en.float64(0.0)
                    least = en.min(en.min(u, v), w)
                    most = en.max(en.max(u, v), w)
                    area = u + v + w
                    through = (least >= zero or most <= zero) and area != zero
                    depth = u * en.float64(az) + v * en.float64(bz) + w * en.float64(cz)
                    t = en.float32(depth / area) * scale
                    ts[k] = en.where(through and t >= 0.0, t, INFINITY)
                used = leaf % LANES + 1
                k = 0
                while k < used:
                    if ts[k] < best:
                        best = ts[k]
                        best_packet = packet
                        best_lane = k
                    k = k + 1
    return best_packet, best_lane, best


@en.func
def mesh_query_ray(id: en.uint64, start: en.vec3, dir: en.vec3, max_t: float) -> MeshQueryRay:
    """First hit of the ray `start + t dir`, `0 <= t < max_t`, with the mesh.

    Args:
        id: `Mesh.id`.
        start: Origin of the ray [m].
        dir: Its direction; unit length if `t` is to be a distance.
        max_t: Hits from here on are ignored.
    """
    packet, lane, t = _first_hit(id, start, dir, max_t)
    hit = MeshQueryRay()
    hit.result = lane >= 0
    if lane >= 0:
        a = packet_point(packet, lane, 0)
        b = packet_point(packet, lane, 1)
        c = packet_point(packet, lane, 2)
        kx, ky, kz = _ray_axes(dir)
        scale = 1.0 / _component(dir, kz)
        shear_x = _component(dir, kx) * scale
        shear_y = _component(dir, ky) * scale
        az = _component(a, kz) - _component(start, kz)
        bz = _component(b, kz) - _component(start, kz)
        cz = _component(c, kz) - _component(start, kz)
        ax = _component(a, kx) - _component(start, kx) - shear_x * az
        bx = _component(b, kx) - _component(start, kx) - shear_x * bz
        cx = _component(c, kx) - _component(start, kx) - shear_x * cz
        ay = _component(a, ky) - _component(start, ky) - shear_y * az
        by = _component(b, ky) - _component(start, ky) - shear_y * bz
        cy = _component(c, ky) - _component(start, ky) - shear_y * cz
        u = _edge_side(cx, cy, bx, by)
        v = _edge_side(ax, ay, cx, cy)
        area = u + v + _edge_side(bx, by, ax, ay)
        hit.t = t
        hit.u = en.float32(u / area)
        hit.v = en.float32(v / area)
        hit.face = en.ptr_load(en.int32, packet, PACKET_FACE_ROW * LANES + lane)
        hit.normal = en.normalize(en.cross(b - a, c - a))
        hit.sign = en.where(en.dot(hit.normal, dir) < 0.0, 1.0, -1.0)
    return hit

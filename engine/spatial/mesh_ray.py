"""Rays against meshes, written in the kernel language.

A ray never slips between two triangles that share an edge: Woop, Benthin, Wald, "Watertight Ray/Triangle
Intersection", JCGT 2013. The points are sheared so that the ray becomes the z axis, and the side on which the axis
passes an edge is decided by a product in float64 that is exact in sign, so both triangles of the edge agree.
"""

from __future__ import annotations

import engine as en
from engine.spatial.bvh import STACK_SIZE
from engine.spatial.bvh_layout import ALL
from engine.spatial.mesh_access import mesh_get_point
from engine.spatial.mesh_layout import (
    LANES,
    NODE_BYTES,
    NODE_CHILD_ROW,
    NODE_COUNT_ROW,
    NODES,
    PACKET_BYTES,
    PACKET_FACE_ROW,
    PACKETS,
    ROW_BYTES,
)
from engine.spatial.traversal import push_children

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


@en.struct
class _Ray:
    """A ray made ready for boxes and triangles.

    Attributes:
        start: Its origin.
        steepness: 1 / direction, infinite where the ray is parallel to a coordinate plane.
        near: Byte offsets, in a node, of the rows with the sides where the ray enters, for x, y, z.
        far: The same for the sides where it leaves.
        axes: Coordinates that play x, y, z so that the ray runs mostly along z; an even permutation.
        origin: `start` in that order.
        shear: x and y of the direction, in that order, per z; then 1 / z.
    """

    start: en.vec3
    steepness: en.vec3
    near: en.vec3ul
    far: en.vec3ul
    axes: en.vec3i
    origin: en.vec3
    shear: en.vec3


@en.func
def _component(v: en.vec3, k: int) -> float:
    return en.where(k == 0, v[0], en.where(k == 1, v[1], v[2]))


@en.func
def _prepare(start: en.vec3, dir: en.vec3) -> _Ray:
    ax = en.abs(dir[0])
    ay = en.abs(dir[1])
    az = en.abs(dir[2])
    z = en.where(ax >= ay and ax >= az, 0, en.where(ay >= az, 1, 2))
    x = en.where(z == 2, 0, z + 1)
    y = en.where(x == 2, 0, x + 1)
    ray = _Ray()
    ray.start = start
    ray.steepness = en.vec3(1.0 / dir[0], 1.0 / dir[1], 1.0 / dir[2])
    for k in range(3):
        first = en.uint64(k * ROW_BYTES)
        second = en.uint64((3 + k) * ROW_BYTES)
        backward = ray.steepness[k] < 0.0
        ray.near[k] = en.where(backward, second, first)
        ray.far[k] = en.where(backward, first, second)
    ray.axes = en.vec3i(x, y, z)
    ray.origin = en.vec3(_component(start, x), _component(start, y), _component(start, z))
    scale = 1.0 / _component(dir, z)
    ray.shear = en.vec3(_component(dir, x) * scale, _component(dir, y) * scale, scale)
    return ray


@en.func
def _enter_box(ray: _Ray, node: en.uint64, lane: int, limit: float) -> float:
    """t at which the ray enters the box of a child; infinite if it misses it or enters after `limit`."""
    enter_x = (en.ptr_load(en.float32, node + ray.near[0], lane) - ray.start[0]) * ray.steepness[0]
    enter_y = (en.ptr_load(en.float32, node + ray.near[1], lane) - ray.start[1]) * ray.steepness[1]
    enter_z = (en.ptr_load(en.float32, node + ray.near[2], lane) - ray.start[2]) * ray.steepness[2]
    leave_x = (en.ptr_load(en.float32, node + ray.far[0], lane) - ray.start[0]) * ray.steepness[0]
    leave_y = (en.ptr_load(en.float32, node + ray.far[1], lane) - ray.start[1]) * ray.steepness[1]
    leave_z = (en.ptr_load(en.float32, node + ray.far[2], lane) - ray.start[2]) * ray.steepness[2]
    # a parallel ray in the plane of a side gives NaN (0 * infinity); min and max skip it as first operand
    enter = en.max(enter_x, en.max(enter_y, en.max(enter_z, 0.0)))
    leave = en.min(leave_x, en.min(leave_y, en.min(leave_z, limit))) * BOX_SLACK
    return en.where(enter <= leave, enter, INFINITY)


@en.func
def _edge_side(ax: float, ay: float, bx: float, by: float) -> en.float64:
    return en.float64(ax) * en.float64(by) - en.float64(ay) * en.float64(bx)


@en.func
def _hit_triangle(ray: _Ray, packet: en.uint64, lane: int):
    """(t, u, v) of the hit with the triangle in a lane of a packet; t is infinite where there is none."""
    row_x = packet + en.uint64(ray.axes[0] * ROW_BYTES)
    row_y = packet + en.uint64(ray.axes[1] * ROW_BYTES)
    row_z = packet + en.uint64(ray.axes[2] * ROW_BYTES)
    a = _loaded(row_x, row_y, row_z, lane)
    b = _loaded(row_x, row_y, row_z, 3 * LANES + lane)
    c = _loaded(row_x, row_y, row_z, 6 * LANES + lane)
    return _hit(ray, a, b, c)


@en.func
def _loaded(row_x: en.uint64, row_y: en.uint64, row_z: en.uint64, place: int) -> en.vec3:
    return en.vec3(
        en.ptr_load(en.float32, row_x, place),
        en.ptr_load(en.float32, row_y, place),
        en.ptr_load(en.float32, row_z, place),
    )


@en.func
def _in_order(ray: _Ray, p: en.vec3) -> en.vec3:
    return en.vec3(_component(p, ray.axes[0]), _component(p, ray.axes[1]), _component(p, ray.axes[2]))


@en.func
def _hit(ray: _Ray, a: en.vec3, b: en.vec3, c: en.vec3):
    """The same for a triangle whose coordinates are in the order of the ray's axes."""
    az = a[2] - ray.origin[2]
    bz = b[2] - ray.origin[2]
    cz = c[2] - ray.origin[2]
    ax = a[0] - ray.origin[0] - ray.shear[0] * az
    bx = b[0] - ray.origin[0] - ray.shear[0] * bz
    cx = c[0] - ray.origin[0] - ray.shear[0] * cz
    ay = a[1] - ray.origin[1] - ray.shear[1] * az
    by = b[1] - ray.origin[1] - ray.shear[1] * bz
    cy = c[1] - ray.origin[1] - ray.shear[1] * cz
    u = _edge_side(cx, cy, bx, by)
    v = _edge_side(ax, ay, cx, cy)
    w = _edge_side(bx, by, ax, ay)
    zero = en.float64(0.0)
    area = u + v + w
    through = (en.min(en.min(u, v), w) >= zero or en.max(en.max(u, v), w) <= zero) and area != zero
    depth = u * en.float64(az) + v * en.float64(bz) + w * en.float64(cz)
    t = en.float32(depth / area) * ray.shear[2]
    return en.where(through and t >= 0.0, t, INFINITY), en.float32(u / area), en.float32(v / area)


@en.func
def _first_hit(id: en.uint64, ray: _Ray, max_t: float, root: int):
    """Packet address and lane of the first triangle that the ray hits; the lane is -1 where there is none."""
    nodes = en.ptr_load(en.uint64, id, NODES)
    packets = en.ptr_load(en.uint64, id, PACKETS)
    stack = en.empty(shape=STACK_SIZE, dtype=en.int32)
    stack_t = en.empty(shape=STACK_SIZE, dtype=en.float32)
    ts = en.empty(shape=LANES, dtype=en.float32)
    stack[0] = en.max(root, 0)
    stack_t[0] = 0.0

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
                for k in range(LANES):
                    ts[k] = _enter_box(ray, node, k, best)
                count = push_children(node, ts, best, stack, stack_t, count)
            else:
                leaf = -(code + 1)
                packet = packets + en.uint64(leaf / LANES) * en.uint64(PACKET_BYTES)
                for k in range(LANES):
                    t, _u, _v = _hit_triangle(ray, packet, k)
                    ts[k] = t
                used = leaf % LANES + 1
                k = 0
                while k < used:
                    if ts[k] < best:
                        best = ts[k]
                        best_packet = packet
                        best_lane = k
                    k = k + 1
    return best_packet, best_lane


@en.func
def _hits(id: en.uint64, ray: _Ray, max_t: float, root: int, most: int) -> int:
    """How many triangles the ray hits, looking for no more than `most`."""
    nodes = en.ptr_load(en.uint64, id, NODES)
    packets = en.ptr_load(en.uint64, id, PACKETS)
    stack = en.empty(shape=STACK_SIZE, dtype=en.int32)
    stack[0] = en.max(root, 0)
    found = 0
    count = en.where(nodes == en.uint64(0), 0, 1)
    while count > 0 and found < most:
        count = count - 1
        code = stack[count]
        if code >= 0:
            node = nodes + en.uint64(code) * en.uint64(NODE_BYTES)
            children = en.ptr_load(en.int32, node, NODE_COUNT_ROW * LANES)
            for k in range(LANES):
                if k < children and _enter_box(ray, node, k, max_t) < INFINITY:
                    stack[count] = en.ptr_load(en.int32, node, NODE_CHILD_ROW * LANES + k)
                    count = count + 1
        else:
            leaf = -(code + 1)
            packet = packets + en.uint64(leaf / LANES) * en.uint64(PACKET_BYTES)
            for k in range(LANES):
                t, _u, _v = _hit_triangle(ray, packet, k)
                if k <= leaf % LANES and t < max_t:
                    found = found + 1
    return found


@en.func
def mesh_query_ray_anyhit(id: en.uint64, start: en.vec3, dir: en.vec3, max_t: float, root: int = ALL) -> bool:
    """Whether the ray `start + t dir`, `0 <= t < max_t`, hits the mesh anywhere; stops at the first hit that it finds."""
    return _hits(id, _prepare(start, dir), max_t, root, 1) > 0


@en.func
def mesh_query_ray_count_intersections(id: en.uint64, start: en.vec3, dir: en.vec3, root: int = ALL) -> int:
    """How many triangles of the mesh the ray `start + t dir`, `t >= 0`, hits; on a common edge both count."""
    return _hits(id, _prepare(start, dir), INFINITY, root, 2147483647)


@en.func
def mesh_query_ray(id: en.uint64, start: en.vec3, dir: en.vec3, max_t: float, root: int = ALL) -> MeshQueryRay:
    """First hit of the ray `start + t dir`, `0 <= t < max_t`, with the mesh.

    Args:
        id: `Mesh.id`.
        start: Origin of the ray [m].
        dir: Its direction; unit length if `t` is to be a distance.
        max_t: Hits from here on are ignored.
        root: From `mesh_get_group_root`, to look in one group of faces only.
    """
    ray = _prepare(start, dir)
    packet, lane = _first_hit(id, ray, max_t, root)
    hit = MeshQueryRay()
    hit.result = lane >= 0
    if lane >= 0:
        # the points themselves, not the packet's copies: gradients go to them
        face = en.ptr_load(en.int32, packet, PACKET_FACE_ROW * LANES + lane)
        a = mesh_get_point(id, 3 * face)
        b = mesh_get_point(id, 3 * face + 1)
        c = mesh_get_point(id, 3 * face + 2)
        t, u, v = _hit(ray, _in_order(ray, a), _in_order(ray, b), _in_order(ray, c))
        hit.t = t
        hit.u = u
        hit.v = v
        hit.face = face
        hit.normal = en.normalize(en.cross(b - a, c - a))
        hit.sign = en.where(en.dot(hit.normal, dir) < 0.0, 1.0, -1.0)
    return hit

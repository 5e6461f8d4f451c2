"""Inside or outside by winding number, for meshes with holes or overlapping parts, written in the kernel language.

The winding number of a mesh around a point is the sum of the solid angles of its triangles over 4 pi. Far triangles
count together as one dipole: Barill, Dickson, Schmidt, Levin, Jacobson, "Fast Winding Numbers for Soups and Clouds",
SIGGRAPH 2018 (their expansion of order one).
"""

from __future__ import annotations

import engine as en
from engine.spatial.bvh import EMPTY, STACK_SIZE
from engine.spatial.closest_point import TINY
from engine.spatial.mesh_layout import (
    DIPOLE_ROWS,
    DIPOLES,
    LANES,
    NODE_BYTES,
    NODE_CHILD_ROW,
    NODE_COUNT_ROW,
    NODES,
    PACKET_BYTES,
    PACKETS,
)
from engine.spatial.mesh_point import MeshQueryPoint, mesh_query_point, mesh_query_point_no_sign
from engine.spatial.traversal import packet_point

FULL_ANGLE = 12.566370614359172

_EMPTY = int(EMPTY)


@en.kernel
def fit_dipoles(
    child: en.array2d(dtype=int), packets: en.array3d(dtype=float), first_node: int, dipoles: en.array3d(dtype=float)
):
    """Sum up the triangles below one level's children; one thread per child. Deeper levels must be done already.

    Rows of a node's dipoles: area vector x y z, centre x y z, radius around the centre, area.
    """
    offset, slot = en.tid()
    node = first_node + offset
    code = child[node, slot]
    if code != _EMPTY:
        vector = en.vec3(0.0, 0.0, 0.0)
        moment = en.vec3(0.0, 0.0, 0.0)
        middle = en.vec3(0.0, 0.0, 0.0)
        area = en.float32(0.0)
        parts = en.float32(0.0)
        packet = -(code + 1) / LANES
        count = -(code + 1) % LANES + 1
        if code >= 0:
            count = LANES
        for k in range(count):
            if code >= 0:
                if child[code, k] != _EMPTY:
                    centre = en.vec3(dipoles[code, 3, k], dipoles[code, 4, k], dipoles[code, 5, k])
                    vector = vector + en.vec3(dipoles[code, 0, k], dipoles[code, 1, k], dipoles[code, 2, k])
                    moment = moment + centre * dipoles[code, 7, k]
                    middle = middle + centre
                    area = area + dipoles[code, 7, k]
                    parts = parts + 1.0
            else:
                a = en.vec3(packets[packet, 0, k], packets[packet, 1, k], packets[packet, 2, k])
                b = en.vec3(packets[packet, 3, k], packets[packet, 4, k], packets[packet, 5, k])
                c = en.vec3(packets[packet, 6, k], packets[packet, 7, k], packets[packet, 8, k])
                n = en.cross(b - a, c - a) * 0.5
                centre = (a + b + c) / 3.0
                vector = vector + n
                moment = moment + centre * en.length(n)
                middle = middle + centre
                area = area + en.length(n)
                parts = parts + 1.0
        centre = middle / parts
        if area > 0.0:
            centre = moment / area
        radius = en.float32(0.0)
        for k in range(count):
            if code >= 0:
                if child[code, k] != _EMPTY:
                    other = en.vec3(dipoles[code, 3, k], dipoles[code, 4, k], dipoles[code, 5, k])
                    radius = en.max(radius, en.length(other - centre) + dipoles[code, 6, k])
            else:
                for corner in range(3):
                    x = packets[packet, 3 * corner, k]
                    y = packets[packet, 3 * corner + 1, k]
                    z = packets[packet, 3 * corner + 2, k]
                    radius = en.max(radius, en.length(en.vec3(x, y, z) - centre))
        for axis in range(3):
            dipoles[node, axis, slot] = vector[axis]
            dipoles[node, axis + 3, slot] = centre[axis]
        dipoles[node, 6, slot] = radius
        dipoles[node, 7, slot] = area


@en.func
def _solid_angle(packet: en.uint64, lane: int, p: en.vec3) -> float:
    """Solid angle of a triangle seen from `p`, positive from behind: van Oosterom & Strackee 1983."""
    a = packet_point(packet, lane, 0) - p
    b = packet_point(packet, lane, 1) - p
    c = packet_point(packet, lane, 2) - p
    la = en.length(a)
    lb = en.length(b)
    lc = en.length(c)
    scale = la * lb * lc + en.dot(a, b) * lc + en.dot(b, c) * la + en.dot(c, a) * lb
    return 2.0 * en.atan2(en.dot(a, en.cross(b, c)), scale)


@en.func
def _solid_angle_of_dipole(dipole: en.uint64, lane: int, p: en.vec3, accuracy: float):
    """(whether the dipole is far enough away, its solid angle seen from `p`)."""
    vector = en.vec3(
        en.ptr_load(en.float32, dipole, lane),
        en.ptr_load(en.float32, dipole, LANES + lane),
        en.ptr_load(en.float32, dipole, 2 * LANES + lane),
    )
    to_x = en.ptr_load(en.float32, dipole, 3 * LANES + lane) - p[0]
    to_y = en.ptr_load(en.float32, dipole, 4 * LANES + lane) - p[1]
    to_z = en.ptr_load(en.float32, dipole, 5 * LANES + lane) - p[2]
    reach = accuracy * en.ptr_load(en.float32, dipole, 6 * LANES + lane)
    distance_sq = to_x * to_x + to_y * to_y + to_z * to_z
    angle = (vector[0] * to_x + vector[1] * to_y + vector[2] * to_z) / (distance_sq * en.sqrt(distance_sq) + TINY)
    return distance_sq > reach * reach, angle


@en.func
def _winding_number(id: en.uint64, point: en.vec3, accuracy: float, dipoles: en.uint64) -> float:
    nodes = en.ptr_load(en.uint64, id, NODES)
    packets = en.ptr_load(en.uint64, id, PACKETS)
    stack = en.empty(shape=STACK_SIZE, dtype=en.int32)
    stack[0] = 0
    total = en.float32(0.0)
    count = en.where(dipoles == en.uint64(0), 0, 1)
    while count > 0:
        count = count - 1
        code = stack[count]
        if code >= 0:
            node = nodes + en.uint64(code) * en.uint64(NODE_BYTES)
            dipole = dipoles + en.uint64(code) * en.uint64(4 * LANES * DIPOLE_ROWS)
            children = en.ptr_load(en.int32, node, NODE_COUNT_ROW * LANES)
            k = 0
            while k < children:
                far, angle = _solid_angle_of_dipole(dipole, k, point, accuracy)
                if far:
                    total = total + angle
                else:
                    stack[count] = en.ptr_load(en.int32, node, NODE_CHILD_ROW * LANES + k)
                    count = count + 1
                k = k + 1
        else:
            leaf = -(code + 1)
            packet = packets + en.uint64(leaf / LANES) * en.uint64(PACKET_BYTES)
            used = leaf % LANES + 1
            k = 0
            while k < used:
                total = total + _solid_angle(packet, k, point)
                k = k + 1
    return total / FULL_ANGLE


@en.func
def mesh_winding_number(id: en.uint64, point: en.vec3, accuracy: float = 2.0) -> float:
    """How often the mesh winds around `point` [m]: 1 inside and 0 outside where it is closed, between where it is not.

    The mesh must have been made with `support_winding_number=True`; otherwise the result is 0.

    Args:
        id: `Mesh.id`.
        point: Where to look from.
        accuracy: Parts of the mesh count as a whole from this many times their radius on; larger is more exact.
    """
    # dipoles are sums over many triangles: no gradient goes through them to the points of the mesh
    return _winding_number(id, point, accuracy, en.ptr_load_array(id, DIPOLES, DIPOLES))


@en.func
def mesh_query_point_sign_winding_number(
    id: en.uint64, point: en.vec3, max_dist: float, accuracy: float = 2.0, threshold: float = 0.5
) -> MeshQueryPoint:
    """Closest point of the mesh within `max_dist` [m]; inside is where the winding number is above `threshold`.

    For meshes with holes or parts that overlap, where no surface alone tells inside from outside. Without
    `Mesh(support_winding_number=True)` the sign is that of `mesh_query_point`.
    """
    query = MeshQueryPoint()
    dipoles = en.ptr_load(en.uint64, id, DIPOLES)
    if dipoles == en.uint64(0):
        query = mesh_query_point(id, point, max_dist)
    else:
        query = mesh_query_point_no_sign(id, point, max_dist)
        if query.result:
            query.sign = en.where(_winding_number(id, point, accuracy, dipoles) > threshold, -1.0, 1.0)
    return query

"""Closest points on triangles, written in the kernel language.

Both functions decide by the same rule. The foot of the perpendicular is inside the triangle if its barycentric
coordinates, linear in the point, are positive; otherwise the closest point is on one of the three edges. Linear tests
keep thin triangles accurate in float32, where the usual products of dot products cancel; a triangle without area is
just its edges.
"""

from __future__ import annotations

import engine as en

FACE, EDGE_AB, EDGE_BC, EDGE_CA, POINT_A, POINT_B, POINT_C = range(7)
"""The part of a triangle that holds a closest point."""

TINY = 1.0e-37
THIN = 1.0e-10
"""A triangle is treated as its edges where sin² of the angle at its first point is below this."""


@en.func
def segment_parameter(offset: en.vec3, edge: en.vec3) -> float:
    """Parameter in [0, 1] of the point on the segment from 0 to `edge` that is closest to `offset`."""
    return en.min(en.max(en.dot(offset, edge) / en.max(en.dot(edge, edge), TINY), 0.0), 1.0)


@en.func
def triangle_distance_sq(a: en.vec3, b: en.vec3, c: en.vec3, p: en.vec3) -> float:
    """Squared distance [m²] from `p` to the triangle `a b c`, without branches so that it vectorises."""
    ab = b - a
    ac = c - a
    bc = c - b
    ap = p - a
    bp = p - b
    n = en.cross(ab, ac)
    nn = en.dot(n, n)
    v = en.dot(ap, en.cross(ac, n))
    w = en.dot(ap, en.cross(n, ab))
    height = en.dot(ap, n)
    to_ab = ap - ab * segment_parameter(ap, ab)
    to_ac = ap - ac * segment_parameter(ap, ac)
    to_bc = bp - bc * segment_parameter(bp, bc)
    to_edges = en.min(en.min(en.dot(to_ab, to_ab), en.dot(to_ac, to_ac)), en.dot(to_bc, to_bc))
    to_face = height * height / en.max(nn, TINY)
    solid = nn > THIN * en.dot(ab, ab) * en.dot(ac, ac)
    inside = solid and v > 0.0 and w > 0.0 and v + w < nn
    return en.where(inside, to_face, to_edges)


@en.func
def closest_point_on_triangle(a: en.vec3, b: en.vec3, c: en.vec3, p: en.vec3):
    """Closest point to `p` on the triangle `a b c`.

    Returns:
        (u, v, feature): the point is `u a + v b + (1 - u - v) c`; `feature` is the part of the triangle it lies on,
        one of `FACE`, `EDGE_AB`, `EDGE_BC`, `EDGE_CA`, `POINT_A`, `POINT_B`, `POINT_C`.
    """
    ab = b - a
    ac = c - a
    bc = c - b
    ap = p - a
    bp = p - b
    n = en.cross(ab, ac)
    nn = en.dot(n, n)
    v = en.dot(ap, en.cross(ac, n))
    w = en.dot(ap, en.cross(n, ab))
    solid = nn > THIN * en.dot(ab, ab) * en.dot(ac, ac)
    if solid and v > 0.0 and w > 0.0 and v + w < nn:
        return 1.0 - (v + w) / nn, v / nn, int(FACE)

    t_ab = segment_parameter(ap, ab)
    t_ac = segment_parameter(ap, ac)
    t_bc = segment_parameter(bp, bc)
    to_ab = ap - ab * t_ab
    to_ac = ap - ac * t_ac
    to_bc = bp - bc * t_bc
    d_ab = en.dot(to_ab, to_ab)
    d_ac = en.dot(to_ac, to_ac)
    d_bc = en.dot(to_bc, to_bc)
    best = d_ab
    u = 1.0 - t_ab
    v = t_ab
    feature = _edge_part(t_ab, EDGE_AB, POINT_A, POINT_B)
    if d_bc < best:
        best = d_bc
        u = 0.0
        v = 1.0 - t_bc
        feature = _edge_part(t_bc, EDGE_BC, POINT_B, POINT_C)
    if d_ac < best:
        u = 1.0 - t_ac
        v = 0.0
        feature = _edge_part(t_ac, EDGE_CA, POINT_A, POINT_C)
    return u, v, feature


@en.func
def _edge_part(t: float, edge: int, start: int, end: int) -> int:
    part = edge
    if t <= 0.0:
        part = start
    if t >= 1.0:
        part = end
    return part

"""Geometric predicates and closest points between segments, points and triangles."""

from __future__ import annotations

from typing import Any

import engine as en
from engine.library.functions import library

_GROUP = "Geometry"


@library(_GROUP)
def closest_point_edge_edge(p1: en.vec3, q1: en.vec3, p2: en.vec3, q2: en.vec3, epsilon: float) -> en.vec3:
    """Closest points of the segments p1 q1 and p2 q2: (s, t, distance), at p1 + s (q1 - p1) and p2 + t (q2 - p2).

    An edge whose squared length is at most `epsilon` [m²] counts as a point, with parameter 0 (Ericson 2005, 5.1.9,
    each parameter clamped and the other solved again). Differentiable while the closest features stay the same.
    """
    d1, d2, r = q1 - p1, q2 - p2, p1 - p2
    a, e, f = en.dot(d1, d1), en.dot(d2, d2), en.dot(d2, r)
    s, t = 0.0, 0.0
    if a > epsilon and e > epsilon:
        c, b = en.dot(d1, r), en.dot(d1, d2)
        denominator = a * e - b * b  # zero for parallel edges, where any s will do
        if denominator > 0.0:
            s = en.clamp((b * f - c * e) / denominator, 0.0, 1.0)
        t = (b * s + f) / e
        if t < 0.0:
            t = 0.0
            s = en.clamp(-c / a, 0.0, 1.0)
        elif t > 1.0:
            t = 1.0
            s = en.clamp((b - c) / a, 0.0, 1.0)
    elif a > epsilon:
        s = en.clamp(-en.dot(d1, r) / a, 0.0, 1.0)
    elif e > epsilon:
        t = en.clamp(f / e, 0.0, 1.0)
    return en.vec3(s, t, en.length((p1 + d1 * s) - (p2 + d2 * t)))


@en.func
def _apart(axis: Any, v0: Any, v1: Any, v2: Any, u0: Any, u1: Any, u2: Any) -> bool:
    """Whether the projections of two triangles onto an axis leave a gap."""
    a, b, c = en.dot(axis, v0), en.dot(axis, v1), en.dot(axis, v2)
    d, e, f = en.dot(axis, u0), en.dot(axis, u1), en.dot(axis, u2)
    low, high = en.min(en.min(a, b), c), en.max(en.max(a, b), c)
    return en.max(en.max(d, e), f) < low or en.min(en.min(d, e), f) > high


@library(_GROUP)
def intersect_tri_tri(v0: Any, v1: Any, v2: Any, u0: Any, u1: Any, u2: Any) -> int:
    """1 if the triangles v0 v1 v2 and u0 u1 u2 touch or cross, else 0. Not differentiable.

    Separating axes: the two normals, the nine products of edges, and for triangles of one plane the six edge normals.
    """
    origin = v0
    a1, a2, b0, b1, b2 = v1 - origin, v2 - origin, u0 - origin, u1 - origin, u2 - origin
    a0 = origin - origin
    n, m = en.cross(a1, a2), en.cross(b1 - b0, b2 - b0)
    if _apart(n, a0, a1, a2, b0, b1, b2) or _apart(m, a0, a1, a2, b0, b1, b2):
        return 0
    e0, e1, e2 = a1, a2 - a1, -a2
    for k in range(3):
        edge = e0
        g0, g1, g2 = b1 - b0, b2 - b1, b0 - b2
        for _ in range(3):
            if _apart(en.cross(edge, g0), a0, a1, a2, b0, b1, b2):
                return 0
            if k == 0 and _apart(en.cross(m, g0), a0, a1, a2, b0, b1, b2):
                return 0
            g0, g1, g2 = g1, g2, g0
        if _apart(en.cross(n, edge), a0, a1, a2, b0, b1, b2):
            return 0
        e0, e1, e2 = e1, e2, e0
    return 1

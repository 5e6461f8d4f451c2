"""Where narrow-phase functions put the points of a pair: up to eight slots per active pair."""

import engine as en

MAX_POINTS = 8
POINTS = en.constant(8)


@en.struct
class PointTable:
    """Contact points of all active pairs; slot = pair slot * 8 + point.

    count: points per pair slot. point_a, point_b: surface points in the frame of each body (world without one) [m].
    normal: unit, world, from b to a.
    """

    count: en.array(dtype=int)
    point_a: en.array(dtype=en.vec3)
    point_b: en.array(dtype=en.vec3)
    normal: en.array(dtype=en.vec3)


@en.func
def to_body(X_wb: en.array(dtype=en.transform), body: int, p: en.vec3) -> en.vec3:
    """World point to body frame; unchanged for body -1."""
    q = p
    if body >= 0:
        q = en.transform_point(en.transform_inverse(X_wb[body]), p)
    return q


@en.func
def to_world(X_wb: en.array(dtype=en.transform), body: int, p: en.vec3) -> en.vec3:
    """Body point to world; unchanged for body -1."""
    q = p
    if body >= 0:
        q = en.transform_point(X_wb[body], p)
    return q


@en.func
def put_point(
    table: PointTable,
    slot: int,
    i: int,
    body_q: en.array(dtype=en.transform),
    body_a: int,
    body_b: int,
    on_a: en.vec3,
    on_b: en.vec3,
    n: en.vec3,
):
    """Stores point `i` of pair slot `slot` from world points on both surfaces."""
    c = slot * POINTS + i
    table.point_a[c] = to_body(body_q, body_a, on_a)
    table.point_b[c] = to_body(body_q, body_b, on_b)
    table.normal[c] = n

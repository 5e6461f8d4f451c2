"""Sphere or capsule against any shape: distance of the core (point or segment) from the other surface."""

import engine as en
from sim.collide.contact_points import PointTable, put_point
from sim.collide.signed_distance import FAR, shape_distance

GOLDEN = en.constant(0.6180339887)


@en.func
def core_point(scale: en.vec3, t: float) -> en.vec3:
    """Point of a capsule's core segment, t in [-1, 1]."""
    return en.vec3(0.0, t * scale[1], 0.0)


@en.func
def core_distance(
    t: float, scale_a: en.vec3, X_wa: en.transform, kind_b: int, scale_b: en.vec3, source_b: en.uint64,
    X_bw: en.transform, reach: float,
) -> float:  # fmt: skip
    p = en.transform_point(X_bw, en.transform_point(X_wa, core_point(scale_a, t)))
    d, _n = shape_distance(kind_b, scale_b, source_b, p, reach)
    return d


@en.func
def put_core_contact(
    table: PointTable, slot: int, i: int, body_q: en.array(dtype=en.transform), body_a: int, body_b: int,
    center: en.vec3, radius: float, kind_b: int, scale_b: en.vec3, source_b: en.uint64, X_wb: en.transform,
    reach: float, skin_a: float, skin_b: float, margin: float,
) -> int:  # fmt: skip
    """Adds the contact of a ball at world `center` if it is within the margin; returns the new point count."""
    used = i
    d, n_b = shape_distance(kind_b, scale_b, source_b, en.transform_point(en.transform_inverse(X_wb), center), reach)
    if d < 0.5 * FAR and d - radius - skin_a - skin_b < margin:
        n = en.transform_vector(X_wb, n_b)
        put_point(table, slot, i, body_q, body_a, body_b, center - n * (radius + skin_a), center - n * (d - skin_b), n)
        used = i + 1
    return used


@en.kernel
def collide_sphere(
    kind: int,
    active_count: en.array(dtype=int),
    active_pair: en.array(dtype=int),
    pair_kind: en.array(dtype=int),
    pair_shapes: en.array2d(dtype=int),
    shape_body: en.array(dtype=int),
    shape_type: en.array(dtype=int),
    shape_scale: en.array(dtype=en.vec3),
    shape_source: en.array(dtype=en.uint64),
    shape_thickness: en.array(dtype=float),
    X_ws: en.array(dtype=en.transform),
    body_q: en.array(dtype=en.transform),
    margin: float,
    table: PointTable,
):
    slot = en.tid()
    if slot >= active_count[0]:
        return
    pair = active_pair[slot]
    if pair_kind[pair] != kind:
        return
    a = pair_shapes[pair, 0]
    b = pair_shapes[pair, 1]
    radius = shape_scale[a][0]
    center = en.transform_get_translation(X_ws[a])
    table.count[slot] = put_core_contact(
        table, slot, 0, body_q, shape_body[a], shape_body[b], center, radius, shape_type[b], shape_scale[b],
        shape_source[b], X_ws[b], 2.0 * radius + margin, shape_thickness[a], shape_thickness[b], margin,
    )  # fmt: skip


@en.kernel
def collide_capsule(
    kind: int,
    active_count: en.array(dtype=int),
    active_pair: en.array(dtype=int),
    pair_kind: en.array(dtype=int),
    pair_shapes: en.array2d(dtype=int),
    shape_body: en.array(dtype=int),
    shape_type: en.array(dtype=int),
    shape_scale: en.array(dtype=en.vec3),
    shape_source: en.array(dtype=en.uint64),
    shape_thickness: en.array(dtype=float),
    X_ws: en.array(dtype=en.transform),
    body_q: en.array(dtype=en.transform),
    margin: float,
    table: PointTable,
):
    """Both ends, and the nearest point between them (golden-section search; exact for a convex partner)."""
    slot = en.tid()
    if slot >= active_count[0]:
        return
    pair = active_pair[slot]
    if pair_kind[pair] != kind:
        return
    a = pair_shapes[pair, 0]
    b = pair_shapes[pair, 1]
    scale_a = shape_scale[a]
    kind_b = shape_type[b]
    scale_b = shape_scale[b]
    source_b = shape_source[b]
    X_wa = X_ws[a]
    X_wb = X_ws[b]
    X_bw = en.transform_inverse(X_wb)
    radius = scale_a[0]
    reach = 2.0 * (radius + scale_a[1]) + margin
    used = 0
    for e in range(2):
        t_end = 2.0 * float(e) - 1.0
        used = put_core_contact(
            table, slot, used, body_q, shape_body[a], shape_body[b],
            en.transform_point(X_wa, core_point(scale_a, t_end)), radius, kind_b, scale_b, source_b, X_wb, reach,
            shape_thickness[a], shape_thickness[b], margin,
        )  # fmt: skip
    lo = -1.0
    hi = 1.0
    t1 = hi - GOLDEN * (hi - lo)
    t2 = lo + GOLDEN * (hi - lo)
    d1 = core_distance(t1, scale_a, X_wa, kind_b, scale_b, source_b, X_bw, reach)
    d2 = core_distance(t2, scale_a, X_wa, kind_b, scale_b, source_b, X_bw, reach)
    turns = 0
    while turns < 24:
        if d1 < d2:
            hi = t2
            t2 = t1
            d2 = d1
            t1 = hi - GOLDEN * (hi - lo)
            d1 = core_distance(t1, scale_a, X_wa, kind_b, scale_b, source_b, X_bw, reach)
        else:
            lo = t1
            t1 = t2
            d1 = d2
            t2 = lo + GOLDEN * (hi - lo)
            d2 = core_distance(t2, scale_a, X_wa, kind_b, scale_b, source_b, X_bw, reach)
        turns = turns + 1
    # between the ends only if deeper there: lying flat, two points support the capsule without flicker
    t = 0.5 * (lo + hi)
    d_ends = en.min(
        core_distance(-1.0, scale_a, X_wa, kind_b, scale_b, source_b, X_bw, reach),
        core_distance(1.0, scale_a, X_wa, kind_b, scale_b, source_b, X_bw, reach),
    )
    if en.min(d1, d2) < d_ends - 1.0e-3 * (radius + scale_a[1]):
        used = put_core_contact(
            table, slot, used, body_q, shape_body[a], shape_body[b], en.transform_point(X_wa, core_point(scale_a, t)),
            radius, kind_b, scale_b, source_b, X_wb, reach, shape_thickness[a], shape_thickness[b], margin,
        )  # fmt: skip
    table.count[slot] = used

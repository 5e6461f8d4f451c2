"""Spheres against smooth shapes, and capsules against each other: closed forms."""

import engine as en
from sim.collide.contact_points import PointTable, put_point
from sim.collide.convex_shapes import HullTable
from sim.collide.pair_table import PairTable, ShapeTable, pair_of_kind
from sim.collide.signed_distance import smooth_shape_distance
from sim.collide.surfaces import SurfaceTable


@en.kernel
def collide_sphere(
    kind: int, pairs: PairTable, shapes: ShapeTable, hulls: HullTable, surfaces: SurfaceTable,
    body_q: en.array(dtype=en.transform), margin: float, table: PointTable,
):  # fmt: skip
    slot = en.tid()
    pair = pair_of_kind(pairs, slot, kind)
    if pair < 0:
        return
    a = pairs.shapes[pair, 0]
    b = pairs.shapes[pair, 1]
    radius = shapes.scale[a][0]
    skin_a = shapes.thickness[a]
    skin_b = shapes.thickness[b]
    center = en.transform_get_translation(shapes.X_ws[a])
    X_wb = shapes.X_ws[b]
    used = 0
    p = en.transform_point(en.transform_inverse(X_wb), center)
    d, n_b = smooth_shape_distance(shapes.kind[b], shapes.scale[b], p)
    if d - radius - skin_a - skin_b < margin:
        n = en.transform_vector(X_wb, n_b)
        put_point(
            table, slot, 0, body_q, shapes.body[a], shapes.body[b], center - n * (radius + skin_a),
            center - n * (d - skin_b), n,
        )  # fmt: skip
        used = 1
    table.count[slot] = used


@en.func
def put_capsule_point(
    table: PointTable, slot: int, used: int, body_q: en.array(dtype=en.transform), body_a: int, body_b: int, pa: en.vec3,
    pb: en.vec3, other: en.vec3, ra: float, rb: float, reach: float,
) -> int:  # fmt: skip
    """Adds the contact of two core points if they are within reach; `other` is the normal for cores that meet."""
    count = int(used)
    d = pa - pb
    length = en.length(d)
    if length < reach:
        n = other
        if length > 1.0e-9:
            n = d / length
        put_point(table, slot, count, body_q, body_a, body_b, pa - n * ra, pb + n * rb, n)
        count = count + 1
    return count


@en.kernel
def collide_capsules(
    kind: int, pairs: PairTable, shapes: ShapeTable, hulls: HullTable, surfaces: SurfaceTable,
    body_q: en.array(dtype=en.transform), margin: float, table: PointTable,
):  # fmt: skip
    """The nearest points of the two core segments; for parallel ones both ends of the stretch they have in common."""
    slot = en.tid()
    pair = pair_of_kind(pairs, slot, kind)
    if pair < 0:
        return
    a = pairs.shapes[pair, 0]
    b = pairs.shapes[pair, 1]
    body_a = shapes.body[a]
    body_b = shapes.body[b]
    ra = shapes.scale[a][0] + shapes.thickness[a]
    rb = shapes.scale[b][0] + shapes.thickness[b]
    reach = margin + ra + rb
    ha = shapes.scale[a][1]
    hb = shapes.scale[b][1]
    ca = en.transform_get_translation(shapes.X_ws[a])
    cb = en.transform_get_translation(shapes.X_ws[b])
    u = en.transform_vector(shapes.X_ws[a], en.vec3(0.0, 1.0, 0.0))
    v = en.transform_vector(shapes.X_ws[b], en.vec3(0.0, 1.0, 0.0))
    r = ca - cb
    m = en.dot(u, v)
    ur = en.dot(u, r)
    vr = en.dot(v, r)
    side = en.cross(u, v)
    if en.dot(side, side) < 1.0e-12:
        side = en.cross(u, en.vec3(1.0, 0.0, 0.0))
        if en.abs(u[0]) > 0.7:
            side = en.cross(u, en.vec3(0.0, 1.0, 0.0))
    side = en.normalize(side)
    used = 0
    low = -ha
    high = ha
    # the stretch of b along u, seen from ca
    e0 = -ur - m * hb
    e1 = -ur + m * hb
    low = en.max(low, en.min(e0, e1))
    high = en.min(high, en.max(e0, e1))
    if 1.0 - m * m < 1.0e-4 and high - low > 1.0e-3 * ha:
        for e in range(2):
            s = low
            if e == 1:
                s = high
            pa = ca + u * s
            pb = cb + v * en.clamp(vr + m * s, -hb, hb)
            used = put_capsule_point(table, slot, used, body_q, body_a, body_b, pa, pb, side, ra, rb, reach)
    else:
        s = en.clamp((m * vr - ur) / en.max(1.0 - m * m, 1.0e-9), -ha, ha)
        w = vr + m * s
        if w > hb or w < -hb:
            w = en.clamp(w, -hb, hb)
            s = en.clamp(m * w - ur, -ha, ha)
        pa = ca + u * s
        pb = cb + v * w
        used = put_capsule_point(table, slot, used, body_q, body_a, body_b, pa, pb, side, ra, rb, reach)
    table.count[slot] = used

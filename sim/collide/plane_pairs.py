"""Any convex shape or mesh against a plane: a plane sees of a mesh only its convex hull."""

import engine as en
from sim.collide.contact_points import PointTable, put_point
from sim.collide.convex_shapes import Convex, HullTable, convex_in, feature, hull_vertex, support
from sim.collide.manifold import clip_to_outline, keep_eight
from sim.collide.pair_table import PairTable, ShapeTable, pair_of_kind
from sim.collide.shape_types import CONVEX, FIELD, MESH
from sim.collide.surfaces import SurfaceTable


@en.func
def over_sheet(p: en.vec3, origin: en.vec3, u: en.vec3, v: en.vec3, half: en.vec3) -> bool:
    """Whether p is over a plane with half widths half.x along u and half.y along v, unbounded when either is zero."""
    inside = True
    if half[0] > 0.0 and half[1] > 0.0:
        d = p - origin
        inside = en.abs(en.dot(d, u)) <= half[0] and en.abs(en.dot(d, v)) <= half[1]
    return inside


@en.func
def hull_on_plane(
    c: Convex, hulls: HullTable, origin: en.vec3, n: en.vec3, u: en.vec3, v: en.vec3, half: en.vec3, low: float,
    reach: float, poly: en.array(dtype=en.vec3), gap: en.array(dtype=float),
) -> int:  # fmt: skip
    """Vertices within reach; where they are many, the farthest in twelve directions along the plane, and the deepest."""
    used = 0
    within = 0
    for i in range(hulls.number[c.hull + 1]):
        p = hull_vertex(hulls, c, i)
        h = en.dot(n, p - origin)
        if h < reach and h > low and over_sheet(p, origin, u, v, half):
            within = within + 1
            if within <= 28:
                poly[within - 1] = p
                gap[within - 1] = h
    if within <= 28:
        return within
    for k in range(13):
        angle = 0.5235988 * float(k) + 0.05
        d = u * en.cos(angle) + v * en.sin(angle)
        if k == 12:
            d = en.vec3(0.0, 0.0, 0.0)
        best = -1.0e30
        at = 0
        height = 0.0
        for i in range(hulls.number[c.hull + 1]):
            p = hull_vertex(hulls, c, i)
            h = en.dot(n, p - origin)
            if h < reach and h > low and over_sheet(p, origin, u, v, half):
                score = en.dot(d, p) - 2.0 * h
                if score > best:
                    best = score
                    at = i
                    height = h
        p = hull_vertex(hulls, c, at)
        fresh = True
        for j in range(used):
            e = poly[j] - p
            if en.dot(e, e) < 1.0e-10 * c.size * c.size:
                fresh = False
        if fresh:
            poly[used] = p
            gap[used] = height
            used = used + 1
    return used


@en.kernel
def collide_plane(
    kind: int, pairs: PairTable, shapes: ShapeTable, hulls: HullTable, surfaces: SurfaceTable,
    body_q: en.array(dtype=en.transform), margin: float, table: PointTable,
):  # fmt: skip
    slot = en.tid()
    pair = pair_of_kind(pairs, slot, kind)
    if pair < 0:
        return
    sa = pairs.shapes[pair, 0]
    sb = pairs.shapes[pair, 1]
    a = convex_in(shapes, sa)
    skin = shapes.thickness[sb]
    reach = margin + a.radius + skin
    # the plane in the frame of a
    X_wa = shapes.X_ws[sa]
    X_ab = en.transform_multiply(en.transform_inverse(X_wa), shapes.X_ws[sb])
    origin = en.transform_get_translation(X_ab)
    n = en.transform_vector(X_ab, en.vec3(0.0, 1.0, 0.0))
    u = en.transform_vector(X_ab, en.vec3(0.0, 0.0, 1.0))
    v = en.transform_vector(X_ab, en.vec3(1.0, 0.0, 0.0))
    half = en.vec3(shapes.scale[sb][1], shapes.scale[sb][0], 0.0)
    bounded = half[0] > 0.0 and half[1] > 0.0
    low = -1.0e30
    if bounded:
        # a sheet pushes up from a quarter of its size below
        low = -0.25 * en.min(half[0], half[1])
    poly = en.zeros(shape=28, dtype=en.vec3)
    gap = en.zeros(shape=28, dtype=float)
    used = 0
    if a.kind == CONVEX or a.kind == MESH or a.kind == FIELD:
        used = hull_on_plane(a, hulls, origin, n, u, v, half, low, reach, poly, gap)
    else:
        deepest, _v = support(a, hulls, -n, -1)
        found = en.dot(n, deepest - origin)
        if found < reach:
            count, _m = feature(a, hulls, -n, poly)
            if count == 0:
                poly[0] = deepest
                count = 1
            if bounded and count > 1:
                sheet = en.zeros(shape=4, dtype=en.vec3)
                sheet[0] = origin - u * half[0] - v * half[1]
                sheet[1] = origin + u * half[0] - v * half[1]
                sheet[2] = origin + u * half[0] + v * half[1]
                sheet[3] = origin - u * half[0] + v * half[1]
                count = clip_to_outline(poly, count, sheet, 4, n)
            for c in range(count):
                p = poly[c]
                h = en.dot(n, p - origin)
                if h < reach and h > low and over_sheet(p, origin, u * 0.9999, v * 0.9999, half):
                    poly[used] = p
                    gap[used] = h
                    used = used + 1
    used = keep_eight(poly, gap, used, n)
    n_w = en.transform_vector(X_wa, n)
    for c in range(used):
        p = poly[c]
        put_point(
            table, slot, c, body_q, shapes.body[sa], shapes.body[sb],
            en.transform_point(X_wa, p - n * a.radius), en.transform_point(X_wa, p - n * (gap[c] - skin)), n_w,
        )  # fmt: skip
    table.count[slot] = used

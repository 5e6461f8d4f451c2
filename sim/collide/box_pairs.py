"""Box against box: separating axes, then a clipped face or the nearest points of two edges.

Fifteen axes (Gottschalk, Lin, Manocha 1996); on the axis of least penetration either the incident face is clipped
against the sides of the reference face (up to eight points) or, for two edges, one point is made. Faces are preferred
to edges by a small bias, so that a resting box keeps its manifold.
"""

import engine as en
from sim.collide.contact_points import PointTable, put_point

# An edge axis must win by this share of the smaller box, or by this factor, to be preferred to a face.
EDGE_BIAS = en.constant(0.01)


@en.func
def axis_of(R: en.mat33, k: int) -> en.vec3:
    """Column k."""
    return en.vec3(R[0, k], R[1, k], R[2, k])


@en.func
def half_along(R: en.mat33, h: en.vec3, n: en.vec3) -> float:
    """Half width of a box along the unit direction n."""
    return (
        en.abs(en.dot(axis_of(R, 0), n)) * h[0]
        + en.abs(en.dot(axis_of(R, 1), n)) * h[1]
        + en.abs(en.dot(axis_of(R, 2), n)) * h[2]
    )


@en.func
def most_opposed_axis(R: en.mat33, n: en.vec3) -> int:
    """Axis of the box face whose normal is most parallel to n."""
    x = en.abs(en.dot(axis_of(R, 0), n))
    y = en.abs(en.dot(axis_of(R, 1), n))
    z = en.abs(en.dot(axis_of(R, 2), n))
    k = 0
    if y > x and y >= z:
        k = 1
    elif z > x:
        k = 2
    return k


@en.func
def edge_center(R: en.mat33, h: en.vec3, c: en.vec3, k: int, n: en.vec3) -> en.vec3:
    """Middle of the edge parallel to axis k that reaches farthest along n."""
    p = c
    for j in range(3):
        if j != k:
            a = axis_of(R, j)
            p = p + a * (h[j] * en.where(en.dot(a, n) > 0.0, 1.0, -1.0))
    return p


@en.kernel
def collide_boxes(
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
    shape_a = pair_shapes[pair, 0]
    shape_b = pair_shapes[pair, 1]
    body_a = shape_body[shape_a]
    body_b = shape_body[shape_b]
    ha = shape_scale[shape_a]
    hb = shape_scale[shape_b]
    skin_a = shape_thickness[shape_a]
    skin_b = shape_thickness[shape_b]
    reach = margin + skin_a + skin_b
    ca = en.transform_get_translation(X_ws[shape_a])
    cb = en.transform_get_translation(X_ws[shape_b])
    Ra = en.quat_to_matrix(en.transform_get_rotation(X_ws[shape_a]))
    Rb = en.quat_to_matrix(en.transform_get_rotation(X_ws[shape_b]))
    t = cb - ca

    # face axes; the normal always points from b to a
    face_gap = -1.0e30
    face = 0
    n = en.vec3(0.0, 1.0, 0.0)
    for k in range(3):
        axis = axis_of(Ra, k)
        s = en.dot(axis, t)
        gap = en.abs(s) - ha[k] - half_along(Rb, hb, axis)
        if gap > face_gap + 1.0e-5 * ha[k]:
            face_gap = gap
            face = k
            n = axis * en.where(s > 0.0, -1.0, 1.0)
    for k in range(3):
        axis = axis_of(Rb, k)
        s = en.dot(axis, t)
        gap = en.abs(s) - hb[k] - half_along(Ra, ha, axis)
        if gap > face_gap + 1.0e-3 * hb[k]:
            face_gap = gap
            face = 3 + k
            n = axis * en.where(s > 0.0, -1.0, 1.0)
    edge_gap = -1.0e30
    edge_a = -1
    edge_b = 0
    n_edge = n
    for i in range(3):
        for j in range(3):
            axis = en.cross(axis_of(Ra, i), axis_of(Rb, j))
            length = en.length(axis)
            if length > 1.0e-3:
                axis = axis / length
                s = en.dot(axis, t)
                gap = en.abs(s) - half_along(Ra, ha, axis) - half_along(Rb, hb, axis)
                if gap > edge_gap:
                    edge_gap = gap
                    edge_a = i
                    edge_b = j
                    n_edge = axis * en.where(s > 0.0, -1.0, 1.0)
    used = 0
    bias = EDGE_BIAS * en.min(en.min(ha[0], en.min(ha[1], ha[2])), en.min(hb[0], en.min(hb[1], hb[2])))
    if en.max(face_gap, edge_gap) < reach:
        if edge_a >= 0 and edge_gap > face_gap + bias:
            # nearest points of the two edge lines
            pa = edge_center(Ra, ha, ca, edge_a, -n_edge)
            pb = edge_center(Rb, hb, cb, edge_b, n_edge)
            da = axis_of(Ra, edge_a)
            db = axis_of(Rb, edge_b)
            r = pa - pb
            m = en.dot(da, db)
            q = en.dot(da, r)
            w = en.dot(db, r)
            den = en.max(1.0 - m * m, 1.0e-9)
            pa = pa + da * ((m * w - q) / den)
            pb = pb + db * ((w - m * q) / den)
            put_point(table, slot, 0, body_q, body_a, body_b, pa - n_edge * skin_a, pb + n_edge * skin_b, n_edge)
            used = 1
        else:
            # reference box: the one that owns the face; work in its frame with w along the outward face normal
            Rr = Ra
            Ri = Rb
            cr = ca
            ci = cb
            hr = ha
            hi = hb
            out = -n
            k = face
            if face >= 3:
                Rr = Rb
                Ri = Ra
                cr = cb
                ci = ca
                hr = hb
                hi = ha
                out = n
                k = face - 3
            ku = (k + 1) % 3
            kv = (k + 2) % 3
            u = axis_of(Rr, ku)
            v = axis_of(Rr, kv)
            hu = hr[ku]
            hv = hr[kv]
            top = hr[k]
            inc = most_opposed_axis(Ri, out)
            iu = (inc + 1) % 3
            iv = (inc + 2) % 3
            side = en.where(en.dot(axis_of(Ri, inc), out) > 0.0, -1.0, 1.0)
            fc = ci + axis_of(Ri, inc) * (side * hi[inc]) - cr
            eu = axis_of(Ri, iu) * hi[iu]
            ev = axis_of(Ri, iv) * hi[iv]
            poly = en.zeros(shape=20, dtype=en.vec3)
            for c in range(4):
                su = en.where(c == 0 or c == 3, -1.0, 1.0)
                sv = en.where(c < 2, -1.0, 1.0)
                p = fc + eu * su + ev * sv
                poly[c] = en.vec3(en.dot(p, u), en.dot(p, v), en.dot(p, out))
            count = 4
            # Sutherland-Hodgman against the four sides; the two halves of `poly` alternate
            for plane in range(4):
                src = 10 * (plane % 2)
                dst = 10 - src
                sign = en.where(plane < 2, 1.0, -1.0)
                made = 0
                for c in range(count):
                    p0 = poly[src + c]
                    nxt = c + 1
                    if nxt == count:
                        nxt = 0
                    p1 = poly[src + nxt]
                    d0 = sign * p0[0] - hu
                    d1 = sign * p1[0] - hu
                    if plane % 2 == 1:
                        d0 = sign * p0[1] - hv
                        d1 = sign * p1[1] - hv
                    if d0 <= 0.0 and made < 10:
                        poly[dst + made] = p0
                        made = made + 1
                    if ((d0 < 0.0 and d1 > 0.0) or (d0 > 0.0 and d1 < 0.0)) and made < 10:
                        poly[dst + made] = p0 + (p1 - p0) * (d0 / (d0 - d1))
                        made = made + 1
                count = made
            for c in range(count):
                p = poly[c]
                gap = p[2] - top
                if gap < reach and used < 8:
                    on_inc = cr + u * p[0] + v * p[1] + out * p[2]
                    on_ref = on_inc - out * gap
                    pa = on_ref
                    pb = on_inc
                    if face >= 3:
                        pa = on_inc
                        pb = on_ref
                    put_point(table, slot, used, body_q, body_a, body_b, pa - n * skin_a, pb + n * skin_b, n)
                    used = used + 1
    table.count[slot] = used

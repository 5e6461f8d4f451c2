"""Any two shapes with sample points: points of each against the signed distance of the other, reduced to eight.

Kept are the deepest point and those that reach farthest along the axes and towards the octants: the support polygon
of a resting body. Edges that cross edges are seen only through their ends.
"""

import engine as en
from sim.collide.contact_points import PointTable, put_point
from sim.collide.sample_points import sample_count, sample_point
from sim.collide.shape_types import PLANE
from sim.collide.signed_distance import FAR, shape_distance

# Bins: the deepest point, six axes, eight octants; the first eight different points are kept, in this order.
BINS = en.constant(15)


@en.func
def bin_direction(k: int) -> en.vec3:
    """Direction in which bin k wants the farthest point; slightly skewed so that symmetric points are no ties."""
    d = en.vec3(0.0, 0.0, 0.0)
    if k >= 1 and k <= 6:
        s = 1.0
        if (k & 1) == 0:
            s = -1.0
        if k <= 2:
            d = en.vec3(1.7 * s, 0.0, 0.02)
        elif k <= 4:
            d = en.vec3(0.02, 0.0, 1.7 * s)
        else:
            d = en.vec3(0.02, 1.7 * s, 0.01)
    elif k > 6:
        x = en.where((k & 1) == 0, -1.0, 1.01)
        y = en.where((k & 2) == 0, -1.02, 1.03)
        z = en.where((k & 4) == 0, -1.04, 1.05)
        d = en.vec3(x, y, z)
    return d


@en.kernel
def collide_samples(
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
    best_score = en.zeros(shape=15, dtype=float)
    best_id = en.zeros(shape=15, dtype=int)
    best_a = en.zeros(shape=15, dtype=en.vec3)
    best_b = en.zeros(shape=15, dtype=en.vec3)
    best_n = en.zeros(shape=15, dtype=en.vec3)
    for k in range(BINS):
        best_score[k] = -1.0e30
        best_id[k] = -1
    shape_a = pair_shapes[pair, 0]
    shape_b = pair_shapes[pair, 1]
    center = en.transform_get_translation(X_ws[shape_a])
    seen = 0
    for side in range(2):
        # side 0: samples of a against b; side 1: the other way round
        s = shape_a
        o = shape_b
        sign = 1.0
        if side == 1:
            s = shape_b
            o = shape_a
            sign = -1.0
        X_s = X_ws[s]
        X_o = X_ws[o]
        X_ow = en.transform_inverse(X_o)
        toward_w = en.transform_get_translation(X_o) - en.transform_get_translation(X_s)
        if shape_type[o] == PLANE:
            toward_w = en.transform_vector(X_o, en.vec3(0.0, -1.0, 0.0))
        toward = en.transform_vector(en.transform_inverse(X_s), toward_w)
        skin_s = shape_thickness[s]
        skin_o = shape_thickness[o]
        count = sample_count(shape_type[s], shape_source[s])
        for i in range(count):
            p = en.transform_point(X_s, sample_point(shape_type[s], shape_scale[s], shape_source[s], i, toward))
            d, n_o = shape_distance(shape_type[o], shape_scale[o], shape_source[o], en.transform_point(X_ow, p), FAR)
            if d < 0.5 * FAR and d - skin_s - skin_o < margin:
                n = en.transform_vector(X_o, n_o)
                on_s = p - n * skin_s
                on_o = p - n * (d - skin_o)
                for k in range(BINS):
                    score = en.dot(p - center, bin_direction(k)) - d
                    if score > best_score[k]:
                        best_score[k] = score
                        best_id[k] = seen
                        best_n[k] = n * sign
                        if side == 0:
                            best_a[k] = on_s
                            best_b[k] = on_o
                        else:
                            best_a[k] = on_o
                            best_b[k] = on_s
            seen = seen + 1
    used = 0
    for k in range(BINS):
        fresh = best_id[k] >= 0
        for j in range(BINS):
            if j < k and best_id[j] == best_id[k]:
                fresh = False
        if fresh and used < 8:
            put_point(
                table, slot, used, body_q, shape_body[shape_a], shape_body[shape_b], best_a[k], best_b[k], best_n[k]
            )
            used = used + 1
    table.count[slot] = used

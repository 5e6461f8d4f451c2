"""Which of many contact points of a pair are kept: the deepest, and those that reach farthest along axes and octants."""

import engine as en
from sim.collide.contact_points import PointTable, put_point

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


@en.func
def offer_point(
    score: en.array(dtype=float), on_a: en.array(dtype=en.vec3), on_b: en.array(dtype=en.vec3),
    normal: en.array(dtype=en.vec3), center: en.vec3, pa: en.vec3, pb: en.vec3, n: en.vec3, gap: float,
):  # fmt: skip
    """Puts a point into every bin that it is best for."""
    from_center = pa - center
    for k in range(BINS):
        s = en.dot(from_center, bin_direction(k)) - gap
        if s > score[k]:
            score[k] = s
            on_a[k] = pa
            on_b[k] = pb
            normal[k] = n


@en.func
def put_chosen(
    table: PointTable, slot: int, body_q: en.array(dtype=en.transform), body_a: int, body_b: int,
    score: en.array(dtype=float), on_a: en.array(dtype=en.vec3), on_b: en.array(dtype=en.vec3),
    normal: en.array(dtype=en.vec3), apart: float,
) -> int:  # fmt: skip
    """Stores the bins' points that differ by more than `apart` [m] or in their normals; returns how many, at most eight."""
    used = 0
    for k in range(BINS):
        fresh = score[k] > -1.0e29
        for j in range(k):
            e = on_a[j] - on_a[k]
            if score[j] > -1.0e29 and en.dot(e, e) <= apart * apart and en.dot(normal[j], normal[k]) > 0.95:
                fresh = False
        if fresh and used < 8:
            put_point(table, slot, used, body_q, body_a, body_b, on_a[k], on_b[k], normal[k])
            used = used + 1
    return used

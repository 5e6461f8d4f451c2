"""Any two convex shapes: closest points or overlap, then a manifold."""

import engine as en
from sim.collide.closest_points import closest_points_from
from sim.collide.contact_points import PointTable, put_point
from sim.collide.convex_shapes import HullTable, convex_in
from sim.collide.frame_axes import check_along_axes
from sim.collide.manifold import manifold
from sim.collide.pair_table import PairTable, ShapeTable, pair_of_kind
from sim.collide.shape_types import CONE, CYLINDER, ELLIPSOID
from sim.collide.surfaces import SurfaceTable


@en.func
def is_curved(kind: int) -> bool:
    """Whether a core has infinitely many corners."""
    return kind == CYLINDER or kind == CONE or kind == ELLIPSOID


@en.func
def former_corners(
    pairs: PairTable, slot: int, R: en.mat33, t: en.vec3, w: en.array(dtype=en.vec3), p: en.array(dtype=en.vec3)
) -> int:
    """The simplex where the last detection of this pair ended, as it is now (see `closest_points_from`); its corners."""
    count = 0
    old = pairs.previous_slot[slot]
    if old >= 0:
        count = pairs.old_corners[old]
        for k in range(count):
            p[k] = pairs.old_corner_a[3 * old + k]
            w[k] = p[k] - (R * pairs.old_corner_b[3 * old + k] + t)
    return count


@en.func
def keep_corners(
    pairs: PairTable, slot: int, R: en.mat33, t: en.vec3, w: en.array(dtype=en.vec3), p: en.array(dtype=en.vec3),
    corners: int,
):  # fmt: skip
    """Keeps a simplex for the next detection; none if it is a tetrahedron."""
    count = corners
    if count > 3:
        count = 0
    pairs.corners[slot] = count
    for k in range(count):
        pairs.corner_a[3 * slot + k] = p[k]
        pairs.corner_b[3 * slot + k] = en.transpose(R) * (p[k] - w[k] - t)


@en.kernel
def collide_convex(
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
    b = convex_in(shapes, sb)
    X_wa = shapes.X_ws[sa]
    X_ab = en.transform_multiply(en.transform_inverse(X_wa), shapes.X_ws[sb])
    R = en.quat_to_matrix(en.transform_get_rotation(X_ab))
    t = en.transform_get_translation(X_ab)
    reach = margin + a.radius + b.radius
    used = 0
    w = en.zeros(shape=4, dtype=en.vec3)
    p = en.zeros(shape=4, dtype=en.vec3)
    corners = former_corners(pairs, slot, R, t, w, p)
    near = closest_points_from(a, b, R, t, hulls, reach, w, p, corners)
    # on a curve a simplex that was good enough stays good enough for a while as the body rolls on: contacts would lag
    if near.found != 0 and (is_curved(a.kind) or is_curved(b.kind)):
        near.corners = 0
    keep_corners(pairs, slot, R, t, w, p, near.corners)
    if near.found != 0:
        near = check_along_axes(a, b, R, t, hulls, near)
    if near.found != 0 and near.gap < reach:
        on_a = en.zeros(shape=9, dtype=en.vec3)
        on_b = en.zeros(shape=9, dtype=en.vec3)
        used, n = manifold(a, b, R, t, hulls, near, reach, on_a, on_b)
        n_w = en.transform_vector(X_wa, n)
        for c in range(used):
            put_point(
                table, slot, c, body_q, shapes.body[sa], shapes.body[sb],
                en.transform_point(X_wa, on_a[c] - n * a.radius), en.transform_point(X_wa, on_b[c] + n * b.radius), n_w,
            )  # fmt: skip
    table.count[slot] = used

"""Convex shapes against triangle meshes and height fields: one triangle after the other.

Only triangles near the convex shape are looked at: a mesh finds them in its hierarchy, a field by its grid. Edges that
do not stand out (flat or concave) never push sideways: there the triangle's own normal counts, so that bodies slide
over a mesh as over the surface that it stands for. Closed meshes push out of their front; open ones away from the side
that the other shape's middle is on.
"""

import engine as en
from sim.collide.closest_points import closest_points
from sim.collide.contact_points import PointTable
from sim.collide.convex_shapes import Convex, HullTable, convex_in, support
from sim.collide.manifold import manifold
from sim.collide.pair_table import PairTable, ShapeTable, pair_of_kind
from sim.collide.point_choice import BINS, offer_point, put_chosen
from sim.collide.sampled_pairs import turned_half
from sim.collide.shape_types import TRIANGLE
from sim.collide.signed_distance import mesh_distance
from sim.collide.surfaces import SurfaceTable

OPEN = en.constant(8)
GROUND = en.constant(256)
"""Flag of a height field's triangles: solid however deep below."""


@en.func
def weights_in(p0: en.vec3, p1: en.vec3, p2: en.vec3, p: en.vec3) -> en.vec3:
    """Barycentric weights of the projection of p."""
    e1 = p1 - p0
    e2 = p2 - p0
    d = p - p0
    n = en.cross(e1, e2)
    f = 1.0 / en.max(en.dot(n, n), 1.0e-30)
    w1 = en.dot(en.cross(d, e2), n) * f
    w2 = en.dot(en.cross(e1, d), n) * f
    return en.vec3(1.0 - w1 - w2, w1, w2)


@en.struct
class SurfaceView:
    """A surface as the convex shape a in front of it sees it.

    X_wa: frame of a in the world; X_ab takes from the surface's frame to it. middle: of the bounds of a, in its frame [m].
    center: of a, in the world [m]. at, grown: middle and half extents of its bounds, with what is within reach, in the
    surface's frame [m]. skin: thickness of the surface; reach: how far apart the shapes may be; core_reach: likewise, the
    core of a and the surface [m].
    """

    X_wa: en.transform
    X_ab: en.transform
    middle: en.vec3
    center: en.vec3
    at: en.vec3
    grown: en.vec3
    skin: float
    reach: float
    core_reach: float


@en.func
def view_of(shapes: ShapeTable, sa: int, sb: int, a: Convex, margin: float) -> SurfaceView:
    """How the convex shape sa, which is a, sees the surface sb."""
    v = SurfaceView()
    v.X_wa = shapes.X_ws[sa]
    v.X_ab = en.transform_multiply(en.transform_inverse(v.X_wa), shapes.X_ws[sb])
    X_ba = en.transform_inverse(v.X_ab)
    v.middle = (shapes.upper_s[sa] + shapes.lower_s[sa]) * 0.5
    v.center = en.transform_get_translation(v.X_wa)
    v.skin = shapes.thickness[sb]
    v.reach = margin + shapes.thickness[sa] + v.skin
    v.core_reach = margin + a.radius + v.skin
    v.at = en.transform_point(X_ba, v.middle)
    half_a = (shapes.upper_s[sa] - shapes.lower_s[sa]) * 0.5
    half = turned_half(en.quat_to_matrix(en.transform_get_rotation(X_ba)), half_a)
    v.grown = half + en.vec3(v.reach, v.reach, v.reach)
    return v


@en.func
def touch_triangle(
    a: Convex, view: SurfaceView, hulls: HullTable, p0: en.vec3, p1: en.vec3, p2: en.vec3, flags: int,
    score: en.array(dtype=float), on_a: en.array(dtype=en.vec3), on_b: en.array(dtype=en.vec3),
    normal: en.array(dtype=en.vec3),
):  # fmt: skip
    """Offers the contacts of a convex shape and one triangle (in its frame); flags as in `SurfaceTable.edges`."""
    N = en.normalize(en.cross(p1 - p0, p2 - p0))
    ahead = en.dot(N, view.middle - p0)
    if (flags & OPEN) != 0 and ahead < 0.0:
        N = -N
        ahead = -ahead
    lowest, _v = support(a, hulls, -N, -1)
    over = en.dot(N, lowest - p0)
    if en.dot(N, N) > 0.5 and over < view.core_reach and (ahead > 0.0 or (flags & GROUND) != 0):
        c = Convex()
        c.kind = TRIANGLE
        c.p0 = p0
        c.p1 = p1
        c.p2 = p2
        c.size = en.max(en.length(p1 - p0), en.length(p2 - p0))
        I = en.mat33(1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
        # the triangle's middle as its origin, for the start of the search
        o = (p0 + p1 + p2) * 0.33333333
        c.p0 = p0 - o
        c.p1 = p1 - o
        c.p2 = p2 - o
        near = closest_points(a, c, I, o, hulls, view.core_reach)
        if near.found != 0:
            flat = False
            w = weights_in(p0, p1, p2, near.on_b)
            # the edges that the nearest point lies on; at a corner, two
            stands = True
            at_edge = False
            for k in range(3):
                if w[k] < 1.0e-3:
                    if at_edge:
                        stands = stands or ((flags >> k) & 1) == 1
                    else:
                        stands = ((flags >> k) & 1) == 1
                    at_edge = True
            facing = en.dot(near.normal, N)
            if at_edge and not stands:
                flat = True
            if near.gap <= 0.0 and (facing < 0.1 or near.gap < 0.9 * over):
                flat = True
            if (flags & GROUND) != 0 and near.gap <= 0.0 and facing < 0.3:
                flat = True
            use = True
            if flat:
                near.normal = N
                near.gap = over
                near.on_a = lowest
                near.on_b = lowest - N * over
                u = weights_in(p0, p1, p2, near.on_b)
                if en.min(u[0], en.min(u[1], u[2])) < -1.0e-3:
                    near.gap = 1.0e30
            elif facing < -1.0e-2:
                use = False
            if use:
                pa = en.zeros(shape=9, dtype=en.vec3)
                pb = en.zeros(shape=9, dtype=en.vec3)
                used, n = manifold(a, c, I, o, hulls, near, view.core_reach, pa, pb)
                n_w = en.transform_vector(view.X_wa, n)
                for k in range(used):
                    gap = en.dot(n, pa[k] - pb[k])
                    offer_point(
                        score, on_a, on_b, normal, view.center, en.transform_point(view.X_wa, pa[k] - n * a.radius),
                        en.transform_point(view.X_wa, pb[k] + n * view.skin), n_w, gap,
                    )  # fmt: skip


@en.func
def drops(p0: en.vec3, p1: en.vec3, p2: en.vec3, far: en.vec3) -> bool:
    """Whether `far` lies below the plane of a triangle by more than three degrees, seen from its middle."""
    n = en.normalize(en.cross(p1 - p0, p2 - p0))
    d = far - (p0 + p1 + p2) * 0.33333333
    return en.dot(n, d) < -0.05 * en.length(d)


@en.func
def grid_point(surfaces: SurfaceTable, f: int, row: int, column: int, step: en.vec2, scale: en.vec3) -> en.vec3:
    """A point of a height field, scaled."""
    h = surfaces.height[surfaces.first[f] + row * surfaces.columns[f] + column]
    x = float(column) * step[0] - surfaces.half[f][0]
    y = float(row) * step[1] - surfaces.half[f][1]
    return en.cw_mul(en.vec3(x, y, h), scale)


@en.kernel
def collide_surface(
    kind: int, pairs: PairTable, shapes: ShapeTable, hulls: HullTable, surfaces: SurfaceTable,
    body_q: en.array(dtype=en.transform), margin: float, table: PointTable,
):  # fmt: skip
    """A convex shape against a triangle mesh."""
    slot = en.tid()
    pair = pair_of_kind(pairs, slot, kind)
    if pair < 0:
        return
    score = en.zeros(shape=15, dtype=float)
    on_a = en.zeros(shape=15, dtype=en.vec3)
    on_b = en.zeros(shape=15, dtype=en.vec3)
    normal = en.zeros(shape=15, dtype=en.vec3)
    for k in range(BINS):
        score[k] = -1.0e30
    sa = pairs.shapes[pair, 0]
    sb = pairs.shapes[pair, 1]
    a = convex_in(shapes, sa)
    view = view_of(shapes, sa, sb, a, margin)
    scale = shapes.scale[sb]
    mesh = en.mesh_get(shapes.source[sb])
    low = en.cw_div(view.at - view.grown, scale)
    high = en.cw_div(view.at + view.grown, scale)
    query = en.mesh_query_aabb(shapes.source[sb], low, high)
    face = 0
    while en.mesh_query_aabb_next(query, face):
        touch_triangle(
            a, view, hulls,
            en.transform_point(view.X_ab, en.cw_mul(mesh.points[mesh.indices[3 * face]], scale)),
            en.transform_point(view.X_ab, en.cw_mul(mesh.points[mesh.indices[3 * face + 1]], scale)),
            en.transform_point(view.X_ab, en.cw_mul(mesh.points[mesh.indices[3 * face + 2]], scale)),
            surfaces.edges[surfaces.edge_first[sb] + face] & 15, score, on_a, on_b, normal,
        )  # fmt: skip
    if score[0] < 0.0 and (surfaces.edges[surfaces.edge_first[sb]] & OPEN) == 0:
        # nothing overlaps; sunk in beyond its middle, no triangle near it has it in front: the nearest one pushes it out
        d, n_b = mesh_distance(shapes.source[sb], scale, view.at, 2.0 * a.size + view.reach)
        if d < 0.0:
            n = en.transform_vector(view.X_ab, n_b)
            lowest, _v = support(a, hulls, -n, -1)
            gap = d + en.dot(n, lowest - view.middle)
            n_w = en.transform_vector(view.X_wa, n)
            offer_point(
                score, on_a, on_b, normal, view.center, en.transform_point(view.X_wa, lowest - n * a.radius),
                en.transform_point(view.X_wa, lowest - n * (gap - view.skin)), n_w, gap,
            )  # fmt: skip
    table.count[slot] = put_chosen(
        table, slot, body_q, shapes.body[sa], shapes.body[sb], score, on_a, on_b, normal, 1.0e-3 * a.size
    )


@en.kernel
def collide_field(
    kind: int, pairs: PairTable, shapes: ShapeTable, hulls: HullTable, surfaces: SurfaceTable,
    body_q: en.array(dtype=en.transform), margin: float, table: PointTable,
):  # fmt: skip
    """A convex shape against a height field."""
    slot = en.tid()
    pair = pair_of_kind(pairs, slot, kind)
    if pair < 0:
        return
    score = en.zeros(shape=15, dtype=float)
    on_a = en.zeros(shape=15, dtype=en.vec3)
    on_b = en.zeros(shape=15, dtype=en.vec3)
    normal = en.zeros(shape=15, dtype=en.vec3)
    for k in range(BINS):
        score[k] = -1.0e30
    sa = pairs.shapes[pair, 0]
    sb = pairs.shapes[pair, 1]
    a = convex_in(shapes, sa)
    view = view_of(shapes, sa, sb, a, margin)
    scale = shapes.scale[sb]
    f = shapes.field[sb]
    rows = surfaces.rows[f]
    columns = surfaces.columns[f]
    step = en.vec2(2.0 * surfaces.half[f][0] / float(columns - 1), 2.0 * surfaces.half[f][1] / float(rows - 1))
    low = en.cw_div(view.at - view.grown, scale)
    high = en.cw_div(view.at + view.grown, scale)
    bottom = view.at[2] - view.grown[2]
    c0 = en.max(int(en.floor((low[0] + surfaces.half[f][0]) / step[0])), 0)
    c1 = en.min(int(en.floor((high[0] + surfaces.half[f][0]) / step[0])), columns - 2)
    r0 = en.max(int(en.floor((low[1] + surfaces.half[f][1]) / step[1])), 0)
    r1 = en.min(int(en.floor((high[1] + surfaces.half[f][1]) / step[1])), rows - 2)
    for r in range(r0, r1 + 1):
        for c in range(c0, c1 + 1):
            p00 = grid_point(surfaces, f, r, c, step, scale)
            p01 = grid_point(surfaces, f, r, c + 1, step, scale)
            p10 = grid_point(surfaces, f, r + 1, c, step, scale)
            p11 = grid_point(surfaces, f, r + 1, c + 1, step, scale)
            for half in range(2):
                q0 = p00
                q1 = p01
                q2 = p10
                opposite = p11
                if half == 1:
                    q0 = p10
                    q1 = p01
                    q2 = p11
                    opposite = p00
                if en.max(q0[2], en.max(q1[2], q2[2])) > bottom:
                    # bit k: the edge opposite to corner k is a border, or drops to the other side
                    flags = GROUND
                    if half == 0:
                        if drops(q0, q1, q2, opposite):
                            flags = flags | 1
                        if c == 0 or drops(q0, q1, q2, grid_point(surfaces, f, r + 1, en.max(c - 1, 0), step, scale)):
                            flags = flags | 2
                        if r == 0 or drops(q0, q1, q2, grid_point(surfaces, f, en.max(r - 1, 0), c + 1, step, scale)):
                            flags = flags | 4
                    else:
                        if c == columns - 2 or drops(
                            q0, q1, q2, grid_point(surfaces, f, r, en.min(c + 2, columns - 1), step, scale)
                        ):
                            flags = flags | 1
                        if r == rows - 2 or drops(
                            q0, q1, q2, grid_point(surfaces, f, en.min(r + 2, rows - 1), c, step, scale)
                        ):
                            flags = flags | 2
                        if drops(q0, q1, q2, opposite):
                            flags = flags | 4
                    touch_triangle(
                        a, view, hulls, en.transform_point(view.X_ab, q0), en.transform_point(view.X_ab, q1),
                        en.transform_point(view.X_ab, q2), flags, score, on_a, on_b, normal,
                    )  # fmt: skip
    table.count[slot] = put_chosen(
        table, slot, body_q, shapes.body[sa], shapes.body[sb], score, on_a, on_b, normal, 1.0e-3 * a.size
    )

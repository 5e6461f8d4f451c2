"""Two triangle meshes that are not convex: points of each against the signed distance of the other.

Points are vertices and middles of triangles. Clusters of triangles ask for their ball's distance first, and only those that
may touch go on, so the cost goes with the length of the contact.
A corner that lies exactly on a side of the other solid is nearest to that side, so flat faces of equal size would not
feel each other through corners alone: hence the middles. Edges that cross edges are seen only through their ends.
"""

import engine as en
from sim.collide.contact_points import PointTable
from sim.collide.convex_shapes import HullTable
from sim.collide.pair_table import PairTable, ShapeTable, pair_of_kind
from sim.collide.point_choice import BINS, offer_point, put_chosen
from sim.collide.signed_distance import FAR, mesh_distance
from sim.collide.surfaces import SurfaceTable


@en.func
def turned_half(R: en.mat33, half: en.vec3) -> en.vec3:
    """Half extents of a turned box."""
    return en.vec3(
        en.abs(R[0, 0]) * half[0] + en.abs(R[0, 1]) * half[1] + en.abs(R[0, 2]) * half[2],
        en.abs(R[1, 0]) * half[0] + en.abs(R[1, 1]) * half[1] + en.abs(R[1, 2]) * half[2],
        en.abs(R[2, 0]) * half[0] + en.abs(R[2, 1]) * half[1] + en.abs(R[2, 2]) * half[2],
    )


@en.func
def within(p: en.vec3, lower: en.vec3, upper: en.vec3, reach: float) -> bool:
    """Whether p is in a box, or closer to it than `reach` along each axis."""
    low = p - lower
    high = upper - p
    return en.min(low[0], en.min(low[1], low[2])) > -reach and en.min(high[0], en.min(high[1], high[2])) > -reach


@en.func
def sample_of(mesh: en.Mesh, face: int, k: int) -> en.vec3:
    """The middle of a triangle (k = 0) or its corner k - 1, before scaling."""
    a = mesh.points[mesh.indices[3 * face]]
    b = mesh.points[mesh.indices[3 * face + 1]]
    c = mesh.points[mesh.indices[3 * face + 2]]
    p = (a + b + c) * 0.33333333
    if k == 1:
        p = a
    elif k == 2:
        p = b
    elif k == 3:
        p = c
    return p


@en.kernel
def collide_samples(
    kind: int, pairs: PairTable, shapes: ShapeTable, hulls: HullTable, surfaces: SurfaceTable,
    body_q: en.array(dtype=en.transform), margin: float, table: PointTable,
):  # fmt: skip
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
    shape_a = pairs.shapes[pair, 0]
    shape_b = pairs.shapes[pair, 1]
    center = en.transform_get_translation(shapes.X_ws[shape_a])
    size = 1.0e30
    for side in range(2):
        # side 0: samples of a against b; side 1: the other way round
        s = shape_a
        o = shape_b
        if side == 1:
            s = shape_b
            o = shape_a
        skin_s = shapes.thickness[s]
        skin_o = shapes.thickness[o]
        reach = margin + skin_s + skin_o
        X_s = shapes.X_ws[s]
        X_o = shapes.X_ws[o]
        X_os = en.transform_multiply(en.transform_inverse(X_o), X_s)
        scale = shapes.scale[s]
        half_o = (shapes.upper_s[o] - shapes.lower_s[o]) * 0.5
        depth = en.min(half_o[0], en.min(half_o[1], half_o[2]))
        size = en.min(size, en.max(half_o[0], en.max(half_o[1], half_o[2])))
        widest = en.max(scale[0], en.max(scale[1], scale[2]))
        mesh = en.mesh_get(shapes.source[s])
        for ball in range(surfaces.ball_start[s], surfaces.ball_end[s]):
            b4 = surfaces.ball[ball]
            r = b4[3] * widest
            q = en.transform_point(X_os, en.cw_mul(en.vec3(b4[0], b4[1], b4[2]), scale))
            d_ball = FAR
            if within(q, shapes.lower_s[o], shapes.upper_s[o], reach + r):
                d_ball, _n = mesh_distance(shapes.source[o], shapes.scale[o], q, en.max(reach + r, depth))
            first = surfaces.member_start[ball]
            end = surfaces.member_start[ball + 1]
            if d_ball > reach + r:
                end = first
            elif d_ball < -r:
                # all of them are inside: one tells as much
                end = first + 1
            for member in range(first, end):
                face = surfaces.members[member]
                owned = surfaces.edges[surfaces.edge_first[s] + face] >> 4
                for k in range(4):
                    # a vertex counts with the first triangle that has it
                    if k == 0 or ((owned >> (k - 1)) & 1) == 1:
                        q = en.transform_point(X_os, en.cw_mul(sample_of(mesh, face, k), scale))
                        if within(q, shapes.lower_s[o], shapes.upper_s[o], reach):
                            d, n_o = mesh_distance(
                                shapes.source[o], shapes.scale[o], q, en.abs(d_ball) + 2.0 * r + 1.0e-6
                            )
                            if d < reach:
                                n = en.transform_vector(X_o, n_o)
                                p_w = en.transform_point(X_o, q)
                                on_s = p_w - n * skin_s
                                on_o = p_w - n * (d - skin_o)
                                if side == 0:
                                    offer_point(score, on_a, on_b, normal, center, on_s, on_o, n, d)
                                else:
                                    offer_point(score, on_a, on_b, normal, center, on_o, on_s, -n, d)
    table.count[slot] = put_chosen(
        table, slot, body_q, shapes.body[shape_a], shapes.body[shape_b], score, on_a, on_b, normal, 1.0e-4 * size
    )

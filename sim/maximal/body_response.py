"""How a body that is part of a cluster yields to an impulse, with all that hangs on it: what contacts push against.

A foot alone is light; on the ground it carries the robot. Contacts that count the mass of the foot only need as many
sweeps as the robot is heavier than its foot.
"""

import engine as en
from sim.articulation.body_table import BodyTable
from sim.collide.contact_points import POINTS, PointTable, to_world
from sim.maximal.clusters import ClusterTable
from sim.maximal.items import (
    ADDED_A,
    ADDED_H,
    ADDED_M,
    ANCHOR,
    ARM,
    ROW_WORDS,
    get3,
    get_matrix,
    get_symmetric,
    node_at,
    put_matrix,
    put_symmetric,
    row_item,
)
from sim.maximal.respond import add_impulse, get_row, keep_nodes, move_nodes


@en.struct
class ResponseTable:
    """Displacement of each body under an impulse at its centre of mass, world axes: turn = aa torque + al force, move =
    al^T torque + ll force. parts: among how many touching bodies of its cluster the response is shared. wrench: impulses
    (torque, force) that contacts have given to each body of a cluster in the present sweep."""

    aa: en.array(dtype=en.mat33)
    al: en.array(dtype=en.mat33)
    ll: en.array(dtype=en.mat33)
    parts: en.array(dtype=float)
    wrench: en.array(dtype=en.spatial_vector)


@en.func
def mark_slot(
    slot: int,
    active_pair: en.array(dtype=int),
    pair_shapes: en.array2d(dtype=int),
    shape_body: en.array(dtype=int),
    body_q: en.array(dtype=en.transform),
    points: PointTable,
    touching: en.array(dtype=int),
):
    """touching[b] = 2 for the bodies of a pair that overlaps, at least 1 if it is near."""
    if points.count[slot] > 0:
        pair = active_pair[slot]
        a = shape_body[pair_shapes[pair, 0]]
        b = shape_body[pair_shapes[pair, 1]]
        overlap = False
        for i in range(points.count[slot]):
            c = slot * POINTS + i
            gap = en.dot(
                points.normal[c], to_world(body_q, a, points.point_a[c]) - to_world(body_q, b, points.point_b[c])
            )
            overlap = overlap or gap < 0.0
        mark = en.where(overlap, 2, 1)
        if a >= 0:
            en.atomic_max(touching, a, mark)
        if b >= 0:
            en.atomic_max(touching, b, mark)


@en.kernel
def mark_touching(
    active_count: en.array(dtype=int),
    active_pair: en.array(dtype=int),
    pair_shapes: en.array2d(dtype=int),
    shape_body: en.array(dtype=int),
    body_q: en.array(dtype=en.transform),
    points: PointTable,
    touching: en.array(dtype=int),
):
    """touching[b] = 2 for the bodies of all pairs that overlap, 1 for those that are near; 0 before."""
    slot = en.tid()
    if slot < active_count[0]:
        mark_slot(slot, active_pair, pair_shapes, shape_body, body_q, points, touching)


@en.kernel
def lay_lone_responses(
    place: en.array(dtype=int),
    body_q: en.array(dtype=en.transform),
    body_inv_mass: en.array(dtype=float),
    body_inv_inertia: en.array(dtype=en.mat33),
    responses: ResponseTable,
):
    """Responses of bodies that are in no cluster."""
    b = en.tid()
    if place[b] >= 0:
        return
    R = en.quat_to_matrix(en.transform_get_rotation(body_q[b]))
    responses.aa[b] = R * body_inv_inertia[b] * en.transpose(R)
    responses.al[b] = en.mat33(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    responses.ll[b] = en.identity(3) * body_inv_mass[b]
    responses.parts[b] = 1.0
    responses.wrench[b] = en.spatial_vector(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


@en.func
def response_elsewhere(aa: en.mat33, al: en.mat33, ll: en.mat33, arm: en.vec3):
    """The parts al and ll of a response about a point that ``arm`` leads to; aa stays."""
    S = en.skew(arm)
    turned = aa * S
    return turned + al, ll + en.transpose(al) * S - S * al - S * turned


@en.func
def yield_row(
    aa: en.mat33, al: en.mat33, ll: en.mat33, s_a: en.vec3, s_l: en.vec3, u_a: en.vec3, u_l: en.vec3, g: float
):
    """A response with a row of axis s, push u and inverse g below: (1 - g s u^T) lets through, g s s^T is added."""
    v_a = aa * u_a + al * u_l
    v_l = en.transpose(al) * u_a + ll * u_l
    own = g + g * g * (en.dot(u_a, v_a) + en.dot(u_l, v_l))
    return (
        aa - (en.outer(s_a, v_a) + en.outer(v_a, s_a)) * g + en.outer(s_a, s_a) * own,
        al - (en.outer(s_a, v_l) + en.outer(v_a, s_l)) * g + en.outer(s_a, s_l) * own,
        ll - (en.outer(s_l, v_l) + en.outer(v_l, s_l)) * g + en.outer(s_l, s_l) * own,
    )


@en.func
def respond_alone(
    clusters: ClusterTable,
    position: int,
    used: en.array(dtype=int),
    words: en.array(dtype=float),
    rows: en.array(dtype=float),
):
    """How a node yields to an impulse on it alone, about its anchor: as its ancestor does, and then along its rows."""
    here = node_at(position)
    aa = en.mat33(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    al = aa * 1.0
    ll = aa * 1.0
    above = clusters.ancestor[position]
    if above >= 0:
        up = node_at(above)
        aa = get_symmetric(words, up + ADDED_A)
        arm = get3(words, here + ANCHOR) - get3(words, up + ANCHOR)
        al, ll = response_elsewhere(aa, get_matrix(words, up + ADDED_H), get_symmetric(words, up + ADDED_M), arm)
    row = row_item(clusters.row_at[position])
    count = used[position]
    first = 0
    while first < count:
        at = row + first * ROW_WORDS
        s_0, t_0, u_0, v_0, g_0, _d0 = get_row(rows, at, True)
        s_1, t_1, u_1, v_1, g_1, _d1 = get_row(rows, at + ROW_WORDS, first + 1 < count)
        s_2, t_2, u_2, v_2, g_2, _d2 = get_row(rows, at + 2 * ROW_WORDS, first + 2 < count)
        aa, al, ll = yield_row(aa, al, ll, s_0, t_0, u_0, v_0, g_0)
        if first + 1 < count:
            aa, al, ll = yield_row(aa, al, ll, s_1, t_1, u_1, v_1, g_1)
        if first + 2 < count:
            aa, al, ll = yield_row(aa, al, ll, s_2, t_2, u_2, v_2, g_2)
        first = first + 3
    return aa, al, ll


@en.func
def lay_responses_in_cluster(
    clusters: ClusterTable,
    cluster: int,
    lane: int,
    width: int,
    used: en.array(dtype=int),
    words: en.array(dtype=float),
    rows: en.array(dtype=float),
    responses: ResponseTable,
    touching: en.array(dtype=int),
):
    """Responses of the bodies of a cluster that is near something, nodes of one depth at a time; clears ``touching``."""
    near = False
    parts = 0.0
    for position in range(clusters.first[cluster], clusters.first[cluster + 1]):
        mark = touching[clusters.body[position]]
        near = near or mark > 0
        parts = parts + en.where(mark > 1, 1.0, 0.0)
    en.sync_lanes(width)
    if near:
        for level in range(clusters.level[cluster], clusters.level[cluster + 1]):
            for position in range(clusters.level_first[level] + lane, clusters.level_first[level + 1], width):
                here = node_at(position)
                aa, al, ll = respond_alone(clusters, position, used, words, rows)
                put_symmetric(words, here + ADDED_A, aa)
                put_matrix(words, here + ADDED_H, al)
                put_symmetric(words, here + ADDED_M, ll)
                b = clusters.body[position]
                al, ll = response_elsewhere(aa, al, ll, get3(words, here + ARM))
                responses.aa[b] = aa
                responses.al[b] = al
                responses.ll[b] = ll
                responses.parts[b] = en.max(parts, 1.0)
                touching[b] = 0
            en.sync_lanes(width)


@en.kernel
def lay_responses_in_clusters(
    clusters: ClusterTable,
    width: int,
    used: en.array(dtype=int),
    words: en.array(dtype=float),
    rows: en.array(dtype=float),
    responses: ResponseTable,
    touching: en.array(dtype=int),
):
    thread = en.tid()
    cluster = thread // width
    lay_responses_in_cluster(clusters, cluster, thread - cluster * width, width, used, words, rows, responses, touching)


@en.func
def response_along(responses: ResponseTable, b: int, arm: en.vec3, n: en.vec3) -> float:
    """Displacement of a point of a body along n per impulse along n there; ``arm`` leads to it from the centre of mass."""
    t = en.cross(arm, n)
    w = en.dot(t, responses.aa[b] * t) + 2.0 * en.dot(t, responses.al[b] * n) + en.dot(n, responses.ll[b] * n)
    return w * responses.parts[b]


@en.func
def hand_on_in_cluster(
    clusters: ClusterTable,
    cluster: int,
    lane: int,
    width: int,
    bodies: BodyTable,
    frame: en.array(dtype=en.transform),
    used: en.array(dtype=int),
    dt: float,
    moving: bool,
    sure: bool,
    words: en.array(dtype=float),
    rows: en.array(dtype=float),
    responses: ResponseTable,
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
    kept_q: en.array(dtype=en.transform),
    kept_qd: en.array(dtype=en.spatial_vector),
):
    """Gives a whole cluster the impulses of its contacts: from where it was before these moved bodies of it alone.

    That was kept, and where the cluster is then is kept anew. Without ``moving`` only velocities change. Unless it is
    ``sure`` that there are any, impulses are looked for first.
    """
    pushed = sure
    if not sure:
        for position in range(clusters.first[cluster], clusters.first[cluster + 1]):
            wrench = responses.wrench[clusters.body[position]]
            pushed = pushed or en.dot(wrench, wrench) > 0.0
    en.sync_lanes(width)
    if pushed:
        for position in range(clusters.first[cluster] + lane, clusters.first[cluster + 1], width):
            b = clusters.body[position]
            wrench = responses.wrench[b]
            center = en.transform_point(frame[b], bodies.com[b])
            add_impulse(words, node_at(position), center, en.spatial_top(wrench), en.spatial_bottom(wrench))
            responses.wrench[b] = en.spatial_vector(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
            body_q[b] = kept_q[b]
            body_qd[b] = kept_qd[b]
        move_nodes(clusters, cluster, lane, width, used, bodies.com, dt, words, rows, body_q, body_qd)
        if not moving:
            for position in range(clusters.first[cluster] + lane, clusters.first[cluster + 1], width):
                body_q[clusters.body[position]] = kept_q[clusters.body[position]]
        keep_nodes(clusters, cluster, lane, width, body_q, body_qd, kept_q, kept_qd)


@en.kernel
def hand_on_impulses(
    clusters: ClusterTable,
    width: int,
    bodies: BodyTable,
    frame: en.array(dtype=en.transform),
    used: en.array(dtype=int),
    dt: float,
    moving: bool,
    words: en.array(dtype=float),
    rows: en.array(dtype=float),
    responses: ResponseTable,
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
    kept_q: en.array(dtype=en.transform),
    kept_qd: en.array(dtype=en.spatial_vector),
):
    thread = en.tid()
    cluster = thread // width
    hand_on_in_cluster(
        clusters, cluster, thread - cluster * width, width, bodies, frame, used, dt, moving, False, words, rows, responses,
        body_q, body_qd, kept_q, kept_qd,
    )  # fmt: skip

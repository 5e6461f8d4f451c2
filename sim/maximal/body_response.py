"""How a body that is part of a cluster yields to an impulse, with all that hangs on it: what contacts push against.

A foot alone is light; on the ground it carries the robot. Contacts that count the mass of the foot only need as many
sweeps as the robot is heavier than its foot.
"""

import engine as en
from sim.collide.contact_points import POINTS, PointTable, to_world
from sim.featherstone.outward import BodyTable
from sim.featherstone.scratch import get3
from sim.maximal.clusters import ClusterTable
from sim.maximal.items import ARM, MOVE_A, MOVE_L, node_at, row_item
from sim.maximal.joint_rows import unit_vector
from sim.maximal.respond import add_impulse, gather_inward, move_nodes, spread_outward


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
    """touching[b] = 1 for the bodies of all pairs that overlap."""
    slot = en.tid()
    if slot < active_count[0]:
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
        if overlap:
            if a >= 0:
                touching[a] = 1
            if b >= 0:
                touching[b] = 1


@en.kernel
def lay_lone_responses(
    clusters: ClusterTable,
    body_q: en.array(dtype=en.transform),
    body_inv_mass: en.array(dtype=float),
    body_inv_inertia: en.array(dtype=en.mat33),
    responses: ResponseTable,
):
    """Responses of bodies on their own; those in clusters that touch something get theirs afterwards."""
    b = en.tid()
    R = en.quat_to_matrix(en.transform_get_rotation(body_q[b]))
    responses.aa[b] = R * body_inv_inertia[b] * en.transpose(R)
    responses.al[b] = en.mat33(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    responses.ll[b] = en.identity(3) * body_inv_mass[b]
    responses.parts[b] = 1.0
    responses.wrench[b] = en.spatial_vector(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


@en.func
def climb(clusters: ClusterTable, first: int, k: int, steps: int) -> int:
    """The node that many steps above a node."""
    at = int(k)
    for _ in range(steps):
        at = clusters.ancestor[first + at]
    return at


@en.func
def respond_on_path(
    clusters: ClusterTable,
    cluster: int,
    lanes: int,
    k: int,
    used: en.array(dtype=int),
    words: en.array(dtype=float),
    rows: en.array(dtype=float),
):
    """Displacement of a node under the impulse on it; only it and what stands above need to be asked."""
    first = clusters.first[cluster]
    base = clusters.node_base[cluster]
    lane = clusters.lane[cluster]
    at = int(k)
    depth = 0
    while at >= 0:
        up = clusters.ancestor[first + at]
        above = -1
        if up >= 0:
            above = node_at(base, lane, up, lanes)
            depth = depth + 1
        row = row_item(clusters.row_base[cluster], lane, clusters.row_at[first + at], lanes)
        gather_inward(words, node_at(base, lane, at, lanes), above, rows, row, used[first + at], lanes)
        at = up
    for down in range(depth + 1):
        here = climb(clusters, first, k, depth - down)
        above = -1
        if clusters.ancestor[first + here] >= 0:
            above = node_at(base, lane, clusters.ancestor[first + here], lanes)
        row = row_item(clusters.row_base[cluster], lane, clusters.row_at[first + here], lanes)
        spread_outward(words, node_at(base, lane, here, lanes), above, rows, row, used[first + here], lanes, 0.0)


@en.kernel
def lay_responses_in_clusters(
    clusters: ClusterTable,
    lanes: int,
    three: int,
    bodies: BodyTable,
    frame: en.array(dtype=en.transform),
    touching: en.array(dtype=int),
    used: en.array(dtype=int),
    words: en.array(dtype=float),
    rows: en.array(dtype=float),
    responses: ResponseTable,
):
    """Responses of the bodies of a cluster that touch something."""
    cluster = en.tid()
    first = clusters.first[cluster]
    count = clusters.first[cluster + 1] - first
    zero = en.vec3(0.0, 0.0, 0.0)
    parts = 0.0
    for k in range(count):
        parts = parts + float(touching[clusters.body[first + k]])
    for k in range(count):
        b = clusters.body[first + k]
        if touching[b] != 0:
            here = node_at(clusters.node_base[cluster], clusters.lane[cluster], k, lanes)
            center = en.transform_point(frame[b], bodies.com[b])
            arm = get3(words, here + ARM * lanes, lanes)
            aa = responses.aa[b]
            al = responses.al[b]
            ll = responses.ll[b]
            for i in range(three):
                add_impulse(words, here, lanes, center, unit_vector(i), zero)
                respond_on_path(clusters, cluster, lanes, k, used, words, rows)
                turn = get3(words, here + MOVE_A * lanes, lanes)
                for m in range(3):
                    aa[m, i] = turn[m]
                add_impulse(words, here, lanes, center, zero, unit_vector(i))
                respond_on_path(clusters, cluster, lanes, k, used, words, rows)
                turn = get3(words, here + MOVE_A * lanes, lanes)
                move = get3(words, here + MOVE_L * lanes, lanes) + en.cross(turn, arm)
                for m in range(3):
                    al[m, i] = turn[m]
                    ll[m, i] = move[m]
            responses.aa[b] = aa
            responses.al[b] = al
            responses.ll[b] = ll
            responses.parts[b] = parts


@en.func
def response_along(responses: ResponseTable, b: int, arm: en.vec3, n: en.vec3) -> float:
    """Displacement of a point of a body along n per impulse along n there; ``arm`` leads to it from the centre of mass."""
    t = en.cross(arm, n)
    w = en.dot(t, responses.aa[b] * t) + 2.0 * en.dot(t, responses.al[b] * n) + en.dot(n, responses.ll[b] * n)
    return w * responses.parts[b]


@en.kernel
def hand_on_impulses(
    clusters: ClusterTable,
    lanes: int,
    bodies: BodyTable,
    frame: en.array(dtype=en.transform),
    used: en.array(dtype=int),
    body_q0: en.array(dtype=en.transform),
    body_qd0: en.array(dtype=en.spatial_vector),
    dt: float,
    moving: bool,
    words: en.array(dtype=float),
    rows: en.array(dtype=float),
    responses: ResponseTable,
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
):
    """Gives a whole cluster the impulses of its contacts: from where it was before these moved bodies of it alone.

    Without ``moving`` only velocities change.
    """
    cluster = en.tid()
    first = clusters.first[cluster]
    pushed = False
    for k in range(clusters.first[cluster + 1] - first):
        b = clusters.body[first + k]
        torque = en.spatial_top(responses.wrench[b])
        force = en.spatial_bottom(responses.wrench[b])
        if en.dot(torque, torque) + en.dot(force, force) > 0.0:
            pushed = True
            here = node_at(clusters.node_base[cluster], clusters.lane[cluster], k, lanes)
            add_impulse(words, here, lanes, en.transform_point(frame[b], bodies.com[b]), torque, force)
            responses.wrench[b] = en.spatial_vector(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    if pushed:
        for at in range(first, clusters.first[cluster + 1]):
            body_q[clusters.body[at]] = body_q0[clusters.body[at]]
            body_qd[clusters.body[at]] = body_qd0[clusters.body[at]]
        move_nodes(clusters, cluster, lanes, used, bodies.com, dt, words, rows, body_q, body_qd)
        if not moving:
            for at in range(first, clusters.first[cluster + 1]):
                body_q[clusters.body[at]] = body_q0[clusters.body[at]]

"""How a cluster's trees move under impulses and towards what their joints ask for: two passes over its nodes.

Impulses are positional [kg m, kg m^2] and displacements are small changes of the bodies' poses [m, rad], the velocities
changing by the same over dt. The trees' response is exact, so one sweep leaves only what is not linear.

A cluster is the work of ``width`` neighbouring threads; the calling one is its ``lane``. Nodes of one depth are served at
the same time, and each sums what its children hand it in their order, so the result does not depend on ``width``.
"""

import engine as en
from sim.articulation.joint_motion import rotation_step
from sim.maximal.clusters import ClusterTable
from sim.maximal.items import (
    ANCHOR,
    APPLIED,
    ARM,
    AXIS_A,
    AXIS_L,
    DRIVE,
    ERROR_A,
    ERROR_L,
    EXTRA,
    FORCE,
    INERTIA_A,
    INERTIA_H,
    INERTIA_M,
    INVERSE,
    MOVE_A,
    MOVE_L,
    PUSH_A,
    PUSH_L,
    ROW_WORDS,
    SHIFT,
    TORQUE,
    get3,
    get_matrix,
    get_symmetric,
    node_at,
    put3,
    row_item,
)


@en.func
def add_impulse(words: en.array(dtype=float), node: int, point: en.vec3, turn: en.vec3, push: en.vec3):
    """Adds an impulse (turn, and push at a world point) on a node's body to what its trees will respond to."""
    arm = point - get3(words, node + ANCHOR)
    # The recursion counts what bodies lack, hence the signs.
    at = node + TORQUE
    put3(words, at, get3(words, at) - turn - en.cross(arm, push))
    at = node + FORCE
    put3(words, at, get3(words, at) - push)


@en.func
def gather_inward(
    clusters: ClusterTable,
    position: int,
    used: en.array(dtype=int),
    words: en.array(dtype=float),
    rows: en.array(dtype=float),
):
    """Sums what a node's children hand it, and leaves for its ancestor what its joint's rows do not yield to.

    Drives of the rows are given.
    """
    here = node_at(position)
    n = get3(words, here + TORQUE)
    f = get3(words, here + FORCE)
    for child in range(clusters.child_first[position], clusters.child_last[position]):
        n = n + get3(words, node_at(child) + TORQUE)
        f = f + get3(words, node_at(child) + FORCE)
    count = used[position]
    row = row_item(clusters.row_at[position])
    for back in range(count):
        at = row + (count - 1 - back) * ROW_WORDS
        held = en.dot(get3(rows, at + AXIS_A), n) + en.dot(get3(rows, at + AXIS_L), f)
        drive = rows[at + DRIVE] - held
        rows[at + DRIVE] = drive
        x = drive * rows[at + INVERSE]
        n = n + get3(rows, at + PUSH_A) * x
        f = f + get3(rows, at + PUSH_L) * x
    above = clusters.ancestor[position]
    if above >= 0:
        e_a = get3(words, here + ERROR_A)
        e_l = get3(words, here + ERROR_L)
        A = get_symmetric(words, here + INERTIA_A)
        H = get_matrix(words, here + INERTIA_H)
        M = get_symmetric(words, here + INERTIA_M)
        n = n + A * e_a + H * e_l
        f = f + en.transpose(H) * e_a + M * e_l
        arm = get3(words, here + ANCHOR) - get3(words, node_at(above) + ANCHOR)
        put3(words, here + TORQUE, n + en.cross(arm, f))
        put3(words, here + FORCE, f)


@en.func
def spread_outward(
    clusters: ClusterTable,
    position: int,
    used: en.array(dtype=int),
    real: float,
    words: en.array(dtype=float),
    rows: en.array(dtype=float),
):
    """A node's displacement from that of its ancestor; what its rows apply is noted, and its impulses are spent.

    ``real`` is 0 for a question what would happen, of which no row takes note.
    """
    here = node_at(position)
    zero = en.vec3(0.0, 0.0, 0.0)
    a = get3(words, here + ERROR_A)
    l = get3(words, here + ERROR_L)
    above = clusters.ancestor[position]
    if above >= 0:
        up = node_at(above)
        arm = get3(words, here + ANCHOR) - get3(words, up + ANCHOR)
        turn = get3(words, up + MOVE_A)
        a = a + turn
        l = l + get3(words, up + MOVE_L) + en.cross(turn, arm)
    row = row_item(clusters.row_at[position])
    for i in range(used[position]):
        at = row + i * ROW_WORDS
        held = en.dot(get3(rows, at + PUSH_A), a) + en.dot(get3(rows, at + PUSH_L), l)
        x = (rows[at + DRIVE] - held) * rows[at + INVERSE]
        a = a + get3(rows, at + AXIS_A) * x
        l = l + get3(rows, at + AXIS_L) * x
        rows[at + APPLIED] = rows[at + APPLIED] - rows[at + EXTRA] * x * real
        rows[at + DRIVE] = 0.0
        rows[at + SHIFT] = x
    put3(words, here + MOVE_A, a)
    put3(words, here + MOVE_L, l)
    put3(words, here + TORQUE, zero)
    put3(words, here + FORCE, zero)
    put3(words, here + ERROR_A, zero)
    put3(words, here + ERROR_L, zero)


@en.func
def displace_body(
    b: int,
    turn: en.vec3,
    move: en.vec3,
    com: en.vec3,
    dt: float,
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
):
    """Turns a body and moves its centre of mass; its velocity changes by the same over dt."""
    X = body_q[b]
    r = en.transform_get_rotation(X)
    r1 = en.normalize(rotation_step(turn, 1.0) * r)
    place = en.transform_get_translation(X) + move + en.quat_rotate(r, com) - en.quat_rotate(r1, com)
    body_q[b] = en.transform(place, r1)
    body_qd[b] = body_qd[b] + en.spatial_vector(turn / dt, move / dt)


@en.func
def respond(
    clusters: ClusterTable,
    cluster: int,
    lane: int,
    width: int,
    used: en.array(dtype=int),
    real: float,
    words: en.array(dtype=float),
    rows: en.array(dtype=float),
):
    """Displacements of all nodes of a cluster under the impulses, drives and errors that are written down."""
    first = clusters.level[cluster]
    last = clusters.level[cluster + 1]
    en.sync_lanes(width)
    for back in range(last - first):
        level = last - 1 - back
        for position in range(clusters.level_first[level] + lane, clusters.level_first[level + 1], width):
            gather_inward(clusters, position, used, words, rows)
        en.sync_lanes(width)
    for level in range(first, last):
        for position in range(clusters.level_first[level] + lane, clusters.level_first[level + 1], width):
            spread_outward(clusters, position, used, real, words, rows)
        en.sync_lanes(width)


@en.func
def move_nodes(
    clusters: ClusterTable,
    cluster: int,
    lane: int,
    width: int,
    used: en.array(dtype=int),
    body_com: en.array(dtype=en.vec3),
    dt: float,
    words: en.array(dtype=float),
    rows: en.array(dtype=float),
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
):
    """Lets a cluster respond, and moves its bodies."""
    respond(clusters, cluster, lane, width, used, 1.0, words, rows)
    for position in range(clusters.first[cluster] + lane, clusters.first[cluster + 1], width):
        here = node_at(position)
        turn = get3(words, here + MOVE_A)
        move = get3(words, here + MOVE_L) + en.cross(turn, get3(words, here + ARM))
        b = clusters.body[position]
        displace_body(b, turn, move, body_com[b], dt, body_q, body_qd)


@en.func
def keep_nodes(
    clusters: ClusterTable,
    cluster: int,
    lane: int,
    width: int,
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
    kept_q: en.array(dtype=en.transform),
    kept_qd: en.array(dtype=en.spatial_vector),
):
    """Copies where the bodies of a cluster are."""
    for position in range(clusters.first[cluster] + lane, clusters.first[cluster + 1], width):
        b = clusters.body[position]
        kept_q[b] = body_q[b]
        kept_qd[b] = body_qd[b]

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
def get_row(rows: en.array(dtype=float), at: int, there: bool):
    """Axis, push, inverse and drive of a row, all zero where there is none."""
    zero = en.vec3(0.0, 0.0, 0.0)
    a = zero
    l = zero
    u = zero
    v = zero
    inverse = 0.0
    drive = 0.0
    if there:
        a = get3(rows, at + AXIS_A)
        l = get3(rows, at + AXIS_L)
        u = get3(rows, at + PUSH_A)
        v = get3(rows, at + PUSH_L)
        inverse = rows[at + INVERSE]
        drive = rows[at + DRIVE]
    return a, l, u, v, inverse, drive


@en.func
def gather_inward(
    words: en.array(dtype=float),
    position: int,
    above: int,
    child_first: int,
    child_last: int,
    row: int,
    count: int,
    rows: en.array(dtype=float),
):
    """Sums what a node's children hand it, and leaves for its ancestor what its joint's rows do not yield to.

    Drives of the rows are given. Everything is loaded before anything is stored, for a GPU waits for each load.
    """
    here = node_at(position)
    e_a = get3(words, here + ERROR_A)
    e_l = get3(words, here + ERROR_L)
    A = get_symmetric(words, here + INERTIA_A)
    H = get_matrix(words, here + INERTIA_H)
    M = get_symmetric(words, here + INERTIA_M)
    arm = get3(words, here + ANCHOR) - get3(words, node_at(en.max(above, 0)) + ANCHOR)
    n = get3(words, here + TORQUE)
    f = get3(words, here + FORCE)
    for child in range(child_first, child_last):
        n = n + get3(words, node_at(child) + TORQUE)
        f = f + get3(words, node_at(child) + FORCE)
    left = int(count)
    while left > 0:
        at_0 = row + (left - 1) * ROW_WORDS
        at_1 = at_0 - ROW_WORDS
        at_2 = at_1 - ROW_WORDS
        a_0, l_0, u_0, v_0, inverse_0, drive_0 = get_row(rows, at_0, True)
        a_1, l_1, u_1, v_1, inverse_1, drive_1 = get_row(rows, at_1, left > 1)
        a_2, l_2, u_2, v_2, inverse_2, drive_2 = get_row(rows, at_2, left > 2)
        drive_0 = drive_0 - en.dot(a_0, n) - en.dot(l_0, f)
        n = n + u_0 * (drive_0 * inverse_0)
        f = f + v_0 * (drive_0 * inverse_0)
        rows[at_0 + DRIVE] = drive_0
        if left > 1:
            drive_1 = drive_1 - en.dot(a_1, n) - en.dot(l_1, f)
            n = n + u_1 * (drive_1 * inverse_1)
            f = f + v_1 * (drive_1 * inverse_1)
            rows[at_1 + DRIVE] = drive_1
        if left > 2:
            drive_2 = drive_2 - en.dot(a_2, n) - en.dot(l_2, f)
            n = n + u_2 * (drive_2 * inverse_2)
            f = f + v_2 * (drive_2 * inverse_2)
            rows[at_2 + DRIVE] = drive_2
        left = left - 3
    if above >= 0:
        n = n + A * e_a + H * e_l
        f = f + en.transpose(H) * e_a + M * e_l
        put3(words, here + TORQUE, n + en.cross(arm, f))
        put3(words, here + FORCE, f)


@en.func
def spread_row(
    a: en.vec3,
    l: en.vec3,
    real: float,
    at: int,
    s: en.vec3,
    t: en.vec3,
    u: en.vec3,
    v: en.vec3,
    inverse: float,
    drive: float,
    rows: en.array(dtype=float),
):
    """The displacement a, l of a node, and what its row (axis s, t, push u, v) yields besides."""
    x = (drive - en.dot(u, a) - en.dot(v, l)) * inverse
    rows[at + APPLIED] = rows[at + APPLIED] - rows[at + EXTRA] * x * real
    rows[at + DRIVE] = 0.0
    rows[at + SHIFT] = x
    return a + s * x, l + t * x


@en.func
def spread_outward(
    words: en.array(dtype=float),
    position: int,
    above: int,
    row: int,
    count: int,
    real: float,
    rows: en.array(dtype=float),
):
    """A node's displacement from that of its ancestor; what its rows apply is noted, and its impulses are spent.

    ``real`` is 0 for a question what would happen, of which no row takes note.
    """
    here = node_at(position)
    zero = en.vec3(0.0, 0.0, 0.0)
    a = get3(words, here + ERROR_A)
    l = get3(words, here + ERROR_L)
    if above >= 0:
        up = node_at(above)
        arm = get3(words, here + ANCHOR) - get3(words, up + ANCHOR)
        turn = get3(words, up + MOVE_A)
        a = a + turn
        l = l + get3(words, up + MOVE_L) + en.cross(turn, arm)
    first = 0
    while first < count:
        at_0 = row + first * ROW_WORDS
        at_1 = at_0 + ROW_WORDS
        at_2 = at_1 + ROW_WORDS
        a_0, l_0, u_0, v_0, inverse_0, drive_0 = get_row(rows, at_0, True)
        a_1, l_1, u_1, v_1, inverse_1, drive_1 = get_row(rows, at_1, first + 1 < count)
        a_2, l_2, u_2, v_2, inverse_2, drive_2 = get_row(rows, at_2, first + 2 < count)
        a, l = spread_row(a, l, real, at_0, a_0, l_0, u_0, v_0, inverse_0, drive_0, rows)
        if first + 1 < count:
            a, l = spread_row(a, l, real, at_1, a_1, l_1, u_1, v_1, inverse_1, drive_1, rows)
        if first + 2 < count:
            a, l = spread_row(a, l, real, at_2, a_2, l_2, u_2, v_2, inverse_2, drive_2, rows)
        first = first + 3
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
    """Displacements of all nodes of a cluster under the impulses, drives and errors that are written down.

    Where there are threads enough, each serves one node and keeps in mind where that stands.
    """
    first = clusters.level[cluster]
    last = clusters.level[cluster + 1]
    mine = clusters.first[cluster] + lane
    alone = clusters.first[cluster + 1] - clusters.first[cluster] <= width
    my_level = -1
    above = -1
    child_first = 0
    child_last = 0
    row = 0
    count = 0
    if alone and mine < clusters.first[cluster + 1]:
        my_level = first + clusters.depth[mine]
        above = clusters.ancestor[mine]
        child_first = clusters.child_first[mine]
        child_last = clusters.child_last[mine]
        row = row_item(clusters.row_at[mine])
        count = used[mine]
    en.sync_lanes(width)
    for back in range(last - first):
        level = last - 1 - back
        if my_level == level:
            gather_inward(words, mine, above, child_first, child_last, row, count, rows)
        if not alone:
            for position in range(clusters.level_first[level] + lane, clusters.level_first[level + 1], width):
                gather_inward(
                    words, position, clusters.ancestor[position], clusters.child_first[position],
                    clusters.child_last[position], row_item(clusters.row_at[position]), used[position], rows,
                )  # fmt: skip
        en.sync_lanes(width)
    for level in range(first, last):
        if my_level == level:
            spread_outward(words, mine, above, row, count, real, rows)
        if not alone:
            for position in range(clusters.level_first[level] + lane, clusters.level_first[level + 1], width):
                spread_outward(
                    words, position, clusters.ancestor[position], row_item(clusters.row_at[position]), used[position],
                    real, rows,
                )  # fmt: skip
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

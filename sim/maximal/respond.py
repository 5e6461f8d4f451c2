"""How a cluster's trees move under impulses and towards what their joints ask for: two passes over its nodes.

Impulses are positional [kg m, kg m^2] and displacements are small changes of the bodies' poses [m, rad], the velocities
changing by the same over dt. The trees' response is exact, so one sweep leaves only what is not linear.
"""

import engine as en
from sim.articulation.joint_motion import rotation_step
from sim.featherstone.scratch import get3, get_matrix, get_symmetric, put3
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
    node_at,
    row_item,
)


@en.func
def add_impulse(words: en.array(dtype=float), node: int, lanes: int, point: en.vec3, turn: en.vec3, push: en.vec3):
    """Adds an impulse (turn, and push at a world point) on a node's body to what its trees will respond to."""
    arm = point - get3(words, node + ANCHOR * lanes, lanes)
    # The recursion counts what bodies lack, hence the signs.
    at = node + TORQUE * lanes
    put3(words, at, lanes, get3(words, at, lanes) - turn - en.cross(arm, push))
    at = node + FORCE * lanes
    put3(words, at, lanes, get3(words, at, lanes) - push)


@en.func
def gather_inward(
    words: en.array(dtype=float),
    here: int,
    above: int,
    rows: en.array(dtype=float),
    row: int,
    count: int,
    lanes: int,
):
    """Hands a node's impulse to its ancestor, less what its joint's rows yield. Drives of the rows are given."""
    n = get3(words, here + TORQUE * lanes, lanes)
    f = get3(words, here + FORCE * lanes, lanes)
    step = ROW_WORDS * lanes
    for back in range(count):
        at = row + (count - 1 - back) * step
        held = en.dot(get3(rows, at + AXIS_A * lanes, lanes), n) + en.dot(get3(rows, at + AXIS_L * lanes, lanes), f)
        drive = rows[at + DRIVE * lanes] - held
        rows[at + DRIVE * lanes] = drive
        x = drive * rows[at + INVERSE * lanes]
        n = n + get3(rows, at + PUSH_A * lanes, lanes) * x
        f = f + get3(rows, at + PUSH_L * lanes, lanes) * x
    if above >= 0:
        e_a = get3(words, here + ERROR_A * lanes, lanes)
        e_l = get3(words, here + ERROR_L * lanes, lanes)
        A = get_symmetric(words, here + INERTIA_A * lanes, lanes)
        H = get_matrix(words, here + INERTIA_H * lanes, lanes)
        M = get_symmetric(words, here + INERTIA_M * lanes, lanes)
        n = n + A * e_a + H * e_l
        f = f + en.transpose(H) * e_a + M * e_l
        arm = get3(words, here + ANCHOR * lanes, lanes) - get3(words, above + ANCHOR * lanes, lanes)
        at = above + TORQUE * lanes
        put3(words, at, lanes, get3(words, at, lanes) + n + en.cross(arm, f))
        at = above + FORCE * lanes
        put3(words, at, lanes, get3(words, at, lanes) + f)


@en.func
def spread_outward(
    words: en.array(dtype=float),
    here: int,
    above: int,
    rows: en.array(dtype=float),
    row: int,
    count: int,
    lanes: int,
    real: float,
):
    """A node's displacement from that of its ancestor; what its rows apply is noted, and its impulses are spent.

    ``real`` is 0 for a question what would happen, of which no row takes note.
    """
    zero = en.vec3(0.0, 0.0, 0.0)
    a = get3(words, here + ERROR_A * lanes, lanes)
    l = get3(words, here + ERROR_L * lanes, lanes)
    if above >= 0:
        arm = get3(words, here + ANCHOR * lanes, lanes) - get3(words, above + ANCHOR * lanes, lanes)
        turn = get3(words, above + MOVE_A * lanes, lanes)
        a = a + turn
        l = l + get3(words, above + MOVE_L * lanes, lanes) + en.cross(turn, arm)
    step = ROW_WORDS * lanes
    for i in range(count):
        at = row + i * step
        held = en.dot(get3(rows, at + PUSH_A * lanes, lanes), a) + en.dot(get3(rows, at + PUSH_L * lanes, lanes), l)
        x = (rows[at + DRIVE * lanes] - held) * rows[at + INVERSE * lanes]
        a = a + get3(rows, at + AXIS_A * lanes, lanes) * x
        l = l + get3(rows, at + AXIS_L * lanes, lanes) * x
        rows[at + APPLIED * lanes] = rows[at + APPLIED * lanes] - rows[at + EXTRA * lanes] * x * real
        rows[at + DRIVE * lanes] = 0.0
        rows[at + SHIFT * lanes] = x
    put3(words, here + MOVE_A * lanes, lanes, a)
    put3(words, here + MOVE_L * lanes, lanes, l)
    put3(words, here + TORQUE * lanes, lanes, zero)
    put3(words, here + FORCE * lanes, lanes, zero)
    put3(words, here + ERROR_A * lanes, lanes, zero)
    put3(words, here + ERROR_L * lanes, lanes, zero)


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
    lanes: int,
    used: en.array(dtype=int),
    real: float,
    words: en.array(dtype=float),
    rows: en.array(dtype=float),
):
    """Displacements of all nodes of a cluster under the impulses, drives and errors that are written down."""
    first = clusters.first[cluster]
    count = clusters.first[cluster + 1] - first
    base = clusters.node_base[cluster]
    row_base = clusters.row_base[cluster]
    lane = clusters.lane[cluster]
    for back in range(count):
        k = count - 1 - back
        above = -1
        if clusters.ancestor[first + k] >= 0:
            above = node_at(base, lane, clusters.ancestor[first + k], lanes)
        row = row_item(row_base, lane, clusters.row_at[first + k], lanes)
        gather_inward(words, node_at(base, lane, k, lanes), above, rows, row, used[first + k], lanes)
    for k in range(count):
        above = -1
        if clusters.ancestor[first + k] >= 0:
            above = node_at(base, lane, clusters.ancestor[first + k], lanes)
        row = row_item(row_base, lane, clusters.row_at[first + k], lanes)
        spread_outward(words, node_at(base, lane, k, lanes), above, rows, row, used[first + k], lanes, real)


@en.func
def move_nodes(
    clusters: ClusterTable,
    cluster: int,
    lanes: int,
    used: en.array(dtype=int),
    body_com: en.array(dtype=en.vec3),
    dt: float,
    words: en.array(dtype=float),
    rows: en.array(dtype=float),
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
):
    """Lets a cluster respond, and moves its bodies."""
    respond(clusters, cluster, lanes, used, 1.0, words, rows)
    first = clusters.first[cluster]
    for k in range(clusters.first[cluster + 1] - first):
        here = node_at(clusters.node_base[cluster], clusters.lane[cluster], k, lanes)
        turn = get3(words, here + MOVE_A * lanes, lanes)
        move = get3(words, here + MOVE_L * lanes, lanes) + en.cross(turn, get3(words, here + ARM * lanes, lanes))
        b = clusters.body[first + k]
        displace_body(b, turn, move, body_com[b], dt, body_q, body_qd)

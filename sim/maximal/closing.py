"""Loops and welds: all six rows of a closure solved together, with the response of the trees that it connects.

So a closed chain is as rigid after one sweep as an open one, apart from what is not linear; several closures of a cluster
follow each other. Redundant rows, as of a planar linkage, are found in the factor and carry no impulse.
"""

import engine as en
from sim.articulation.body_table import BodyTable
from sim.articulation.joint_table import JointTable
from sim.featherstone.joint_forces import JointForceTable
from sim.maximal.clusters import ClusterTable
from sim.maximal.dense import factor_six, solve_six
from sim.maximal.items import (
    ANCHOR,
    APPLIED,
    AXIS_A,
    AXIS_L,
    CLOSURE_WORDS,
    EXTRA,
    FACTOR,
    GIVEN,
    MOVE_A,
    MOVE_L,
    RESPONSE,
    ROW_WORDS,
    get3,
    node_at,
)
from sim.maximal.joint_rows import (
    DISTANCE,
    ConstraintTable,
    dof_count,
    joint_error,
    parent_turn,
    rate_of_dof,
    relative_place,
)
from sim.maximal.measure import present_rates
from sim.maximal.prepare import lay_compliant_laws, lay_dof_laws, lay_joint_rows, measure_start
from sim.maximal.respond import add_impulse, move_nodes, respond

RIGID = en.constant(-1.0)
LEAST_EXTRA = en.constant(1.0e-9)
NEVER = en.constant(1.0e12)
ROWS_OF_CLOSURE = 6
"""Kernels get it as a number, since loops that the compiler unrolls take a minute to differentiate here."""


@en.func
def node_of(clusters: ClusterTable, body: int) -> int:
    """First word of a body's node, -1 for the world and kinematic bodies."""
    node = -1
    if body >= 0:
        if clusters.place[body] >= 0:
            node = node_at(clusters.place[body])
    return node


@en.func
def closure_anchor(table: JointTable, c: int, frame: en.array(dtype=en.transform)) -> en.vec3:
    """Where a closure's impulses act: the child's anchor."""
    return en.transform_point(frame[table.child[c]], en.transform_get_translation(table.X_c[c]))


@en.func
def push_apart(
    words: en.array(dtype=float),
    child: int,
    parent: int,
    anchor: en.vec3,
    turn: en.vec3,
    push: en.vec3,
):
    """Adds an impulse to the child's node and the opposite one to the parent's."""
    if child >= 0:
        add_impulse(words, child, anchor, turn, push)
    if parent >= 0:
        add_impulse(words, parent, anchor, -turn, -push)


@en.func
def displacement_along(
    words: en.array(dtype=float),
    child: int,
    parent: int,
    anchor: en.vec3,
    a: en.vec3,
    l: en.vec3,
) -> float:
    """How far the child's node has moved against the parent's along a row."""
    x = 0.0
    if child >= 0:
        turn = get3(words, child + MOVE_A)
        arm = anchor - get3(words, child + ANCHOR)
        x = en.dot(a, turn) + en.dot(l, get3(words, child + MOVE_L) + en.cross(turn, arm))
    if parent >= 0:
        turn = get3(words, parent + MOVE_A)
        arm = anchor - get3(words, parent + ANCHOR)
        x = x - en.dot(a, turn) - en.dot(l, get3(words, parent + MOVE_L) + en.cross(turn, arm))
    return x


@en.func
def own_response(
    body: int,
    bodies: BodyTable,
    body_inv_mass: en.array(dtype=float),
    body_inv_inertia: en.array(dtype=en.mat33),
    frame: en.array(dtype=en.transform),
    anchor: en.vec3,
    a: en.vec3,
    l: en.vec3,
) -> float:
    """Displacement of a body alone along a row, per impulse along it."""
    x = 0.0
    if body >= 0:
        arm = anchor - en.transform_point(frame[body], bodies.com[body])
        t = en.quat_rotate_inv(en.transform_get_rotation(frame[body]), a + en.cross(arm, l))
        x = body_inv_mass[body] * en.dot(l, l) + en.dot(t, body_inv_inertia[body] * t)
    return x


@en.func
def lay_closure_rows(
    joints: JointTable,
    forces: JointForceTable,
    table: JointTable,
    constraints: ConstraintTable,
    c: int,
    j: int,
    bodies: BodyTable,
    body_q0: en.array(dtype=en.transform),
    body_qd0: en.array(dtype=en.spatial_vector),
    joint_q0: en.array(dtype=float),
    act: en.array(dtype=float),
    applied: en.array(dtype=float),
    dt: float,
    body_q: en.array(dtype=en.transform),
    frame: en.array(dtype=en.transform),
    q: en.array(dtype=float),
    qd: en.array(dtype=float),
    q_mid: en.array(dtype=float),
    closed: en.array(dtype=float),
    six: int,
):
    """Writes the six rows of a closure with their laws; ``j`` is the joint that it is, or -1."""
    row = c * CLOSURE_WORDS
    if j >= 0:
        measure_start(joints, j, body_q0, body_qd0, bodies.com, joint_q0, q, qd)
    count = lay_joint_rows(table, constraints, c, frame, body_q, q, True, closed, row)
    lay_compliant_laws(table, constraints, c, body_q, count, dt, closed, row)
    if j >= 0 and table.type[c] != DISTANCE:
        lay_dof_laws(joints, forces, j, q, qd, q_mid, act, applied, dt, closed, row)
    free = dof_count(table, c)
    for i in range(free, six):
        at = row + i * ROW_WORDS
        rigid = constraints.linear_compliance[c] <= 0.0
        a = get3(closed, at + AXIS_A)
        if en.dot(a, a) > 0.5:
            rigid = constraints.angular_compliance[c] <= 0.0
        if rigid:
            closed[at + EXTRA] = RIGID


@en.func
def lay_responses(
    table: JointTable,
    c: int,
    clusters: ClusterTable,
    cluster: int,
    frame: en.array(dtype=en.transform),
    used: en.array(dtype=int),
    words: en.array(dtype=float),
    rows: en.array(dtype=float),
    closed: en.array(dtype=float),
    six: int,
):
    """How far each row of a closure moves under a unit impulse along each other one, trees yielding as they do."""
    base = c * CLOSURE_WORDS
    anchor = closure_anchor(table, c, frame)
    child = node_of(clusters, table.child[c])
    parent = node_of(clusters, table.parent[c])
    for i in range(six):
        at = base + i * ROW_WORDS
        push_apart(words, child, parent, anchor, get3(closed, at + AXIS_A), get3(closed, at + AXIS_L))
        respond(clusters, cluster, 0, 1, used, 0.0, words, rows)
        for k in range(six):
            to = base + k * ROW_WORDS
            a = get3(closed, to + AXIS_A)
            l = get3(closed, to + AXIS_L)
            closed[base + RESPONSE + 6 * k + i] = displacement_along(words, child, parent, anchor, a, l)


@en.kernel
def prepare_closures(
    joints: JointTable,
    forces: JointForceTable,
    table: JointTable,
    constraints: ConstraintTable,
    joint_of: en.array(dtype=int),
    bodies: BodyTable,
    clusters: ClusterTable,
    body_q0: en.array(dtype=en.transform),
    body_qd0: en.array(dtype=en.spatial_vector),
    joint_q0: en.array(dtype=float),
    act: en.array(dtype=float),
    applied: en.array(dtype=float),
    dt: float,
    body_q: en.array(dtype=en.transform),
    frame: en.array(dtype=en.transform),
    used: en.array(dtype=int),
    six: int,
    q: en.array(dtype=float),
    qd: en.array(dtype=float),
    q_mid: en.array(dtype=float),
    words: en.array(dtype=float),
    rows: en.array(dtype=float),
    closed: en.array(dtype=float),
):
    """Rows, laws and responses of a cluster's closures, after its trees are prepared."""
    cluster = en.tid()
    for c in range(clusters.loop_first[cluster], clusters.loop_first[cluster + 1]):
        if table.type[c] >= 0:
            lay_closure_rows(
                joints, forces, table, constraints, c, joint_of[c], bodies, body_q0, body_qd0, joint_q0, act, applied, dt,
                body_q, frame, q, qd, q_mid, closed, six,
            )  # fmt: skip
            lay_responses(table, c, clusters, cluster, frame, used, words, rows, closed, six)
        else:
            closed[c * CLOSURE_WORDS + APPLIED] = 0.0


@en.func
def ask_rows(
    table: JointTable,
    constraints: ConstraintTable,
    c: int,
    j: int,
    bodies: BodyTable,
    frame: en.array(dtype=en.transform),
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
    body_inv_mass: en.array(dtype=float),
    body_inv_inertia: en.array(dtype=en.mat33),
    dt: float,
    closed: en.array(dtype=float),
    asked: en.array(dtype=float),
    scale: en.array(dtype=float),
    six: int,
):
    """Writes what each row of a closure is to move (``asked``), and its matrix in the place of the factor.

    A row with a law, impulse = drive - extra x, becomes x + impulse / extra = drive / extra. A rigid row gives way in
    proportion to its error: where a chain is stretched out, its rows hardly move it, and what they ask of it there would
    carry it far beyond (as in the Levenberg-Marquardt method, convergence stays quadratic).
    """
    base = c * CLOSURE_WORDS
    X = relative_place(table, c, body_q)
    turn = parent_turn(table, c, frame)
    e_a, e_l = joint_error(table, constraints, c, X)
    e_a = en.quat_rotate(turn, e_a)
    e_l = en.quat_rotate(turn, e_l)
    turning, sliding = present_rates(table, c, X, body_q, body_qd, bodies.com)
    free = dof_count(table, c)
    anchor = closure_anchor(table, c, frame)
    for i in range(six):
        at = base + i * ROW_WORDS
        a = get3(closed, at + AXIS_A)
        l = get3(closed, at + AXIS_L)
        e = en.dot(a, e_a) + en.dot(l, e_l)
        extra = closed[at + EXTRA]
        own = own_response(table.child[c], bodies, body_inv_mass, body_inv_inertia, frame, anchor, a, l)
        own = own + own_response(table.parent[c], bodies, body_inv_mass, body_inv_inertia, frame, anchor, a, l)
        wanted = -e
        arm = en.length(anchor - en.transform_point(frame[table.child[c]], bodies.com[table.child[c]]))
        error = en.abs(e) * en.where(en.dot(a, a) > 0.5, 1.0, 1.0 / en.max(arm, 1.0e-6))
        softness = (1.0e-7 + en.min(4.0 * error, 1.0)) * own
        if i < free:
            drive = 0.0
            if j >= 0:
                drive = closed[at + GIVEN] - extra * dt * rate_of_dof(table, c, i, turning, sliding)
            drive = drive - closed[at + APPLIED]
            softness = 1.0 / en.max(extra, LEAST_EXTRA)
            wanted = drive * softness
        elif table.type[c] == DISTANCE and e == 0.0:
            softness = NEVER
            wanted = 0.0
        elif extra >= 0.0:
            softness = 1.0 / en.max(extra, LEAST_EXTRA)
            wanted = -e - closed[at + APPLIED] * softness
        asked[6 * c + i] = wanted
        scale[6 * c + i] = own
        for k in range(six):
            both = 0.5 * (closed[base + RESPONSE + 6 * i + k] + closed[base + RESPONSE + 6 * k + i])
            closed[base + FACTOR + 6 * i + k] = both
        closed[base + FACTOR + 7 * i] = closed[base + FACTOR + 7 * i] + softness


@en.kernel
def solve_closures(
    table: JointTable,
    constraints: ConstraintTable,
    joint_of: en.array(dtype=int),
    bodies: BodyTable,
    body_inv_mass: en.array(dtype=float),
    body_inv_inertia: en.array(dtype=en.mat33),
    clusters: ClusterTable,
    frame: en.array(dtype=en.transform),
    used: en.array(dtype=int),
    dt: float,
    six: int,
    words: en.array(dtype=float),
    rows: en.array(dtype=float),
    closed: en.array(dtype=float),
    asked: en.array(dtype=float),
    scale: en.array(dtype=float),
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
):
    """One sweep over the closures of a cluster, each moving the whole cluster."""
    cluster = en.tid()
    for c in range(clusters.loop_first[cluster], clusters.loop_first[cluster + 1]):
        if table.type[c] >= 0:
            base = c * CLOSURE_WORDS
            ask_rows(
                table, constraints, c, joint_of[c], bodies, frame, body_q, body_qd, body_inv_mass, body_inv_inertia, dt,
                closed, asked, scale, six,
            )  # fmt: skip
            factor_six(closed, base + FACTOR, base + FACTOR, scale, 6 * c, six)
            solve_six(closed, base + FACTOR, asked, 6 * c, six)
            turn = en.vec3(0.0, 0.0, 0.0)
            push = en.vec3(0.0, 0.0, 0.0)
            for i in range(six):
                at = base + i * ROW_WORDS
                impulse = asked[6 * c + i]
                closed[at + APPLIED] = closed[at + APPLIED] + impulse
                turn = turn + get3(closed, at + AXIS_A) * impulse
                push = push + get3(closed, at + AXIS_L) * impulse
            child = node_of(clusters, table.child[c])
            parent = node_of(clusters, table.parent[c])
            push_apart(words, child, parent, closure_anchor(table, c, frame), turn, push)
            move_nodes(clusters, cluster, 0, 1, used, bodies.com, dt, words, rows, body_q, body_qd)

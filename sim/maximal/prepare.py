"""What the joints of a step start from: rows, laws of their impulses, articulated inertias.

Directions are those where the step begins. Impulses along these keep the energy of a mechanism (the SHAKE scheme:
Ryckaert, Ciccotti, Berendsen 1977; Leimkuhler and Skeel 1994), where directions at the predicted poses, as usual in
position-based dynamics, would damp it. Only a cluster that turns by more than `WIDEST_TURN` in a step uses the latter:
there the former no longer lead to what joints allow.
"""

from functools import cache

import engine as en
from sim.articulation.body_table import BodyTable
from sim.articulation.inverse import count_turns, measure_joint
from sim.articulation.joint_motion import BALL, advance_joint
from sim.articulation.joint_table import JointTable
from sim.featherstone.joint_forces import JointForceTable, joint_force
from sim.maximal.clusters import ClusterTable
from sim.maximal.friction import lay_frictions
from sim.maximal.items import EXTRA, GIVEN, ROW_WORDS, node_at, row_item
from sim.maximal.joint_rows import (
    DISTANCE,
    ConstraintTable,
    distance_error,
    dof_count,
    lay_ball_rows,
    lay_distance_rows,
    lay_free_rows,
    lay_locked_rows,
    locked_linear,
    parent_turn,
    put_row,
    relative_place,
    turn_ball_laws,
    unit_vector,
)
from sim.maximal.penalties import lay_penalties, lay_springs
from sim.maximal.release import lay_node, release_nodes

WIDEST_TURN = en.constant(0.5)


@en.func
def choose_frames(
    clusters: ClusterTable,
    cluster: int,
    lane: int,
    width: int,
    body_q0: en.array(dtype=en.transform),
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
    dt: float,
    frame: en.array(dtype=en.transform),
):
    """Writes the poses whose directions the step uses, for the nodes of a cluster."""
    fastest = 0.0
    for at in range(clusters.first[cluster], clusters.first[cluster + 1]):
        fastest = en.max(fastest, en.length(en.spatial_top(body_qd[clusters.body[at]])))
    for at in range(clusters.first[cluster] + lane, clusters.first[cluster + 1], width):
        b = clusters.body[at]
        if fastest * dt > WIDEST_TURN:
            frame[b] = body_q[b]
        else:
            frame[b] = body_q0[b]


@en.func
def lay_joint_rows(
    joints: JointTable,
    constraints: ConstraintTable,
    j: int,
    frame: en.array(dtype=en.transform),
    body_q: en.array(dtype=en.transform),
    q: en.array(dtype=float),
    every_row: bool,
    rows: en.array(dtype=float),
    row: int,
) -> int:
    """Writes the rows of a joint and returns how many; a rope in use leaves out the one along it."""
    turn = parent_turn(joints, j, frame)
    count = 0
    if joints.type[j] == DISTANCE:
        lay_distance_rows(turn, en.transform_get_translation(relative_place(joints, j, frame)), rows, row)
        p = en.transform_get_translation(relative_place(joints, j, body_q))
        count = 6
        rigid = constraints.linear_compliance[j] <= 0.0 and not every_row
        if rigid and distance_error(constraints, j, p) != 0.0:
            count = 5
    else:
        lay_free_rows(joints, j, turn, q, rows, row)
        if joints.type[j] == BALL:
            lay_ball_rows(constraints, j, turn, en.transform_get_rotation(relative_place(joints, j, body_q)), rows, row)
        free = dof_count(joints, j)
        linear = every_row or constraints.linear_compliance[j] > 0.0
        angular = every_row or constraints.angular_compliance[j] > 0.0
        count = free + lay_locked_rows(joints, j, turn, q, linear, angular, rows, row + free * ROW_WORDS)
    return count


@en.func
def lay_dof_laws(
    joints: JointTable,
    forces: JointForceTable,
    j: int,
    q: en.array(dtype=float),
    qd: en.array(dtype=float),
    q_mid: en.array(dtype=float),
    act: en.array(dtype=float),
    applied: en.array(dtype=float),
    dt: float,
    rows: en.array(dtype=float),
    row: int,
):
    """The law of each degree of freedom, of drives, limits, springs, damping, friction and armature.

    The force is given - extra x for the acceleration x over the step; in terms of the relative displacement y at its
    end, dt^2 x = y - dt u with the rate u at its start. So the impulse is dt^2 given + extra dt u - extra y.
    """
    advance_joint(joints, j, q, qd, 0.5 * dt, q_mid)
    step = ROW_WORDS
    start = joints.qd_start[j]
    for i in range(dof_count(joints, j)):
        given, extra = joint_force(joints, forces, j, i, q_mid, qd, act, applied, dt)
        rows[row + i * step + EXTRA] = extra
        rows[row + i * step + GIVEN] = dt * (dt * given + extra * qd[start + i])


@en.func
def lay_compliant_laws(
    joints: JointTable,
    constraints: ConstraintTable,
    j: int,
    body_q: en.array(dtype=en.transform),
    count: int,
    dt: float,
    rows: en.array(dtype=float),
    row: int,
):
    """Locked rows that are there because the joint is compliant: springs, implicit in the step."""
    step = ROW_WORDS
    free = dof_count(joints, j)
    linear = locked_linear(joints, j)
    if constraints.linear_compliance[j] <= 0.0:
        linear = 0
    for i in range(count - free):
        softness = constraints.angular_compliance[j]
        if i < linear or joints.type[j] == DISTANCE:
            softness = constraints.linear_compliance[j]
        stiffness = dt * dt / en.max(softness, 1.0e-12)
        if joints.type[j] == DISTANCE:
            p = en.transform_get_translation(relative_place(joints, j, body_q))
            if distance_error(constraints, j, p) == 0.0:
                stiffness = 0.0
        rows[row + (free + i) * step + EXTRA] = stiffness


@en.func
def measure_start(
    joints: JointTable,
    j: int,
    body_q0: en.array(dtype=en.transform),
    body_qd0: en.array(dtype=en.spatial_vector),
    body_com: en.array(dtype=en.vec3),
    before: en.array(dtype=float),
    q: en.array(dtype=float),
    qd: en.array(dtype=float),
):
    """Coordinates and rates of a joint where the step begins."""
    measure_joint(joints, j, body_q0, body_qd0, body_com, q, qd)
    count_turns(joints, j, before, q)


@cache
def preparation(penalty: bool):
    """Function that prepares a cluster for a step; with ``penalty``, what ``sprung`` joints lock are rows too, pulled by springs."""

    @en.func
    def prepare(
        joints: JointTable,
        forces: JointForceTable,
        constraints: ConstraintTable,
        bodies: BodyTable,
        clusters: ClusterTable,
        cluster: int,
        lane: int,
        width: int,
        body_q0: en.array(dtype=en.transform),
        body_qd0: en.array(dtype=en.spatial_vector),
        joint_q0: en.array(dtype=float),
        act: en.array(dtype=float),
        applied: en.array(dtype=float),
        friction: en.array(dtype=float),
        sprung: en.array(dtype=int),
        explicit: int,
        stiffness: en.array2d(dtype=float),
        damping: en.array2d(dtype=float),
        dt: float,
        body_q: en.array(dtype=en.transform),
        body_qd: en.array(dtype=en.spatial_vector),
        frame: en.array(dtype=en.transform),
        q: en.array(dtype=float),
        qd: en.array(dtype=float),
        q_mid: en.array(dtype=float),
        used: en.array(dtype=int),
        words: en.array(dtype=float),
        rows: en.array(dtype=float),
    ):
        choose_frames(clusters, cluster, lane, width, body_q0, body_q, body_qd, dt, frame)
        en.sync_lanes(width)
        for position in range(clusters.first[cluster] + lane, clusters.first[cluster + 1], width):
            b = clusters.body[position]
            j = clusters.joint[position]
            anchor = en.transform_point(frame[b], bodies.com[b])
            row = row_item(clusters.row_at[position])
            count = 6
            if j < 0:
                for i in range(3):
                    e = unit_vector(i)
                    put_row(rows, row + i * ROW_WORDS, e, e * 0.0)
                    put_row(rows, row + (3 + i) * ROW_WORDS, e * 0.0, e)
            else:
                anchor = en.transform_point(frame[b], en.transform_get_translation(joints.X_c[j]))
                measure_start(joints, j, body_q0, body_qd0, bodies.com, joint_q0, q, qd)
                on_springs = False
                if en.static(penalty):
                    on_springs = sprung[j] != 0
                count = lay_joint_rows(joints, constraints, j, frame, body_q, q, on_springs, rows, row)
                if joints.type[j] != DISTANCE:
                    lay_dof_laws(joints, forces, j, q, qd, q_mid, act, applied, dt, rows, row)
                    if joints.type[j] == BALL:
                        turn_ball_laws(parent_turn(joints, j, frame), dt, rows, row)
                    lay_frictions(joints, j, friction, qd, dt, rows, row)
                if on_springs and explicit == 0:
                    lay_springs(joints, j, count, stiffness, dt, rows, row)
                elif on_springs:
                    lay_penalties(
                        joints, constraints, j, anchor, body_q0, body_qd0, bodies.com, count, stiffness, damping, dt,
                        rows, row,
                    )  # fmt: skip
                else:
                    lay_compliant_laws(joints, constraints, j, body_q, count, dt, rows, row)
            used[position] = count
            here = node_at(position)
            lay_node(words, here, anchor, frame[b], bodies.com[b], bodies.mass[b], bodies.inertia[b])
        release_nodes(clusters, cluster, lane, width, used, words, rows)

    return prepare


@cache
def prepare_clusters(penalty: bool):
    """Kernel that prepares all clusters, see `preparation`."""
    prepare_cluster = preparation(penalty)

    @en.kernel
    def prepare(
        joints: JointTable,
        forces: JointForceTable,
        constraints: ConstraintTable,
        bodies: BodyTable,
        clusters: ClusterTable,
        width: int,
        body_q0: en.array(dtype=en.transform),
        body_qd0: en.array(dtype=en.spatial_vector),
        joint_q0: en.array(dtype=float),
        act: en.array(dtype=float),
        applied: en.array(dtype=float),
        friction: en.array(dtype=float),
        sprung: en.array(dtype=int),
        explicit: int,
        stiffness: en.array2d(dtype=float),
        damping: en.array2d(dtype=float),
        dt: float,
        body_q: en.array(dtype=en.transform),
        body_qd: en.array(dtype=en.spatial_vector),
        frame: en.array(dtype=en.transform),
        q: en.array(dtype=float),
        qd: en.array(dtype=float),
        q_mid: en.array(dtype=float),
        used: en.array(dtype=int),
        words: en.array(dtype=float),
        rows: en.array(dtype=float),
    ):
        thread = en.tid()
        cluster = thread // width
        prepare_cluster(
            joints,
            forces,
            constraints,
            bodies,
            clusters,
            cluster,
            thread - cluster * width,
            width,
            body_q0,
            body_qd0,
            joint_q0,
            act,
            applied,
            friction,
            sprung,
            explicit,
            stiffness,
            damping,
            dt,
            body_q,
            body_qd,
            frame,
            q,
            qd,
            q_mid,
            used,
            words,
            rows,
        )

    return prepare

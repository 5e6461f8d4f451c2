"""What a sweep has to correct: errors of locked directions, and what the laws of the rows still ask for."""

import engine as en
from sim.articulation.inverse import joint_angles
from sim.articulation.joint_motion import BALL
from sim.articulation.joint_table import JointTable
from sim.maximal.items import (
    APPLIED,
    AXIS_A,
    AXIS_L,
    DRIVE,
    ERROR_A,
    ERROR_L,
    EXTRA,
    GIVEN,
    ROW_WORDS,
    STOP,
    get3,
    put3,
)
from sim.maximal.joint_rows import (
    DISTANCE,
    ConstraintTable,
    ball_excess,
    dof_count,
    joint_error,
    joint_rates,
    parent_turn,
    rate_of_dof,
    relative_place,
)
from sim.maximal.relative import relative_velocity_at


@en.func
def present_rates(
    joints: JointTable,
    j: int,
    X: en.transform,
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
    body_com: en.array(dtype=en.vec3),
):
    """Rates of a joint's rotations and translations at its relative pose X."""
    anchor = en.transform_point(body_q[joints.child[j]], en.transform_get_translation(joints.X_c[j]))
    turn = parent_turn(joints, j, body_q)
    w, v = relative_velocity_at(joints, j, anchor, body_q, body_qd, body_com)
    angles = joint_angles(joints, j, en.transform_get_rotation(X))
    turning, sliding = joint_rates(joints, j, angles, en.quat_rotate_inv(turn, w), en.quat_rotate_inv(turn, v))
    return turning, sliding


@en.func
def measure_drives(
    joints: JointTable,
    constraints: ConstraintTable,
    j: int,
    X: en.transform,
    frame: en.array(dtype=en.transform),
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
    body_com: en.array(dtype=en.vec3),
    dt: float,
    rows: en.array(dtype=float),
    row: int,
):
    """What the laws of the degrees of freedom give at the present velocities, beyond what was applied already.

    Rates are those of the joint as it stands now: along the axes of the step's beginning, what turns the axes
    themselves would count as acceleration.
    """
    turning, sliding = present_rates(joints, j, X, body_q, body_qd, body_com)
    step = ROW_WORDS
    for i in range(dof_count(joints, j)):
        at = row + i * step
        y = dt * rate_of_dof(joints, j, i, turning, sliding)
        if joints.type[j] == BALL:
            # rows of a ball joint may be turned, and stops among them know places instead of rates
            b = en.quat_rotate_inv(parent_turn(joints, j, frame), get3(rows, at + AXIS_A))
            y = dt * en.dot(b, turning)
            if rows[at + STOP] > 0.0:
                over, beyond = ball_excess(constraints, j, en.transform_get_rotation(X))
                y = en.dot(b, over + beyond)
        drive = rows[at + GIVEN] - rows[at + EXTRA] * y - rows[at + APPLIED]
        rows[at + DRIVE] = drive
        rows[at + APPLIED] = rows[at + APPLIED] + drive


@en.func
def error_in_world(
    joints: JointTable,
    constraints: ConstraintTable,
    j: int,
    X: en.transform,
    frame: en.array(dtype=en.transform),
):
    """Angular and linear error of a joint at the relative pose X, along the directions of the step."""
    e_a, e_l = joint_error(joints, constraints, j, X)
    turn = parent_turn(joints, j, frame)
    return en.quat_rotate(turn, e_a), en.quat_rotate(turn, e_l)


@en.func
def measure_springs(
    joints: JointTable,
    j: int,
    count: int,
    e_a: en.vec3,
    e_l: en.vec3,
    rows: en.array(dtype=float),
    row: int,
):
    """What the springs of locked rows give for an error, beyond what was applied already."""
    for i in range(dof_count(joints, j), count):
        at = row + i * ROW_WORDS
        e = en.dot(get3(rows, at + AXIS_A), e_a) + en.dot(get3(rows, at + AXIS_L), e_l)
        drive = -rows[at + EXTRA] * e - rows[at + APPLIED]
        rows[at + DRIVE] = drive
        rows[at + APPLIED] = rows[at + APPLIED] + drive


@en.func
def measure_errors(
    joints: JointTable,
    constraints: ConstraintTable,
    j: int,
    count: int,
    X: en.transform,
    frame: en.array(dtype=en.transform),
    words: en.array(dtype=float),
    here: int,
    rows: en.array(dtype=float),
    row: int,
):
    """How far the bodies are from what the joint allows: to be undone at once where it is rigid, else by its springs."""
    e_a, e_l = error_in_world(joints, constraints, j, X, frame)
    measure_springs(joints, j, count, e_a, e_l, rows, row)
    if constraints.linear_compliance[j] > 0.0:
        e_l = e_l * 0.0
    if constraints.angular_compliance[j] > 0.0:
        e_a = e_a * 0.0
    if joints.type[j] == DISTANCE and count == 6:
        e_l = e_l * 0.0
    put3(words, here + ERROR_A, -e_a)
    put3(words, here + ERROR_L, -e_l)


@en.func
def measure_joint_rows(
    joints: JointTable,
    constraints: ConstraintTable,
    j: int,
    count: int,
    frame: en.array(dtype=en.transform),
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
    body_com: en.array(dtype=en.vec3),
    dt: float,
    words: en.array(dtype=float),
    here: int,
    rows: en.array(dtype=float),
    row: int,
):
    """Writes drives and errors of a tree joint for the next sweep."""
    X = relative_place(joints, j, body_q)
    measure_drives(joints, constraints, j, X, frame, body_q, body_qd, body_com, dt, rows, row)
    measure_errors(joints, constraints, j, count, X, frame, words, here, rows, row)

"""Springs in the place of what a joint locks: implicit ones, or explicit ones with dampers, from where the step begins."""

import engine as en
from sim.articulation.joint_table import JointTable
from sim.maximal.items import AXIS_A, AXIS_L, EXTRA, GIVEN, ROW_WORDS, get3
from sim.maximal.joint_rows import DISTANCE, ConstraintTable, dof_count, joint_error, parent_turn, relative_place
from sim.maximal.relative import relative_velocity_at


@en.func
def lay_penalties(
    joints: JointTable,
    constraints: ConstraintTable,
    j: int,
    anchor: en.vec3,
    body_q0: en.array(dtype=en.transform),
    body_qd0: en.array(dtype=en.spatial_vector),
    body_com: en.array(dtype=en.vec3),
    count: int,
    stiffness: en.array2d(dtype=float),
    damping: en.array2d(dtype=float),
    dt: float,
    rows: en.array(dtype=float),
    row: int,
):
    """Gives the locked rows of a joint their impulses; ``stiffness`` and ``damping`` hold (linear, angular) a joint."""
    turn = parent_turn(joints, j, body_q0)
    e_a, e_l = joint_error(joints, constraints, j, relative_place(joints, j, body_q0))
    e_a = en.quat_rotate(turn, e_a)
    e_l = en.quat_rotate(turn, e_l)
    w, v = relative_velocity_at(joints, j, anchor, body_q0, body_qd0, body_com)
    if joints.type[j] == DISTANCE and en.length(e_l) == 0.0:
        v = v * 0.0
    for i in range(dof_count(joints, j), count):
        at = row + i * ROW_WORDS
        a = get3(rows, at + AXIS_A)
        l = get3(rows, at + AXIS_L)
        force = -stiffness[j, 0] * en.dot(l, e_l) - damping[j, 0] * en.dot(l, v)
        torque = -stiffness[j, 1] * en.dot(a, e_a) - damping[j, 1] * en.dot(a, w)
        rows[at + GIVEN] = dt * dt * (force + torque)


@en.func
def lay_springs(
    joints: JointTable,
    j: int,
    count: int,
    stiffness: en.array2d(dtype=float),
    dt: float,
    rows: en.array(dtype=float),
    row: int,
):
    """Makes the locked rows of a joint springs that the sweep solves for; ``stiffness`` as in ``lay_penalties``."""
    for i in range(dof_count(joints, j), count):
        at = row + i * ROW_WORDS
        l = get3(rows, at + AXIS_L)
        rows[at + EXTRA] = dt * dt * en.where(en.dot(l, l) > 0.5, stiffness[j, 0], stiffness[j, 1])

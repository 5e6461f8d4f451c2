"""One step of every tree, in one kernel: the articulated-body algorithm as a thread walks it."""

import engine as en
from sim.articulation.body_table import BodyTable
from sim.articulation.forward import place_child
from sim.articulation.joint_motion import advance_joint
from sim.articulation.joint_table import JointTable
from sim.articulation.trees import TreeTable
from sim.featherstone.inward import pass_inward, release_axis
from sim.featherstone.joint_forces import JointForceTable, joint_force
from sim.featherstone.outward import visit_outward
from sim.featherstone.scratch import (
    ACCEL_A,
    ACCEL_L,
    ANCHOR,
    AXIS_A,
    AXIS_L,
    BIAS_A,
    BIAS_L,
    DRIVE,
    FORCE,
    INERTIA_A,
    INERTIA_H,
    INERTIA_M,
    INVERSE,
    PUSH_A,
    PUSH_L,
    TORQUE,
    dof_at,
    get3,
    get_matrix,
    get_symmetric,
    joint_at,
    put3,
)


@en.func
def joint_dof_count(joints: JointTable, j: int) -> int:
    """Degrees of freedom of a joint."""
    return joints.qd_start[j + 1] - joints.qd_start[j]


@en.func
def accelerate_joint(
    joints: JointTable,
    j: int,
    above: int,
    here: int,
    dof: int,
    step: int,
    lanes: int,
    gravity: en.vec3,
    qd: en.array(dtype=float),
    dt: float,
    words: en.array(dtype=float),
    dofs: en.array(dtype=float),
    qd_out: en.array(dtype=float),
    qdd_out: en.array(dtype=float),
):
    """Accelerations of a joint's axes from that of its ancestor, and the velocities they lead to.

    Gravity enters as an acceleration of the world in the other direction.
    """
    a = en.vec3(0.0, 0.0, 0.0)
    l = -gravity
    if above >= 0:
        arm = get3(words, here + ANCHOR * lanes, lanes) - get3(words, above + ANCHOR * lanes, lanes)
        a = get3(words, above + ACCEL_A * lanes, lanes)
        l = get3(words, above + ACCEL_L * lanes, lanes) + en.cross(a, arm)
    a = a + get3(words, here + BIAS_A * lanes, lanes)
    l = l + get3(words, here + BIAS_L * lanes, lanes)
    start = joints.qd_start[j]
    for i in range(joint_dof_count(joints, j)):
        at = dof + i * step
        held = en.dot(get3(dofs, at + PUSH_A * lanes, lanes), a) + en.dot(get3(dofs, at + PUSH_L * lanes, lanes), l)
        x = (dofs[at + DRIVE * lanes] - held) * dofs[at + INVERSE * lanes]
        a = a + get3(dofs, at + AXIS_A * lanes, lanes) * x
        l = l + get3(dofs, at + AXIS_L * lanes, lanes) * x
        qd_out[start + i] = qd[start + i] + dt * x
        qdd_out[start + i] = x
    put3(words, here + ACCEL_A * lanes, lanes, a)
    put3(words, here + ACCEL_L * lanes, lanes, l)


@en.func
def step_tree(
    joints: JointTable,
    forces: JointForceTable,
    bodies: BodyTable,
    trees: TreeTable,
    first: int,
    count: int,
    base: int,
    dof_base: int,
    lane: int,
    lanes: int,
    q: en.array(dtype=float),
    qd: en.array(dtype=float),
    qdd: en.array(dtype=float),
    act: en.array(dtype=float),
    applied: en.array(dtype=float),
    wrench: en.array(dtype=en.spatial_vector),
    gravity: en.vec3,
    dt: float,
    q_mid: en.array(dtype=float),
    qd_mid: en.array(dtype=float),
    words: en.array(dtype=float),
    dofs: en.array(dtype=float),
    q_out: en.array(dtype=float),
    qd_out: en.array(dtype=float),
    qdd_out: en.array(dtype=float),
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
):
    """Steps the ``count`` joints from position ``first`` on, whose scratch begins at ``base``, ``dof_base`` and ``lane``."""
    step = dof_at(0, 0, 1, lanes)
    for k in range(count):
        j = trees.order[first + k]
        ancestor = trees.ancestor[first + k]
        above = -1
        if ancestor >= 0:
            above = joint_at(base, lane, ancestor, lanes)
        here = joint_at(base, lane, k, lanes)
        dof = dof_at(dof_base, lane, trees.dof_at[first + k], lanes)
        advance_joint(joints, j, q, qd, 0.5 * dt, q_mid)
        start = joints.qd_start[j]
        for i in range(joint_dof_count(joints, j)):
            qd_mid[start + i] = qd[start + i] + 0.5 * dt * qdd[start + i]
        visit_outward(joints, bodies, j, above, here, dof, lanes, q_mid, qd_mid, wrench, words, dofs)
    for back in range(count):
        k = count - 1 - back
        j = trees.order[first + k]
        ancestor = trees.ancestor[first + k]
        here = joint_at(base, lane, k, lanes)
        dof = dof_at(dof_base, lane, trees.dof_at[first + k], lanes)
        A = get_symmetric(words, here + INERTIA_A * lanes, lanes)
        H = get_matrix(words, here + INERTIA_H * lanes, lanes)
        M = get_symmetric(words, here + INERTIA_M * lanes, lanes)
        n = get3(words, here + TORQUE * lanes, lanes)
        f = get3(words, here + FORCE * lanes, lanes)
        axes = joint_dof_count(joints, j)
        for i in range(axes):
            at = axes - 1 - i
            given, extra = joint_force(joints, forces, j, at, q_mid, qd, act, applied, dt)
            A, H, M, n, f = release_axis(A, H, M, n, f, dofs, dof + at * step, lanes, given, extra)
        if ancestor >= 0:
            pass_inward(words, here, joint_at(base, lane, ancestor, lanes), lanes, A, H, M, n, f)
    for k in range(count):
        j = trees.order[first + k]
        ancestor = trees.ancestor[first + k]
        above = -1
        if ancestor >= 0:
            above = joint_at(base, lane, ancestor, lanes)
        here = joint_at(base, lane, k, lanes)
        dof = dof_at(dof_base, lane, trees.dof_at[first + k], lanes)
        accelerate_joint(joints, j, above, here, dof, step, lanes, gravity, qd, dt, words, dofs, qd_out, qdd_out)
        advance_joint(joints, j, q_mid, qd_out, 0.5 * dt, q_out)
        place_child(joints, j, q_out, qd_out, bodies.com, body_q, body_qd)


@en.kernel
def step_trees(
    joints: JointTable,
    forces: JointForceTable,
    bodies: BodyTable,
    trees: TreeTable,
    chosen: en.array(dtype=int),
    lanes: int,
    q: en.array(dtype=float),
    qd: en.array(dtype=float),
    qdd: en.array(dtype=float),
    act: en.array(dtype=float),
    applied: en.array(dtype=float),
    wrench: en.array(dtype=en.spatial_vector),
    gravity: en.vec3,
    dt: float,
    q_mid: en.array(dtype=float),
    qd_mid: en.array(dtype=float),
    words: en.array(dtype=float),
    dofs: en.array(dtype=float),
    q_out: en.array(dtype=float),
    qd_out: en.array(dtype=float),
    qdd_out: en.array(dtype=float),
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
):
    """One thread a tree; ``chosen`` lists the trees, or is absent and means all."""
    tree = en.tid()
    if chosen:
        tree = chosen[tree]
    first = trees.first[tree]
    count = trees.first[tree + 1] - first
    step_tree(
        joints, forces, bodies, trees, first, count, trees.joint_base[tree], trees.dof_base[tree], trees.lane[tree],
        lanes, q, qd, qdd, act, applied, wrench, gravity, dt, q_mid, qd_mid, words, dofs, q_out, qd_out, qdd_out,
        body_q, body_qd,
    )  # fmt: skip

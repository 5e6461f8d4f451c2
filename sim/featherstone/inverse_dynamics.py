"""Inverse dynamics by the recursive Newton-Euler algorithm (Featherstone 2008, table 5.1)."""

import engine as en
from sim.articulation.joint_table import JointTable
from sim.articulation.precision import precision_of
from sim.articulation.trees import TreeTable
from sim.device_arrays import on_model_device
from sim.featherstone.inward import add_force
from sim.featherstone.scratch import (
    ACCEL_A,
    ACCEL_L,
    ANCHOR,
    AXIS_A,
    AXIS_L,
    BIAS_A,
    BIAS_L,
    FORCE,
    INERTIA_A,
    INERTIA_H,
    INERTIA_M,
    TORQUE,
    dof_at,
    get3,
    get_matrix,
    get_symmetric,
    joint_at,
    put3,
)
from sim.featherstone.sweep import sweep


@on_model_device
def eval_inverse_dynamics(model, joint_q, joint_qd, joint_qdd, body_f=None, tau=None):
    """Generalised forces that cause given accelerations: mass matrix times acceleration plus bias forces.

    Passive joint forces (damping, springs, friction, limits) and drives are not taken off.

    Args:
        model: The model.
        joint_q: Coordinates, float or float64 [joint_coord_count]; all other arrays and the result have the same
            precision.
        joint_qd: Velocities, float [joint_dof_count].
        joint_qdd: Accelerations, float [joint_dof_count].
        body_f: Wrenches on bodies as in ``State.body_f``; None means none.
        tau: Receives the result; None makes a new array.

    Returns:
        Forces [N or N m], [joint_dof_count].
    """
    precision = precision_of(model, joint_q)
    if tau is None:
        tau = en.zeros(model.joint_dof_count, dtype=precision.scalar)
    scratch, trees = sweep(model, precision, joint_q, joint_qd, body_f), model.kinematic_trees
    en.launch(
        precision.kernel(balance_trees),
        dim=trees.count,
        inputs=[
            precision.joints, trees.table, trees.lanes, precision.armature, joint_qdd, precision.vec3(*model.gravity),
            scratch.joint, scratch.dof,
        ],
        outputs=[tau],
    )  # fmt: skip
    return tau


def eval_bias_forces(model, joint_q, joint_qd, body_f=None, tau=None):
    """Coriolis, centrifugal and gravity forces, less what wrenches on bodies give: the forces that hold accelerations
    at zero. Arguments and result as for ``eval_inverse_dynamics``."""
    at_rest = en.zeros(model.joint_dof_count, dtype=joint_q.dtype, device=model.device)
    return eval_inverse_dynamics(model, joint_q, joint_qd, at_rest, body_f, tau)


@en.kernel
def balance_trees(
    joints: JointTable,
    trees: TreeTable,
    lanes: int,
    armature: en.array(dtype=float),
    qdd: en.array(dtype=float),
    gravity: en.vec3,
    words: en.array(dtype=float),
    dofs: en.array(dtype=float),
    tau: en.array(dtype=float),
):
    tree = en.tid()
    first = trees.first[tree]
    count = trees.first[tree + 1] - first
    base = trees.joint_base[tree]
    lane = trees.lane[tree]
    for k in range(count):
        j = trees.order[first + k]
        here = joint_at(base, lane, k, lanes)
        a = en.vec3(0.0, 0.0, 0.0)
        l = -gravity
        if trees.ancestor[first + k] >= 0:
            above = joint_at(base, lane, trees.ancestor[first + k], lanes)
            arm = get3(words, here + ANCHOR * lanes, lanes) - get3(words, above + ANCHOR * lanes, lanes)
            a = get3(words, above + ACCEL_A * lanes, lanes)
            l = get3(words, above + ACCEL_L * lanes, lanes) + en.cross(a, arm)
        a = a + get3(words, here + BIAS_A * lanes, lanes)
        l = l + get3(words, here + BIAS_L * lanes, lanes)
        start = joints.qd_start[j]
        for i in range(joints.qd_start[j + 1] - start):
            dof = dof_at(trees.dof_base[tree], lane, trees.dof_at[first + k] + i, lanes)
            a = a + get3(dofs, dof + AXIS_A * lanes, lanes) * qdd[start + i]
            l = l + get3(dofs, dof + AXIS_L * lanes, lanes) * qdd[start + i]
        put3(words, here + ACCEL_A * lanes, lanes, a)
        put3(words, here + ACCEL_L * lanes, lanes, l)
        H = get_matrix(words, here + INERTIA_H * lanes, lanes)
        n = get_symmetric(words, here + INERTIA_A * lanes, lanes) * a + H * l
        f = en.transpose(H) * a + get_symmetric(words, here + INERTIA_M * lanes, lanes) * l
        put3(words, here + TORQUE * lanes, lanes, get3(words, here + TORQUE * lanes, lanes) + n)
        put3(words, here + FORCE * lanes, lanes, get3(words, here + FORCE * lanes, lanes) + f)
    for back in range(count):
        k = count - 1 - back
        j = trees.order[first + k]
        here = joint_at(base, lane, k, lanes)
        n = get3(words, here + TORQUE * lanes, lanes)
        f = get3(words, here + FORCE * lanes, lanes)
        start = joints.qd_start[j]
        for i in range(joints.qd_start[j + 1] - start):
            dof = dof_at(trees.dof_base[tree], lane, trees.dof_at[first + k] + i, lanes)
            given = en.dot(get3(dofs, dof + AXIS_A * lanes, lanes), n) + en.dot(
                get3(dofs, dof + AXIS_L * lanes, lanes), f
            )
            tau[start + i] = given + armature[start + i] * qdd[start + i]
        if trees.ancestor[first + k] >= 0:
            add_force(words, here, joint_at(base, lane, trees.ancestor[first + k], lanes), lanes, n, f)

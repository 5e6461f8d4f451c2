"""Jacobians of all bodies."""

import engine as en
from sim.articulation.joint_table import JointTable
from sim.articulation.precision import precision_of
from sim.articulation.trees import TreeTable
from sim.device_arrays import on_model_device
from sim.featherstone.scratch import ANCHOR, AXIS_A, AXIS_L, POSE, dof_at, get3, get_pose, joint_at
from sim.featherstone.sweep import sweep


@on_model_device
def eval_jacobian(model, joint_q, J=None):
    """Jacobians: ``body_qd[b] = J[b] @ joint_qd`` of the body's tree (angular rows, then linear ones of the centre of mass).

    Args:
        model: The model.
        joint_q: Coordinates, float or float64 [joint_coord_count]; the result has the same precision.
        J: Receives the result, zeros to begin with; None makes a new array.

    Returns:
        Array of shape [body_count, 6, n] with n the most degrees of freedom of a tree; columns in the order of
        ``joint_qd`` within the tree.
    """
    trees, precision = model.kinematic_trees, precision_of(model, joint_q)
    if J is None:
        J = en.zeros((model.body_count, 6, int(trees.dof_count.max(initial=0))), dtype=precision.scalar)
    scratch = sweep(model, precision, joint_q)
    en.launch(
        precision.kernel(fill_jacobian),
        dim=trees.count,
        inputs=[precision.joints, trees.table, trees.lanes, precision.bodies.com, scratch.joint, scratch.dof],
        outputs=[J],
    )
    return J


@en.kernel
def fill_jacobian(
    joints: JointTable,
    trees: TreeTable,
    lanes: int,
    body_com: en.array(dtype=en.vec3),
    words: en.array(dtype=float),
    dofs: en.array(dtype=float),
    J: en.array3d(dtype=float),
):
    tree = en.tid()
    first = trees.first[tree]
    lane = trees.lane[tree]
    for k in range(trees.first[tree + 1] - first):
        here = joint_at(trees.joint_base[tree], lane, k, lanes)
        body = joints.child[trees.order[first + k]]
        com = en.transform_point(get_pose(words, here + POSE * lanes, lanes), body_com[body])
        up = k
        while up >= 0:
            item = joint_at(trees.joint_base[tree], lane, up, lanes)
            arm = com - get3(words, item + ANCHOR * lanes, lanes)
            j = trees.order[first + up]
            for i in range(joints.qd_start[j + 1] - joints.qd_start[j]):
                column = trees.dof_at[first + up] + i
                dof = dof_at(trees.dof_base[tree], lane, column, lanes)
                a = get3(dofs, dof + AXIS_A * lanes, lanes)
                l = get3(dofs, dof + AXIS_L * lanes, lanes) + en.cross(a, arm)
                for c in range(3):
                    J[body, c, column] = a[c]
                    J[body, 3 + c, column] = l[c]
            up = trees.ancestor[first + up]

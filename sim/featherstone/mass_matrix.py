"""Joint-space mass matrix by composite rigid bodies (Featherstone 2008, table 6.2)."""

import engine as en
from sim.articulation.joint_table import JointTable
from sim.articulation.precision import precision_of
from sim.articulation.trees import TreeTable
from sim.device_arrays import on_model_device
from sim.featherstone.inward import add_inertia
from sim.featherstone.scratch import (
    ANCHOR,
    AXIS_A,
    AXIS_L,
    INERTIA_A,
    INERTIA_H,
    INERTIA_M,
    dof_at,
    get3,
    get_matrix,
    get_symmetric,
    joint_at,
)
from sim.featherstone.sweep import sweep


@on_model_device
def eval_mass_matrix(model, joint_q, H=None):
    """Mass matrices of all trees, armature included.

    Args:
        model: The model.
        joint_q: Coordinates, float or float64 [joint_coord_count]; the result has the same precision.
        H: Receives the result; None makes a new array.

    Returns:
        Array of shape [tree_count, n, n] with n the most degrees of freedom of a tree; trees are numbered in the order
        of their root joints, rows in the order of ``joint_qd`` within the tree, unused rows are zero.
    """
    trees, precision = model.kinematic_trees, precision_of(model, joint_q)
    n = int(trees.dof_count.max(initial=0))
    if H is None:
        H = en.zeros((trees.count, n, n), dtype=precision.scalar)
    scratch = sweep(model, precision, joint_q)
    en.launch(
        precision.kernel(fill_mass_matrix),
        dim=trees.count,
        inputs=[precision.joints, trees.table, trees.lanes, precision.armature, scratch.joint, scratch.dof],
        outputs=[H],
    )
    return H


@en.kernel
def fill_mass_matrix(
    joints: JointTable,
    trees: TreeTable,
    lanes: int,
    armature: en.array(dtype=float),
    words: en.array(dtype=float),
    dofs: en.array(dtype=float),
    H: en.array3d(dtype=float),
):
    tree = en.tid()
    row = trees.row[tree]
    first = trees.first[tree]
    count = trees.first[tree + 1] - first
    lane = trees.lane[tree]
    for back in range(count):
        k = count - 1 - back
        here = joint_at(trees.joint_base[tree], lane, k, lanes)
        j = trees.order[first + k]
        start = joints.qd_start[j]
        A = get_symmetric(words, here + INERTIA_A * lanes, lanes)
        L = get_matrix(words, here + INERTIA_H * lanes, lanes)
        M = get_symmetric(words, here + INERTIA_M * lanes, lanes)
        for i in range(joints.qd_start[j + 1] - start):
            at_i = trees.dof_at[first + k] + i
            dof = dof_at(trees.dof_base[tree], lane, at_i, lanes)
            a = get3(dofs, dof + AXIS_A * lanes, lanes)
            l = get3(dofs, dof + AXIS_L * lanes, lanes)
            n = A * a + L * l
            f = en.transpose(L) * a + M * l
            anchor = get3(words, here + ANCHOR * lanes, lanes)
            up = k
            while up >= 0:
                item = joint_at(trees.joint_base[tree], lane, up, lanes)
                o = get3(words, item + ANCHOR * lanes, lanes)
                n = n + en.cross(anchor - o, f)
                anchor = o
                other = trees.order[first + up]
                for c in range(joints.qd_start[other + 1] - joints.qd_start[other]):
                    at_c = trees.dof_at[first + up] + c
                    d = dof_at(trees.dof_base[tree], lane, at_c, lanes)
                    value = en.dot(get3(dofs, d + AXIS_A * lanes, lanes), n) + en.dot(
                        get3(dofs, d + AXIS_L * lanes, lanes), f
                    )
                    if at_c == at_i:
                        value = value + armature[start + i]
                    H[row, at_i, at_c] = value
                    H[row, at_c, at_i] = value
                up = trees.ancestor[first + up]
        if trees.ancestor[first + k] >= 0:
            add_inertia(words, here, joint_at(trees.joint_base[tree], lane, trees.ancestor[first + k], lanes), lanes)

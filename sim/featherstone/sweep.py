"""The outward pass on its own: what mass matrix, Jacobian and inverse dynamics start from."""

import engine as en
from sim.articulation.body_table import BodyTable
from sim.articulation.joint_table import JointTable
from sim.articulation.trees import TreeTable
from sim.featherstone.outward import visit_outward
from sim.featherstone.scratch import Scratch, dof_at, joint_at, scratch_of


@en.kernel
def sweep_outward(
    joints: JointTable,
    bodies: BodyTable,
    trees: TreeTable,
    lanes: int,
    q: en.array(dtype=float),
    qd: en.array(dtype=float),
    wrench: en.array(dtype=en.spatial_vector),
    words: en.array(dtype=float),
    dofs: en.array(dtype=float),
):
    tree = en.tid()
    first = trees.first[tree]
    lane = trees.lane[tree]
    for k in range(trees.first[tree + 1] - first):
        ancestor = trees.ancestor[first + k]
        above = -1
        if ancestor >= 0:
            above = joint_at(trees.joint_base[tree], lane, ancestor, lanes)
        here = joint_at(trees.joint_base[tree], lane, k, lanes)
        dof = dof_at(trees.dof_base[tree], lane, trees.dof_at[first + k], lanes)
        visit_outward(joints, bodies, trees.order[first + k], above, here, dof, lanes, q, qd, wrench, words, dofs)


def sweep(model, precision, joint_q, joint_qd=None, body_f=None) -> Scratch:
    """Fills the model's scratch for coordinates, velocities (None: at rest) and wrenches (None: none)."""
    scratch, trees = scratch_of(model, precision), model.kinematic_trees
    if joint_qd is None:
        joint_qd = en.zeros(max(1, model.joint_dof_count), dtype=precision.scalar)
    if body_f is None:
        body_f = en.zeros(model.body_count, dtype=precision.spatial_vector)
    en.launch(
        precision.kernel(sweep_outward),
        dim=trees.count,
        inputs=[precision.joints, precision.bodies, trees.table, trees.lanes, joint_q, joint_qd, body_f],
        outputs=[scratch.joint, scratch.dof],
    )
    return scratch

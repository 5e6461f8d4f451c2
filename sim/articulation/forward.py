"""Forward kinematics: joint coordinates to body poses and velocities."""

import numpy as np

import engine as en
from sim.articulation.joint_motion import joint_pose, joint_velocity
from sim.articulation.joint_table import JointTable
from sim.articulation.precision import precision_of
from sim.articulation.trees import TreeTable
from sim.device_arrays import device_array, on_model_device


@on_model_device
def eval_fk(model, joint_q, joint_qd, mask, state) -> None:
    """Sets ``state.body_q`` and ``state.body_qd`` of all bodies that have a joint.

    Args:
        model: The model.
        joint_q: Coordinates, float or float64 [joint_coord_count]; with float64, the state gets arrays of float64 where it
            has others.
        joint_qd: Velocities, in the same precision [joint_dof_count].
        mask: Which articulations to evaluate, bool or int [articulation_count] array or sequence; None means all.
        state: Where the result goes.
    """
    if not model.joint_count:
        return
    trees = model.kinematic_trees
    chosen = None if mask is None else device_array(trees_of_mask(model, mask), "int32", model.device)
    precision = precision_of(model, joint_q)
    if precision.scalar is en.float64 and state.body_q.dtype is not en.transformd:
        state.body_q = en.array(state.body_q.numpy(), dtype=en.transformd)
        state.body_qd = en.array(state.body_qd.numpy(), dtype=en.spatial_vectord)
    en.launch(
        precision.kernel(place_bodies),
        dim=trees.count,
        inputs=[precision.joints, trees.table, chosen, joint_q, joint_qd, precision.bodies.com],
        outputs=[state.body_q, state.body_qd],
    )


def trees_of_mask(model, mask):
    """For each tree, whether its articulation is chosen."""
    mask = np.asarray(mask.numpy() if hasattr(mask, "numpy") else mask).astype(bool)
    start = model.articulation_start.numpy()
    trees = model.kinematic_trees
    articulation = np.searchsorted(start, np.arange(model.joint_count), side="right") - 1
    picked = np.zeros(trees.count, dtype=np.int32)
    inner = trees.tree_of_joint >= 0
    wanted = np.where(articulation >= 0, mask[np.maximum(articulation, 0)], True)
    picked[trees.tree_of_joint[inner]] = wanted[inner]
    return picked


@en.kernel
def place_bodies(
    joints: JointTable,
    trees: TreeTable,
    chosen: en.array(dtype=int),
    joint_q: en.array(dtype=float),
    joint_qd: en.array(dtype=float),
    body_com: en.array(dtype=en.vec3),
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
):
    tree = en.tid()
    wanted = True
    if chosen:
        wanted = chosen[tree] != 0
    if wanted:
        for at in range(trees.first[tree], trees.first[tree + 1]):
            place_child(joints, trees.order[at], joint_q, joint_qd, body_com, body_q, body_qd)


@en.func
def place_child(
    joints: JointTable,
    j: int,
    joint_q: en.array(dtype=float),
    joint_qd: en.array(dtype=float),
    body_com: en.array(dtype=en.vec3),
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
):
    """Pose and velocity of a joint's child from those of its parent."""
    parent = joints.parent[j]
    child = joints.child[j]
    X_wpj = joints.X_p[j]
    w = en.vec3(0.0, 0.0, 0.0)
    v = en.vec3(0.0, 0.0, 0.0)
    if parent >= 0:
        X_wpj = body_q[parent] * X_wpj
    X_wcj = X_wpj * joint_pose(joints, j, joint_q)
    anchor = en.transform_get_translation(X_wcj)
    if parent >= 0:
        w = en.spatial_top(body_qd[parent])
        v = en.spatial_bottom(body_qd[parent]) + en.cross(
            w, anchor - en.transform_point(body_q[parent], body_com[parent])
        )
    w_j, v_j = joint_velocity(joints, j, joint_q, joint_qd)
    w = w + en.transform_vector(X_wpj, w_j)
    v = v + en.transform_vector(X_wpj, v_j)
    X_wc = X_wcj * en.transform_inverse(joints.X_c[j])
    # Products of many rotations drift from unit length in float32.
    X_wc = en.transform(en.transform_get_translation(X_wc), en.normalize(en.transform_get_rotation(X_wc)))
    body_q[child] = X_wc
    body_qd[child] = en.spatial_vector(w, v + en.cross(w, en.transform_point(X_wc, body_com[child]) - anchor))

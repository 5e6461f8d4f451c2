"""Joint arrays of the model that are not plain columns, and the shape pairs that joints keep apart."""

import numpy as np

from sim.articulation.joint_types import JOINT_FIXED
from sim.builder.bodies import BODY_FLAG_KINEMATIC
from sim.device_arrays import device_array


def add_joint_tables(model, builder, device) -> None:
    """Starts with one more entry for the end, names, and the articulations as given."""
    for name, end in (
        ("joint_q_start", builder.joint_coord_count),
        ("joint_qd_start", builder.joint_dof_count),
        ("joint_axis_start", builder.joint_axis_count),
        ("articulation_start", builder.joint_count),
    ):
        starts = np.append(getattr(builder, name).view, end)
        setattr(model, name, device_array(starts, "int32", device))
    model.joint_name = list(builder.joint_name)
    model.equality_name = list(builder.equality_name)
    model.actuator_name = list(builder.actuator_name)


def kept_apart(builder) -> np.ndarray:
    """Pairs of shapes (smaller, larger) whose bodies a joint connects without letting them touch, shape [n, 2]."""
    chosen = builder.joint_collision_filter_parent.view & (builder.joint_parent.view >= 0)
    if not chosen.any():
        return np.empty((0, 2), dtype=np.int32)
    body = builder.shape_body.view
    order = np.argsort(body, kind="stable").astype(np.int32)
    first = np.searchsorted(body[order], np.arange(builder.body_count))
    count = np.bincount(body[body >= 0], minlength=builder.body_count)
    parent, child = builder.joint_parent.view[chosen], builder.joint_child.view[chosen]
    pairs = count[parent] * count[child]
    joint = np.repeat(np.arange(len(parent)), pairs)
    within = np.arange(pairs.sum()) - np.repeat(np.cumsum(pairs) - pairs, pairs)
    width = np.maximum(count[child][joint], 1)
    a = order[first[parent[joint]] + within // width]
    b = order[first[child[joint]] + within % width]
    return np.stack([np.minimum(a, b), np.maximum(a, b)], axis=1)


def held_still(builder) -> np.ndarray:
    """Bodies that fixed joints hold to the world or to a kinematic body, directly or through others, bool [body_count]."""
    count = builder.body_count
    fixed = (builder.joint_type.view == JOINT_FIXED) & (builder.joint_enabled.view != 0)
    fixed &= (builder.joint_linear_compliance.view <= 0.0) & (builder.joint_angular_compliance.view <= 0.0)
    # the world is body `count` here
    ends = np.stack([builder.joint_parent.view[fixed], builder.joint_child.view[fixed]]) % (count + 1)
    still = np.append(builder.body_flags.view & BODY_FLAG_KINEMATIC != 0, True)
    if not ends.size:
        return still[:count]
    while True:
        grown = still.copy()
        np.logical_or.at(grown, ends[0], still[ends[1]])
        np.logical_or.at(grown, ends[1], still[ends[0]])
        if (grown == still).all():
            return still[:count]
        still = grown

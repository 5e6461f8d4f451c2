"""Inverse kinematics in the sense of coordinates: body poses and velocities to joint coordinates."""

import engine as en
from sim.articulation.joint_motion import BALL, is_free
from sim.articulation.joint_table import JointTable
from sim.device_arrays import on_model_device


@on_model_device
def eval_ik(model, state, joint_q, joint_qd) -> None:
    """Sets joint coordinates and velocities from ``state.body_q`` and ``state.body_qd``.

    What the joints do not allow is left out: the nearest motion along the axes is taken. Angles of one axis come out in
    (-pi, pi], of three axes as Euler angles with the second in [-pi/2, pi/2]; axes of one joint must be perpendicular to each other.

    Args:
        model: The model.
        state: Poses and velocities.
        joint_q: Receives the coordinates, float [joint_coord_count].
        joint_qd: Receives the velocities, float [joint_dof_count].
    """
    if model.joint_count:
        en.launch(
            measure_joints,
            dim=model.joint_count,
            inputs=[model.joint_table, state.body_q, state.body_qd, model.body_com],
            outputs=[joint_q, joint_qd],
        )


@en.func
def euler_angles(r: en.quat, a: en.vec3, b: en.vec3, c: en.vec3) -> en.vec3:
    """Angles about the right-handed orthonormal axes a, then b, then c, each carried by the one before."""
    along_a = en.quat_rotate(r, a)
    along_b = en.quat_rotate(r, b)
    along_c = en.quat_rotate(r, c)
    # atan2 keeps its digits near a quarter turn, where asin loses half of them.
    along_b_part = en.dot(b, along_c)
    along_c_part = en.dot(c, along_c)
    second = en.atan2(en.dot(a, along_c), en.sqrt(along_b_part * along_b_part + along_c_part * along_c_part))
    first = en.atan2(-en.dot(b, along_c), en.dot(c, along_c))
    third = en.atan2(-en.dot(a, along_b), en.dot(a, along_a))
    return en.vec3(first, second, third)


@en.func
def joint_angles(joints: JointTable, j: int, r: en.quat) -> en.vec3:
    """The joint's angles that make up the rotation r."""
    at = joints.axis_start[j] + joints.axis_dim[j, 0]
    count = joints.axis_dim[j, 1]
    angles = en.vec3(0.0, 0.0, 0.0)
    if count == 1:
        a = joints.axis[at]
        turned = 2.0 * en.atan2(r[0] * a[0] + r[1] * a[1] + r[2] * a[2], r[3])
        if turned > en.pi:
            turned = turned - en.tau
        if turned < -en.pi:
            turned = turned + en.tau
        angles = en.vec3(turned, 0.0, 0.0)
    if count >= 2:
        a = joints.axis[at]
        b = joints.axis[at + 1]
        c = en.cross(a, b)
        if count == 2:
            # Without a third angle the second one is known all the way round.
            turned_b = en.quat_rotate(r, b)
            first = en.atan2(en.dot(c, turned_b), en.dot(b, turned_b))
            second = en.atan2(en.dot(a, en.quat_rotate(r, c)), en.dot(a, en.quat_rotate(r, a)))
            angles = en.vec3(first, second, 0.0)
        if count == 3:
            angles = euler_angles(r, a, b, c)
            if en.dot(c, joints.axis[at + 2]) < 0.0:
                angles = en.vec3(angles[0], angles[1], -angles[2])
    return angles


@en.func
def axis_rates(joints: JointTable, j: int, angles: en.vec3, w: en.vec3) -> en.vec3:
    """Rates about the joint's axes that make up the angular velocity w."""
    at = joints.axis_start[j] + joints.axis_dim[j, 0]
    count = joints.axis_dim[j, 1]
    rates = en.vec3(0.0, 0.0, 0.0)
    if count == 1:
        rates = en.vec3(en.dot(joints.axis[at], w), 0.0, 0.0)
    if count >= 2:
        a = joints.axis[at]
        r = en.quat_from_axis_angle(a, angles[0])
        b = en.quat_rotate(r, joints.axis[at + 1])
        c = en.cross(a, b)
        if count == 3:
            r = r * en.quat_from_axis_angle(joints.axis[at + 1], angles[1])
            c = en.quat_rotate(r, joints.axis[at + 2])
        volume = en.dot(a, en.cross(b, c))
        if en.abs(volume) > 1.0e-6:
            rates = en.vec3(
                en.dot(w, en.cross(b, c)) / volume,
                en.dot(w, en.cross(c, a)) / volume,
                en.dot(w, en.cross(a, b)) / volume,
            )
    return rates


@en.kernel
def measure_joints(
    joints: JointTable,
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
    body_com: en.array(dtype=en.vec3),
    joint_q: en.array(dtype=float),
    joint_qd: en.array(dtype=float),
):
    measure_joint(joints, en.tid(), body_q, body_qd, body_com, joint_q, joint_qd)


@en.kernel
def follow_joints(
    joints: JointTable,
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
    body_com: en.array(dtype=en.vec3),
    before: en.array(dtype=float),
    joint_q: en.array(dtype=float),
    joint_qd: en.array(dtype=float),
):
    """As ``measure_joints``, with the turns of angles counted on from the coordinates ``before``."""
    j = en.tid()
    measure_joint(joints, j, body_q, body_qd, body_com, joint_q, joint_qd)
    count_turns(joints, j, before, joint_q)


@en.func
def nearest_turn(angle: float, before: float) -> float:
    """The angle plus as many whole turns as bring it nearest to ``before``."""
    return angle + en.tau * en.round((before - angle) / en.tau)


@en.func
def count_turns(joints: JointTable, j: int, before: en.array(dtype=float), joint_q: en.array(dtype=float)):
    """Of all coordinates that mean the same pose, those nearest to ``before``: angles beyond half a turn stay there."""
    kind = joints.type[j]
    at = joints.q_start[j]
    if is_free(kind) or kind == BALL:
        if is_free(kind):
            at = at + 3
        same = 0.0
        for i in range(4):
            same = same + before[at + i] * joint_q[at + i]
        if same < 0.0:
            for i in range(4):
                joint_q[at + i] = -joint_q[at + i]
    else:
        at = at + joints.axis_dim[j, 0]
        count = joints.axis_dim[j, 1]
        for i in range(count):
            joint_q[at + i] = nearest_turn(joint_q[at + i], before[at + i])
        if count == 3:
            # Three angles have a second solution: half a turn further in the first and the last.
            first = nearest_turn(joint_q[at] + en.pi, before[at])
            second = nearest_turn(en.pi - joint_q[at + 1], before[at + 1])
            third = nearest_turn(joint_q[at + 2] + en.pi, before[at + 2])
            here = 0.0
            for i in range(3):
                here = here + en.abs(joint_q[at + i] - before[at + i])
            there = en.abs(first - before[at]) + en.abs(second - before[at + 1]) + en.abs(third - before[at + 2])
            if there < here:
                joint_q[at] = first
                joint_q[at + 1] = second
                joint_q[at + 2] = third


@en.func
def measure_joint(
    joints: JointTable,
    j: int,
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
    body_com: en.array(dtype=en.vec3),
    joint_q: en.array(dtype=float),
    joint_qd: en.array(dtype=float),
):
    """Coordinates and velocities of one joint from the poses and velocities of its bodies."""
    parent = joints.parent[j]
    child = joints.child[j]
    X_wpj = joints.X_p[j]
    X_wcj = body_q[child] * joints.X_c[j]
    anchor = en.transform_get_translation(X_wcj)
    w = en.spatial_top(body_qd[child])
    v = en.spatial_bottom(body_qd[child]) + en.cross(w, anchor - en.transform_point(body_q[child], body_com[child]))
    if parent >= 0:
        X_wpj = body_q[parent] * X_wpj
        w_p = en.spatial_top(body_qd[parent])
        com = en.transform_point(body_q[parent], body_com[parent])
        v = v - en.spatial_bottom(body_qd[parent]) - en.cross(w_p, anchor - com)
        w = w - w_p
    X_j = en.transform_inverse(X_wpj) * X_wcj
    p = en.transform_get_translation(X_j)
    r = en.normalize(en.transform_get_rotation(X_j))
    turn = en.transform_get_rotation(X_wpj)
    w = en.quat_rotate_inv(turn, w)
    v = en.quat_rotate_inv(turn, v)
    at = joints.q_start[j]
    vel = joints.qd_start[j]
    kind = joints.type[j]
    if is_free(kind):
        for i in range(3):
            joint_q[at + i] = p[i]
            joint_qd[vel + i] = w[i]
            joint_qd[vel + 3 + i] = v[i]
        for i in range(4):
            joint_q[at + 3 + i] = r[i]
    elif kind == BALL:
        for i in range(4):
            joint_q[at + i] = r[i]
        for i in range(3):
            joint_qd[vel + i] = w[i]
    else:
        linear = joints.axis_dim[j, 0]
        axis = joints.axis_start[j]
        for i in range(linear):
            joint_q[at + i] = en.dot(joints.axis[axis + i], p)
            joint_qd[vel + i] = en.dot(joints.axis[axis + i], v)
        angles = joint_angles(joints, j, r)
        rates = axis_rates(joints, j, angles, w)
        for i in range(joints.axis_dim[j, 1]):
            joint_q[at + linear + i] = angles[i]
            joint_qd[vel + linear + i] = rates[i]

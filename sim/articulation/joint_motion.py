"""Kinematics of a single joint, written once for all types, for kernels."""

import engine as en
from sim.articulation.joint_table import JointTable
from sim.articulation.joint_types import JOINT_BALL, JOINT_DISTANCE, JOINT_FREE

BALL = en.constant(JOINT_BALL)
FREE = en.constant(JOINT_FREE)
DISTANCE = en.constant(JOINT_DISTANCE)


@en.func
def is_free(kind: int) -> bool:
    """Whether the coordinates are a whole pose."""
    return kind == FREE or kind == DISTANCE


@en.func
def quat_at(q: en.array(dtype=float), i: int) -> en.quat:
    return en.normalize(en.quat(q[i], q[i + 1], q[i + 2], q[i + 3]))


@en.func
def vec_at(q: en.array(dtype=float), i: int) -> en.vec3:
    return en.vec3(q[i], q[i + 1], q[i + 2])


@en.func
def rotation_step(w: en.vec3, dt: float) -> en.quat:
    """The rotation by w dt [rad]."""
    angle = en.length(w) * dt
    half = 0.5 * angle
    s = 0.5 * dt * (1.0 - half * half / 6.0)
    if half > 1.0e-2:
        s = en.sin(half) / en.length(w)
    return en.normalize(en.quat(w[0] * s, w[1] * s, w[2] * s, en.cos(half)))


@en.func
def joint_pose(joints: JointTable, j: int, q: en.array(dtype=float)) -> en.transform:
    """Pose of the child's joint frame in the parent's joint frame."""
    at = joints.q_start[j]
    kind = joints.type[j]
    p = en.vec3(0.0, 0.0, 0.0)
    r = en.quat_identity()
    if is_free(kind):
        p = vec_at(q, at)
        r = quat_at(q, at + 3)
    elif kind == BALL:
        r = quat_at(q, at)
    else:
        axis = joints.axis_start[j]
        linear = joints.axis_dim[j, 0]
        for i in range(linear):
            p = p + joints.axis[axis + i] * q[at + i]
        for i in range(joints.axis_dim[j, 1]):
            r = r * en.quat_from_axis_angle(joints.axis[axis + linear + i], q[at + linear + i])
    return en.transform(p, r)


@en.func
def joint_velocity(joints: JointTable, j: int, q: en.array(dtype=float), qd: en.array(dtype=float)):
    """Angular and linear velocity of the child's joint frame relative to the parent's, along the parent's joint axes."""
    at = joints.qd_start[j]
    kind = joints.type[j]
    w = en.vec3(0.0, 0.0, 0.0)
    v = en.vec3(0.0, 0.0, 0.0)
    if is_free(kind):
        w = vec_at(qd, at)
        v = vec_at(qd, at + 3)
    elif kind == BALL:
        w = vec_at(qd, at)
    else:
        axis = joints.axis_start[j]
        linear = joints.axis_dim[j, 0]
        start = joints.q_start[j]
        for i in range(linear):
            v = v + joints.axis[axis + i] * qd[at + i]
        r = en.quat_identity()
        for i in range(joints.axis_dim[j, 1]):
            a = joints.axis[axis + linear + i]
            w = w + en.quat_rotate(r, a) * qd[at + linear + i]
            r = r * en.quat_from_axis_angle(a, q[start + linear + i])
    return w, v


@en.func
def advance_joint(
    joints: JointTable,
    j: int,
    q: en.array(dtype=float),
    qd: en.array(dtype=float),
    dt: float,
    out: en.array(dtype=float),
):
    """Coordinates after moving with velocity qd for dt; rotations exactly."""
    at = joints.q_start[j]
    vel = joints.qd_start[j]
    kind = joints.type[j]
    if is_free(kind):
        for i in range(3):
            out[at + i] = q[at + i] + qd[vel + 3 + i] * dt
        r = en.normalize(rotation_step(vec_at(qd, vel), dt) * quat_at(q, at + 3))
        for i in range(4):
            out[at + 3 + i] = r[i]
    elif kind == BALL:
        r = en.normalize(rotation_step(vec_at(qd, vel), dt) * quat_at(q, at))
        for i in range(4):
            out[at + i] = r[i]
    else:
        for i in range(joints.axis_dim[j, 0] + joints.axis_dim[j, 1]):
            out[at + i] = q[at + i] + qd[vel + i] * dt

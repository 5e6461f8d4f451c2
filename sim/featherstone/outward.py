"""From the roots outward: poses, velocities, joint axes, velocity-product accelerations, body inertias and forces."""

import engine as en
from sim.articulation.body_table import BodyTable
from sim.articulation.joint_motion import BALL, is_free, joint_pose, vec_at
from sim.articulation.joint_table import JointTable
from sim.featherstone.scratch import (
    ANCHOR,
    AXIS_A,
    AXIS_L,
    BIAS_A,
    BIAS_L,
    DOF_WORDS,
    FORCE,
    INERTIA_A,
    INERTIA_H,
    INERTIA_M,
    POSE,
    SPEED,
    SPIN,
    TORQUE,
    get3,
    get_pose,
    put3,
    put_matrix,
    put_pose,
    put_symmetric,
)


@en.func
def put_axis(dofs: en.array(dtype=float), at: int, lanes: int, a: en.vec3, l: en.vec3):
    put3(dofs, at + AXIS_A * lanes, lanes, a)
    put3(dofs, at + AXIS_L * lanes, lanes, l)


@en.func
def move_joint(
    joints: JointTable,
    j: int,
    q: en.array(dtype=float),
    qd: en.array(dtype=float),
    turn: en.quat,
    w0: en.vec3,
    v0: en.vec3,
    dofs: en.array(dtype=float),
    dof: int,
    lanes: int,
):
    """Writes the joint's axes; returns the child's spatial velocity and the acceleration that velocities cause.

    Every degree of freedom is a spatial axis carried by what comes before it: S' = V x S with V the velocity of that
    carrier (Featherstone 2008, eq. 2.45 and 4.4), summed over the joint's axes in order.

    Args:
        joints: The joints.
        j: The joint.
        q: Coordinates.
        qd: Velocities.
        turn: Rotation of the parent's joint frame.
        w0: Angular velocity of the parent.
        v0: Velocity of the parent at the child's anchor.
        dofs: Scratch of degrees of freedom.
        dof: First word of the joint's first one.
        lanes: Distance of words.
    """
    zero = en.vec3(0.0, 0.0, 0.0)
    w = w0
    v = v0
    bias_a = zero
    bias_l = zero
    step = DOF_WORDS * lanes
    kind = joints.type[j]
    at = joints.qd_start[j]
    if is_free(kind) or kind == BALL:
        if is_free(kind):
            slide = en.quat_rotate(turn, vec_at(qd, at + 3))
            bias_l = en.cross(w, slide)
            v = v + slide
        spin = en.quat_rotate(turn, vec_at(qd, at))
        bias_a = en.cross(w, spin)
        bias_l = bias_l + en.cross(v, spin)
        w = w + spin
        for i in range(3):
            e = en.vec3(0.0, 0.0, 0.0)
            e[i] = 1.0
            e = en.quat_rotate(turn, e)
            put_axis(dofs, dof + i * step, lanes, e, zero)
            if is_free(kind):
                put_axis(dofs, dof + (3 + i) * step, lanes, zero, e)
    else:
        axis = joints.axis_start[j]
        start = joints.q_start[j]
        linear = joints.axis_dim[j, 0]
        for i in range(linear):
            a = en.quat_rotate(turn, joints.axis[axis + i])
            put_axis(dofs, dof + i * step, lanes, zero, a)
            bias_l = bias_l + en.cross(w, a) * qd[at + i]
            v = v + a * qd[at + i]
        r = turn
        for i in range(joints.axis_dim[j, 1]):
            k = linear + i
            local = joints.axis[axis + k]
            a = en.quat_rotate(r, local)
            put_axis(dofs, dof + k * step, lanes, a, zero)
            bias_a = bias_a + en.cross(w, a) * qd[at + k]
            bias_l = bias_l + en.cross(v, a) * qd[at + k]
            w = w + a * qd[at + k]
            r = r * en.quat_from_axis_angle(local, q[start + k])
    return w, v, bias_a, bias_l


@en.func
def visit_outward(
    joints: JointTable,
    bodies: BodyTable,
    j: int,
    above: int,
    here: int,
    dof: int,
    lanes: int,
    q: en.array(dtype=float),
    qd: en.array(dtype=float),
    wrench: en.array(dtype=en.spatial_vector),
    words: en.array(dtype=float),
    dofs: en.array(dtype=float),
):
    """Fills a joint's item from that of its ancestor (``above``; negative at a root)."""
    X_wpj = joints.X_p[j]
    # Loads come before stores where they can, so that a GPU waits for many at once.
    X_cb = joints.X_c[j]
    child = joints.child[j]
    m = bodies.mass[child]
    com = bodies.com[child]
    inertia_b = bodies.inertia[child]
    outside = wrench[child]
    w = en.vec3(0.0, 0.0, 0.0)
    v = en.vec3(0.0, 0.0, 0.0)
    if above >= 0:
        X_wpj = get_pose(words, above + POSE * lanes, lanes) * X_wpj
    X_wcj = X_wpj * joint_pose(joints, j, q)
    if above < 0:
        # The tree's own origin: dynamics does not depend on where it stands, and digits must not either.
        X_wcj = en.transform(en.vec3(0.0, 0.0, 0.0), en.transform_get_rotation(X_wcj))
    anchor = en.transform_get_translation(X_wcj)
    if above >= 0:
        w = get3(words, above + SPIN * lanes, lanes)
        arm = anchor - get3(words, above + ANCHOR * lanes, lanes)
        v = get3(words, above + SPEED * lanes, lanes) + en.cross(w, arm)
    turn = en.transform_get_rotation(X_wpj)
    w, v, bias_a, bias_l = move_joint(joints, j, q, qd, turn, w, v, dofs, dof, lanes)
    X_wc = X_wcj * en.transform_inverse(X_cb)
    rotation = en.normalize(en.transform_get_rotation(X_wc))
    X_wc = en.transform(en.transform_get_translation(X_wc), rotation)
    put3(words, here + ANCHOR * lanes, lanes, anchor)
    put_pose(words, here + POSE * lanes, lanes, X_wc)
    put3(words, here + SPIN * lanes, lanes, w)
    put3(words, here + SPEED * lanes, lanes, v)
    put3(words, here + BIAS_A * lanes, lanes, bias_a)
    put3(words, here + BIAS_L * lanes, lanes, bias_l)

    r = en.transform_point(X_wc, com) - anchor
    R = en.quat_to_matrix(rotation)
    inertia = R * inertia_b * en.transpose(R)
    about = inertia + (en.identity(3) * en.dot(r, r) - en.outer(r, r)) * m
    H = en.skew(r) * m
    M = en.identity(3) * m
    if bodies.resisted != 0:
        # from the centre of mass to the anchor, as `inward.add_shifted`
        cross = en.skew(r)
        al = bodies.resistance.al[child]
        ll = bodies.resistance.ll[child]
        moved = al + cross * ll
        about = about + bodies.resistance.aa[child] + cross * en.transpose(al) - moved * cross
        H = H + moved
        M = M + ll
    put_symmetric(words, here + INERTIA_A * lanes, lanes, about)
    put_matrix(words, here + INERTIA_H * lanes, lanes, H)
    put_symmetric(words, here + INERTIA_M * lanes, lanes, M)
    momentum = (v + en.cross(w, r)) * m
    spin = inertia * w + en.cross(r, momentum)
    push = en.spatial_bottom(outside)
    torque = en.cross(w, spin) + en.cross(v, momentum) - en.spatial_top(outside) - en.cross(r, push)
    put3(words, here + TORQUE * lanes, lanes, torque)
    put3(words, here + FORCE * lanes, lanes, en.cross(w, momentum) - push)

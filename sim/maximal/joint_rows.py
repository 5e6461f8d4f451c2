"""What a joint lets its bodies do, row by row, and how far they are from what it allows.

A row is a direction of relative motion, a spatial axis in the world about the child's anchor. Rows of degrees of freedom
come first, in their order; then, where a joint is compliant, its locked directions. Rigid locked directions need no row.
"""

import engine as en
from sim.articulation.inverse import axis_rates
from sim.articulation.joint_motion import BALL, is_free
from sim.articulation.joint_table import JointTable
from sim.articulation.joint_types import JOINT_DISTANCE, JOINT_FREE
from sim.featherstone.row_geometry import swing_excess
from sim.maximal.items import APPLIED, AXIS_A, AXIS_L, DRIVE, EXTRA, FRICTION, GIVEN, GRIP, ROW_WORDS, STOP, get3, put3

DISTANCE = en.constant(JOINT_DISTANCE)
FREE = en.constant(JOINT_FREE)

# How much the ranges of ball joints give way [rad/(N m)].
STOP_COMPLIANCE = en.constant(1.0e-7)


@en.struct
class ConstraintTable:
    """What makes a joint a constraint, per joint.

    linear_compliance, angular_compliance: [m/N, rad/(N m)]. distance_range: [m], negative where free. ball_limit: largest
    swings about y and z and largest rotation of ball joints [rad], likewise.
    """

    linear_compliance: en.array(dtype=float)
    angular_compliance: en.array(dtype=float)
    distance_range: en.array2d(dtype=float)
    ball_limit: en.array2d(dtype=float)


def constraint_table(model) -> ConstraintTable:
    """The table of a model; its arrays are the model's own."""
    table = ConstraintTable()
    for name in ("linear_compliance", "angular_compliance", "distance_range", "ball_limit"):
        setattr(table, name, getattr(model, f"joint_{name}"))
    return table


@en.func
def unit_vector(i: int) -> en.vec3:
    return en.vec3(en.where(i == 0, 1.0, 0.0), en.where(i == 1, 1.0, 0.0), en.where(i == 2, 1.0, 0.0))


@en.func
def perpendicular(a: en.vec3) -> en.vec3:
    """A unit vector at right angles to the unit vector a."""
    other = en.vec3(1.0, 0.0, 0.0)
    if en.abs(a[0]) > 0.7:
        other = en.vec3(0.0, 1.0, 0.0)
    return en.normalize(en.cross(a, other))


@en.func
def rotation_vector(r: en.quat) -> en.vec3:
    """Axis times angle [rad] of a rotation, the short way round."""
    v = en.vec3(r[0], r[1], r[2])
    c = r[3]
    if c < 0.0:
        v = -v
        c = -c
    s = en.length(v)
    scale = 2.0
    if s > 1.0e-6:
        scale = 2.0 * en.atan2(s, c) / s
    return v * scale


@en.func
def parent_turn(joints: JointTable, j: int, body_q: en.array(dtype=en.transform)) -> en.quat:
    """Rotation of the parent's joint frame."""
    r = en.transform_get_rotation(joints.X_p[j])
    if joints.parent[j] >= 0:
        r = en.transform_get_rotation(body_q[joints.parent[j]]) * r
    return r


@en.func
def relative_place(joints: JointTable, j: int, body_q: en.array(dtype=en.transform)) -> en.transform:
    """Pose of the child's joint frame in the parent's; its offset has the digits of a difference of two places."""
    X_wpj = joints.X_p[j]
    if joints.parent[j] >= 0:
        X_wpj = body_q[joints.parent[j]] * X_wpj
    X_wcj = body_q[joints.child[j]] * joints.X_c[j]
    turn = en.transform_get_rotation(X_wpj)
    apart = en.transform_get_translation(X_wcj) - en.transform_get_translation(X_wpj)
    r = en.normalize(en.quat_inverse(turn) * en.transform_get_rotation(X_wcj))
    return en.transform(en.quat_rotate_inv(turn, apart), r)


@en.func
def locked_linear(joints: JointTable, j: int) -> int:
    """Number of translations that the joint locks; a distance joint is a case of its own."""
    n = 3 - joints.axis_dim[j, 0]
    if is_free(joints.type[j]):
        n = 0
    return n


@en.func
def locked_angular(joints: JointTable, j: int) -> int:
    """Number of rotations that the joint locks."""
    n = 3 - joints.axis_dim[j, 1]
    if is_free(joints.type[j]) or joints.type[j] == BALL:
        n = 0
    return n


@en.func
def locked_direction(locked: int, a: en.vec3, b: en.vec3, i: int) -> en.vec3:
    """The i-th of the directions at right angles to the free axes a, or a and b."""
    d = unit_vector(i)
    if locked == 2:
        d = perpendicular(a)
        if i == 1:
            d = en.cross(a, d)
    if locked == 1:
        d = en.normalize(en.cross(a, b))
    return d


@en.func
def linear_direction(joints: JointTable, j: int, i: int) -> en.vec3:
    """The i-th locked translation, in the parent's joint frame."""
    at = joints.axis_start[j]
    locked = locked_linear(joints, j)
    a = en.vec3(0.0, 0.0, 0.0)
    b = en.vec3(0.0, 0.0, 0.0)
    if locked < 3:
        a = joints.axis[at]
    if locked < 2:
        b = joints.axis[at + 1]
    return locked_direction(locked, a, b, i)


@en.func
def angular_direction(joints: JointTable, j: int, first: float, i: int) -> en.vec3:
    """The i-th locked rotation, in the parent's joint frame; ``first`` is the first angle."""
    at = joints.axis_start[j] + joints.axis_dim[j, 0]
    locked = locked_angular(joints, j)
    a = en.vec3(0.0, 0.0, 0.0)
    b = en.vec3(0.0, 0.0, 0.0)
    if locked < 3:
        a = joints.axis[at]
    if locked < 2:
        b = en.quat_rotate(en.quat_from_axis_angle(a, first), joints.axis[at + 1])
    return locked_direction(locked, a, b, i)


@en.func
def linear_error(joints: JointTable, j: int, p: en.vec3) -> en.vec3:
    """The part of the offset p that the joint does not allow [m], in the parent's joint frame."""
    locked = locked_linear(joints, j)
    e = en.vec3(0.0, 0.0, 0.0)
    if locked == 3:
        e = p
    if locked == 2:
        a = joints.axis[joints.axis_start[j]]
        e = p - a * en.dot(a, p)
    if locked == 1:
        n = linear_direction(joints, j, 0)
        e = n * en.dot(n, p)
    return e


@en.func
def angular_error(joints: JointTable, j: int, r: en.quat) -> en.vec3:
    """The part of the rotation r that the joint does not allow [rad], in the parent's joint frame."""
    locked = locked_angular(joints, j)
    at = joints.axis_start[j] + joints.axis_dim[j, 0]
    e = en.vec3(0.0, 0.0, 0.0)
    if locked == 3:
        e = rotation_vector(r)
    if locked == 2:
        a = joints.axis[at]
        carried = en.quat_rotate(r, a)
        swing = en.cross(a, carried)
        s = en.length(swing)
        scale = 1.0
        c = en.dot(a, carried)
        if s > 1.0e-4 or c < 0.0:
            scale = en.atan2(s, c) / en.max(s, 1.0e-9)
        e = swing * scale
    if locked == 1:
        # How far the second axis, carried by the child, has left the plane at right angles to the first one.
        a = joints.axis[at]
        carried = en.quat_rotate(r, joints.axis[at + 1])
        out = en.dot(a, carried) - en.dot(a, joints.axis[at + 1])
        n = en.cross(carried, a)
        e = n * (out / en.max(en.dot(n, n), 1.0e-6))
    return e


@en.func
def distance_error(constraints: ConstraintTable, j: int, p: en.vec3) -> float:
    """By how much the distance |p| is above its range (positive) or below (negative) [m]."""
    d = en.length(p)
    lowest = constraints.distance_range[j, 0]
    highest = constraints.distance_range[j, 1]
    e = 0.0
    if highest >= 0.0 and d > highest:
        e = d - highest
    if lowest >= 0.0 and d < lowest:
        e = d - lowest
    return e


@en.func
def ball_excess(constraints: ConstraintTable, j: int, r: en.quat):
    """How far a ball joint has left its cone and its largest rotation, as vectors [rad]; zero within."""
    swing, outward = swing_excess(r, en.vec2(constraints.ball_limit[j, 0], constraints.ball_limit[j, 1]))
    over = outward * en.max(swing, 0.0)
    turned = rotation_vector(r)
    angle = en.length(turned)
    beyond = turned * 0.0
    most = constraints.ball_limit[j, 2]
    if most >= 0.0 and angle > most:
        beyond = turned * ((angle - most) / angle)
    return over, beyond


@en.func
def joint_error(joints: JointTable, constraints: ConstraintTable, j: int, X: en.transform):
    """Angular [rad] and linear [m] error at the relative pose X, in the parent's joint frame."""
    p = en.transform_get_translation(X)
    e = linear_error(joints, j, p)
    if joints.type[j] == DISTANCE:
        e = p * (distance_error(constraints, j, p) / en.max(en.length(p), 1.0e-9))
    r = en.transform_get_rotation(X)
    return angular_error(joints, j, r), e


@en.func
def dof_count(joints: JointTable, j: int) -> int:
    """Rows with a law of their own: the degrees of freedom; a distance joint's are all free of forces."""
    kind = joints.type[j]
    n = joints.axis_dim[j, 0] + joints.axis_dim[j, 1]
    if kind == BALL:
        n = 3
    if kind == FREE:
        n = 6
    if kind == DISTANCE:
        n = 5
    return n


@en.func
def put_row(rows: en.array(dtype=float), row: int, a: en.vec3, l: en.vec3):
    put3(rows, row + AXIS_A, a)
    put3(rows, row + AXIS_L, l)
    rows[row + EXTRA] = 0.0
    rows[row + GIVEN] = 0.0
    rows[row + APPLIED] = 0.0
    rows[row + DRIVE] = 0.0
    rows[row + FRICTION] = 0.0
    rows[row + GRIP] = 0.0
    rows[row + STOP] = 0.0


@en.func
def lay_free_rows(
    joints: JointTable,
    j: int,
    turn: en.quat,
    q: en.array(dtype=float),
    rows: en.array(dtype=float),
    row: int,
):
    """Writes the axes of the degrees of freedom at the coordinates q; ``turn`` is the parent's joint frame."""
    zero = en.vec3(0.0, 0.0, 0.0)
    step = ROW_WORDS
    kind = joints.type[j]
    if is_free(kind) or kind == BALL:
        for i in range(3):
            e = en.quat_rotate(turn, unit_vector(i))
            put_row(rows, row + i * step, e, zero)
            if is_free(kind):
                put_row(rows, row + (3 + i) * step, zero, e)
    else:
        axis = joints.axis_start[j]
        linear = joints.axis_dim[j, 0]
        for i in range(linear):
            put_row(rows, row + i * step, zero, en.quat_rotate(turn, joints.axis[axis + i]))
        r = turn
        for i in range(joints.axis_dim[j, 1]):
            a = joints.axis[axis + linear + i]
            put_row(rows, row + (linear + i) * step, en.quat_rotate(r, a), zero)
            r = r * en.quat_from_axis_angle(a, q[joints.q_start[j] + linear + i])


@en.func
def lay_distance_rows(
    turn: en.quat,
    p: en.vec3,
    rows: en.array(dtype=float),
    row: int,
):
    """Three rotations, the two translations across the line between the points, and the one along it."""
    zero = en.vec3(0.0, 0.0, 0.0)
    step = ROW_WORDS
    n = en.vec3(1.0, 0.0, 0.0)
    if en.length(p) > 1.0e-9:
        n = en.normalize(p)
    across = perpendicular(n)
    for i in range(3):
        put_row(rows, row + i * step, en.quat_rotate(turn, unit_vector(i)), zero)
    put_row(rows, row + 3 * step, zero, en.quat_rotate(turn, across))
    put_row(rows, row + 4 * step, zero, en.quat_rotate(turn, en.cross(n, across)))
    put_row(rows, row + 5 * step, zero, en.quat_rotate(turn, n))


@en.func
def lay_ball_rows(
    constraints: ConstraintTable,
    j: int,
    turn: en.quat,
    r: en.quat,
    rows: en.array(dtype=float),
    row: int,
):
    """Turns the rows of a ball joint at rotation r so that stops stand in the way of what leads out of its range."""
    zero = en.vec3(0.0, 0.0, 0.0)
    step = ROW_WORDS
    over, beyond = ball_excess(constraints, j, r)
    if en.length(over) > 0.0 or en.length(beyond) > 0.0:
        n = en.normalize(over + beyond)
        u = perpendicular(n)
        both = False
        if en.length(over) > 0.0 and en.length(beyond) > 0.0:
            n = en.normalize(over)
            across = en.cross(n, beyond)
            if en.length(across) > 1.0e-3 * en.length(beyond):
                u = en.normalize(across)
                both = True
        put_row(rows, row, en.quat_rotate(turn, u), zero)
        put_row(rows, row + step, en.quat_rotate(turn, n), zero)
        put_row(rows, row + 2 * step, en.quat_rotate(turn, en.cross(u, n)), zero)
        rows[row + step + STOP] = 1.0
        if both:
            rows[row + 2 * step + STOP] = 1.0


@en.func
def turn_ball_laws(turn: en.quat, dt: float, rows: en.array(dtype=float), row: int):
    """Gives the rows of a ball joint, however they are turned, the laws of its degrees of freedom."""
    step = ROW_WORDS
    given = en.vec3(rows[row + GIVEN], rows[row + step + GIVEN], rows[row + 2 * step + GIVEN])
    extra = en.vec3(rows[row + EXTRA], rows[row + step + EXTRA], rows[row + 2 * step + EXTRA])
    for i in range(3):
        at = row + i * step
        b = en.quat_rotate_inv(turn, get3(rows, at + AXIS_A))
        rows[at + GIVEN] = en.dot(b, given)
        rows[at + EXTRA] = b[0] * b[0] * extra[0] + b[1] * b[1] * extra[1] + b[2] * b[2] * extra[2]
        if rows[at + STOP] > 0.0:
            rows[at + EXTRA] = dt * dt / STOP_COMPLIANCE


@en.func
def lay_locked_rows(
    joints: JointTable,
    j: int,
    turn: en.quat,
    q: en.array(dtype=float),
    linear: bool,
    angular: bool,
    rows: en.array(dtype=float),
    row: int,
) -> int:
    """Writes the axes of locked translations and rotations where wanted; returns how many."""
    zero = en.vec3(0.0, 0.0, 0.0)
    step = ROW_WORDS
    count = 0
    if linear:
        for i in range(locked_linear(joints, j)):
            put_row(rows, row + count * step, zero, en.quat_rotate(turn, linear_direction(joints, j, i)))
            count = count + 1
    if angular:
        first = 0.0
        if locked_angular(joints, j) == 1:
            first = q[joints.q_start[j] + joints.axis_dim[j, 0]]
        for i in range(locked_angular(joints, j)):
            put_row(rows, row + count * step, en.quat_rotate(turn, angular_direction(joints, j, first, i)), zero)
            count = count + 1
    return count


@en.func
def joint_rates(joints: JointTable, j: int, angles: en.vec3, w: en.vec3, v: en.vec3):
    """Rates of rotations and of translations [rad/s, m/s] that make up a relative velocity in the parent's joint frame."""
    kind = joints.type[j]
    turning = w
    sliding = v
    if not (is_free(kind) or kind == BALL):
        turning = axis_rates(joints, j, angles, w)
        sliding = en.vec3(0.0, 0.0, 0.0)
        axis = joints.axis_start[j]
        for i in range(joints.axis_dim[j, 0]):
            sliding[i] = en.dot(joints.axis[axis + i], v)
    return turning, sliding


@en.func
def rate_of_dof(joints: JointTable, j: int, i: int, turning: en.vec3, sliding: en.vec3) -> float:
    """Rate of degree of freedom i."""
    first = 0
    if joints.type[j] == FREE:
        first = 3
    u = 0.0
    if first == 3:
        if i < 3:
            u = turning[i]
        else:
            u = sliding[i - 3]
    else:
        linear = joints.axis_dim[j, 0]
        if i < linear:
            u = sliding[i]
        else:
            u = turning[i - linear]
    return u

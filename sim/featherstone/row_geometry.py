"""What a constraint row between two frames says: how far it is violated, and the direction in which it pushes.

Both frames are in the world. ``u`` is along the world's axes: the row's velocity is ``u`` dot the relative velocity of the
second frame's origin (SLIDE, DISTANCE) or ``u`` dot the relative angular velocity (all others). The rate is exact where the row
is fulfilled.
"""

import engine as en
from sim.featherstone.constraint_rows import ALIGN, DISTANCE, PERPENDICULAR, SLIDE, SWING, TWIST

SLIDE_ROW = en.constant(SLIDE)
ALIGN_ROW = en.constant(ALIGN)
PERPENDICULAR_ROW = en.constant(PERPENDICULAR)
DISTANCE_ROW = en.constant(DISTANCE)
SWING_ROW = en.constant(SWING)
TWIST_ROW = en.constant(TWIST)

ENDLESS = en.constant(1.0e30)
"""An impulse without bound."""
NARROWEST_CONE = en.constant(1.0e-3)
"""[rad]"""


@en.func
def rotation_vector(r: en.quat) -> en.vec3:
    """Axis times angle [rad], the angle at most pi."""
    if r[3] < 0.0:
        r = -r
    v = en.vec3(r[0], r[1], r[2])
    s = en.length(v)
    scale = 2.0
    if s > 1.0e-6:
        scale = 2.0 * en.atan2(s, r[3]) / s
    return v * scale


@en.func
def swing_excess(R: en.quat, coef: en.vec2):
    """How far the x axis has left an elliptic cone [rad], and the direction of rotation that leads further out.

    Args:
        R: Rotation of the second frame in the first.
        coef: Largest swings about y and z [rad], negative for none.
    """
    x = en.quat_rotate(R, en.vec3(1.0, 0.0, 0.0))
    sine = en.sqrt(x[1] * x[1] + x[2] * x[2])
    u = en.vec3(0.0, 0.0, 0.0)
    excess = -en.pi
    if sine > 1.0e-6:
        angle = en.atan2(sine, x[0])
        about_y = -x[2] * angle / sine
        about_z = x[1] * angle / sine
        inv_y = 0.0
        inv_z = 0.0
        if coef[0] >= 0.0:
            inv_y = 1.0 / en.max(coef[0], NARROWEST_CONE)
        if coef[1] >= 0.0:
            inv_z = 1.0 / en.max(coef[1], NARROWEST_CONE)
        # The cone is where the radius is 1; dividing by its gradient makes an angle of it.
        radius = en.sqrt(about_y * about_y * inv_y * inv_y + about_z * about_z * inv_z * inv_z)
        if radius > 1.0e-6:
            g = en.vec3(0.0, about_y * inv_y * inv_y, about_z * inv_z * inv_z) / radius
            steep = en.length(g)
            u = g / steep
            excess = (radius - 1.0) / steep
    return excess, u


@en.func
def distance_bounds(d: float, low: float, high: float):
    """Excess of a distance over the nearer end of its range, and the bounds of the force that keeps it in."""
    excess = d - low
    at_least = 0.0
    at_most = ENDLESS
    if low >= 0.0 and high >= 0.0 and high - low < 1.0e-9:
        at_least = -ENDLESS
    elif high >= 0.0 and (low < 0.0 or d > 0.5 * (low + high)):
        excess = d - high
        at_least = -ENDLESS
        at_most = 0.0
    return excess, at_least, at_most


@en.func
def range_bounds(x: float, low: float, high: float):
    """Excess of a number over the nearer end of its range, and the bounds of the force that keeps it in."""
    excess = x - low
    at_least = 0.0
    at_most = ENDLESS
    if x > 0.5 * (low + high):
        excess = x - high
        at_least = -ENDLESS
        at_most = 0.0
    return excess, at_least, at_most


@en.func
def frame_row(
    kind: int, X_1: en.transform, X_2: en.transform, along: en.vec3, across: en.vec3, low: float, high: float
):
    """Violation [m or rad], direction u, and the least and the largest impulse of a row.

    ``low`` and ``high`` are the row's first two coefficients.
    """
    r_1 = en.transform_get_rotation(X_1)
    r_2 = en.transform_get_rotation(X_2)
    e = en.quat_rotate(r_1, along)
    apart = en.transform_get_translation(X_2) - en.transform_get_translation(X_1)
    excess = 0.0
    u = e
    at_least = -ENDLESS
    at_most = ENDLESS
    if kind == SLIDE_ROW:
        excess = en.dot(e, apart)
    elif kind == ALIGN_ROW:
        excess = en.dot(e, en.cross(en.quat_rotate(r_1, across), en.quat_rotate(r_2, across)))
    elif kind == PERPENDICULAR_ROW:
        second = en.quat_rotate(r_2, across)
        excess = en.dot(e, second)
        u = en.cross(second, e)
    elif kind == DISTANCE_ROW:
        d = en.length(apart)
        u = apart / en.max(d, 1.0e-9)
        excess, at_least, at_most = distance_bounds(d, low, high)
    else:
        turned = en.quat_inverse(r_1) * r_2
        if kind == SWING_ROW:
            out, direction = swing_excess(turned, en.vec2(low, high))
            excess = out
            u = en.quat_rotate(r_1, direction)
            at_most = 0.0
        else:
            v = rotation_vector(turned)
            if kind == TWIST_ROW:
                angle = en.length(v)
                excess = angle - low
                u = en.quat_rotate(r_1, v / en.max(angle, 1.0e-9))
                at_most = 0.0
            else:
                excess = en.dot(v, along)
    return excess, u, at_least, at_most

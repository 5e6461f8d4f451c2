"""Quaternion functions written in the kernel language: Euler angles, twist, rotation between vectors."""

from __future__ import annotations

from typing import Any

import engine as en
from engine.library.functions import library

_GROUP = "Quaternion"


@library(_GROUP)
def quat_to_rpy(quat: Any):
    """Roll about x, pitch about y, yaw about z (fixed axes) [rad] of a unit quaternion; inverse of `quat_rpy`.

    Differentiable away from pitch ±π/2.
    """
    x, y, z, w = quat[0], quat[1], quat[2], quat[3]
    roll = en.atan2(2.0 * (w * x + y * z), 1.0 - 2.0 * (x * x + y * y))
    pitch = en.asin(en.clamp(2.0 * (w * y - z * x), -1.0, 1.0))
    yaw = en.atan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))
    return en.vector(roll, pitch, yaw)


@en.func
def _about(axis: int, angle: Any):
    """Rotation by `angle` [rad] about coordinate axis 0, 1 or 2."""
    s, c = en.sin(0.5 * angle), en.cos(0.5 * angle)
    zero = type(s)(0.0)
    return en.quaternion(en.where(axis == 0, s, zero), en.where(axis == 1, s, zero), en.where(axis == 2, s, zero), c)


@library(_GROUP)
def quat_from_euler(e: Any, i: int, j: int, k: int):
    """Rotation about the fixed axes i, then j, then k (0, 1, 2 for x, y, z), by e[i], e[j] and e[k] [rad]. Differentiable.

    As a product: q_k(e[k]) q_j(e[j]) q_i(e[i]).
    """
    return _about(k, e[k]) * _about(j, e[j]) * _about(i, e[i])


@library(_GROUP)
def quat_to_euler(quat: Any, i: int, j: int, k: int):
    """Angles e [rad], by axis, with `quat_from_euler(e, i, j, k)` = ±quat for a unit quaternion; i, j, k all differ.

    Half sums and differences of the outer angles come from two `atan2` (Bernardes and Viollet, PLoS ONE 17(11), 2022).
    At e[j] = ±π/2, where only e[i] ± e[k] is known, e[k] is 0. Differentiable elsewhere.
    """
    third = quat[k]
    if (j - i + 3) % 3 != 1:  # an odd permutation of x, y, z turns the other way
        third = -quat[k]
    a, b, c, d = quat[3] - quat[j], quat[i] + third, quat[j] + quat[3], third - quat[i]
    low, high = a * a + b * b, c * c + d * d
    middle = 2.0 * en.atan2(en.sqrt(high), en.sqrt(low)) - 1.5707963267948966
    plus, minus = en.atan2(b, a), en.atan2(d, c)
    first, last = plus - minus, plus + minus
    if high < 1.0e-12:
        first, last = 2.0 * plus, type(plus)(0.0)
    if low < 1.0e-12:
        first, last = -2.0 * minus, type(plus)(0.0)
    if (j - i + 3) % 3 != 1:
        last = -last
    first, last = _wrapped(first), _wrapped(last)
    return en.vector(
        en.where(i == 0, first, en.where(j == 0, middle, last)),
        en.where(i == 1, first, en.where(j == 1, middle, last)),
        en.where(i == 2, first, en.where(j == 2, middle, last)),
    )


@en.func
def _wrapped(angle: Any):
    """The angle [rad] brought into [-π, π]."""
    return angle - 6.283185307179586 * en.round(angle * 0.15915494309189535)


@library(_GROUP)
def quat_twist(axis: Any, q: Any):
    """The part of unit quaternion q that turns about the unit vector `axis` (swing-twist decomposition).

    Differentiable where q is not a half turn about a perpendicular axis.
    """
    along = q[0] * axis[0] + q[1] * axis[1] + q[2] * axis[2]
    return en.normalize(en.quaternion(along * axis[0], along * axis[1], along * axis[2], q[3]))


@library(_GROUP)
def quat_twist_angle_signed(axis: Any, q: Any):
    """Angle [rad] of the twist of q about the unit vector `axis`, in [-2π, 2π]; q and -q differ by a full turn."""
    along = q[0] * axis[0] + q[1] * axis[1] + q[2] * axis[2]
    return 2.0 * en.atan2(along, q[3])


@library(_GROUP)
def quat_twist_angle(axis: Any, q: Any):
    """Size of the angle [rad] of the twist of q about the unit vector `axis`, in [0, 2π]."""
    return en.abs(quat_twist_angle_signed(axis, q))


@library(_GROUP)
def quat_between_vectors(a: Any, b: Any):
    """Shortest rotation that turns vector a into the direction of vector b; a half turn about any normal if opposite.

    Differentiable away from opposite vectors.
    """
    a, b = en.normalize(a), en.normalize(b)
    cosine = en.dot(a, b)
    n = en.cross(a, b)
    if cosine < -0.999999:
        zero, one = type(cosine)(0.0), type(cosine)(1.0)
        steep = en.abs(a[0]) > 0.6  # the coordinate axis that is far from a
        half_turn = en.normalize(en.cross(a, en.vector(en.where(steep, zero, one), en.where(steep, one, zero), zero)))
        return en.quaternion(half_turn[0], half_turn[1], half_turn[2], zero)
    return en.normalize(en.quaternion(n[0], n[1], n[2], 1.0 + cosine))

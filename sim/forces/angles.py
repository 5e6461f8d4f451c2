"""Inverse tangent as a polynomial, so that kernels that need an angle still run on all vector lanes."""

import engine as en

HALF_PI = en.constant(1.57079632679489662)
PI = en.constant(3.14159265358979324)
TWO_PI = en.constant(6.28318530717958648)
PER_TURN = en.constant(0.159154943091895336)
TINY = en.constant(1.0e-30)


@en.func
def atan2_smooth(y: float, x: float) -> float:
    """Angle of the point (x, y) [rad] in (-pi, pi]; absolute error below 3e-7, (0, 0) gives 0.

    atan(t)/t on t in [0, 1] is a degree-8 minimax polynomial in t^2 (our own Lawson fit, error 1.4e-8); the other
    octants follow by symmetry. No branch and no library call, hence vectorisable.
    """
    ax = en.abs(x)
    ay = en.abs(y)
    # times the reciprocal, not a division: a GPU divides zero by a detour
    t = en.min(ax, ay) * (1.0 / (en.max(ax, ay) + TINY))
    s = t * t
    p = 0.0029035785
    p = p * s - 0.0162831696
    p = p * s + 0.0430397384
    p = p * s - 0.075337184
    p = p * s + 0.106547039
    p = p * s - 0.142071428
    p = p * s + 0.199930557
    p = p * s - 0.333330941
    p = p * s + 0.999999986
    a = p * t
    a = en.where(ay > ax, HALF_PI - a, a)
    a = en.where(x < 0.0, PI - a, a)
    return en.where(y < 0.0, -a, a)


@en.func
def wrapped_angle(angle: float) -> float:
    """The same direction as `angle`, in [-pi, pi) [rad]."""
    return angle - TWO_PI * en.floor(angle * PER_TURN + 0.5)

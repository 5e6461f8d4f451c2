"""Error functions and their inverses."""

from __future__ import annotations

from typing import Any

import engine as en
from engine.library.functions import library

_GROUP = "Scalar math"


@en.func
def _quantile_guess(x: Any):
    """erfc⁻¹(x) for 0 < x <= 1 to 4e-4 (Abramowitz and Stegun 1964, 26.2.23)."""
    t = en.sqrt(-2.0 * en.log(0.5 * x))
    top = 2.515517 + t * (0.802853 + t * 0.010328)
    bottom = 1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308))
    return (t - top / bottom) * 0.7071067811865476


@library(_GROUP)
def erfcinv(x: Any):
    """Inverse of the complementary error function, for x in (0, 2); ±inf at the ends, NaN outside.

    Starts from a rational approximation and takes Halley steps. Differentiable inside the interval:
    the derivative is -√π/2 · exp(y²).
    """
    small = en.min(x, 2.0 - x)
    y = _quantile_guess(en.clamp(small, 1.0e-37, 1.0))
    for _ in range(3):
        step = (en.erfc(y) - small) * en.exp(y * y) * 0.8862269254527580
        y = y + step / (1.0 + y * step)
    if small == 0.0:
        y = type(x)(en.inf)
    if small < 0.0:
        y = type(x)(en.nan)
    return en.where(x > 1.0, -y, y)


@library(_GROUP)
def erfinv(x: Any):
    """Inverse of the error function, for x in (-1, 1); ±inf at the ends, NaN outside.

    Differentiable inside the interval: the derivative is √π/2 · exp(y²).
    """
    size = en.abs(x)
    if size > 0.5:
        y = erfcinv(1.0 - size)
    else:
        # Newton's method on erf, which is nearly straight here (Taylor series of the inverse as the first guess)
        x2 = size * size
        y = size * (
            0.8862269254527580 + x2 * (0.2320136665346545 + x2 * (0.1275561753055979 + x2 * 0.0865521292415475))
        )
        for _ in range(3):
            y = y - (en.erf(y) - size) * en.exp(y * y) * 0.8862269254527580
    return en.where(x < 0.0, -y, y)

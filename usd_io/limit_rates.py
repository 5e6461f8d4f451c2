"""How stiff joint limits are: MuJoCo's ``solreflimit`` as rates per unit of the mass or inertia that an axis carries."""

from __future__ import annotations

import numpy as np


def limit_rates(softness: np.ndarray) -> tuple[float, float] | None:
    """Stiffness [1/s^2] and damping [1/s] that a ``solreflimit`` means; None where it means MuJoCo's default.

    It holds a time constant [s] and a damping ratio, or stiffness and damping themselves, negated. MuJoCo holds limits
    statically stiffer than such a spring would, by what it calls impedance; how fast they give and return is the same.
    """
    first, second = float(softness[0]), float(softness[1]) if len(softness) > 1 else 1.0
    if first < 0.0 and second < 0.0:
        return -first, -second
    if first <= 0.0 or second <= 0.0:
        return None  # of mixed signs, for which MuJoCo takes its default as well
    return 1.0 / (first * second) ** 2, 2.0 / first

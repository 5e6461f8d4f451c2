"""Distance constraints with compliance 1/k and damping."""

import engine as en


@en.func
def multiplier_step(c: float, stiffness: float, damping: float, lam: float, moved: float, w: float, dt: float) -> float:
    """Change of the multiplier of one compliant constraint.

    Equation 26 of Macklin, Mueller, Chentanez 2016 ("XPBD"), multiplied by k dt^2 so that k = 0 needs no special case.

    Args:
        c: Constraint value.
        stiffness, damping: k and d of the energy k/2 c^2 and the dashpot d.
        lam: Multiplier so far in this step.
        moved: grad c . (x - x at the start of the step).
        w: Sum of inverse mass times squared gradient.
        dt: Step [s].
    """
    k = stiffness * dt * dt
    d = damping * dt
    return -(k * c + lam + d * moved) * (1.0 / ((k + d) * w + 1.0))


@en.func
def relax_spring(
    xi: en.vec3,
    xj: en.vec3,
    xi0: en.vec3,
    xj0: en.vec3,
    wi: float,
    wj: float,
    rest_length: float,
    stiffness: float,
    damping: float,
    dt: float,
    keep: float,
    multiplier: en.array(dtype=float),
    at: int,
):
    """Ends of a spring after solving it, from positions now, at the start of the step (0), and inverse masses."""
    lam = en.where(keep > 0.0, multiplier[at], 0.0)
    d = xi - xj
    length_sq = en.dot(d, d)
    inv_length = en.where(length_sq > 0.0, 1.0 / en.sqrt(en.max(length_sq, 1.0e-30)), 0.0)
    n = d * inv_length
    moved = en.dot(n, (xi - xi0) - (xj - xj0))
    step = multiplier_step(length_sq * inv_length - rest_length, stiffness, damping, lam, moved, wi + wj, dt)
    multiplier[at] = lam + step
    return xi + n * (wi * step), xj - n * (wj * step)


@en.kernel
def solve_springs(
    start: int,
    order: en.array(dtype=int),
    x0: en.array(dtype=en.vec3),
    inv_mass: en.array(dtype=float),
    corners: en.array2d(dtype=int),
    rest_length: en.array(dtype=float),
    stiffness: en.array(dtype=float),
    damping: en.array(dtype=float),
    dt: float,
    keep: float,
    x: en.array(dtype=en.vec3),
    multiplier: en.array(dtype=float),
):
    """One colour of springs; `keep` is 0 in the first iteration of a step, else 1."""
    at = start + en.tid()
    s = order[at]
    i = corners[0, at]
    j = corners[1, at]
    xi, xj = relax_spring(
        x[i], x[j], x0[i], x0[j], inv_mass[i], inv_mass[j], rest_length[s], stiffness[s], damping[s], dt, keep,
        multiplier, at,
    )  # fmt: skip
    x[i] = xi
    x[j] = xj

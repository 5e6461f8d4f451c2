"""Membrane as three decoupled strain constraints per triangle.

Isotropic strain energy mu E:E + l/2 (tr E)^2 per rest area is diagonal in s = E11 + E22, d = E11 - E22, g = 2 E12:
1/2 ((l + mu) s^2 + mu d^2 + mu g^2). With mu = tri_ke and l = tri_ka - tri_ke this is the small-strain limit of the
neo-Hookean membrane of the semi-implicit integrator, so the stiffnesses are tri_ka, tri_ke, tri_ke times the area.
Activation shifts s, as it shifts the area there.
"""

import engine as en
from sim.xpbd.springs import multiplier_step


@en.func
def relax_triangle(
    xi: en.vec3,
    xj: en.vec3,
    xk: en.vec3,
    xi0: en.vec3,
    xj0: en.vec3,
    xk0: en.vec3,
    wi: float,
    wj: float,
    wk: float,
    Dm: en.mat22,
    active: float,
    material: en.vec3,
    dt: float,
    keep: float,
    multiplier: en.array2d(dtype=float),
    at: int,
):
    """Corners after dilation and the two shears, each seeing the one before; `material` is (ke, ka, kd)."""
    a = Dm[0, 0]
    b = Dm[0, 1]
    c = Dm[1, 0]
    d = Dm[1, 1]
    area = 0.5 / (a * d - b * c)
    ke = material[0] * area
    ka = material[1] * area
    kd = material[2] * area
    lams = en.vec3(0.0, 0.0, 0.0)
    if keep > 0.0:
        lams = en.vec3(multiplier[0, at], multiplier[1, at], multiplier[2, at])
    for m in range(3):
        F1 = (xj - xi) * a + (xk - xi) * c
        F2 = (xj - xi) * b + (xk - xi) * d
        value = 0.0
        stiffness = 0.0
        damping = 0.5 * kd
        gj = en.vec3(0.0, 0.0, 0.0)
        gk = en.vec3(0.0, 0.0, 0.0)
        if m == 0:
            value = 0.5 * (en.dot(F1, F1) + en.dot(F2, F2)) - 1.0 + active
            gj = F1 * a + F2 * b
            gk = F1 * c + F2 * d
            stiffness = ka
            damping = 1.5 * kd
        elif m == 1:
            value = 0.5 * (en.dot(F1, F1) - en.dot(F2, F2))
            gj = F1 * a - F2 * b
            gk = F1 * c - F2 * d
            stiffness = ke
        else:
            value = en.dot(F1, F2)
            gj = F1 * b + F2 * a
            gk = F1 * d + F2 * c
            stiffness = ke
        gi = -(gj + gk)
        w = wi * en.dot(gi, gi) + wj * en.dot(gj, gj) + wk * en.dot(gk, gk)
        moved = en.dot(gi, xi - xi0) + en.dot(gj, xj - xj0) + en.dot(gk, xk - xk0)
        lam = lams[m]
        step = multiplier_step(value, stiffness, damping, lam, moved, w, dt)
        xi = xi + gi * (wi * step)
        xj = xj + gj * (wj * step)
        xk = xk + gk * (wk * step)
        multiplier[m, at] = lam + step
    return xi, xj, xk


@en.kernel
def solve_triangles(
    start: int,
    order: en.array(dtype=int),
    x0: en.array(dtype=en.vec3),
    inv_mass: en.array(dtype=float),
    corners: en.array2d(dtype=int),
    pose: en.array(dtype=en.mat22),
    activation: en.array(dtype=float),
    materials: en.array2d(dtype=float),
    dt: float,
    keep: float,
    x: en.array(dtype=en.vec3),
    multiplier: en.array2d(dtype=float),
):
    """One colour of triangles."""
    at = start + en.tid()
    t = order[at]
    i = corners[0, at]
    j = corners[1, at]
    k = corners[2, at]
    material = en.vec3(materials[t, 0], materials[t, 1], materials[t, 2])
    xi, xj, xk = relax_triangle(
        x[i], x[j], x[k], x0[i], x0[j], x0[k], inv_mass[i], inv_mass[j], inv_mass[k], pose[t], activation[t],
        material, dt, keep, multiplier, at,
    )  # fmt: skip
    x[i] = xi
    x[j] = xj
    x[k] = xk

"""Membrane as three decoupled strain constraints per triangle.

Isotropic strain energy mu E:E + l/2 (tr E)^2 per rest area is diagonal in s = E11 + E22, d = E11 - E22, g = 2 E12:
1/2 ((l + mu) s^2 + mu d^2 + mu g^2). With mu = tri_ke and l = tri_ka - tri_ke this is the small-strain limit of the
neo-Hookean membrane of the semi-implicit integrator, so the stiffnesses are tri_ka, tri_ke, tri_ke times the area.
Activation shifts s, as it shifts the area there.
"""

import engine as en
from sim.xpbd.springs import multiplier_step


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
    """One colour of triangles: dilation, then the two shears, each seeing the one before."""
    at = start + en.tid()
    t = order[at]
    i = corners[0, at]
    j = corners[1, at]
    k = corners[2, at]
    xi = x[i]
    xj = x[j]
    xk = x[k]
    wi = inv_mass[i]
    wj = inv_mass[j]
    wk = inv_mass[k]
    xi0 = x0[i]
    xj0 = x0[j]
    xk0 = x0[k]
    Dm = pose[t]
    a = Dm[0, 0]
    b = Dm[0, 1]
    c = Dm[1, 0]
    d = Dm[1, 1]
    area = 0.5 / (a * d - b * c)
    ke = materials[t, 0] * area
    ka = materials[t, 1] * area
    kd = materials[t, 2] * area
    for m in range(3):
        F1 = (xj - xi) * a + (xk - xi) * c
        F2 = (xj - xi) * b + (xk - xi) * d
        value = 0.0
        stiffness = 0.0
        damping = 0.5 * kd
        gj = en.vec3(0.0, 0.0, 0.0)
        gk = en.vec3(0.0, 0.0, 0.0)
        if m == 0:
            value = 0.5 * (en.dot(F1, F1) + en.dot(F2, F2)) - 1.0 + activation[t]
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
        lam = en.where(keep > 0.0, multiplier[m, at], 0.0)
        step = multiplier_step(value, stiffness, damping, lam, moved, w, dt)
        xi = xi + gi * (wi * step)
        xj = xj + gj * (wj * step)
        xk = xk + gk * (wk * step)
        multiplier[m, at] = lam + step
    x[i] = xi
    x[j] = xj
    x[k] = xk

"""Tetrahedra as six constraints that vanish at rest: five deviatoric strains, then the volume.

Energy per rest volume mu E_dev:E_dev + kappa/2 (det F - 1 + activation)^2 with Green strain E = (F^T F - 1)/2. With
mu = 3/4 k_mu and kappa = k_lambda - k_mu/8 it matches `sim.forces.tetrahedra` for small strain.

Why not the two constraints sqrt(tr F^T F) and det F - 1 - mu/lambda of Macklin and Mueller 2021: at rest their
multipliers balance each other, and all resistance to shear comes from the change of the gradients, which XPBD
neglects. Measured here (k_mu 1e5 Pa, 0.1 m cells, dt 1/60 s, even with the two solved as one system), noise at rest
grows a thousandfold a step. Constraints that vanish at rest stay exact for any step and iteration count.
"""

import engine as en
from sim.xpbd.springs import multiplier_step

INV_SQRT2 = en.constant(0.70710678)
INV_SQRT6 = en.constant(0.40824829)


@en.func
def relax_tetrahedron(
    xi: en.vec3,
    xj: en.vec3,
    xk: en.vec3,
    xl: en.vec3,
    xi0: en.vec3,
    xj0: en.vec3,
    xk0: en.vec3,
    xl0: en.vec3,
    wi: float,
    wj: float,
    wk: float,
    wl: float,
    Dm: en.mat33,
    active: float,
    material: en.vec3,
    dt: float,
    keep: float,
    multiplier: en.array2d(dtype=float),
    at: int,
):
    """Corners after the six constraints, one after the other; `material` is (k_mu, k_lambda, k_damp)."""
    b1 = en.vec3(Dm[0, 0], Dm[1, 0], Dm[2, 0])
    b2 = en.vec3(Dm[0, 1], Dm[1, 1], Dm[2, 1])
    b3 = en.vec3(Dm[0, 2], Dm[1, 2], Dm[2, 2])
    det_dm = en.dot(b1, en.cross(b2, b3))
    volume = 1.0 / (6.0 * det_dm)
    mu = 0.75 * material[0] * volume
    kappa = en.max(material[1] - 0.125 * material[0], 0.0) * volume
    damp = material[2] * volume
    for m in range(6):
        x10 = xj - xi
        x20 = xk - xi
        x30 = xl - xi
        f1 = x10 * b1[0] + x20 * b1[1] + x30 * b1[2]
        f2 = x10 * b2[0] + x20 * b2[1] + x30 * b2[2]
        f3 = x10 * b3[0] + x20 * b3[1] + x30 * b3[2]
        value = 0.0
        stiffness = 2.0 * mu
        damping = damp
        # gradient with respect to corner v = 1..3 is p1 b1[v] + p2 b2[v] + p3 b3[v]
        p1 = en.vec3(0.0, 0.0, 0.0)
        p2 = en.vec3(0.0, 0.0, 0.0)
        p3 = en.vec3(0.0, 0.0, 0.0)
        if m == 0:
            value = 0.5 * INV_SQRT2 * (en.dot(f1, f1) - en.dot(f2, f2))
            p1 = f1 * INV_SQRT2
            p2 = f2 * (-INV_SQRT2)
        elif m == 1:
            value = 0.5 * INV_SQRT6 * (en.dot(f1, f1) + en.dot(f2, f2) - 2.0 * en.dot(f3, f3))
            p1 = f1 * INV_SQRT6
            p2 = f2 * INV_SQRT6
            p3 = f3 * (-2.0 * INV_SQRT6)
        elif m == 2:
            value = en.dot(f1, f2)
            p1 = f2
            p2 = f1
        elif m == 3:
            value = en.dot(f1, f3)
            p1 = f3
            p3 = f1
        elif m == 4:
            value = en.dot(f2, f3)
            p2 = f3
            p3 = f2
        else:
            p1 = en.cross(f2, f3)
            p2 = en.cross(f3, f1)
            p3 = en.cross(f1, f2)
            value = en.dot(f1, p1) - 1.0 + active
            stiffness = kappa
            damping = 1.3333333 * damp
        if m >= 2 and m <= 4:
            stiffness = mu
            damping = 0.5 * damp
        gj = p1 * b1[0] + p2 * b2[0] + p3 * b3[0]
        gk = p1 * b1[1] + p2 * b2[1] + p3 * b3[1]
        gl = p1 * b1[2] + p2 * b2[2] + p3 * b3[2]
        gi = -(gj + gk + gl)
        w = wi * en.dot(gi, gi) + wj * en.dot(gj, gj) + wk * en.dot(gk, gk) + wl * en.dot(gl, gl)
        moved = en.dot(gi, xi - xi0) + en.dot(gj, xj - xj0) + en.dot(gk, xk - xk0) + en.dot(gl, xl - xl0)
        lam = en.where(keep > 0.0, multiplier[m, at], 0.0)
        step = multiplier_step(value, stiffness, damping, lam, moved, w, dt)
        xi = xi + gi * (wi * step)
        xj = xj + gj * (wj * step)
        xk = xk + gk * (wk * step)
        xl = xl + gl * (wl * step)
        multiplier[m, at] = lam + step
    return xi, xj, xk, xl


@en.kernel
def solve_tetrahedra(
    start: int,
    order: en.array(dtype=int),
    x0: en.array(dtype=en.vec3),
    inv_mass: en.array(dtype=float),
    corners: en.array2d(dtype=int),
    pose: en.array(dtype=en.mat33),
    activation: en.array(dtype=float),
    materials: en.array2d(dtype=float),
    dt: float,
    keep: float,
    x: en.array(dtype=en.vec3),
    multiplier: en.array2d(dtype=float),
):
    """One colour of tetrahedra."""
    at = start + en.tid()
    t = order[at]
    i = corners[0, at]
    j = corners[1, at]
    k = corners[2, at]
    l = corners[3, at]
    material = en.vec3(materials[t, 0], materials[t, 1], materials[t, 2])
    xi, xj, xk, xl = relax_tetrahedron(
        x[i], x[j], x[k], x[l], x0[i], x0[j], x0[k], x0[l], inv_mass[i], inv_mass[j], inv_mass[k], inv_mass[l],
        pose[t], activation[t], material, dt, keep, multiplier, at,
    )  # fmt: skip
    x[i] = xi
    x[j] = xj
    x[k] = xk
    x[l] = xl

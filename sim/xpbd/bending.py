"""Dihedral-angle constraints: the energy of `sim.forces.bending`, with compliance 1/(edge_ke L)."""

import engine as en
from sim.forces.angles import wrapped_angle
from sim.forces.bending import dihedral
from sim.xpbd.springs import multiplier_step


@en.func
def relax_hinge(
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
    rest_angle: float,
    stiffness: float,
    damping: float,
    dt: float,
    keep: float,
    multiplier: en.array(dtype=float),
    at: int,
):
    """Opposite corners and ends of an edge after solving its angle."""
    lam = en.where(keep > 0.0, multiplier[at], 0.0)
    angle, gi, gj, gk, gl = dihedral(xi, xj, xk, xl)
    w = wi * en.dot(gi, gi) + wj * en.dot(gj, gj) + wk * en.dot(gk, gk) + wl * en.dot(gl, gl)
    moved = en.dot(gi, xi - xi0) + en.dot(gj, xj - xj0) + en.dot(gk, xk - xk0) + en.dot(gl, xl - xl0)
    step = multiplier_step(wrapped_angle(angle - rest_angle), stiffness, damping, lam, moved, w, dt)
    multiplier[at] = lam + step
    return xi + gi * (wi * step), xj + gj * (wj * step), xk + gk * (wk * step), xl + gl * (wl * step)


@en.kernel
def solve_bending(
    start: int,
    order: en.array(dtype=int),
    x0: en.array(dtype=en.vec3),
    inv_mass: en.array(dtype=float),
    corners: en.array2d(dtype=int),
    rest_angle: en.array(dtype=float),
    rest_length: en.array(dtype=float),
    properties: en.array2d(dtype=float),
    dt: float,
    keep: float,
    x: en.array(dtype=en.vec3),
    multiplier: en.array(dtype=float),
):
    """One colour of edges."""
    at = start + en.tid()
    s = order[at]
    i = corners[0, at]
    j = corners[1, at]
    k = corners[2, at]
    l = corners[3, at]
    length = rest_length[s]
    xi, xj, xk, xl = relax_hinge(
        x[i], x[j], x[k], x[l], x0[i], x0[j], x0[k], x0[l], inv_mass[i], inv_mass[j], inv_mass[k], inv_mass[l],
        rest_angle[s], properties[s, 0] * length, properties[s, 1] * length, dt, keep, multiplier, at,
    )  # fmt: skip
    x[i] = xi
    x[j] = xj
    x[k] = xk
    x[l] = xl

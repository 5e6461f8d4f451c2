"""Dihedral-angle constraints: the energy of `sim.forces.bending`, with compliance 1/(edge_ke L)."""

import engine as en
from sim.forces.angles import wrapped_angle
from sim.forces.bending import dihedral
from sim.xpbd.springs import multiplier_step


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
    xi = x[i]
    xj = x[j]
    xk = x[k]
    xl = x[l]
    wi = inv_mass[i]
    wj = inv_mass[j]
    wk = inv_mass[k]
    wl = inv_mass[l]
    angle, gi, gj, gk, gl = dihedral(xi, xj, xk, xl)
    w = wi * en.dot(gi, gi) + wj * en.dot(gj, gj) + wk * en.dot(gk, gk) + wl * en.dot(gl, gl)
    moved = en.dot(gi, xi - x0[i]) + en.dot(gj, xj - x0[j]) + en.dot(gk, xk - x0[k]) + en.dot(gl, xl - x0[l])
    lam = en.where(keep > 0.0, multiplier[at], 0.0)
    length = rest_length[s]
    step = multiplier_step(
        wrapped_angle(angle - rest_angle[s]), properties[s, 0] * length, properties[s, 1] * length, lam, moved, w, dt
    )
    x[i] = xi + gi * (wi * step)
    x[j] = xj + gj * (wj * step)
    x[k] = xk + gk * (wk * step)
    x[l] = xl + gl * (wl * step)
    multiplier[at] = lam + step

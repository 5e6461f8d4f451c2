"""Stable neo-Hookean tetrahedra as a deviatoric and a hydrostatic constraint (Macklin, Mueller 2021).

C_D = sqrt(tr F^T F) with stiffness mu V and C_H = det F - 1 - mu/lambda with stiffness lambda V. The two have parallel
gradients at rest, so they are solved together as a 2x2 system: then the rest state is exact for any iteration count.
The moduli are matched at small strain to `sim.forces.tetrahedra`: mu = 3/4 k_mu, lambda = k_lambda + k_mu/8.
"""

import engine as en


@en.kernel
def solve_tetrahedra(
    start: int,
    order: en.array(dtype=int),
    x0: en.array(dtype=en.vec3),
    inv_mass: en.array(dtype=float),
    tet_indices: en.array2d(dtype=int),
    pose: en.array(dtype=en.mat33),
    activation: en.array(dtype=float),
    materials: en.array2d(dtype=float),
    dt: float,
    keep: float,
    x: en.array(dtype=en.vec3),
    multiplier: en.array2d(dtype=float),
):
    """One colour of tetrahedra."""
    t = order[start + en.tid()]
    i = tet_indices[t, 0]
    j = tet_indices[t, 1]
    k = tet_indices[t, 2]
    l = tet_indices[t, 3]
    xi = x[i]
    xj = x[j]
    xk = x[k]
    xl = x[l]
    wi = inv_mass[i]
    wj = inv_mass[j]
    wk = inv_mass[k]
    wl = inv_mass[l]
    x10 = xj - xi
    x20 = xk - xi
    x30 = xl - xi
    Dm = pose[t]
    b1 = en.vec3(Dm[0, 0], Dm[1, 0], Dm[2, 0])
    b2 = en.vec3(Dm[0, 1], Dm[1, 1], Dm[2, 1])
    b3 = en.vec3(Dm[0, 2], Dm[1, 2], Dm[2, 2])
    det_dm = en.dot(b1, en.cross(b2, b3))
    volume = 1.0 / (6.0 * det_dm)
    mu = 0.75 * materials[t, 0]
    lam = materials[t, 1] + 0.125 * materials[t, 0]
    k_d = mu * volume * dt * dt
    k_h = lam * volume * dt * dt
    damp = materials[t, 2] * volume * dt

    f1 = x10 * b1[0] + x20 * b1[1] + x30 * b1[2]
    f2 = x10 * b2[0] + x20 * b2[1] + x30 * b2[2]
    f3 = x10 * b3[0] + x20 * b3[1] + x30 * b3[2]
    size = en.sqrt(en.max(en.dot(f1, f1) + en.dot(f2, f2) + en.dot(f3, f3), 1.0e-12))
    inv_size = 1.0 / size
    # gradients: columns of (F/|F|) Dm^T, and cofactors
    dj = (f1 * b1[0] + f2 * b2[0] + f3 * b3[0]) * inv_size
    dk = (f1 * b1[1] + f2 * b2[1] + f3 * b3[1]) * inv_size
    dl = (f1 * b1[2] + f2 * b2[2] + f3 * b3[2]) * inv_size
    di = -(dj + dk + dl)
    hj = en.cross(x20, x30) * det_dm
    hk = en.cross(x30, x10) * det_dm
    hl = en.cross(x10, x20) * det_dm
    hi = -(hj + hk + hl)
    J = en.dot(x10, hj)

    g_dd = wi * en.dot(di, di) + wj * en.dot(dj, dj) + wk * en.dot(dk, dk) + wl * en.dot(dl, dl)
    g_dh = wi * en.dot(di, hi) + wj * en.dot(dj, hj) + wk * en.dot(dk, hk) + wl * en.dot(dl, hl)
    g_hh = wi * en.dot(hi, hi) + wj * en.dot(hj, hj) + wk * en.dot(hk, hk) + wl * en.dot(hl, hl)
    mi = xi - x0[i]
    mj = xj - x0[j]
    mk = xk - x0[k]
    ml = xl - x0[l]
    moved_d = en.dot(di, mi) + en.dot(dj, mj) + en.dot(dk, mk) + en.dot(dl, ml)
    moved_h = en.dot(hi, mi) + en.dot(hj, mj) + en.dot(hk, mk) + en.dot(hl, ml)
    lam_d = en.where(keep > 0.0, multiplier[0, t], 0.0)
    lam_h = en.where(keep > 0.0, multiplier[1, t], 0.0)
    # k_h mu/lambda = mu V dt^2 = k_d, so lambda = 0 needs no division
    rhs_d = -(k_d * size + lam_d + damp * moved_d)
    rhs_h = -(k_h * (J - 1.0 + activation[t]) - k_d + lam_h + damp * moved_h)
    a = 1.0 + (k_d + damp) * g_dd
    b = (k_d + damp) * g_dh
    c = (k_h + damp) * g_dh
    d = 1.0 + (k_h + damp) * g_hh
    inv_det = 1.0 / (a * d - b * c)
    sd = (d * rhs_d - b * rhs_h) * inv_det
    sh = (a * rhs_h - c * rhs_d) * inv_det

    x[i] = xi + (di * sd + hi * sh) * wi
    x[j] = xj + (dj * sd + hj * sh) * wj
    x[k] = xk + (dk * sd + hk * sh) * wk
    x[l] = xl + (dl * sd + hl * sh) * wl
    multiplier[0, t] = lam_d + sd
    multiplier[1, t] = lam_h + sh

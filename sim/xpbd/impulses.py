"""What one element does to its corners, all its constraints at the same positions: impulses times dt [kg m].

A constraint c of stiffness k and damping d pulls along its gradients g by -(k c dt^2 + d dt g . (x - x0)), x0 being where
the step began. Besides, each element says how stiff it is, as a multiple of its corners' inertia: the stiffest motion of
the element alone is held 1 + `weight` times as firmly as by inertia alone, weight = (k dt^2 + d dt) sum(w |g|^2) for one
constraint. The sum of the weights at a particle bounds the stiffness there (Cauchy-Schwarz, as in mass splitting), which
tells how far all elements may move it at once (`sim.xpbd.settle`).

The energies are those of the functions named alike in `springs`, `triangles`, `bending` and `tetrahedra` here.
"""

import engine as en
from sim.forces.angles import wrapped_angle
from sim.forces.bending import dihedral


@en.func
def spring_impulse(
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
):
    """Impulse on the first end (the other's is opposite), and the weight."""
    k = stiffness * (dt * dt)
    d = damping * dt
    away = xi - xj
    length_sq = en.dot(away, away)
    inv_length = en.where(length_sq > 0.0, 1.0 / en.sqrt(en.max(length_sq, 1.0e-30)), 0.0)
    n = away * inv_length
    moved = en.dot(n, (xi - xi0) - (xj - xj0))
    pull = -(k * (length_sq * inv_length - rest_length) + d * moved)
    return n * pull, (k + d) * (wi + wj)


@en.func
def triangle_impulse(
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
):
    """Impulses on the second and third corner (the first's is minus their sum), and the weight.

    `material` is (ke, ka, kd). The three strains s, d, g of `triangles` pull with three numbers, which are a symmetric
    stress: along the columns of F.
    """
    a = Dm[0, 0]
    b = Dm[0, 1]
    c = Dm[1, 0]
    d = Dm[1, 1]
    m = material * (0.5 * dt / (a * d - b * c))
    ke = m[0] * dt
    ka = m[1] * dt
    kd = m[2]
    x10 = xj - xi
    x20 = xk - xi
    F1 = x10 * a + x20 * c
    F2 = x10 * b + x20 * d
    u10 = (xj - xj0) - (xi - xi0)
    u20 = (xk - xk0) - (xi - xi0)
    U1 = u10 * a + u20 * c
    U2 = u10 * b + u20 * d
    c11 = en.dot(F1, F1)
    c12 = en.dot(F1, F2)
    c22 = en.dot(F2, F2)
    m11 = en.dot(F1, U1)
    m22 = en.dot(F2, U2)
    s = -(ka * (0.5 * (c11 + c22) - 1.0 + active) + 1.5 * kd * (m11 + m22))
    t = -(ke * (0.5 * (c11 - c22)) + 0.5 * kd * (m11 - m22))
    g = -(ke * c12 + 0.5 * kd * (en.dot(F1, U2) + en.dot(F2, U1)))
    P1 = F1 * (s + t) + F2 * g
    P2 = F2 * (s - t) + F1 * g
    # sums over the corners of w times products of the rows of Dm, the first corner's being minus their sum
    a0 = -(a + c)
    b0 = -(b + d)
    waa = wi * a0 * a0 + wj * a * a + wk * c * c
    wab = wi * a0 * b0 + wj * a * b + wk * c * d
    wbb = wi * b0 * b0 + wj * b * b + wk * d * d
    even = waa * c11 + wbb * c22
    mixed = 2.0 * wab * c12
    across = wbb * c11 + waa * c22
    weight = (ka + 1.5 * kd) * (even + mixed) + (ke + 0.5 * kd) * (even + across)
    return P1 * a + P2 * b, P1 * c + P2 * d, weight


@en.func
def hinge_impulse(
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
):
    """Impulses on opposite corners and ends, and the weight."""
    k = stiffness * (dt * dt)
    d = damping * dt
    angle, gi, gj, gk, gl = dihedral(xi, xj, xk, xl)
    moved = en.dot(gi, xi - xi0) + en.dot(gj, xj - xj0) + en.dot(gk, xk - xk0) + en.dot(gl, xl - xl0)
    pull = -(k * wrapped_angle(angle - rest_angle) + d * moved)
    w = wi * en.dot(gi, gi) + wj * en.dot(gj, gj) + wk * en.dot(gk, gk) + wl * en.dot(gl, gl)
    return gi * pull, gj * pull, gk * pull, gl * pull, (k + d) * w


@en.func
def tetrahedron_impulse(
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
):
    """Impulses on the last three corners (the first's is minus their sum), and the weight.

    `material` is (k_mu, k_lambda, k_damp). The five deviatoric strains together are the deviator of E, and pull along
    F dev(S); for an orthonormal basis N of symmetric deviators the sum of |F N b|^2 is |F b|^2/6 + |F|^2 |b|^2/2.
    """
    det_dm = en.determinant(Dm)
    v = 1.0 / (6.0 * det_dm)
    mu = 0.75 * material[0] * v * (dt * dt)
    kappa = en.max(material[1] - 0.125 * material[0], 0.0) * v * (dt * dt)
    damp = material[2] * v * dt
    F = en.matrix_from_cols(xj - xi, xk - xi, xl - xi) * Dm
    U = en.matrix_from_cols((xj - xj0) - (xi - xi0), (xk - xk0) - (xi - xi0), (xl - xl0) - (xi - xi0)) * Dm
    C = en.transpose(F) * F
    M = en.transpose(F) * U
    # 2 mu E + damp dE with E = (C - 1)/2, without its trace
    S = C * mu + (M + en.transpose(M)) * (0.5 * damp)
    third = (S[0, 0] + S[1, 1] + S[2, 2]) * (1.0 / 3.0)
    S = S - en.identity(n=3, dtype=float) * third
    f1 = en.vec3(F[0, 0], F[1, 0], F[2, 0])
    f2 = en.vec3(F[0, 1], F[1, 1], F[2, 1])
    f3 = en.vec3(F[0, 2], F[1, 2], F[2, 2])
    cof = en.matrix_from_cols(en.cross(f2, f3), en.cross(f3, f1), en.cross(f1, f2))
    volume = en.dot(f1, en.cross(f2, f3)) - 1.0 + active
    change = en.ddot(cof, U)
    P = (F * S + cof * (kappa * volume + 1.3333333 * damp * change)) * -1.0
    H = P * en.transpose(Dm)
    b1 = en.vec3(Dm[0, 0], Dm[0, 1], Dm[0, 2])
    b2 = en.vec3(Dm[1, 0], Dm[1, 1], Dm[1, 2])
    b3 = en.vec3(Dm[2, 0], Dm[2, 1], Dm[2, 2])
    b0 = -(b1 + b2 + b3)
    B = en.outer(b0, b0) * wi + en.outer(b1, b1) * wj + en.outer(b2, b2) * wk + en.outer(b3, b3) * wl
    shear = (2.0 * mu + damp) * (en.ddot(C, B) * (1.0 / 6.0) + 0.5 * en.trace(C) * en.trace(B))
    bulk = (kappa + 1.3333333 * damp) * en.ddot(en.transpose(cof) * cof, B)
    hj = en.vec3(H[0, 0], H[1, 0], H[2, 0])
    hk = en.vec3(H[0, 1], H[1, 1], H[2, 1])
    hl = en.vec3(H[0, 2], H[1, 2], H[2, 2])
    return hj, hk, hl, shear + bulk

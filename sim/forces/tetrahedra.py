"""Stable neo-Hookean tetrahedra (Smith, de Goes, Kim 2018) with damping.

Per rest volume, with F the deformation gradient, I = tr(F^T F), J = det F, mu = k_mu, lambda = k_lambda [Pa]:
mu/2 (I - 3) - mu/2 ln(I + 1) + lambda/2 (J - alpha + activation)^2,  alpha = 1 + 3 mu / (4 lambda).
For small strain this is linear elasticity with shear modulus 3 mu / 4 and first Lame parameter lambda - 5 mu / 8.
Damping k_damp [Pa s] opposes dF/dt (rigid rotation too, as in the peer whose parameter it is) and dJ/dt.
"""

import engine as en
from sim.forces.slots import set_slot


@en.func
def tetrahedron_force(
    x0: en.vec3,
    x1: en.vec3,
    x2: en.vec3,
    x3: en.vec3,
    v0: en.vec3,
    v1: en.vec3,
    v2: en.vec3,
    v3: en.vec3,
    Dm: en.mat33,
    active: float,
    material: en.vec3,
):
    """Force on each corner [N]; `material` is (k_mu, k_lambda, k_damp)."""
    x10 = x1 - x0
    x20 = x2 - x0
    x30 = x3 - x0
    v10 = v1 - v0
    v20 = v2 - v0
    v30 = v3 - v0
    b1 = en.vec3(Dm[0, 0], Dm[1, 0], Dm[2, 0])
    b2 = en.vec3(Dm[0, 1], Dm[1, 1], Dm[2, 1])
    b3 = en.vec3(Dm[0, 2], Dm[1, 2], Dm[2, 2])
    det_dm = en.dot(b1, en.cross(b2, b3))
    volume = 1.0 / (6.0 * det_dm)
    mu = material[0] * volume
    lam = material[1] * volume
    damp = material[2] * volume

    f1 = x10 * b1[0] + x20 * b1[1] + x30 * b1[2]
    f2 = x10 * b2[0] + x20 * b2[1] + x30 * b2[2]
    f3 = x10 * b3[0] + x20 * b3[1] + x30 * b3[2]
    stretch = en.dot(f1, f1) + en.dot(f2, f2) + en.dot(f3, f3)
    s = mu * (1.0 - 1.0 / (stretch + 1.0))
    p1 = f1 * s + (v10 * b1[0] + v20 * b1[1] + v30 * b1[2]) * damp
    p2 = f2 * s + (v10 * b2[0] + v20 * b2[1] + v30 * b2[2]) * damp
    p3 = f3 * s + (v10 * b3[0] + v20 * b3[1] + v30 * b3[2]) * damp

    # J = det(Ds) det(Dm), so dJ/dx1 = (x20 x x30) det(Dm) and cyclic
    dJ1 = en.cross(x20, x30) * det_dm
    dJ2 = en.cross(x30, x10) * det_dm
    dJ3 = en.cross(x10, x20) * det_dm
    J = en.dot(x10, dJ1)
    rate = en.dot(dJ1, v10) + en.dot(dJ2, v20) + en.dot(dJ3, v30)
    # lambda (J - alpha + act) without dividing by lambda
    pressure = lam * (J - 1.0 + active) - 0.75 * mu + damp * rate

    g1 = p1 * b1[0] + p2 * b2[0] + p3 * b3[0] + dJ1 * pressure
    g2 = p1 * b1[1] + p2 * b2[1] + p3 * b3[1] + dJ2 * pressure
    g3 = p1 * b1[2] + p2 * b2[2] + p3 * b3[2] + dJ3 * pressure
    return g1 + g2 + g3, -g1, -g2, -g3


@en.kernel
def eval_tetrahedra(
    x: en.array(dtype=en.vec3),
    v: en.array(dtype=en.vec3),
    tet_indices: en.array2d(dtype=int),
    pose: en.array(dtype=en.mat33),
    activation: en.array(dtype=float),
    materials: en.array2d(dtype=float),
    slot_base: int,
    slot_stride: int,
    slots: en.array2d(dtype=float),
):
    """Writes the force on each corner [N]."""
    t = en.tid()
    i = tet_indices[t, 0]
    j = tet_indices[t, 1]
    k = tet_indices[t, 2]
    l = tet_indices[t, 3]
    f0, f1, f2, f3 = tetrahedron_force(
        x[i], x[j], x[k], x[l], v[i], v[j], v[k], v[l], pose[t], activation[t],
        en.vec3(materials[t, 0], materials[t, 1], materials[t, 2]),
    )  # fmt: skip
    set_slot(slots, slot_base + t, f0)
    set_slot(slots, slot_base + slot_stride + t, f1)
    set_slot(slots, slot_base + 2 * slot_stride + t, f2)
    set_slot(slots, slot_base + 3 * slot_stride + t, f3)

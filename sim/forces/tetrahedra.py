"""Stable neo-Hookean tetrahedra (Smith, de Goes, Kim 2018) with damping.

Per rest volume, with F the deformation gradient, I = tr(F^T F), J = det F, mu = k_mu, lambda = k_lambda [Pa]:
mu/2 (I - 3) - mu/2 ln(I + 1) + lambda/2 (J - alpha + activation)^2,  alpha = 1 + 3 mu / (4 lambda).
For small strain this is linear elasticity with shear modulus 3 mu / 4 and first Lame parameter lambda - 5 mu / 8.
Damping k_damp [Pa s] opposes dF/dt (rigid rotation too, as in the peer whose parameter it is) and dJ/dt.
"""

import engine as en
from sim.forces.slots import set_slot


@en.func
def tetrahedron_forces(
    t: int,
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
    i = tet_indices[t, 0]
    j = tet_indices[t, 1]
    k = tet_indices[t, 2]
    l = tet_indices[t, 3]
    x0 = x[i]
    x10 = x[j] - x0
    x20 = x[k] - x0
    x30 = x[l] - x0
    v0 = v[i]
    v10 = v[j] - v0
    v20 = v[k] - v0
    v30 = v[l] - v0
    Dm = pose[t]
    b1 = en.vec3(Dm[0, 0], Dm[1, 0], Dm[2, 0])
    b2 = en.vec3(Dm[0, 1], Dm[1, 1], Dm[2, 1])
    b3 = en.vec3(Dm[0, 2], Dm[1, 2], Dm[2, 2])
    det_dm = en.dot(b1, en.cross(b2, b3))
    volume = 1.0 / (6.0 * det_dm)
    mu = materials[t, 0] * volume
    lam = materials[t, 1] * volume
    damp = materials[t, 2] * volume

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
    pressure = lam * (J - 1.0 + activation[t]) - 0.75 * mu + damp * rate

    g1 = p1 * b1[0] + p2 * b2[0] + p3 * b3[0] + dJ1 * pressure
    g2 = p1 * b1[1] + p2 * b2[1] + p3 * b3[1] + dJ2 * pressure
    g3 = p1 * b1[2] + p2 * b2[2] + p3 * b3[2] + dJ3 * pressure
    set_slot(slots, slot_base + t, g1 + g2 + g3)
    set_slot(slots, slot_base + slot_stride + t, -g1)
    set_slot(slots, slot_base + 2 * slot_stride + t, -g2)
    set_slot(slots, slot_base + 3 * slot_stride + t, -g3)


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
    tetrahedron_forces(en.tid(), x, v, tet_indices, pose, activation, materials, slot_base, slot_stride, slots)

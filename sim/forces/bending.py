"""Bending at an edge shared by two triangles.

Energy (k/2) L (theta - theta_0)^2 with the dihedral angle theta [rad], the rest length L of the edge [m] and
k = edge_ke [N m/(rad^2 m)]; damping edge_kd acts on d theta/dt in the same way. Gradient of theta after
Bridson et al. 2003, "Simulation of clothing with folds and wrinkles". L is the rest length, so that the force is the
exact gradient of an energy.

An edge row is (o0, o1, v0, v1): the two opposite corners, then the two ends. A missing triangle is marked -1.
"""

import engine as en
from sim.forces.angles import atan2_smooth, wrapped_angle
from sim.forces.slots import set_slot


@en.func
def dihedral(xi: en.vec3, xj: en.vec3, xk: en.vec3, xl: en.vec3):
    """Dihedral angle and its gradients with respect to xi, xj, xk, xl [rad/m]; all zero where degenerate."""
    e = xl - xk
    n1 = en.cross(xk - xi, xl - xi)
    n2 = en.cross(xl - xj, xk - xj)
    e_sq = en.dot(e, e)
    n1_sq = en.dot(n1, n1)
    n2_sq = en.dot(n2, n2)
    ok = en.where(en.min(n1_sq, n2_sq) > 1.0e-8 * e_sq * e_sq, 1.0, 0.0)
    length = en.sqrt(e_sq)
    inv_length = ok * (1.0 / en.max(length, 1.0e-18))
    # theta = atan2(|e| (n2 x n1).e/|e|^2 ..., n1.n2): both arguments share the factor |n1||n2|
    angle = atan2_smooth(en.dot(en.cross(n2, n1), e) * inv_length, en.dot(n1, n2) * ok)
    u1 = n1 * (ok * (1.0 / en.max(n1_sq, 1.0e-36)))
    u2 = n2 * (ok * (1.0 / en.max(n2_sq, 1.0e-36)))
    gi = u1 * length
    gj = u2 * length
    gk = u1 * (en.dot(xi - xl, e) * inv_length) + u2 * (en.dot(xj - xl, e) * inv_length)
    gl = u1 * (en.dot(xk - xi, e) * inv_length) + u2 * (en.dot(xk - xj, e) * inv_length)
    return angle, gi, gj, gk, gl


@en.func
def hinge_force(
    xi: en.vec3,
    xj: en.vec3,
    xk: en.vec3,
    xl: en.vec3,
    vi: en.vec3,
    vj: en.vec3,
    vk: en.vec3,
    vl: en.vec3,
    rest_angle: float,
    stiffness: float,
    damping: float,
):
    """Forces on the opposite corners and the ends [N]; stiffness [N m/rad^2] and damping [N m s/rad] of the whole edge."""
    angle, gi, gj, gk, gl = dihedral(xi, xj, xk, xl)
    rate = en.dot(gi, vi) + en.dot(gj, vj) + en.dot(gk, vk) + en.dot(gl, vl)
    moment = -(stiffness * wrapped_angle(angle - rest_angle) + damping * rate)
    return gi * moment, gj * moment, gk * moment, gl * moment


@en.kernel
def eval_bending(
    x: en.array(dtype=en.vec3),
    v: en.array(dtype=en.vec3),
    edge_indices: en.array2d(dtype=int),
    rest_angle: en.array(dtype=float),
    rest_length: en.array(dtype=float),
    properties: en.array2d(dtype=float),
    slot_base: int,
    slot_stride: int,
    slots: en.array2d(dtype=float),
):
    """Writes the bending force on the two opposite corners and the two ends of every edge [N]."""
    s = en.tid()
    i = edge_indices[s, 0]
    j = edge_indices[s, 1]
    k = edge_indices[s, 2]
    l = edge_indices[s, 3]
    length = en.where(en.min(i, j) >= 0, rest_length[s], 0.0)
    i = en.max(i, 0)
    j = en.max(j, 0)
    fi, fj, fk, fl = hinge_force(
        x[i], x[j], x[k], x[l], v[i], v[j], v[k], v[l],
        rest_angle[s], length * properties[s, 0], length * properties[s, 1],
    )  # fmt: skip
    set_slot(slots, slot_base + s, fi)
    set_slot(slots, slot_base + slot_stride + s, fj)
    set_slot(slots, slot_base + 2 * slot_stride + s, fk)
    set_slot(slots, slot_base + 3 * slot_stride + s, fl)

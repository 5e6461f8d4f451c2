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
def hinge_forces(
    s: int,
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
    i = edge_indices[s, 0]
    j = edge_indices[s, 1]
    k = edge_indices[s, 2]
    l = edge_indices[s, 3]
    hinge = en.where(en.min(i, j) >= 0, 1.0, 0.0)
    i = en.max(i, 0)
    j = en.max(j, 0)
    # all loads before the arithmetic: a GPU waits for memory once instead of three times
    xi = x[i]
    xj = x[j]
    xk = x[k]
    xl = x[l]
    vi = v[i]
    vj = v[j]
    vk = v[k]
    vl = v[l]
    rest = rest_angle[s]
    scale = -hinge * rest_length[s]
    stiffness = properties[s, 0]
    damping = properties[s, 1]
    angle, gi, gj, gk, gl = dihedral(xi, xj, xk, xl)
    rate = en.dot(gi, vi) + en.dot(gj, vj) + en.dot(gk, vk) + en.dot(gl, vl)
    moment = scale * (stiffness * wrapped_angle(angle - rest) + damping * rate)
    set_slot(slots, slot_base + s, gi * moment)
    set_slot(slots, slot_base + slot_stride + s, gj * moment)
    set_slot(slots, slot_base + 2 * slot_stride + s, gk * moment)
    set_slot(slots, slot_base + 3 * slot_stride + s, gl * moment)


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
    hinge_forces(en.tid(), x, v, edge_indices, rest_angle, rest_length, properties, slot_base, slot_stride, slots)

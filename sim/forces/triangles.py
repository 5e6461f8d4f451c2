"""Membrane forces of a triangle: elasticity, damping, aerodynamic drag and lift.

Per rest area, with F the 3x2 deformation gradient (columns F1, F2), J = |F1 x F2|, mu = tri_ke, lambda = tri_ka [N/m]:

* neo-Hookean (default):  mu/2 |F|^2 + lambda/2 (J - 1 - mu/lambda + activation)^2
  (rest-stable; for small strain it is linear elasticity with Lame parameters mu and lambda - mu)
* St. Venant-Kirchhoff:   mu E:E + lambda/2 tr(E)^2, E = (F^T F - 1)/2, the trace shifted by the activation

Damping d = tri_kd [N s/m] opposes the rate of F and the rate of J. The first also opposes rigid rotation, as in the
peer whose parameters these are: with tri_kd > 0 linear momentum is kept, angular momentum is not.
Drag and lift act on every corner with the midpoint velocity u, normal n and area A:
drag A |n.u| u and lift A asin(n.u/|u|) |u|^2 n.
"""

import engine as en
from sim.forces.angles import atan2_smooth
from sim.forces.slots import set_slot


@en.func
def aerodynamic_force(n: en.vec3, area: float, u: en.vec3, drag: float, lift: float) -> en.vec3:
    """Force on each corner [N]; n unit normal, u midpoint velocity [m/s], drag and lift [kg/m^3]."""
    un = en.dot(n, u)
    uu = en.dot(u, u)
    incidence = atan2_smooth(un, en.sqrt(en.max(uu - un * un, 0.0)))
    return u * (-drag * area * en.abs(un)) - n * (lift * area * incidence * uu)


@en.func
def unit_normal(c: en.vec3) -> en.vec3:
    """c / |c|, zero for a degenerate triangle."""
    c_sq = en.dot(c, c)
    return c * en.where(c_sq > 0.0, 1.0 / en.sqrt(en.max(c_sq, 1.0e-36)), 0.0)


@en.func
def neo_hookean_force(
    x0: en.vec3,
    x1: en.vec3,
    x2: en.vec3,
    v0: en.vec3,
    v1: en.vec3,
    v2: en.vec3,
    Dm: en.mat22,
    active: float,
    material: en.vec3,
    drag: float,
    lift: float,
):
    """Force on each corner [N] of a rest-stable neo-Hookean membrane; `material` is (ke, ka, kd)."""
    x10 = x1 - x0
    x20 = x2 - x0
    v10 = v1 - v0
    v20 = v2 - v0
    a = Dm[0, 0]
    b = Dm[0, 1]
    c = Dm[1, 0]
    d = Dm[1, 1]
    inv_area2 = a * d - b * c
    m = material * (0.5 / inv_area2)
    mu = m[0]
    damp = m[2]

    # P = mu F + damp dF/dt; the corner gradients are the columns of P Dm^T
    p1 = (x10 * a + x20 * c) * mu + (v10 * a + v20 * c) * damp
    p2 = (x10 * b + x20 * d) * mu + (v10 * b + v20 * d) * damp

    # area term with dJ/dx; lambda (J - 1 - mu/lambda) written without the division, so lambda = 0 is fine
    cr = en.cross(x10, x20)
    n = unit_normal(cr)
    area2 = en.dot(cr, n)
    dJ1 = en.cross(x20, n) * inv_area2
    dJ2 = en.cross(n, x10) * inv_area2
    rate = en.dot(dJ1, v10) + en.dot(dJ2, v20)
    pressure = m[1] * (area2 * inv_area2 - 1.0 + active) - mu + damp * rate

    g1 = p1 * a + p2 * b + dJ1 * pressure
    g2 = p1 * c + p2 * d + dJ2 * pressure
    # midpoint velocity v0 + (v10 + v20)/3
    air = aerodynamic_force(n, 0.5 * area2, v0 + (v10 + v20) * 0.33333333, drag, lift)
    return g1 + g2 + air, air - g1, air - g2


@en.func
def stvk_force(
    x0: en.vec3,
    x1: en.vec3,
    x2: en.vec3,
    v0: en.vec3,
    v1: en.vec3,
    v2: en.vec3,
    Dm: en.mat22,
    active: float,
    material: en.vec3,
    drag: float,
    lift: float,
):
    """Force on each corner [N] of a St. Venant-Kirchhoff membrane; `active` shifts the trace, `material` is (ke, ka, kd)."""
    x10 = x1 - x0
    x20 = x2 - x0
    v10 = v1 - v0
    v20 = v2 - v0
    a = Dm[0, 0]
    b = Dm[0, 1]
    c = Dm[1, 0]
    d = Dm[1, 1]
    inv_area2 = a * d - b * c
    m = material * (0.5 / inv_area2)
    damp = m[2]

    F1 = x10 * a + x20 * c
    F2 = x10 * b + x20 * d
    E11 = 0.5 * (en.dot(F1, F1) - 1.0)
    E22 = 0.5 * (en.dot(F2, F2) - 1.0)
    E12 = 0.5 * en.dot(F1, F2)
    trace = m[1] * (E11 + E22 + active)
    # P = F S, S = 2 mu E + lambda tr(E) I
    S11 = 2.0 * m[0] * E11 + trace
    S22 = 2.0 * m[0] * E22 + trace
    S12 = 2.0 * m[0] * E12
    p1 = F1 * S11 + F2 * S12 + (v10 * a + v20 * c) * damp
    p2 = F1 * S12 + F2 * S22 + (v10 * b + v20 * d) * damp
    g1 = p1 * a + p2 * b
    g2 = p1 * c + p2 * d

    cr = en.cross(x10, x20)
    n = unit_normal(cr)
    air = aerodynamic_force(n, 0.5 * en.dot(cr, n), v0 + (v10 + v20) * 0.33333333, drag, lift)
    return g1 + g2 + air, air - g1, air - g2


def _kernel_of(force: en.Function) -> en.Kernel:
    """The kernel that writes the force of one membrane law on each corner."""

    @en.kernel
    def eval_triangles(
        x: en.array(dtype=en.vec3),
        v: en.array(dtype=en.vec3),
        tri_indices: en.array2d(dtype=int),
        pose: en.array(dtype=en.mat22),
        activation: en.array(dtype=float),
        materials: en.array2d(dtype=float),
        slot_base: int,
        slot_stride: int,
        slots: en.array2d(dtype=float),
    ):
        """Writes the force on each corner [N]."""
        t = en.tid()
        i = tri_indices[t, 0]
        j = tri_indices[t, 1]
        k = tri_indices[t, 2]
        f0, f1, f2 = force(
            x[i], x[j], x[k], v[i], v[j], v[k], pose[t], activation[t],
            en.vec3(materials[t, 0], materials[t, 1], materials[t, 2]), materials[t, 3], materials[t, 4],
        )  # fmt: skip
        set_slot(slots, slot_base + t, f0)
        set_slot(slots, slot_base + slot_stride + t, f1)
        set_slot(slots, slot_base + 2 * slot_stride + t, f2)

    return eval_triangles


eval_triangles_neo_hookean = _kernel_of(neo_hookean_force)
eval_triangles_stvk = _kernel_of(stvk_force)

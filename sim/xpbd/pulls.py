"""All elements at once: what each would do to its corners, left in slots (`sim.forces.slots`) for the particles to sum.

Mass splitting (Tonge, Benevolenski, Voroshilov 2012): a particle of n elements lends each of them a copy of 1/n of its
mass; an element moves its copies, and the particle goes where its copies are on average. So all elements may be solved
at the same time without overshooting, whatever their stiffness; where the compliance decides (k dt^2 small against the
mass) the sum is the same as that of elements solved one after the other, where stiffness decides it needs more
iterations than those.
"""

from functools import cache

import engine as en
from sim.forces.slots import set_slot
from sim.xpbd.bending import relax_hinge
from sim.xpbd.springs import relax_spring
from sim.xpbd.tetrahedra import relax_tetrahedron
from sim.xpbd.triangles import relax_triangle


@en.func
def pull_spring(
    s: int,
    x0: en.array(dtype=en.vec3),
    x: en.array(dtype=en.vec3),
    inv_mass: en.array(dtype=float),
    copies: en.array(dtype=float),
    indices: en.array(dtype=int),
    rest_length: en.array(dtype=float),
    stiffness: en.array(dtype=float),
    damping: en.array(dtype=float),
    dt: float,
    keep: float,
    base: int,
    stride: int,
    multiplier: en.array(dtype=float),
    slots: en.array2d(dtype=float),
):
    i = indices[2 * s]
    j = indices[2 * s + 1]
    xi = x[i]
    xj = x[j]
    yi, yj = relax_spring(
        xi,
        xj,
        x0[i],
        x0[j],
        inv_mass[i] * copies[i],
        inv_mass[j] * copies[j],
        rest_length[s],
        stiffness[s],
        damping[s],
        dt,
        keep,
        multiplier,
        s,
    )
    set_slot(slots, base + s, yi - xi)
    set_slot(slots, base + stride + s, yj - xj)


@en.func
def pull_triangle(
    t: int,
    x0: en.array(dtype=en.vec3),
    x: en.array(dtype=en.vec3),
    inv_mass: en.array(dtype=float),
    copies: en.array(dtype=float),
    indices: en.array2d(dtype=int),
    pose: en.array(dtype=en.mat22),
    activation: en.array(dtype=float),
    materials: en.array2d(dtype=float),
    dt: float,
    keep: float,
    base: int,
    stride: int,
    multiplier: en.array2d(dtype=float),
    slots: en.array2d(dtype=float),
):
    i = indices[t, 0]
    j = indices[t, 1]
    k = indices[t, 2]
    xi = x[i]
    xj = x[j]
    xk = x[k]
    material = en.vec3(materials[t, 0], materials[t, 1], materials[t, 2])
    yi, yj, yk = relax_triangle(
        xi,
        xj,
        xk,
        x0[i],
        x0[j],
        x0[k],
        inv_mass[i] * copies[i],
        inv_mass[j] * copies[j],
        inv_mass[k] * copies[k],
        pose[t],
        activation[t],
        material,
        dt,
        keep,
        multiplier,
        t,
    )
    set_slot(slots, base + t, yi - xi)
    set_slot(slots, base + stride + t, yj - xj)
    set_slot(slots, base + 2 * stride + t, yk - xk)


@en.func
def pull_hinge(
    s: int,
    x0: en.array(dtype=en.vec3),
    x: en.array(dtype=en.vec3),
    inv_mass: en.array(dtype=float),
    copies: en.array(dtype=float),
    indices: en.array2d(dtype=int),
    rest_angle: en.array(dtype=float),
    rest_length: en.array(dtype=float),
    properties: en.array2d(dtype=float),
    dt: float,
    keep: float,
    base: int,
    stride: int,
    multiplier: en.array(dtype=float),
    slots: en.array2d(dtype=float),
):
    """Border edges (a corner of -1) have slots that nobody sums; they compute nonsense there, of zero stiffness."""
    i = indices[s, 0]
    j = indices[s, 1]
    k = indices[s, 2]
    l = indices[s, 3]
    length = en.where(en.min(i, j) >= 0, rest_length[s], 0.0)
    i = en.max(i, 0)
    j = en.max(j, 0)
    xi = x[i]
    xj = x[j]
    xk = x[k]
    xl = x[l]
    yi, yj, yk, yl = relax_hinge(
        xi, xj, xk, xl, x0[i], x0[j], x0[k], x0[l], inv_mass[i] * copies[i], inv_mass[j] * copies[j], inv_mass[k] * copies[k], inv_mass[l] * copies[l],
        rest_angle[s], properties[s, 0] * length, properties[s, 1] * length, dt, keep, multiplier, s,
    )  # fmt: skip
    set_slot(slots, base + s, yi - xi)
    set_slot(slots, base + stride + s, yj - xj)
    set_slot(slots, base + 2 * stride + s, yk - xk)
    set_slot(slots, base + 3 * stride + s, yl - xl)


@en.func
def pull_tetrahedron(
    t: int,
    x0: en.array(dtype=en.vec3),
    x: en.array(dtype=en.vec3),
    inv_mass: en.array(dtype=float),
    copies: en.array(dtype=float),
    indices: en.array2d(dtype=int),
    pose: en.array(dtype=en.mat33),
    activation: en.array(dtype=float),
    materials: en.array2d(dtype=float),
    dt: float,
    keep: float,
    base: int,
    stride: int,
    multiplier: en.array2d(dtype=float),
    slots: en.array2d(dtype=float),
):
    i = indices[t, 0]
    j = indices[t, 1]
    k = indices[t, 2]
    l = indices[t, 3]
    xi = x[i]
    xj = x[j]
    xk = x[k]
    xl = x[l]
    material = en.vec3(materials[t, 0], materials[t, 1], materials[t, 2])
    yi, yj, yk, yl = relax_tetrahedron(
        xi, xj, xk, xl, x0[i], x0[j], x0[k], x0[l], inv_mass[i] * copies[i], inv_mass[j] * copies[j], inv_mass[k] * copies[k], inv_mass[l] * copies[l],
        pose[t], activation[t], material, dt, keep, multiplier, t,
    )  # fmt: skip
    set_slot(slots, base + t, yi - xi)
    set_slot(slots, base + stride + t, yj - xj)
    set_slot(slots, base + 2 * stride + t, yk - xk)
    set_slot(slots, base + 3 * stride + t, yl - xl)


@cache
def pull_elements(springs: bool, triangles: bool, hinges: bool, tetrahedra: bool):
    """Kernel over the elements of the chosen types, one type after the other, as in `sim.forces.element_batch`."""

    @en.kernel
    def pull(
        x0: en.array(dtype=en.vec3),
        x: en.array(dtype=en.vec3),
        inv_mass: en.array(dtype=float),
        copies: en.array(dtype=float),
        dt: float,
        keep: float,
        spring_count: int,
        spring_base: int,
        spring_indices: en.array(dtype=int),
        spring_rest_length: en.array(dtype=float),
        spring_stiffness: en.array(dtype=float),
        spring_damping: en.array(dtype=float),
        tri_count: int,
        tri_base: int,
        tri_indices: en.array2d(dtype=int),
        tri_poses: en.array(dtype=en.mat22),
        tri_activations: en.array(dtype=float),
        tri_materials: en.array2d(dtype=float),
        edge_count: int,
        edge_base: int,
        edge_indices: en.array2d(dtype=int),
        edge_rest_angle: en.array(dtype=float),
        edge_rest_length: en.array(dtype=float),
        edge_properties: en.array2d(dtype=float),
        tet_count: int,
        tet_base: int,
        tet_indices: en.array2d(dtype=int),
        tet_poses: en.array(dtype=en.mat33),
        tet_activations: en.array(dtype=float),
        tet_materials: en.array2d(dtype=float),
        spring_multiplier: en.array(dtype=float),
        tri_multiplier: en.array2d(dtype=float),
        edge_multiplier: en.array(dtype=float),
        tet_multiplier: en.array2d(dtype=float),
        slots: en.array2d(dtype=float),
    ):
        e = en.tid()
        if en.static(springs):
            if e >= 0 and e < spring_count:
                pull_spring(
                    e, x0, x, inv_mass, copies, spring_indices, spring_rest_length, spring_stiffness, spring_damping, dt, keep,
                    spring_base, spring_count, spring_multiplier, slots,
                )  # fmt: skip
            e = e - (spring_count + 31) // 32 * 32
        if en.static(triangles):
            if e >= 0 and e < tri_count:
                pull_triangle(
                    e, x0, x, inv_mass, copies, tri_indices, tri_poses, tri_activations, tri_materials, dt, keep,
                    tri_base, tri_count, tri_multiplier, slots,
                )  # fmt: skip
            e = e - (tri_count + 31) // 32 * 32
        if en.static(hinges):
            if e >= 0 and e < edge_count:
                pull_hinge(
                    e, x0, x, inv_mass, copies, edge_indices, edge_rest_angle, edge_rest_length, edge_properties, dt, keep,
                    edge_base, edge_count, edge_multiplier, slots,
                )  # fmt: skip
            e = e - (edge_count + 31) // 32 * 32
        if en.static(tetrahedra):
            if e >= 0 and e < tet_count:
                pull_tetrahedron(
                    e, x0, x, inv_mass, copies, tet_indices, tet_poses, tet_activations, tet_materials, dt, keep,
                    tet_base, tet_count, tet_multiplier, slots,
                )  # fmt: skip

    return pull

"""All elements at once: what each would do to its corners, left in slots (`sim.forces.slots`) for the particles to sum."""

from functools import cache

import engine as en
from sim.forces.slots import set_slot
from sim.xpbd.impulses import hinge_impulse, spring_impulse, tetrahedron_impulse, triangle_impulse


@cache
def pull_elements(springs: bool, triangles: bool, hinges: bool, tetrahedra: bool, weigh: bool):
    """Kernel over the elements of the chosen types, one type after the other, as in `sim.forces.element_batch`.

    With `weigh` the fourth plane of the slots gets the elements' weights.
    """

    @en.func
    def leave(slots: en.array2d(dtype=float), s: int, f: en.vec3, weight: float):
        set_slot(slots, s, f)
        if en.static(weigh):
            slots[3, s] = weight

    @en.kernel
    def pull(
        x0: en.array(dtype=en.vec3),
        x: en.array(dtype=en.vec3),
        inv_mass: en.array(dtype=float),
        dt: float,
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
        slots: en.array2d(dtype=float),
    ):
        e = en.tid()
        if en.static(springs):
            if e >= 0 and e < spring_count:
                i = spring_indices[2 * e]
                j = spring_indices[2 * e + 1]
                f, weight = spring_impulse(
                    x[i], x[j], x0[i], x0[j], inv_mass[i], inv_mass[j], spring_rest_length[e], spring_stiffness[e],
                    spring_damping[e], dt,
                )  # fmt: skip
                leave(slots, spring_base + e, f, weight)
                leave(slots, spring_base + spring_count + e, -f, weight)
            e = e - (spring_count + 31) // 32 * 32
        if en.static(triangles):
            if e >= 0 and e < tri_count:
                i = tri_indices[e, 0]
                j = tri_indices[e, 1]
                k = tri_indices[e, 2]
                material = en.vec3(tri_materials[e, 0], tri_materials[e, 1], tri_materials[e, 2])
                fj, fk, weight = triangle_impulse(
                    x[i], x[j], x[k], x0[i], x0[j], x0[k], inv_mass[i], inv_mass[j], inv_mass[k], tri_poses[e],
                    tri_activations[e], material, dt,
                )  # fmt: skip
                leave(slots, tri_base + e, -(fj + fk), weight)
                leave(slots, tri_base + tri_count + e, fj, weight)
                leave(slots, tri_base + 2 * tri_count + e, fk, weight)
            e = e - (tri_count + 31) // 32 * 32
        if en.static(hinges):
            if e >= 0 and e < edge_count:
                # border edges (a corner of -1) have slots that nobody sums
                i = edge_indices[e, 0]
                j = edge_indices[e, 1]
                k = edge_indices[e, 2]
                l = edge_indices[e, 3]
                length = en.where(en.min(i, j) >= 0, edge_rest_length[e], 0.0)
                i = en.max(i, 0)
                j = en.max(j, 0)
                fi, fj, fk, fl, weight = hinge_impulse(
                    x[i], x[j], x[k], x[l], x0[i], x0[j], x0[k], x0[l], inv_mass[i], inv_mass[j], inv_mass[k], inv_mass[l],
                    edge_rest_angle[e], edge_properties[e, 0] * length, edge_properties[e, 1] * length, dt,
                )  # fmt: skip
                leave(slots, edge_base + e, fi, weight)
                leave(slots, edge_base + edge_count + e, fj, weight)
                leave(slots, edge_base + 2 * edge_count + e, fk, weight)
                leave(slots, edge_base + 3 * edge_count + e, fl, weight)
            e = e - (edge_count + 31) // 32 * 32
        if en.static(tetrahedra):
            if e >= 0 and e < tet_count:
                i = tet_indices[e, 0]
                j = tet_indices[e, 1]
                k = tet_indices[e, 2]
                l = tet_indices[e, 3]
                material = en.vec3(tet_materials[e, 0], tet_materials[e, 1], tet_materials[e, 2])
                fj, fk, fl, weight = tetrahedron_impulse(
                    x[i], x[j], x[k], x[l], x0[i], x0[j], x0[k], x0[l], inv_mass[i], inv_mass[j], inv_mass[k], inv_mass[l],
                    tet_poses[e], tet_activations[e], material, dt,
                )  # fmt: skip
                leave(slots, tet_base + e, -(fj + fk + fl), weight)
                leave(slots, tet_base + tet_count + e, fj, weight)
                leave(slots, tet_base + 2 * tet_count + e, fk, weight)
                leave(slots, tet_base + 3 * tet_count + e, fl, weight)

    return pull

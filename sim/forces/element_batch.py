"""The forces of all element types in one launch: on a GPU a launch costs as much as thousands of elements."""

from functools import cache

import engine as en
from sim.forces.bending import hinge_forces
from sim.forces.springs import spring_forces
from sim.forces.tetrahedra import tetrahedron_forces

SPAN = 32  # elements of one type start at multiples of this, so that a warp has elements of one type only


def batch_size(counts) -> int:
    """Threads for `counts` elements of each type that takes part."""
    return sum(-(-n // SPAN) * SPAN for n in counts)


@cache
def eval_elements(springs: bool, membrane, hinges: bool, tetrahedra: bool):
    """Kernel over the elements of the chosen types; `membrane` is the force function of triangles, or None."""
    triangles = membrane is not None
    triangle_forces = membrane or spring_forces

    @en.kernel
    def eval_batch(
        x: en.array(dtype=en.vec3),
        v: en.array(dtype=en.vec3),
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
                spring_forces(
                    e, x, v, spring_indices, spring_rest_length, spring_stiffness, spring_damping, spring_base,
                    spring_count, slots,
                )  # fmt: skip
            e = e - (spring_count + 31) // 32 * 32
        if en.static(triangles):
            if e >= 0 and e < tri_count:
                triangle_forces(
                    e, x, v, tri_indices, tri_poses, tri_activations, tri_materials, tri_base, tri_count, slots
                )
            e = e - (tri_count + 31) // 32 * 32
        if en.static(hinges):
            if e >= 0 and e < edge_count:
                hinge_forces(
                    e, x, v, edge_indices, edge_rest_angle, edge_rest_length, edge_properties, edge_base,
                    edge_count, slots,
                )  # fmt: skip
            e = e - (edge_count + 31) // 32 * 32
        if en.static(tetrahedra):
            if e >= 0 and e < tet_count:
                tetrahedron_forces(
                    e, x, v, tet_indices, tet_poses, tet_activations, tet_materials, tet_base, tet_count, slots
                )

    return eval_batch

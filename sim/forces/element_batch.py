"""The forces of all element types in one launch, for GPUs: a launch costs there as much as thousands of elements."""

from functools import cache

import numpy as np

import engine as en
from sim.device_arrays import device_array
from sim.forces.bending import hinge_force
from sim.forces.element_table import FEW, element_table
from sim.forces.hosting import CODES, hosted_pose
from sim.forces.places import LAYOUTS
from sim.forces.slots import leave, new_slots
from sim.forces.springs import spring_force
from sim.forces.tetrahedra import tetrahedron_force

SPAN = 32  # elements of one type start at multiples of this, so that a warp has elements of one type only


def batch_size(counts) -> int:
    """Threads for `counts` elements of each type that takes part."""
    return sum(-(-n // SPAN) * SPAN for n in counts)


class ElementBatch:
    """The forces of one model's elements, left in the places of an `ElementTable`.

    Attributes:
        slots: Forces [N], see `sim.forces.slots`; places of padding stay zero.
        width, row_start: Where each particle's forces are, see `ElementTable`.
    """

    def __init__(self, model, triangle_force, widest: int, hosting: bool | None = None):
        """`triangle_force` is the force function of the membrane; `widest` and `hosting` (by size if None) as in
        `element_table`."""
        many = model.tri_count + model.edge_count > FEW if hosting is None else hosting
        families = ("spring", "tri", "edge", "tet")
        elements = {family: model._element_indices(family) for family in families}
        table = element_table(model.particle_count, elements, widest, hosting=many, by_triangle=many)
        self.width = table.width
        self.slots = new_slots(table.slot_count)
        self.row_start = device_array(table.row_start, "int32", model.device)
        self._places = [device_array(getattr(table, family), "int32", model.device) for family in families]
        self._lone = device_array(table.lone, "int32", model.device)
        self._edges = [device_array(a, "int32", model.device) for a in (table.order, table.corners, table.host)]
        self._counts = (model.spring_count, len(table.lone), model.edge_count, model.tet_count)
        springs, lone, edges, tetrahedra = map(bool, self._counts)
        hosting = bool(np.any(table.host >= 0))
        self._kernel = eval_elements(
            springs, triangle_force if lone or hosting else None, lone, edges, hosting, tetrahedra, table.layout
        )  # fmt: skip

    def evaluate(self, model, state, tri_activations, tet_activations) -> None:
        """Writes all forces from positions and velocities of `state`."""
        springs, lone, edges, tetrahedra = self._counts
        en.launch(
            self._kernel,
            dim=batch_size(self._counts),
            inputs=[
                model.particle_count, state.particle_q, state.particle_qd,
                springs, model.spring_indices, model.spring_rest_length, model.spring_stiffness,
                model.spring_damping,
                lone, self._lone, model.tri_indices, model.tri_poses, tri_activations, model.tri_materials,
                edges, *self._edges, model.edge_rest_angle, model.edge_rest_length,
                model.edge_bending_properties,
                tetrahedra, model.tet_indices, model.tet_poses, tet_activations, model.tet_materials,
                *self._places,
            ],
            outputs=[self.slots],
        )  # fmt: skip


@cache
def eval_elements(
    springs: bool, triangle_force, lone: bool, hinges: bool, hosting: bool, tetrahedra: bool, layout: str
):
    """Kernel over the elements of the chosen types.

    Args:
        springs, hinges, tetrahedra: Whether there are such elements.
        triangle_force: Force function of triangles, or None without any.
        lone: Whether some triangles, without `hosting` all, have no edge that takes them along.
        hosting: Whether some edges take one along; they then stand in the order of the table.
        layout: One of `LAYOUTS`.
    """
    place, edge = LAYOUTS[layout]
    membrane_force = triangle_force or tetrahedron_force  # never called if None

    @en.kernel
    def eval_batch(
        particle_count: int,
        x: en.array(dtype=en.vec3),
        v: en.array(dtype=en.vec3),
        spring_count: int,
        spring_indices: en.array(dtype=int),
        spring_rest_length: en.array(dtype=float),
        spring_stiffness: en.array(dtype=float),
        spring_damping: en.array(dtype=float),
        lone_count: int,
        lone_triangles: en.array(dtype=int),
        tri_indices: en.array2d(dtype=int),
        tri_poses: en.array(dtype=en.mat22),
        tri_activations: en.array(dtype=float),
        tri_materials: en.array2d(dtype=float),
        edge_count: int,
        edge_order: en.array(dtype=int),
        edge_corners: en.array2d(dtype=int),
        hosted: en.array(dtype=int),
        edge_rest_angle: en.array(dtype=float),
        edge_rest_length: en.array(dtype=float),
        edge_properties: en.array2d(dtype=float),
        tet_count: int,
        tet_indices: en.array2d(dtype=int),
        tet_poses: en.array(dtype=en.mat33),
        tet_activations: en.array(dtype=float),
        tet_materials: en.array2d(dtype=float),
        spring_place: en.array2d(dtype=int),
        lone_place: en.array2d(dtype=int),
        edge_place: en.array2d(dtype=int),
        tet_place: en.array2d(dtype=int),
        slots: en.array2d(dtype=float),
    ):
        e = en.tid()
        if en.static(springs):
            if e >= 0 and e < spring_count:
                i = spring_indices[2 * e]
                j = spring_indices[2 * e + 1]
                f = spring_force(x[i], x[j], v[i], v[j], spring_rest_length[e], spring_stiffness[e], spring_damping[e])
                leave(slots, place(spring_place, 0, e, i, particle_count), -f)
                leave(slots, place(spring_place, 1, e, j, particle_count), f)
            e = e - (spring_count + 31) // 32 * 32
        if en.static(lone):
            if e >= 0 and e < lone_count:
                t = e
                if en.static(hosting):
                    t = lone_triangles[e]
                i = tri_indices[t, 0]
                j = tri_indices[t, 1]
                k = tri_indices[t, 2]
                f0, f1, f2 = membrane_force(
                    x[i], x[j], x[k], v[i], v[j], v[k], tri_poses[t], tri_activations[t],
                    en.vec3(tri_materials[t, 0], tri_materials[t, 1], tri_materials[t, 2]),
                    tri_materials[t, 3], tri_materials[t, 4],
                )  # fmt: skip
                leave(slots, place(lone_place, 0, e, i, particle_count), f0)
                leave(slots, place(lone_place, 1, e, j, particle_count), f1)
                leave(slots, place(lone_place, 2, e, k, particle_count), f2)
            e = e - (lone_count + 31) // 32 * 32
        if en.static(hinges):
            if e >= 0 and e < edge_count:
                # all loads before the arithmetic: a GPU then waits for memory twice, not six times
                s = e
                if en.static(hosting):
                    s = edge_order[e]
                i, j, k, l, p0, p1, p2, p3 = edge(edge_corners, edge_place, e, particle_count)
                length = en.where(en.min(i, j) >= 0, edge_rest_length[s], 0.0)
                i = en.max(i, 0)
                j = en.max(j, 0)
                rest = edge_rest_angle[s]
                stiffness = length * edge_properties[s, 0]
                damping = length * edge_properties[s, 1]
                code = -1
                if en.static(hosting):
                    code = hosted[e]
                xi = x[i]
                xj = x[j]
                xk = x[k]
                xl = x[l]
                vi = v[i]
                vj = v[j]
                vk = v[k]
                vl = v[l]
                fi, fj, fk, fl = hinge_force(xi, xj, xk, xl, vi, vj, vk, vl, rest, stiffness, damping)
                if en.static(hosting):
                    if code >= 0:
                        t = code // CODES
                        near = (code & 1) == 0
                        fo, f1, f2 = membrane_force(
                            en.where(near, xi, xj), xk, xl, en.where(near, vi, vj), vk, vl,
                            hosted_pose(tri_poses[t], code), tri_activations[t],
                            en.vec3(tri_materials[t, 0], tri_materials[t, 1], tri_materials[t, 2]),
                            tri_materials[t, 3], tri_materials[t, 4],
                        )  # fmt: skip
                        none = en.vec3(0.0, 0.0, 0.0)
                        fi = fi + en.where(near, fo, none)
                        fj = fj + en.where(near, none, fo)
                        fk = fk + f1
                        fl = fl + f2
                leave(slots, p0, fi)
                leave(slots, p1, fj)
                leave(slots, p2, fk)
                leave(slots, p3, fl)
            e = e - (edge_count + 31) // 32 * 32
        if en.static(tetrahedra):
            if e >= 0 and e < tet_count:
                i = tet_indices[e, 0]
                j = tet_indices[e, 1]
                k = tet_indices[e, 2]
                l = tet_indices[e, 3]
                f0, f1, f2, f3 = tetrahedron_force(
                    x[i], x[j], x[k], x[l], v[i], v[j], v[k], v[l], tet_poses[e], tet_activations[e],
                    en.vec3(tet_materials[e, 0], tet_materials[e, 1], tet_materials[e, 2]),
                )  # fmt: skip
                leave(slots, place(tet_place, 0, e, i, particle_count), f0)
                leave(slots, place(tet_place, 1, e, j, particle_count), f1)
                leave(slots, place(tet_place, 2, e, k, particle_count), f2)
                leave(slots, place(tet_place, 3, e, l, particle_count), f3)

    return eval_batch

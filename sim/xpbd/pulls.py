"""All elements at once: what each would do to its corners, left where its particle sums it (`sim.forces.element_table`)."""

from functools import cache

import numpy as np

import engine as en
from sim.device_arrays import device_array
from sim.forces.element_batch import batch_size
from sim.forces.element_table import FEW, element_table
from sim.forces.hosting import CODES, hosted_pose
from sim.forces.places import LAYOUTS
from sim.forces.slots import new_slots, set_slot
from sim.xpbd.impulses import hinge_impulse, spring_impulse, tetrahedron_impulse, triangle_impulse

FAMILIES = ("spring", "tri", "edge", "tet")


class PullBatch:
    """The elements of one model and the places of their impulses.

    Attributes:
        slots: Impulses [kg m], and weights in the fourth plane, see `sim.xpbd.impulses`.
        width, row_start: Where those of each particle are, see `ElementTable`.
    """

    def __init__(self, model, widest: int, hosting: bool | None = None):
        """`widest` and `hosting` (None chooses) are those of `element_table`."""
        on_gpu = model.device.is_cuda
        if hosting is None:
            hosting = not on_gpu or model.tri_count + model.edge_count > FEW
        # a GPU reads constants of triangles in order, the lanes of a CPU those of edges
        self._ordered = on_gpu and hosting
        elements = {family: model._element_indices(family) for family in FAMILIES}
        table = element_table(model.particle_count, elements, widest, hosting=hosting, by_triangle=self._ordered)
        self.width, self._layout = table.width, table.layout
        self.slots = new_slots(table.slot_count, planes=4)
        self.row_start = device_array(table.row_start, "int32", model.device)
        self._places = [device_array(getattr(table, family), "int32", model.device) for family in FAMILIES]
        self._lone = device_array(table.lone, "int32", model.device)
        self._edges = [device_array(a, "int32", model.device) for a in (table.order, table.corners, table.host)]
        self._hosting = bool(np.any(table.host >= 0))
        self._counts = dict(zip(FAMILIES, (model.spring_count, len(table.lone), model.edge_count, model.tet_count)))
        present = [family for family in FAMILIES if self._counts[family]]
        # One launch saves a GPU the cost of the others; on a CPU one loop a family has lanes of one kind.
        self._groups = [present] if on_gpu else [[family] for family in present]

    def pull(self, model, x0, x, movable, dt: float, weigh: bool, tri_activations, tet_activations) -> None:
        """Writes all impulses, and the weights if `weigh`, at positions `x` of a step that began at `x0`."""
        n = self._counts
        inputs = [
            model.particle_count, x0, x, movable, dt,
            n["spring"], model.spring_indices, model.spring_rest_length, model.spring_stiffness, model.spring_damping,
            n["tri"], self._lone, model.tri_indices, model.tri_poses, tri_activations, model.tri_materials,
            n["edge"], *self._edges, model.edge_rest_angle, model.edge_rest_length,
            model.edge_bending_properties,
            n["tet"], model.tet_indices, model.tet_poses, tet_activations, model.tet_materials,
            *self._places,
        ]  # fmt: skip
        for group in self._groups:
            springs, lone, edges, tetrahedra = (family in group for family in FAMILIES)
            how = self._hosting, tetrahedra, weigh, self._layout, self._ordered
            kernel = pull_elements(springs, lone, edges, *how)
            en.launch(kernel, dim=batch_size(n[family] for family in group), inputs=inputs, outputs=[self.slots])


@cache
def pull_elements(
    springs: bool, lone: bool, hinges: bool, hosting: bool, tetrahedra: bool, weigh: bool, layout: str, ordered: bool
):
    """Kernel over the elements of the chosen types, one type after the other, as `sim.forces.element_batch.eval_elements`.

    With `weigh` the fourth plane of the slots gets the elements' weights; `ordered` is whether edges stand in another order
    than their constants.
    """
    place, edge = LAYOUTS[layout]

    @en.func
    def leave(slots: en.array2d(dtype=float), at: int, f: en.vec3, weight: float):
        if at >= 0:
            set_slot(slots, at, f)
            if en.static(weigh):
                slots[3, at] = weight

    @en.kernel
    def pull(
        particle_count: int,
        x0: en.array(dtype=en.vec3),
        x: en.array(dtype=en.vec3),
        inv_mass: en.array(dtype=float),
        dt: float,
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
        tri_place: en.array2d(dtype=int),
        edge_place: en.array2d(dtype=int),
        tet_place: en.array2d(dtype=int),
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
                leave(slots, place(spring_place, 0, e, i, particle_count), f, weight)
                leave(slots, place(spring_place, 1, e, j, particle_count), -f, weight)
            e = e - (spring_count + 31) // 32 * 32
        if en.static(lone):
            if e >= 0 and e < lone_count:
                t = e
                if en.static(hosting):
                    t = lone_triangles[e]
                i = tri_indices[t, 0]
                j = tri_indices[t, 1]
                k = tri_indices[t, 2]
                material = en.vec3(tri_materials[t, 0], tri_materials[t, 1], tri_materials[t, 2])
                fj, fk, weight = triangle_impulse(
                    x[i], x[j], x[k], x0[i], x0[j], x0[k], inv_mass[i], inv_mass[j], inv_mass[k], tri_poses[t],
                    tri_activations[t], material, dt,
                )  # fmt: skip
                leave(slots, place(tri_place, 0, e, i, particle_count), -(fj + fk), weight)
                leave(slots, place(tri_place, 1, e, j, particle_count), fj, weight)
                leave(slots, place(tri_place, 2, e, k, particle_count), fk, weight)
            e = e - (lone_count + 31) // 32 * 32
        if en.static(hinges):
            if e >= 0 and e < edge_count:
                # all loads before the arithmetic: a GPU then waits for memory twice, not six times
                s = e
                if en.static(ordered):
                    s = edge_order[e]
                i, j, k, l, p0, p1, p2, p3 = edge(edge_corners, edge_place, e, particle_count)
                # border edges have a corner of -1, no bending, and perhaps a triangle
                length = en.where(en.min(i, j) >= 0, edge_rest_length[s], 0.0)
                i = en.max(i, 0)
                j = en.max(j, 0)
                rest = edge_rest_angle[s]
                stiffness = edge_properties[s, 0] * length
                damping = edge_properties[s, 1] * length
                code = -1
                if en.static(hosting):
                    code = hosted[e]
                xi = x[i]
                xj = x[j]
                xk = x[k]
                xl = x[l]
                zi = x0[i]
                zj = x0[j]
                zk = x0[k]
                zl = x0[l]
                wi = inv_mass[i]
                wj = inv_mass[j]
                wk = inv_mass[k]
                wl = inv_mass[l]
                fi, fj, fk, fl, si = hinge_impulse(
                    xi, xj, xk, xl, zi, zj, zk, zl, wi, wj, wk, wl, rest, stiffness, damping, dt
                )
                sj = si
                sk = si
                sl = si
                if en.static(hosting):
                    if code >= 0:
                        t = code // CODES
                        near = (code & 1) == 0
                        f1, f2, weight = triangle_impulse(
                            en.where(near, xi, xj), xk, xl, en.where(near, zi, zj), zk, zl, en.where(near, wi, wj), wk, wl,
                            hosted_pose(tri_poses[t], code), tri_activations[t],
                            en.vec3(tri_materials[t, 0], tri_materials[t, 1], tri_materials[t, 2]), dt,
                        )  # fmt: skip
                        fo = -(f1 + f2)
                        none = en.vec3(0.0, 0.0, 0.0)
                        fi = fi + en.where(near, fo, none)
                        fj = fj + en.where(near, none, fo)
                        fk = fk + f1
                        fl = fl + f2
                        si = si + en.where(near, weight, 0.0)
                        sj = sj + en.where(near, 0.0, weight)
                        sk = sk + weight
                        sl = sl + weight
                leave(slots, p0, fi, si)
                leave(slots, p1, fj, sj)
                leave(slots, p2, fk, sk)
                leave(slots, p3, fl, sl)
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
                leave(slots, place(tet_place, 0, e, i, particle_count), -(fj + fk + fl), weight)
                leave(slots, place(tet_place, 1, e, j, particle_count), fj, weight)
                leave(slots, place(tet_place, 2, e, k, particle_count), fk, weight)
                leave(slots, place(tet_place, 3, e, l, particle_count), fl, weight)

    return pull

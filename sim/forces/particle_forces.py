"""Element forces of a model, written to per-element slots that each particle sums in a fixed order.

Slot layout (see `sim.adjacency`): [springs: 2 blocks][triangles: 3][edges: 4][tetrahedra: 4], one block per local
vertex, and one last slot that stays zero for padding.
"""

import engine as en
from sim.forces.bending import eval_bending
from sim.forces.slots import new_slots
from sim.forces.springs import eval_springs
from sim.forces.tetrahedra import eval_tetrahedra
from sim.forces.triangles import (
    eval_triangles_neo_hookean,
    eval_triangles_stvk,
    neo_hookean_force,
    stvk_force,
)

#: Triangle models: the kernel over triangles, and what it does for one.
MEMBRANES = {
    "neo-hookean": (eval_triangles_neo_hookean, neo_hookean_force),
    "stvk": (eval_triangles_stvk, stvk_force),
}


class ParticleForces:
    """Force slots of one model.

    Attributes:
        slots: Force of every element on every of its vertices [N], see `sim.forces.slots`.
    """

    def __init__(self, model, membrane: str = "neo-hookean"):
        self.spring_base = 0
        self.tri_base = 2 * model.spring_count
        self.edge_base = self.tri_base + 3 * model.tri_count
        self.tet_base = self.edge_base + 4 * model.edge_count
        self.slot_count = self.tet_base + 4 * model.tet_count
        self.slots = new_slots(self.slot_count)
        self.membrane = MEMBRANES[membrane]

    def evaluate(self, model, state, control=None) -> None:
        """Writes all slots from positions and velocities of `state`; `control` may override the activations."""
        x, v = state.particle_q, state.particle_qd
        if model.spring_count:
            en.launch(
                eval_springs,
                dim=model.spring_count,
                inputs=[
                    x, v, model.spring_indices, model.spring_rest_length, model.spring_stiffness,
                    model.spring_damping, self.spring_base, model.spring_count,
                ],
                outputs=[self.slots],
            )  # fmt: skip
        if model.tri_count:
            en.launch(
                self.membrane[0],
                dim=model.tri_count,
                inputs=[
                    x, v, model.tri_indices, model.tri_poses, activations(model, control, "tri_activations"),
                    model.tri_materials, self.tri_base, model.tri_count,
                ],
                outputs=[self.slots],
            )  # fmt: skip
        if model.edge_count:
            en.launch(
                eval_bending,
                dim=model.edge_count,
                inputs=[
                    x, v, model.edge_indices, model.edge_rest_angle, model.edge_rest_length,
                    model.edge_bending_properties, self.edge_base, model.edge_count,
                ],
                outputs=[self.slots],
            )  # fmt: skip
        if model.tet_count:
            en.launch(
                eval_tetrahedra,
                dim=model.tet_count,
                inputs=[
                    x, v, model.tet_indices, model.tet_poses, activations(model, control, "tet_activations"),
                    model.tet_materials, self.tet_base, model.tet_count,
                ],
                outputs=[self.slots],
            )  # fmt: skip


def activations(model, control, name: str):
    """The activation array of `control` when it has one, else the model's."""
    chosen = getattr(control, name, None) if control is not None else None
    return chosen if chosen is not None else getattr(model, name)

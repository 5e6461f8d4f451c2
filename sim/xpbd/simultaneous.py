"""Elements all at once, then every particle as far as they may move it: two launches a sweep, whatever the mesh."""

import engine as en
from sim.collide.body_arrays import body_masses, body_state
from sim.collide.particle_grid import particle_grid
from sim.forces.element_batch import batch_size
from sim.forces.particle_forces import activations
from sim.semi_implicit.particles import WIDEST_UNROLLED
from sim.xpbd.pulls import pull_elements
from sim.xpbd.settle import settle_particles
from sim.xpbd.sweeps import part_of

_FAMILIES = ("spring", "tri", "edge", "tet")


class SimultaneousStep:
    """The sweeps of one step over a model whose particles have elements.

    Attributes:
        solves_contacts: Whether `sweep` takes care of ground and shapes: not when loose particles push each other,
            which comes between elements and contacts.
        finishes: Whether the last `sweep` makes the velocities: not when bodies answer to what the particles do.
    """

    def __init__(
        self,
        model,
        scratch,
        contacts,
        state_in,
        state_out,
        dt: float,
        rest_speed: float,
        relaxation: float,
        control=None,
    ):
        """`contacts` are the listed contacts of particles with shapes, or None; `rest_speed`, `relaxation` as in the
        integrator."""
        self.relaxation = relaxation
        self.model, self.scratch, self.contacts, self.dt = model, scratch, contacts, dt
        self.state_in, self.state_out, self.rest_speed, self.control = state_in, state_out, rest_speed, control
        self.solves_contacts = particle_grid(model) is None
        self.finishes = self.solves_contacts and not model.body_count

    def sweep(self, iteration: int, count: int) -> None:
        """Moves `state_out.particle_q`; `iteration` counts from 0 to `count` - 1."""
        keep = 1.0 if iteration else 0.0
        self._pull(keep)
        self._settle(keep, part_of(iteration, count), iteration == count - 1 and self.finishes)

    def _pull(self, keep: float) -> None:
        model, scratch, base = self.model, self.scratch, self.model.slot_base
        counts = {family: getattr(model, f"{family}_count") for family in _FAMILIES}
        present = [family for family in _FAMILIES if counts[family]]
        # One launch saves a GPU the cost of the others; on a CPU one loop a family has lanes of one kind.
        groups = [present] if model.device.is_cuda else [[family] for family in present]
        inputs = [
            self.state_in.particle_q, self.state_out.particle_q, scratch.movable, self.dt,
            counts["spring"], base["spring"], model.spring_indices, model.spring_rest_length,
            model.spring_stiffness, model.spring_damping,
            counts["tri"], base["tri"], model.tri_indices, model.tri_poses,
            activations(model, self.control, "tri_activations"), model.tri_materials,
            counts["edge"], base["edge"], model.edge_indices, model.edge_rest_angle, model.edge_rest_length,
            model.edge_bending_properties,
            counts["tet"], base["tet"], model.tet_indices, model.tet_poses,
            activations(model, self.control, "tet_activations"), model.tet_materials,
        ]  # fmt: skip
        for group in groups:
            en.launch(
                pull_elements(*(family in group for family in _FAMILIES), keep == 0.0),
                dim=batch_size(counts[family] for family in group),
                inputs=inputs,
                outputs=[scratch.slots],
            )

    def _settle(self, keep: float, part: float, finish: bool) -> None:
        model, scratch = self.model, self.scratch
        width = model.particle_adjacency.shape[0]
        if model.particle_adjacency_use_csr or width > WIDEST_UNROLLED:
            width, table = -1, [None, model.particle_adjacency_offsets, model.particle_adjacency_slots]
        else:
            table = [model.particle_adjacency, None, None]
        contacts = self.contacts if self.solves_contacts else None
        ground = self.solves_contacts and model.ground
        geo, mat = model.shape_geo, model.shape_materials
        q0, qd0 = body_state(model, self.state_in)
        q, qd = body_state(model, self.state_out)
        listed, pushes = [None] * 5, [None] * 3
        if contacts is not None:
            listed = [contacts.body_start, contacts.count, contacts.shape, contacts.point_b, contacts.normal_b]
            pushes = [contacts.force, scratch.contact_total(contacts), contacts.point]
        en.launch(
            settle_particles(width, contacts is not None, finish, keep == 0.0),
            dim=model.particle_count,
            inputs=[
                self.state_in.particle_q, self.state_in.particle_qd, scratch.predicted, scratch.movable,
                1.0 / self.relaxation, part, scratch.slots, *table, model.particle_radius, model.ground_plane,
                1.0 if ground else 0.0, model.soft_contact_mu, model.soft_contact_restitution, self.rest_speed,
                model.particle_adhesion, self.dt, model.particle_max_velocity, keep,
                q0, qd0, q, qd, *body_masses(model), listed[0], model.shape_body, model.shape_transform, geo.type,
                geo.scale, mat.mu, mat.restitution, *listed[1:],
            ],
            outputs=[scratch.stiffness, scratch.pulled, self.state_out.particle_q, self.state_out.particle_qd, scratch.ground_push, *pushes],
        )  # fmt: skip

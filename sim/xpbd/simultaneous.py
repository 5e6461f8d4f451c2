"""Elements all at once, then every particle as far as they may move it: two launches a sweep, whatever the mesh."""

import engine as en
from sim.collide.body_arrays import body_masses, body_state
from sim.collide.particle_grid import particle_grid
from sim.forces.particle_forces import activations
from sim.xpbd.settle import settle_particles
from sim.xpbd.sweeps import parts


class SimultaneousStep:
    """The sweeps of one step over a model whose particles have elements.

    Attributes:
        count: Number of sweeps.
        solves_ground, solves_shapes: Whether `sweep` takes care of them: not when loose particles push each other, which
            comes between elements and contacts; nor, on a CPU, of shapes, without which the loop has lanes.
        finishes: Whether the last `sweep` makes the velocities: not when somebody else still moves particles or bodies.
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
        count: int,
        relaxation: float,
        control=None,
    ):
        """`contacts` are the listed contacts of particles with shapes, or None; `count` is the number of sweeps;
        `rest_speed` and `relaxation` as in the integrator."""
        self.count, self.relaxation = count, relaxation
        self.model, self.scratch, self.contacts, self.dt = model, scratch, contacts, dt
        self.state_in, self.state_out, self.rest_speed, self.control = state_in, state_out, rest_speed, control
        self.solves_ground = particle_grid(model) is None
        self.solves_shapes = self.solves_ground and model.device.is_cuda
        self.finishes = self.solves_ground and not model.body_count and (self.solves_shapes or contacts is None)

    def sweep(self, number: int) -> None:
        """Moves `state_out.particle_q`; sweeps have numbers from 0 to `count` - 1."""
        keep = 1.0 if number else 0.0
        self._pull(keep)
        self._settle(keep, parts(self.count)[number], number == self.count - 1 and self.finishes)

    def _pull(self, keep: float) -> None:
        model, scratch = self.model, self.scratch
        tri, tet = (activations(model, self.control, f"{name}_activations") for name in ("tri", "tet"))
        x0, x = self.state_in.particle_q, self.state_out.particle_q
        scratch.batch.pull(model, x0, x, scratch.movable, self.dt, keep == 0.0, tri, tet)

    def _settle(self, keep: float, part: float, finish: bool) -> None:
        model, scratch, batch = self.model, self.scratch, self.scratch.batch
        contacts = self.contacts if self.solves_shapes else None
        ground = self.solves_ground and model.ground
        geo, mat = model.shape_geo, model.shape_materials
        q0, qd0 = body_state(model, self.state_in)
        q, qd = body_state(model, self.state_out)
        listed, pushes = [None] * 5, [None] * 3
        if contacts is not None:
            listed = [contacts.body_start, contacts.count, contacts.shape, contacts.point_b, contacts.normal_b]
            pushes = [contacts.force, scratch.contact_total(contacts), contacts.point]
        en.launch(
            settle_particles(batch.width, contacts is not None, finish, keep == 0.0),
            dim=model.particle_count,
            inputs=[
                model.particle_count, self.state_in.particle_q, self.state_in.particle_qd, scratch.predicted, scratch.movable,
                1.0 / self.relaxation, part, batch.slots, batch.row_start, model.particle_radius, model.ground_plane,
                1.0 if ground else 0.0, model.soft_contact_mu, model.soft_contact_restitution, self.rest_speed,
                model.particle_adhesion, self.dt, model.particle_max_velocity, keep,
                q0, qd0, q, qd, *body_masses(model), listed[0], model.shape_body, model.shape_transform, geo.type,
                geo.scale, mat.mu, mat.restitution, *listed[1:],
            ],
            outputs=[scratch.stiffness, scratch.pulled, self.state_out.particle_q, self.state_out.particle_qd, scratch.ground_push, *pushes],
        )  # fmt: skip

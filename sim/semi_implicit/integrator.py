"""Semi-implicit (symplectic) Euler for particles, cloth, soft bodies and rigid bodies with joints."""

import engine as en
from engine.capture import NotRecorded
from sim.articulation.body_table import body_table
from sim.collide.body_arrays import body_masses, body_state
from sim.collide.particle_grid import particle_grid
from sim.collide.pipeline import collide_in_step, particle_contacts, rigid_contacts
from sim.device_arrays import on_model_device
from sim.forces.body_contact import count_touching, push_bodies_apart
from sim.forces.contact_resistance import Resistance, sum_contacts
from sim.forces.contact_response import rest_speed
from sim.forces.element_batch import ElementBatch
from sim.forces.grain_contact import push_grains_apart
from sim.forces.particle_contact import push_particles_from_shapes
from sim.forces.particle_forces import MEMBRANES, ParticleForces, activations
from sim.maximal.joint_rows import constraint_table
from sim.maximal.scratch import joint_scratch
from sim.semi_implicit.attachment import attachment_arrays
from sim.semi_implicit.bodies import add_pair_wrenches, add_particle_reactions, integrate_bodies
from sim.semi_implicit.joints import pull_joints
from sim.semi_implicit.particle_step import advance_particles
from sim.semi_implicit.particles import WIDEST_UNROLLED, integrate_particles, integrate_particles_by_rows


class SemiImplicitIntegrator:
    """v' = v + dt a(x, v), x' = x + dt v': explicit forces, symplectic, stable for small enough steps.

    The result has the same bits whatever the thread count: forces are gathered in a fixed order, not added by atomics.
    Contact forces are limited so that contacts stay stable for any mass (see `sim.forces.contact_response`); element
    stiffness is not limited, so it bounds the step. Joints are springs between their bodies, implicit and stable for any
    step unless their stiffness is given; a joint too stiff for the step is then named in a warning (see
    `sim.semi_implicit.attachment`).
    """

    def __init__(
        self,
        angular_damping: float = 0.05,
        friction_smoothing: float = 1.0,
        *,
        membrane: str = "neo-hookean",
        refresh_rigid_contacts: bool = True,
        joint_attach_ke: float | None = None,
        joint_attach_kd: float | None = None,
    ):
        """Makes the integrator; one serves any number of models.

        Args:
            angular_damping: Fraction of angular velocity lost per second [1/s].
            friction_smoothing: Accepted for compatibility; friction here is Coulomb with a stick spring and needs none.
            membrane: Triangle model, one of `sim.forces.particle_forces.MEMBRANES`.
            refresh_rigid_contacts: Detect rigid contacts in every step, instead of relying on the last `collide`.
            joint_attach_ke: Stiffness of the springs that hold joints together [N/m, and N m/rad]; explicit, so it bounds
                the step. None takes the model's `joint_attach_ke`, and if that is None as well, implicit springs that are
                stiff for any step (see `sim.semi_implicit.attachment`).
            joint_attach_kd: Damping of explicit springs [N s/m, and N m s/rad]; None takes the model's, or half critical.

        Raises:
            ValueError: Unknown membrane, or a negative stiffness or damping.
        """
        for name, value in (("joint_attach_ke", joint_attach_ke), ("joint_attach_kd", joint_attach_kd)):
            if value is not None and not value >= 0.0:
                raise ValueError(f"SemiImplicitIntegrator: {name} is {value}; at least 0 expected")
        self.joint_attach_ke, self.joint_attach_kd = joint_attach_ke, joint_attach_kd
        if membrane not in MEMBRANES:
            raise ValueError(f"SemiImplicitIntegrator: membrane {membrane!r}; one of {', '.join(MEMBRANES)} expected")
        self.angular_damping = angular_damping
        self.friction_smoothing = friction_smoothing
        self.membrane = membrane
        self.refresh_rigid_contacts = refresh_rigid_contacts
        #: whether bodies are held by joints here; Featherstone, which uses this class for contacts, holds them itself
        self.joints_as_penalties = True

    @on_model_device
    def simulate(self, model, state_in, state_out, dt: float, control=None):
        """Steps `state_in` by `dt` [s] into `state_out` and returns it.

        External forces are read from `state_in.particle_f` and `state_in.body_f`, which stay as they are. Particle
        contacts are those that the last `sim.collide` listed. Joints act on bodies' poses and velocities, and joint
        coordinates follow, as under `XPBDIntegrator`.
        """
        if model.particle_count:
            external = self._grain_forces(model, state_in, dt)
            if model.device.is_cuda:
                batch = self._element_batch(model)
                self._evaluate_batch(model, batch, state_in, control)
                self._advance_particles(model, batch, external, state_in, state_out, dt)
            else:
                forces = self._particle_forces(model)
                forces.evaluate(model, state_in, control)
                self._integrate_particles(model, forces, external, state_in, state_out, dt)
                self._push_particles_from_shapes(model, state_in, state_out, dt)
        if model.body_count:
            wrench = self._body_wrenches(model, state_in, dt)
            self._integrate_bodies(model, wrench, state_in, state_out, dt)
        if self.joints_as_penalties and (model.joint_count or model.equality_count):
            self._pull_joints(model, state_in, state_out, control, dt)
        return state_out

    def _particle_forces(self, model) -> ParticleForces:
        forces = getattr(model, "particle_forces", None)
        if forces is None or forces.membrane is not MEMBRANES[self.membrane]:
            forces = model.particle_forces = ParticleForces(model, self.membrane)
        return forces

    def _element_batch(self, model) -> ElementBatch | None:
        """The forces of all elements in one launch, or None without elements."""
        if not model.slot_count:
            return None
        batch = getattr(model, "element_batch", None)
        if batch is None or batch.membrane != self.membrane:
            with NotRecorded():  # may be the first step of a capture
                batch = model.element_batch = ElementBatch(model, MEMBRANES[self.membrane][1], WIDEST_UNROLLED)
                batch.membrane = self.membrane
        return batch

    def _evaluate_batch(self, model, batch, state_in, control) -> None:
        if batch is not None:
            tri, tet = (activations(model, control, f"{name}_activations") for name in ("tri", "tet"))
            batch.evaluate(model, state_in, tri, tet)

    def _grain_forces(self, model, state_in, dt):
        """External forces, plus the contacts between loose particles if there are any."""
        grid = particle_grid(model)
        if grid is None:
            return state_in.own_forces()[0]
        grid.build(state_in.particle_q)
        en.launch(
            push_grains_apart,
            dim=model.particle_count,
            inputs=[
                state_in.particle_q, state_in.particle_qd, state_in.own_forces()[0], model.particle_inv_mass,
                model.particle_radius, model.particle_flags, grid.loose, grid.start, grid.order, grid.cell,
                grid.buckets, model.particle_ke, model.particle_kd, model.particle_kf, model.particle_mu,
                model.particle_cohesion, dt,
            ],
            outputs=[grid.delta],
        )  # fmt: skip
        return grid.delta

    def _advance_particles(self, model, batch, external, state_in, state_out, dt):
        """The two functions after this one as one launch."""
        # twelve bytes a particle less to read where the external forces are zero
        forced = int(external is not state_in.own_forces()[0] or not state_in.forces_are_zero())
        width, places = (0, [None, None]) if batch is None else (batch.width, [batch.slots, batch.row_start])
        contacts = getattr(model, "particle_contacts", None)
        listed, written = [None] * 4, [None] * 2
        touching = contacts is not None and contacts.enabled_count > 0
        if touching:
            listed = [contacts.count, contacts.shape, contacts.point_b, contacts.normal_b]
            written = [contacts.force, contacts.point]
        geo, mat = model.shape_geo, model.shape_materials
        en.launch(
            advance_particles(width, touching),
            dim=model.particle_count,
            inputs=[
                state_in.particle_q, state_in.particle_qd, forced, external, *places, model.particle_count,
                model.particle_inv_mass, model.particle_radius, model.particle_flags, en.vec3(*model.gravity),
                model.ground_plane, 1.0 if model.ground else 0.0, model.soft_contact_ke, model.soft_contact_kd,
                model.soft_contact_kf, model.soft_contact_mu, model.soft_contact_restitution,
                rest_speed(model.gravity, dt), dt, model.particle_max_velocity,
                *body_state(model, state_in), *body_masses(model), model.shape_body, model.shape_transform,
                geo.type, geo.scale, mat.ke, mat.kd, mat.kf, mat.mu, mat.restitution, model.particle_adhesion,
                *listed,
            ],
            outputs=[state_out.particle_q, state_out.particle_qd, *written],
        )  # fmt: skip

    def _integrate_particles(self, model, forces, external, state_in, state_out, dt):
        width = model.particle_adjacency.shape[0]
        if model.particle_adjacency_use_csr or width > WIDEST_UNROLLED:
            kernel = integrate_particles_by_rows
            table = [model.particle_adjacency_offsets, model.particle_adjacency_slots]
        else:
            kernel = integrate_particles(width)
            table = [model.particle_adjacency]
        en.launch(
            kernel,
            dim=model.particle_count,
            inputs=[
                state_in.particle_q, state_in.particle_qd, external, forces.slots, *table,
                model.particle_inv_mass, model.particle_radius, model.particle_flags, en.vec3(*model.gravity),
                model.ground_plane, 1.0 if model.ground else 0.0, model.soft_contact_ke, model.soft_contact_kd,
                model.soft_contact_kf, model.soft_contact_mu, model.soft_contact_restitution,
                rest_speed(model.gravity, dt), dt, model.particle_max_velocity,
            ],
            outputs=[state_out.particle_q, state_out.particle_qd],
        )  # fmt: skip

    def _push_particles_from_shapes(self, model, state_in, state_out, dt):
        contacts = getattr(model, "particle_contacts", None)
        if contacts is None or not contacts.enabled_count:
            return
        geo, mat = model.shape_geo, model.shape_materials
        en.launch(
            push_particles_from_shapes,
            dim=model.particle_count,
            inputs=[
                state_in.particle_q, state_in.particle_qd, model.particle_inv_mass, model.particle_radius,
                model.particle_flags, *body_state(model, state_in), *body_masses(model),
                model.shape_body, model.shape_transform, geo.type, geo.scale,
                mat.ke, mat.kd, mat.kf, mat.mu, mat.restitution,
                model.soft_contact_ke, model.soft_contact_kd, model.soft_contact_kf, model.soft_contact_mu,
                model.soft_contact_restitution, rest_speed(model.gravity, dt), model.particle_adhesion,
                contacts.count, contacts.shape, contacts.point_b, contacts.normal_b, dt, model.particle_max_velocity,
            ],
            outputs=[state_out.particle_q, state_out.particle_qd, contacts.force, contacts.point],
        )  # fmt: skip

    def wrenches_on_bodies(self, model, state_in, dt: float):
        """External wrenches and those of contacts, for integrators that move the bodies themselves."""
        pairs = rigid_contacts(model, state_in).pair_count if model.shape_count else 0
        if not pairs and getattr(model, "particle_contacts", None) is None:
            return state_in.own_forces()[1]
        return self._body_wrenches(model, state_in, dt)

    def _body_wrenches(self, model, state_in, dt):
        """External wrenches plus contact reactions, in a scratch array."""
        total = getattr(model, "body_wrench", None)
        if total is None:
            total = model.body_wrench = en.zeros(model.body_count, dtype=en.spatial_vector)
        contacts = rigid_contacts(model, state_in) if model.shape_count else None
        if contacts is not None and contacts.pair_count:
            if self.refresh_rigid_contacts:
                collide_in_step(model, state_in, dt)
            mat = model.shape_materials
            # bodies that joint coordinates move take contacts with what stays implicitly
            trees = None if self.joints_as_penalties else model.tree_contacts
            none = model.no_contact_ahead
            ahead, tree_inv_mass = (none, none) if trees is None else (trees.ahead, trees.inverse_mass)
            resistance = Resistance() if trees is None else trees.entries(contacts)
            contacts.body_touching.zero_()
            en.launch(
                count_touching,
                dim=contacts.capacity,
                inputs=[
                    contacts.active_count, contacts.active_pair, contacts.pair_shapes, model.shape_body, mat.ka,
                    state_in.body_q, state_in.body_qd, model.body_com, ahead, contacts.points, dt,
                ],
                outputs=[contacts.body_touching, contacts.pair_touching],
            )  # fmt: skip
            en.launch(
                push_bodies_apart(trees is not None),
                dim=contacts.capacity,
                inputs=[
                    contacts.active_count, contacts.active_pair, contacts.pair_shapes, model.shape_body,
                    mat.ke, mat.kd, mat.kf, mat.ka, mat.mu, model.friction_rules, mat.restitution,
                    state_in.body_q, state_in.body_qd, model.body_com, model.body_inv_mass, model.body_inv_inertia,
                    model.mass_parts, ahead, tree_inv_mass, contacts.points, contacts.body_touching,
                    contacts.pair_touching,
                    contacts.allowed, float(model.max_depenetration_velocity), rest_speed(model.gravity, dt), dt,
                ],
                outputs=[contacts.slip, contacts.wrench, resistance],
            )  # fmt: skip
            inputs = [contacts.body_start, contacts.body_entry, contacts.wrench, state_in.own_forces()[1]]
            if trees is None:
                en.launch(add_pair_wrenches, dim=model.body_count, inputs=inputs, outputs=[total])
            else:
                inputs += [contacts.pair_touching, resistance, en.vec3(*model.gravity)]
                en.launch(sum_contacts, dim=model.body_count, inputs=inputs, outputs=[total, trees.bodies])
        else:
            en.copy(total, state_in.own_forces()[1])
        if getattr(model, "particle_contacts", None) is not None:
            touching = particle_contacts(model)
            en.launch(
                add_particle_reactions,
                dim=model.body_count,
                inputs=[
                    model.particle_count, touching.body_start, touching.body_entry, touching.force, touching.point,
                    state_in.body_q, model.body_com,
                ],
                outputs=[total],
            )  # fmt: skip
        return total

    def _pull_joints(self, model, state_in, state_out, control, dt):
        jointed = joint_scratch(model, penalty=True)
        springs = attachment_arrays(model, jointed.clusters, dt, self.joint_attach_ke, self.joint_attach_kd)
        jointed.prepare(model, state_in, state_out, control, dt, springs)
        if jointed.clusters.count:
            self._move_by_joints(model, jointed, springs, state_out, dt)
            if jointed.has_friction:
                jointed.settle_friction(model, state_out, dt)
                self._move_by_joints(model, jointed, springs, state_out, dt)
            jointed.close(model, state_out, dt)
        jointed.follow(model, state_in, state_out)

    def _move_by_joints(self, model, jointed, springs, state_out, dt):
        clusters, width = jointed.clusters, jointed.clusters.width(model.device)
        en.launch(
            pull_joints,
            dim=clusters.count * width,
            inputs=[
                model.joint_table, constraint_table(model), body_table(model), clusters.table, width,
                jointed.sprung, springs[0], jointed.frame, jointed.used, dt,
            ],
            outputs=[jointed.words, jointed.rows, state_out.body_q, state_out.body_qd],
        )  # fmt: skip

    def _integrate_bodies(self, model, wrench, state_in, state_out, dt):
        en.launch(
            integrate_bodies,
            dim=model.body_count,
            inputs=[
                state_in.body_q, state_in.body_qd, wrench, model.body_com, model.body_inv_mass, model.body_inertia,
                model.body_inv_inertia, en.vec3(*model.gravity), self.angular_damping, dt,
            ],
            outputs=[state_out.body_q, state_out.body_qd],
        )  # fmt: skip

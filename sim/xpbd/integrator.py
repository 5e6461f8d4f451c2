"""Extended position based dynamics for particles, cloth, soft bodies and rigid bodies with joints."""

import engine as en
from sim.articulation.body_table import body_table
from sim.collide.body_arrays import body_masses, body_state
from sim.collide.particle_grid import particle_grid
from sim.collide.pipeline import collide_in_step, rigid_contacts
from sim.device_arrays import on_model_device
from sim.forces.contact_response import rest_speed
from sim.maximal.body_response import ResponseTable
from sim.maximal.joint_rows import constraint_table
from sim.maximal.scratch import joint_scratch
from sim.semi_implicit.bodies import integrate_bodies
from sim.xpbd.bodies import keep_slip, solve_rigid_positions
from sim.xpbd.body_impulses import mass_table
from sim.xpbd.bounces import bounce_rigid_contacts
from sim.xpbd.colored import solve_colored
from sim.xpbd.grains import move_grains, separate_grains
from sim.xpbd.island_steps import step_whole_islands
from sim.xpbd.joints import solve_joints
from sim.xpbd.particle_contacts import (
    bounce_off_ground,
    bounce_off_shapes,
    push_bodies_from_particles,
    solve_particle_ground,
    solve_particle_shapes,
)
from sim.xpbd.particles import predict_particles, update_velocities
from sim.xpbd.scratch import Scratch
from sim.xpbd.simultaneous import SimultaneousStep
from sim.xpbd.sweeps import SWEEPS, enough_sweeps


class XPBDIntegrator:
    """Implicit, stable for any step; stiffness comes from compliance, not from the iteration count.

    Elements are solved all at once where the step resolves their stiffness, else by coloured Gauss-Seidel: those of one
    colour share no particle and run in parallel, colours follow each other. `sim.xpbd.sweeps` says where the border is,
    and `sweep` chooses one of them. Both give the same bits whatever the thread count. The joints of a tree are solved
    together and exactly (`sim.maximal`), rigid unless they have a compliance; one iteration is enough for them, contacts
    of robots want two.
    """

    def __init__(
        self,
        iterations: int = 2,
        soft_body_relaxation: float = 1.0,
        soft_contact_relaxation: float = 1.0,
        joint_linear_relaxation: float = 0.7,
        joint_angular_relaxation: float = 0.4,
        rigid_contact_relaxation: float = 1.0,
        rigid_contact_con_weighting: bool = True,
        angular_damping: float = 0.0,
        enable_restitution: bool = True,
        *,
        refresh_rigid_contacts: bool = True,
        sweep: str = "auto",
    ):
        """Makes the integrator; one serves any number of models.

        Args:
            iterations: Sweeps over all constraints per step.
            soft_body_relaxation: Factor on the correction of simultaneous sweeps. 1 is stable for any mesh; regular cloth
                bears 2 and then needs fewer iterations. Colored sweeps need none and ignore it.
            soft_contact_relaxation: Accepted for compatibility, as are the other relaxations and the weighting.
            joint_linear_relaxation: See above.
            joint_angular_relaxation: See above.
            rigid_contact_relaxation: See above.
            rigid_contact_con_weighting: See above.
            angular_damping: Fraction of angular velocity lost per second [1/s].
            enable_restitution: Whether contacts bounce by their coefficient of restitution.
            refresh_rigid_contacts: Detect rigid contacts in every step, instead of relying on the last `collide`.
            sweep: Order of the elements in an iteration, one of "auto", "colored", "simultaneous"; see `sim.xpbd.sweeps`.
                "auto" decides by the materials at the first step with a model and a `dt`, and may take up to twice as many.

        Raises:
            ValueError: No iteration, no relaxation, or an unknown sweep.
        """
        if sweep not in SWEEPS:
            raise ValueError(f"XPBDIntegrator: sweep {sweep!r}; one of {', '.join(SWEEPS)} expected")
        if not soft_body_relaxation > 0.0:
            raise ValueError(f"XPBDIntegrator: soft_body_relaxation is {soft_body_relaxation}; more than 0 expected")
        if iterations < 1:
            raise ValueError(f"XPBDIntegrator: iterations is {iterations}; at least 1 expected")
        self.iterations = iterations
        self.sweep = sweep
        self.soft_body_relaxation = soft_body_relaxation
        self.angular_damping = angular_damping
        self.enable_restitution = enable_restitution
        self.refresh_rigid_contacts = refresh_rigid_contacts

    @on_model_device
    def simulate(self, model, state_in, state_out, dt: float, control=None):
        """Steps `state_in` by `dt` [s] into `state_out` and returns it; `state_in` stays as it is.

        Particle contacts are those that the last `sim.collide` listed. Joints act on `body_q` and `body_qd`, which are the
        state here (`sim.eval_fk` sets them from joint coordinates); `joint_q` and `joint_qd` of `state_out` follow them,
        angles counted on from those of `state_in`. `control` is that of `FeatherstoneIntegrator`.
        """
        with en.ScopedSequence(model.device):  # colours of few elements are worth no launch of their own
            self._step(model, state_in, state_out, dt, control)
        return state_out

    def _step(self, model, state_in, state_out, dt, control):
        scratch = self._scratch(model)
        self._predict(model, scratch, state_in, state_out, dt)
        jointed = joint_scratch(model, penalty=False)
        rigid = self._rigid_contacts(model, state_in)
        whole = rigid is not None and jointed is not None and scratch.steps_whole(jointed.clusters, rigid)
        if rigid is not None and self.refresh_rigid_contacts:
            collide_in_step(model, state_out, dt, by_body=False, carry=not whole)
        if whole:
            step_whole_islands(
                model, scratch, rigid, jointed, state_in, state_out, control, dt, iterations=self.iterations,
                rest=self._rest_speed(model, dt), carry=self.refresh_rigid_contacts,
            )  # fmt: skip
            return
        if jointed is not None:
            jointed.prepare(model, state_in, state_out, control, dt)
        order = None
        if rigid is not None:
            order = rigid.order_of(model)
            order.sort(model, rigid)
        if rigid is not None and jointed is not None:
            jointed.weigh_touching(model, rigid, state_out)
        if rigid is not None and jointed is None:
            en.copy(scratch.predicted_bodies, state_out.body_q)
        together = self._simultaneous(model, scratch, state_in, state_out, dt, control)
        for iteration in range(self.iterations):
            keep = 1.0 if iteration else 0.0
            if model.particle_count:
                self._move_particles(model, scratch, together, iteration, state_in, state_out, dt, control)
            if jointed is not None:
                self._solve_joints(model, jointed, state_out, dt)
                if jointed.has_friction and not iteration:
                    jointed.settle_friction(model, state_out, dt)
                    self._solve_joints(model, jointed, state_out, dt)
                jointed.close(model, state_out, dt)
            if rigid is not None:
                self._solve_rigid_contacts(model, rigid, order, jointed, state_out, dt, keep)
        if rigid is not None:
            self._finish_rigid_contacts(model, rigid, order, jointed, state_in, state_out, dt)
        if jointed is not None:
            jointed.follow(model, state_in, state_out)
        if model.particle_count and not (together is not None and together.finishes):
            self._finish_particles(model, scratch, state_in, state_out, dt)

    def _move_particles(self, model, scratch, together, iteration, state_in, state_out, dt, control):
        """Elements and contacts of particles, once or as often as simultaneous sweeps take turns in an iteration."""
        count = self.iterations if together is None else together.count
        for sweep in range(iteration * count // self.iterations, (iteration + 1) * count // self.iterations):
            keep = 1.0 if sweep else 0.0
            if together is not None:
                together.sweep(sweep)
            else:
                solve_colored(model, scratch, state_in, state_out, dt, keep, control)
            self._separate_grains(model, scratch, state_in, state_out)
            if together is None or not together.solves_ground:
                self._solve_particle_ground(model, scratch, state_in, state_out, keep)
            if together is None or not together.solves_shapes:
                self._solve_particle_shapes(model, scratch, state_in, state_out, keep)
            self._push_bodies_from_particles(model, state_out, dt)

    def _scratch(self, model) -> Scratch:
        if getattr(model, "xpbd_scratch", None) is None:
            model.xpbd_scratch = Scratch(model)
        return model.xpbd_scratch

    def _rigid_contacts(self, model, state):
        """The rigid contact table, or None when nothing can touch.

        Detection is at the predicted poses: at those of the start of the step, the contact of a rolling body lags
        behind its centre, and the push there would speed the rolling up.
        """
        if not model.body_count or not model.shape_count:
            return None
        contacts = rigid_contacts(model, state)
        return contacts if contacts.pair_count else None

    def _predict(self, model, scratch, state_in, state_out, dt):
        gravity = en.vec3(*model.gravity)
        if model.particle_count:
            en.launch(
                predict_particles,
                dim=model.particle_count,
                inputs=[
                    state_in.particle_q, state_in.particle_qd, int(not state_in.forces_are_zero()),
                    state_in.own_forces()[0], model.particle_inv_mass,
                    model.particle_flags, gravity, dt, model.particle_max_velocity,
                ],
                outputs=[state_out.particle_q, state_out.particle_qd, scratch.predicted, scratch.movable],
            )  # fmt: skip
        if model.body_count:
            en.launch(
                integrate_bodies,
                dim=model.body_count,
                inputs=[
                    state_in.body_q, state_in.body_qd, state_in.own_forces()[1], model.body_com, model.body_inv_mass,
                    model.body_inertia, model.body_inv_inertia, gravity, self.angular_damping, dt,
                ],
                outputs=[state_out.body_q, state_out.body_qd],
            )  # fmt: skip

    def _simultaneous(self, model, scratch, state_in, state_out, dt, control) -> SimultaneousStep | None:
        """The simultaneous sweeps of a step, if they were chosen and there are elements."""
        if self.sweep == "colored" or not model.slot_count:
            return None
        count = self.iterations
        if self.sweep == "auto":
            count = enough_sweeps(scratch.largest_stiffness(dt, self.soft_body_relaxation), count)
            if not count:
                return None
        contacts, rest = listed_contacts(model), self._rest_speed(model, dt)
        return SimultaneousStep(
            model, scratch, contacts, state_in, state_out, dt, rest, count, self.soft_body_relaxation, control
        )

    def _separate_grains(self, model, scratch, state_in, state_out):
        grid = particle_grid(model)
        if grid is None:
            return
        grid.build(state_out.particle_q)
        en.launch(
            separate_grains,
            dim=model.particle_count,
            inputs=[
                state_in.particle_q, state_out.particle_q, scratch.movable, model.particle_radius, grid.loose,
                grid.start, grid.order, grid.cell, grid.buckets, model.particle_mu,
            ],
            outputs=[grid.delta],
        )  # fmt: skip
        en.launch(move_grains, dim=model.particle_count, inputs=[grid.delta], outputs=[state_out.particle_q])

    def _solve_particle_ground(self, model, scratch, state_in, state_out, keep):
        if model.ground:
            en.launch(
                solve_particle_ground,
                dim=model.particle_count,
                inputs=[
                    state_in.particle_q, scratch.movable, model.particle_radius, model.ground_plane,
                    model.soft_contact_mu, keep,
                ],
                outputs=[state_out.particle_q, scratch.ground_push],
            )  # fmt: skip

    def _solve_particle_shapes(self, model, scratch, state_in, state_out, keep):
        contacts = listed_contacts(model)
        if contacts is None:
            return
        geo, mat = model.shape_geo, model.shape_materials
        q0, _ = body_state(model, state_in)
        q, _ = body_state(model, state_out)
        en.launch(
            solve_particle_shapes,
            dim=model.particle_count,
            inputs=[
                state_in.particle_q, scratch.movable, model.particle_radius, q0, q, *body_masses(model),
                contacts.body_start, model.shape_body, model.shape_transform, geo.type, geo.scale, mat.mu,
                model.soft_contact_mu, model.particle_adhesion, contacts.count, contacts.shape, contacts.point_b,
                contacts.normal_b, keep,
            ],
            outputs=[state_out.particle_q, contacts.force, scratch.contact_total(contacts), contacts.point],
        )  # fmt: skip

    def _push_bodies_from_particles(self, model, state_out, dt):
        contacts = listed_contacts(model)
        if contacts is None or not model.body_count:
            return
        en.launch(
            push_bodies_from_particles,
            dim=model.body_count,
            inputs=[
                model.particle_count, contacts.body_start, contacts.body_entry, contacts.force, contacts.point,
                *body_masses(model), dt,
            ],
            outputs=[state_out.body_q, state_out.body_qd],
        )  # fmt: skip

    def _solve_joints(self, model, jointed, state_out, dt):
        clusters, width = jointed.clusters, jointed.clusters.width(model.device)
        if clusters.count:
            en.launch(
                solve_joints,
                dim=clusters.count * width,
                inputs=[
                    model.joint_table, constraint_table(model), body_table(model), clusters.table, width,
                    jointed.frame, jointed.used, dt,
                ],
                outputs=[jointed.words, jointed.rows, state_out.body_q, state_out.body_qd, *jointed.kept],
            )  # fmt: skip

    def _solve_rigid_contacts(self, model, contacts, order, jointed, state_out, dt, keep):
        push, drag = model.xpbd_scratch.rigid_multipliers(contacts)
        if jointed is not None:
            jointed.remember(state_out)
        en.launch(
            solve_rigid_positions(jointed is not None),
            dim=contacts.island_count * order.width,
            inputs=[
                order.width, order.table, contacts.active_pair, contacts.pair_shapes, model.shape_materials.mu,
                model.friction_rules, mass_table(model),
                ResponseTable() if jointed is None else jointed.responses, contacts.points, contacts.allowed,
                contacts.slip, model.xpbd_scratch.predicted_bodies, dt, keep, float(model.max_depenetration_velocity),
            ],
            outputs=[state_out.body_q, state_out.body_qd, push, drag],
            block_dim=order.block_dim,
        )  # fmt: skip
        if jointed is not None:
            jointed.hand_on(model, state_out, dt)

    def _finish_rigid_contacts(self, model, contacts, order, jointed, state_in, state_out, dt):
        push, drag = model.xpbd_scratch.rigid_multipliers(contacts)
        mat = model.shape_materials
        pairs = [contacts.active_pair, contacts.pair_shapes]
        # before the bounce: only until then do the velocities tell how far the bodies moved
        en.launch(
            keep_slip,
            dim=contacts.capacity,
            inputs=[
                contacts.active_count, *pairs, model.shape_body, mat.mu, model.friction_rules, state_out.body_q,
                state_out.body_qd, model.body_com, contacts.points,
                rest_speed(model.gravity, dt) * dt, dt, push, drag,
            ],
            outputs=[contacts.slip],
        )  # fmt: skip
        for _ in range(self.iterations):
            if jointed is not None:
                jointed.remember(state_out)
            en.launch(
                bounce_rigid_contacts(jointed is not None),
                dim=contacts.island_count * order.width,
                inputs=[
                    order.width, order.table, *pairs, mat.restitution, state_in.body_qd, mass_table(model),
                    ResponseTable() if jointed is None else jointed.responses, contacts.points,
                    self._rest_speed(model, dt), dt,
                ],
                outputs=[push, state_out.body_q, state_out.body_qd],
                block_dim=order.block_dim,
            )  # fmt: skip
            if jointed is not None:
                jointed.hand_on(model, state_out, dt, moving=False)

    def _finish_particles(self, model, scratch, state_in, state_out, dt):
        en.launch(
            update_velocities,
            dim=model.particle_count,
            inputs=[scratch.predicted, dt, model.particle_max_velocity],
            outputs=[state_out.particle_q, state_out.particle_qd],
        )
        if model.ground:
            en.launch(
                bounce_off_ground,
                dim=model.particle_count,
                inputs=[
                    state_in.particle_qd, model.ground_plane, model.soft_contact_restitution,
                    self._rest_speed(model, dt), scratch.ground_push,
                ],
                outputs=[state_out.particle_qd],
            )  # fmt: skip
        contacts = listed_contacts(model)
        if contacts is None:
            return
        geo, mat = model.shape_geo, model.shape_materials
        _, qd0 = body_state(model, state_in)
        q, qd = body_state(model, state_out)
        en.launch(
            bounce_off_shapes,
            dim=model.particle_count,
            inputs=[
                state_out.particle_q, state_in.particle_qd, scratch.movable, q, qd0, qd, body_masses(model)[0],
                model.shape_body, model.shape_transform, geo.type, geo.scale, mat.restitution,
                model.soft_contact_restitution, self._rest_speed(model, dt),
                contacts.count, contacts.shape, contacts.point_b, contacts.normal_b, scratch.contact_total(contacts),
            ],
            outputs=[state_out.particle_qd],
        )  # fmt: skip

    def _rest_speed(self, model, dt: float) -> float:
        """Impact speed below which contacts do not bounce [m/s]."""
        return rest_speed(model.gravity, dt) if self.enable_restitution else 1.0e30


def listed_contacts(model):
    """The particle contact table if `collide` has filled it and any shape takes part, else None."""
    contacts = getattr(model, "particle_contacts", None)
    return contacts if contacts is not None and contacts.enabled_count else None

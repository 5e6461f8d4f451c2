"""Featherstone: articulated bodies in reduced coordinates, O(n) in the number of joints."""

from functools import partial

import engine as en
from engine.taping import active_tape
from sim.articulation.actuators import applied_forces
from sim.articulation.body_table import BODY_ARRAYS, body_table
from sim.articulation.copies import CPU_LANES
from sim.device_arrays import on_model_device
from sim.errors import SimError
from sim.featherstone.constrained_step import constrain_step
from sim.featherstone.copies import WARP, copies_in_warp, spacing_of, step_copies, step_copies_apart
from sim.featherstone.joint_forces import FORCE_ARRAYS, joint_force_table
from sim.featherstone.scratch import scratch_of
from sim.featherstone.step import step_trees
from sim.semi_implicit import SemiImplicitIntegrator


class FeatherstoneIntegrator:
    """Steps joint coordinates, so that joints hold exactly; bodies without joints and particles as semi-implicit does.

    A step goes half a step of position, a whole one of velocity, half a step of position (position Verlet), and stiff
    joint forces are implicit in it (see ``sim.featherstone.joint_forces``). Closed loops, equality constraints, dry
    friction and the ranges of ball and distance joints are solved for their impulses, so that they hold exactly whatever
    the step (see ``sim.featherstone.island_solve``). Contacts are the penalty forces of
    ``SemiImplicitIntegrator``, taken at the start of the step.
    """

    def __init__(
        self,
        model=None,
        angular_damping: float = 0.0,
        update_mass_matrix_every: int = 1,
        friction_smoothing: float = 1.0,
        *,
        membrane: str = "neo-hookean",
    ):
        """Makes the integrator; one serves any number of models.

        Args:
            model: Accepted for compatibility: what a model needs is made when it is first stepped.
            angular_damping: Fraction of angular velocity that bodies without joints lose per second [1/s].
            update_mass_matrix_every: Accepted for compatibility: the recursion needs no mass matrix.
            friction_smoothing: Accepted for compatibility, as in ``SemiImplicitIntegrator``.
            membrane: Triangle model of ``SemiImplicitIntegrator``.
        """
        self._unjointed = SemiImplicitIntegrator(angular_damping, friction_smoothing, membrane=membrane)
        self._unjointed.joints_as_penalties = False

    @on_model_device
    def simulate(self, model, state_in, state_out, dt: float, control=None):
        """Steps ``state_in`` by ``dt`` [s] into ``state_out`` and returns it.

        Reads ``joint_q``, ``joint_qd`` and the external wrenches ``body_f``; writes them on, and the bodies' poses and
        velocities that follow.

        Raises:
            SimError: A body that carries a joint has no joint of its own, or joints follow each other in a circle.
        """
        if not model.joint_count:
            return self._unjointed.simulate(model, state_in, state_out, dt, control)
        if model.particle_count or not model.kinematic_trees.moves_all:
            self._unjointed.simulate(model, state_in, state_out, dt, control)
            wrench = model.body_wrench
        else:
            wrench = self._unjointed.wrenches_on_bodies(model, state_in, dt)
        self._step_trees(model, wrench, state_in, state_out, dt, control)
        return state_out

    def _step_trees(self, model, wrench, state_in, state_out, dt: float, control) -> None:
        trees, scratch = model.kinematic_trees, scratch_of(model)
        if len(trees.loose_parents):
            body = model.body_name[int(trees.loose_parents[0])]
            raise SimError(
                f"body {body!r}",
                "it carries a joint, but no joint holds it",
                "every body of an articulation to be the child of a joint",
                "call add_joint_free(child=...) for a floating base, add_joint_fixed(-1, ...) for a fixed one",
            )
        wanted = model.joint_act if control is None else control.joint_act
        applied = applied_forces(model, state_in, control)
        arrays = [
            state_in.joint_q, state_in.joint_qd, state_in.joint_qdd, wanted, applied, wrench, scratch.q, scratch.qd,
            scratch.joint, scratch.dof, state_out.joint_q, state_out.joint_qd, state_out.joint_qdd, state_out.body_q,
            state_out.body_qd,
        ]  # fmt: skip
        fixed = [model.joint_table, trees, *(getattr(model, name) for name in FORCE_ARRAYS + BODY_ARRAYS)]
        resistance = model.tree_contacts.bodies if model.tree_contacts.wanted else None
        launches = partial(_launches, model, trees, resistance, arrays, dt)
        key = (dt, model.gravity.tobytes(), resistance is None)
        model.articulation_launches.run([*arrays, *fixed], key, launches)
        constrain_step(model, scratch, model.body_com, state_out, dt)


def _launches(model, trees, resistance, arrays: list, dt: float) -> list[tuple]:
    """The launches of a step of all trees: copies in lock-step, others one by one."""
    tables = [model.joint_table, joint_force_table(model), body_table(model, resistance), trees.table]
    state, out = [*arrays[:6], en.vec3(*model.gravity), dt], arrays[6:]
    on_gpu = model.device.is_cuda
    if active_tape() is not None or trees.lanes != (WARP if on_gpu else CPU_LANES):
        # gradients go through trees one by one
        return [(step_trees, trees.count, [*tables, None, trees.lanes, *state], out)]
    found: list[tuple] = []
    for group in trees.copies:
        which = [*tables, spacing_of(group), group.tree, group.copies, group.dofs]
        if on_gpu:
            width = copies_in_warp(group.copies)
            found.append((step_copies_apart, (-(-group.copies // width), WARP), [*which, width, *state], out))
        else:
            found.append((step_copies, (-(-group.copies // CPU_LANES), CPU_LANES), [*which, *state], out))
    if trees.rest_count:
        found.append((step_trees, trees.rest_count, [*tables, trees.rest, trees.lanes, *state], out))
    return found

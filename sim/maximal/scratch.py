"""Scratch arrays of a model's joints in maximal coordinates, and the launches that the integrators share."""

from functools import cached_property

import numpy as np

import engine as en
from engine.capture import NotRecorded
from sim.articulation.actuators import applied_forces
from sim.articulation.body_table import body_table
from sim.articulation.inverse import follow_joints
from sim.device_arrays import device_array
from sim.featherstone.joint_forces import joint_force_table
from sim.maximal.body_response import (
    ResponseTable,
    hand_on_impulses,
    lay_lone_responses,
    lay_responses_in_clusters,
    mark_touching,
)
from sim.maximal.closing import ROWS_OF_CLOSURE, prepare_closures, solve_closures
from sim.maximal.clusters import Clusters
from sim.maximal.coupling import solve_couplings
from sim.maximal.friction import settle_friction
from sim.maximal.items import CLOSURE_SIZE, NODE_SIZE, ROW_SIZE
from sim.maximal.joint_rows import constraint_table
from sim.maximal.prepare import prepare_clusters


class JointScratch:
    """Work arrays of one model under one integrator.

    Attributes:
        penalty: Whether locked directions are springs.
        clusters: ``Clusters`` of the model.
        words, rows: Items of nodes and of rows, float.
        used: Rows of each node that this step uses, int [node count].
        frame: Poses whose directions the step uses, transform [body_count].
        has_friction: Whether any joint has dry friction.
        sprung: Which joints are springs, int [joint_count], or None.
        closed: Items of closures; asked, scale: what their rows are to move, and how lightly they move, float.
        touching: See `sim.maximal.body_response.mark_slot`; 0 between steps.
        kept: Poses and velocities of the nodes before contacts push them.
        q, qd: Coordinates and rates where the step begins, float; q_mid: coordinates that rates lead to at mid-step.
    """

    def __init__(self, model, penalty: bool):
        self.penalty = penalty
        self.clusters = Clusters(model, penalty)
        self.words = en.zeros(max(1, self.clusters.node_count * NODE_SIZE), dtype=float)
        self.rows = en.zeros(max(1, self.clusters.row_count * ROW_SIZE), dtype=float)
        self.used = en.zeros(max(1, len(self.clusters.table.body)), dtype=int)
        self.has_friction = bool((model.joint_friction.numpy() > 0.0).any())
        self.sprung = None
        if penalty:
            self.sprung = device_array(on_springs(model), "int32", model.device)
        self.frame = en.clone(model.body_q, requires_grad=False)
        self.q = en.clone(model.joint_q, requires_grad=False)
        self.q_mid = en.clone(model.joint_q, requires_grad=False)
        closures = self.clusters.closures.count
        self.closed = en.zeros(max(1, closures * CLOSURE_SIZE), dtype=float)
        self.asked, self.scale = (
            en.zeros(max(1, 6 * closures), dtype=float),
            en.zeros(max(1, 6 * closures), dtype=float),
        )
        self.qd = en.zeros(max(1, model.joint_dof_count), dtype=float)
        n = max(1, model.body_count)
        self.touching = en.zeros(n, dtype=int)
        self.kept = en.zeros(n, dtype=en.transform), en.zeros(n, dtype=en.spatial_vector)

    def prepare(self, model, state_in, state_out, control, dt: float, springs=(0, None, None)) -> None:
        """Rows, laws and inertias of a step whose free motion stands in ``state_out``.

        Args:
            model: The model.
            state_in: Where the step begins.
            state_out: Where bodies without joints would go.
            control: Inputs, or None for the model's.
            dt: Step [s].
            springs: Whether penalty springs are explicit (0 or 1), their stiffness and damping, (linear, angular) a joint.
        """
        clusters, width = self.clusters, self.clusters.width(model.device)
        if not clusters.count:
            return
        self.frame_loose(model, state_in)
        en.launch(
            prepare_clusters(self.penalty),
            dim=clusters.count * width,
            inputs=[
                model.joint_table, joint_force_table(model), constraint_table(model), body_table(model), clusters.table,
                width, state_in.body_q, state_in.body_qd, state_in.joint_q,
                model.joint_act if control is None else control.joint_act, applied_forces(model, state_in, control),
                model.joint_friction, self.sprung, *springs, dt, state_out.body_q, state_out.body_qd,
            ],
            outputs=[self.frame, self.q, self.qd, self.q_mid, self.used, self.words, self.rows],
        )  # fmt: skip
        if clusters.closures.count:
            self._prepare_closures(model, state_in, state_out, control, dt)

    def frame_loose(self, model, state_in) -> None:
        """Writes the poses of bodies that are no node, such as kinematic ones."""
        if self.clusters.node_count < model.body_count:
            en.copy(self.frame, state_in.body_q)

    def _prepare_closures(self, model, state_in, state_out, control, dt: float) -> None:
        clusters, closures = self.clusters, self.clusters.closures
        en.launch(
            prepare_closures,
            dim=clusters.count,
            inputs=[
                model.joint_table, joint_force_table(model), closures.table, closures.constraints, closures.joint,
                body_table(model), clusters.table, state_in.body_q, state_in.body_qd, state_in.joint_q,
                model.joint_act if control is None else control.joint_act, applied_forces(model, state_in, control),
                dt, state_out.body_q, self.frame, self.used, ROWS_OF_CLOSURE,
            ],
            outputs=[self.q, self.qd, self.q_mid, self.words, self.rows, self.closed],
        )  # fmt: skip

    def close(self, model, state_out, dt: float) -> None:
        """One sweep over loops, welds and couplings."""
        clusters, closures = self.clusters, self.clusters.closures
        if not closures.count:
            return
        moved = [state_out.body_q, state_out.body_qd]
        en.launch(
            solve_closures,
            dim=clusters.count,
            inputs=[
                closures.table, closures.constraints, closures.joint, body_table(model), model.body_inv_mass,
                model.body_inv_inertia, clusters.table, self.frame, self.used, dt,
                ROWS_OF_CLOSURE,
            ],
            outputs=[self.words, self.rows, self.closed, self.asked, self.scale, *moved],
        )  # fmt: skip
        if closures.coupled:
            en.launch(
                solve_couplings,
                dim=clusters.count,
                inputs=[
                    model.joint_table, closures.table.type, closures.couplings, body_table(model), clusters.table,
                    self.used, self.q, dt,
                ],
                outputs=[self.words, self.rows, self.closed, *moved],
            )  # fmt: skip

    def settle_friction(self, model, state_out, dt: float) -> None:
        """Lets joints slide whose dry friction would have to be larger than it can be, for the sweeps to come."""
        clusters, width = self.clusters, self.clusters.width(model.device)
        en.launch(
            settle_friction,
            dim=clusters.count * width,
            inputs=[
                model.joint_table, body_table(model), clusters.table, width, state_out.body_q,
                state_out.body_qd, self.frame, self.used, dt,
            ],
            outputs=[self.words, self.rows],
        )  # fmt: skip

    @cached_property
    def responses(self) -> ResponseTable:
        """How bodies yield to contacts; filled by ``weigh_touching``."""
        table, n = ResponseTable(), len(self.frame)
        for name in ("aa", "al", "ll"):
            setattr(table, name, en.zeros(n, dtype=en.mat33))
        table.parts, table.wrench = en.zeros(n, dtype=float), en.zeros(n, dtype=en.spatial_vector)
        self._touching = en.zeros(n, dtype=int)
        return table

    def weigh_loose(self, model, state_out) -> None:
        """Finds how bodies yield that no joint holds."""
        if self.clusters.node_count < model.body_count:
            en.launch(
                lay_lone_responses,
                dim=model.body_count,
                inputs=[self.clusters.table.place, state_out.body_q, model.body_inv_mass, model.body_inv_inertia],
                outputs=[self.responses],
            )

    def weigh_touching(self, model, contacts, state_out) -> None:
        """Finds how the bodies that touch something yield."""
        clusters, responses = self.clusters, self.responses
        self.weigh_loose(model, state_out)
        en.launch(
            mark_touching,
            dim=contacts.capacity,
            inputs=[
                contacts.active_count, contacts.active_pair, contacts.pair_shapes, model.shape_body, state_out.body_q,
                contacts.points,
            ],
            outputs=[self._touching],
        )  # fmt: skip
        width = clusters.width(model.device)
        en.launch(
            lay_responses_in_clusters,
            dim=clusters.count * width,
            inputs=[clusters.table, width, self.used, self.words, self.rows, responses],
            outputs=[self._touching],
        )

    def remember(self, state_out) -> None:
        """Keeps where the bodies are, where more than `solve_joints` and `hand_on` has moved them since these kept it."""
        if self.clusters.closures.count:
            en.copy(self.kept[0], state_out.body_q)
            en.copy(self.kept[1], state_out.body_qd)

    def hand_on(self, model, state_out, dt: float, *, moving: bool = True) -> None:
        """Lets the clusters respond to what the sweep pushed; without ``moving`` only by their velocities."""
        clusters, width = self.clusters, self.clusters.width(model.device)
        en.launch(
            hand_on_impulses,
            dim=clusters.count * width,
            inputs=[
                clusters.table, width, body_table(model), self.frame, self.used, dt, moving, self.words,
                self.rows, self.responses,
            ],
            outputs=[state_out.body_q, state_out.body_qd, *self.kept],
        )  # fmt: skip

    def follow(self, model, state_in, state_out) -> None:
        """Sets the joint coordinates of ``state_out`` from its bodies; turns are counted on from ``state_in``."""
        if not model.joint_count:
            return
        en.launch(
            follow_joints,
            dim=model.joint_count,
            inputs=[model.joint_table, state_out.body_q, state_out.body_qd, model.body_com, state_in.joint_q],
            outputs=[state_out.joint_q, state_out.joint_qd],
        )


def on_springs(model) -> np.ndarray:
    """Joints that can be springs: a body without mass cannot hang on any, so its joints stay constraints."""
    massless = np.append(model.body_mass.numpy() <= 0.0, False)
    return ~(massless[model.joint_parent.numpy()] | massless[model.joint_child.numpy()])


def joint_scratch(model, penalty: bool) -> JointScratch | None:
    """The model's scratch for joints as springs (``penalty``) or as constraints; None if no joint or equality
    constraint holds a body."""
    if not model.joint_count and not model.equality_count:
        return None
    name = "penalty_joints" if penalty else "position_joints"
    scratch = getattr(model, name, None)
    if scratch is None:
        with NotRecorded():
            scratch = JointScratch(model, penalty)
        setattr(model, name, scratch)
    return scratch

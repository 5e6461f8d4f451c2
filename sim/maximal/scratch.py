"""Scratch arrays of a model's joints in maximal coordinates, and the launches that the integrators share."""

import numpy as np

import engine as en
from engine.capture import NotRecorded
from sim.articulation.inverse import follow_joints
from sim.device_arrays import device_array
from sim.featherstone.joint_forces import joint_force_table
from sim.featherstone.outward import body_table
from sim.maximal.clusters import Clusters
from sim.maximal.items import NODE_SIZE, ROW_SIZE
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
        sprung: Which joints are springs, int [joint_count], or None.
        q, qd: Coordinates and rates where the step begins, float; q_mid: coordinates that rates lead to at mid-step.
    """

    def __init__(self, model, penalty: bool):
        self.penalty = penalty
        self.clusters = Clusters(model, penalty)
        self.words = en.zeros(max(1, self.clusters.node_items * NODE_SIZE), dtype=float)
        self.rows = en.zeros(max(1, self.clusters.row_items * ROW_SIZE), dtype=float)
        self.used = en.zeros(max(1, len(self.clusters.table.body)), dtype=int)
        self.sprung = None
        if penalty:
            self.sprung = device_array(on_springs(model), "int32", model.device)
        self.frame = en.clone(model.body_q, requires_grad=False)
        self.q = en.clone(model.joint_q, requires_grad=False)
        self.q_mid = en.clone(model.joint_q, requires_grad=False)
        self.qd = en.zeros(max(1, model.joint_dof_count), dtype=float)

    def prepare(self, model, state_in, state_out, control, dt: float, springs=(None, None)) -> None:
        """Rows, laws and inertias of a step whose free motion stands in ``state_out``.

        Args:
            model: The model.
            state_in: Where the step begins.
            state_out: Where bodies without joints would go.
            control: Inputs, or None for the model's.
            dt: Step [s].
            springs: Stiffness and damping of penalty springs, (linear, angular) a joint.
        """
        clusters = self.clusters
        if not clusters.count:
            return
        en.copy(self.frame, state_in.body_q)
        en.launch(
            prepare_clusters(self.penalty),
            dim=clusters.count,
            inputs=[
                model.joint_table, joint_force_table(model), constraint_table(model), body_table(model), clusters.table,
                clusters.lanes, state_in.body_q, state_in.body_qd, state_in.joint_q,
                model.joint_act if control is None else control.joint_act, None if control is None else control.joint_f,
                self.sprung, *springs, dt, state_out.body_q, state_out.body_qd,
            ],
            outputs=[self.frame, self.q, self.qd, self.q_mid, self.used, self.words, self.rows],
        )  # fmt: skip

    def follow(self, model, state_in, state_out) -> None:
        """Sets the joint coordinates of ``state_out`` from its bodies; turns are counted on from ``state_in``."""
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
    """The model's scratch for joints as springs (``penalty``) or as constraints; None without joints."""
    if not model.joint_count:
        return None
    name = "penalty_joints" if penalty else "position_joints"
    scratch = getattr(model, name, None)
    if scratch is None:
        with NotRecorded():
            scratch = JointScratch(model, penalty)
        setattr(model, name, scratch)
    return scratch

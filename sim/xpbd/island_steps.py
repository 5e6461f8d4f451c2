"""A step of islands with joints as one launch: contacts, joints and bounces of an island follow each other in it.

On a GPU the launches of a step are most of what it costs, for a hundred robots or a thousand. Threads that share an
island wait for each other instead; what they do is what the kernels do that this stands for, in the same order.
"""

from functools import cache

import numpy as np

import engine as en
from sim.articulation.actuators import applied_forces
from sim.articulation.body_table import BodyTable, body_table
from sim.articulation.inverse import count_turns, measure_joint
from sim.articulation.joint_table import JointTable
from sim.collide.contact_points import PointTable
from sim.collide.islands import IslandTable, order_island
from sim.collide.listed_pairs import ListedPairs
from sim.collide.point_history import carry_slip_of_slot
from sim.device_arrays import device_array
from sim.featherstone.joint_forces import JointForceTable, joint_force_table
from sim.forces.contact_response import rest_speed
from sim.forces.friction_rules import FrictionRules
from sim.maximal.body_response import ResponseTable, hand_on_in_cluster, lay_responses_in_cluster, mark_slot
from sim.maximal.clusters import ClusterTable
from sim.maximal.joint_rows import ConstraintTable, constraint_table
from sim.maximal.prepare import preparation
from sim.xpbd.bodies import contact_sweep, keep_slip_of_slot
from sim.xpbd.body_impulses import MassTable, mass_table
from sim.xpbd.bounces import bounce_sweep
from sim.xpbd.joints import solve_joints_of_cluster


@en.struct
class ContactTable:
    """Pairs and points as in `RigidContacts`, the materials of shapes, what contacts remember."""

    island_start: en.array(dtype=int)
    active_count: en.array(dtype=int)
    active_pair: en.array(dtype=int)
    pair_shapes: en.array2d(dtype=int)
    shape_body: en.array(dtype=int)
    mu: en.array(dtype=float)
    restitution: en.array(dtype=float)
    allowed: en.array(dtype=float)
    slip: en.array(dtype=en.vec3)
    push: en.array(dtype=float)
    drag: en.array(dtype=en.vec3)
    previous_slot: en.array(dtype=int)
    old_count: en.array(dtype=int)
    old_point_a: en.array(dtype=en.vec3)
    old_slip: en.array(dtype=en.vec3)


def contact_table(model, contacts, push, drag) -> ContactTable:
    """The table of some `RigidContacts`."""
    table = ContactTable()
    for name in ("island_start", "active_count", "active_pair", "pair_shapes", "allowed", "slip"):
        setattr(table, name, getattr(contacts, name))
    table.shape_body, table.push, table.drag = model.shape_body, push, drag
    table.previous_slot = contacts.pairs.previous_slot
    table.old_count, table.old_point_a, table.old_slip = contacts.old_points
    table.mu, table.restitution = model.shape_materials.mu, model.shape_materials.restitution
    return table


def clusters_of_islands(model, clusters, contacts):
    """First cluster of each island, and the number of clusters, int; None where islands cannot be stepped as a whole.

    That needs a GPU, clusters that all have contacts to look for and lie in the order of their islands, and joints
    without loops and dry friction, which take more sweeps than contacts do.
    """
    pairs = contacts.pairs
    if not model.device.is_cuda or not isinstance(pairs, ListedPairs) or model.particle_count:
        return None
    if not clusters.count or clusters.closures.count or (model.joint_friction.numpy() > 0.0).any():
        return None
    first = clusters.table.body.numpy()[clusters.table.first.numpy()[:-1]]
    label = pairs.label[first]
    if not np.isin(label, pairs.first_body).all() or (np.diff(label) < 0).any():
        return None
    return device_array(np.searchsorted(label, np.append(pairs.first_body, model.body_count)), "int32", model.device)


@cache
def step_islands():
    """The kernel."""
    prepare, sweep, bounce = preparation(False), contact_sweep(True), bounce_sweep(True)

    @en.kernel
    def step(
        width: int,
        iterations: int,
        cluster_start: en.array(dtype=int),
        carry: bool,
        contacts: ContactTable,
        friction_rules: FrictionRules,
        points: PointTable,
        masses: MassTable,
        predicted: en.array(dtype=en.transform),
        joints: JointTable,
        forces: JointForceTable,
        constraints: ConstraintTable,
        bodies: BodyTable,
        clusters: ClusterTable,
        body_q0: en.array(dtype=en.transform),
        body_qd0: en.array(dtype=en.spatial_vector),
        joint_q0: en.array(dtype=float),
        act: en.array(dtype=float),
        applied: en.array(dtype=float),
        friction: en.array(dtype=float),
        sprung: en.array(dtype=int),
        stiffness: en.array2d(dtype=float),
        fastest: float,
        closing: float,
        rest_speed: float,
        dt: float,
        islands: IslandTable,
        frame: en.array(dtype=en.transform),
        q: en.array(dtype=float),
        qd: en.array(dtype=float),
        q_mid: en.array(dtype=float),
        used: en.array(dtype=int),
        words: en.array(dtype=float),
        rows: en.array(dtype=float),
        responses: ResponseTable,
        touching: en.array(dtype=int),
        body_q: en.array(dtype=en.transform),
        body_qd: en.array(dtype=en.spatial_vector),
        kept_q: en.array(dtype=en.transform),
        kept_qd: en.array(dtype=en.spatial_vector),
        joint_q: en.array(dtype=float),
        joint_qd: en.array(dtype=float),
    ):
        thread = en.tid()
        island = thread // width
        lane = thread - island * width
        first = cluster_start[island]
        last = cluster_start[island + 1]
        for cluster in range(first, last):
            prepare(
                joints, forces, constraints, bodies, clusters, cluster, lane, width, body_q0, body_qd0, joint_q0, act,
                applied, friction, sprung, 0, stiffness, stiffness, dt, body_q, body_qd, frame, q, qd, q_mid, used,
                words, rows,
            )  # fmt: skip
        order_island(
            island, lane, width, contacts.island_start, contacts.active_count, contacts.active_pair,
            contacts.pair_shapes, contacts.shape_body, points, islands,
        )  # fmt: skip
        en.sync_lanes(width)
        begin = islands.first[island] + lane
        end = islands.first[island] + islands.count[island]
        for at in range(begin, end, width):
            if carry:
                carry_slip_of_slot(
                    islands.slot[at], contacts.previous_slot, contacts.old_count, contacts.old_point_a,
                    contacts.old_slip, points, contacts.slip,
                )  # fmt: skip
            mark_slot(
                islands.slot[at], contacts.active_pair, contacts.pair_shapes, contacts.shape_body, body_q, points, touching
            )  # fmt: skip
        en.sync_lanes(width)
        touched = int(last)
        if islands.count[island] == 0:
            touched = int(first)
        for cluster in range(first, touched):
            lay_responses_in_cluster(clusters, cluster, lane, width, used, words, rows, responses, touching)
        for iteration in range(iterations):
            for cluster in range(first, last):
                solve_joints_of_cluster(
                    joints, constraints, bodies, clusters, cluster, lane, width, frame, used, dt, words, rows, body_q,
                    body_qd, kept_q, kept_qd,
                )  # fmt: skip
            en.sync_lanes(width)
            sweep(
                island, lane, width, islands, contacts.active_pair, contacts.pair_shapes, contacts.mu,
                friction_rules, masses, responses, points, contacts.allowed, contacts.slip, predicted, dt,
                en.where(iteration > 0, 1.0, 0.0), fastest, body_q, body_qd, contacts.push, contacts.drag,
            )  # fmt: skip
            for cluster in range(first, touched):
                hand_on_in_cluster(
                    clusters, cluster, lane, width, bodies, frame, used, dt, True, True, words, rows, responses, body_q,
                    body_qd, kept_q, kept_qd,
                )  # fmt: skip
            en.sync_lanes(width)
        for at in range(begin, end, width):
            keep_slip_of_slot(
                islands.slot[at], contacts.active_pair, contacts.pair_shapes, contacts.shape_body, contacts.mu,
                friction_rules, body_q, body_qd, masses.com, points, closing, dt, contacts.push, contacts.drag,
                contacts.slip,
            )  # fmt: skip
        en.sync_lanes(width)
        for _ in range(iterations):
            bounce(
                island, lane, width, islands, contacts.active_pair, contacts.pair_shapes, contacts.restitution,
                body_qd0, masses, responses, points, rest_speed, dt, contacts.push, body_q, body_qd,
            )  # fmt: skip
            for cluster in range(first, touched):
                hand_on_in_cluster(
                    clusters, cluster, lane, width, bodies, frame, used, dt, False, True, words, rows, responses, body_q,
                    body_qd, kept_q, kept_qd,
                )  # fmt: skip
            en.sync_lanes(width)
        for position in range(clusters.first[first] + lane, clusters.first[last], width):
            j = clusters.joint[position]
            if j >= 0:
                measure_joint(joints, j, body_q, body_qd, bodies.com, joint_q, joint_qd)
                count_turns(joints, j, joint_q0, joint_q)

    return step


def step_whole_islands(
    model, scratch, contacts, jointed, state_in, state_out, control, dt: float, *, iterations: int, rest: float,
    carry: bool,
) -> None:  # fmt: skip
    """What `XPBDIntegrator` does with joints and contacts in a step, in one launch.

    Args:
        model: The model.
        scratch: `sim.xpbd.scratch.Scratch`.
        contacts: `RigidContacts` of the step.
        jointed: `JointScratch`.
        state_in: Where the step begins.
        state_out: Where free motion leads.
        control: Inputs, or None for the model's.
        dt: Step [s].
        iterations: Sweeps.
        rest: Impact speed below which contacts do not bounce [m/s].
        carry: Whether contacts are new and have to be told what they remember.
    """
    order, clusters = contacts.order_of(model), jointed.clusters
    jointed.weigh_loose(model, state_out)
    jointed.frame_loose(model, state_in)
    width = order.choose_width(model)
    en.launch(
        step_islands(),
        dim=contacts.island_count * width,
        inputs=[
            width, iterations, scratch.cluster_start, carry,
            contact_table(model, contacts, *scratch.rigid_multipliers(contacts)), model.friction_rules,
            contacts.points, mass_table(model), scratch.predicted_bodies, model.joint_table, joint_force_table(model),
            constraint_table(model), body_table(model), clusters.table, state_in.body_q, state_in.body_qd,
            state_in.joint_q, model.joint_act if control is None else control.joint_act,
            applied_forces(model, state_in, control), model.joint_friction, None, None,
            float(model.max_depenetration_velocity), rest_speed(model.gravity, dt) * dt, rest, dt,
        ],
        outputs=[
            order.table, jointed.frame, jointed.q, jointed.qd, jointed.q_mid, jointed.used, jointed.words, jointed.rows,
            jointed.responses, jointed.touching, state_out.body_q, state_out.body_qd, *jointed.kept, state_out.joint_q,
            state_out.joint_qd,
        ],
        block_dim=order.block_dim,
    )  # fmt: skip
    if clusters.joint_count < model.joint_count:
        jointed.follow(model, state_in, state_out)

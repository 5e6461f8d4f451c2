"""Dry friction in joints: a viscous resistance that gives the right force, or grips as firmly as friction can.

A sliding joint meets the resistance friction / speed: implicit, so that friction never turns the motion round. A joint
at rest is gripped by a resistance of that kind at `LEAST_SPEED`, so that it holds. After a sweep, joints where that came
to more than the friction slide with just the friction.
"""

import engine as en
from sim.articulation.body_table import BodyTable
from sim.articulation.joint_table import JointTable
from sim.maximal.clusters import ClusterTable
from sim.maximal.items import ARM, EXTRA, FRICTION, GIVEN, GRIP, ROW_WORDS, get3, node_at, row_item
from sim.maximal.joint_rows import dof_count, rate_of_dof, relative_place
from sim.maximal.measure import present_rates
from sim.maximal.release import lay_inertia, release_nodes

# A joint that holds creeps no faster than this [rad/s or m/s].
LEAST_SPEED = en.constant(1.0e-5)


@en.func
def lay_friction(friction: float, speed: float, dt: float, rows: en.array(dtype=float), row: int):
    """Adds dry friction [N or N m] to the law of a row that moves with ``speed`` where the step begins."""
    if friction > 0.0:
        grip = dt * friction / en.max(en.abs(speed), LEAST_SPEED)
        rows[row + FRICTION] = dt * dt * friction
        rows[row + GRIP] = grip
        rows[row + EXTRA] = rows[row + EXTRA] + grip


@en.func
def lay_frictions(
    joints: JointTable,
    j: int,
    friction: en.array(dtype=float),
    qd: en.array(dtype=float),
    dt: float,
    rows: en.array(dtype=float),
    row: int,
):
    """Adds dry friction to the laws of a joint's degrees of freedom."""
    start = joints.qd_start[j]
    for i in range(dof_count(joints, j)):
        lay_friction(friction[start + i], qd[start + i], dt, rows, row + i * ROW_WORDS)


@en.func
def let_slide(y: float, rows: en.array(dtype=float), row: int):
    """Turns a grip on the displacement y that is stronger than friction into the friction."""
    grip = rows[row + GRIP]
    most = rows[row + FRICTION]
    if grip * en.abs(y) > most:
        rows[row + EXTRA] = rows[row + EXTRA] - grip
        rows[row + GRIP] = 0.0
        rows[row + GIVEN] = rows[row + GIVEN] - en.sign(y) * most


@en.kernel
def settle_friction(
    joints: JointTable,
    bodies: BodyTable,
    clusters: ClusterTable,
    width: int,
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
    frame: en.array(dtype=en.transform),
    used: en.array(dtype=int),
    dt: float,
    words: en.array(dtype=float),
    rows: en.array(dtype=float),
):
    """Lets joints slide that cannot hold, and releases the cluster's rows anew."""
    thread = en.tid()
    cluster = thread // width
    lane = thread - cluster * width
    for position in range(clusters.first[cluster] + lane, clusters.first[cluster + 1], width):
        b = clusters.body[position]
        j = clusters.joint[position]
        here = node_at(position)
        lay_inertia(words, here, get3(words, here + ARM), frame[b], bodies.mass[b], bodies.inertia[b])
        if j >= 0:
            row = row_item(clusters.row_at[position])
            X = relative_place(joints, j, body_q)
            turning, sliding = present_rates(joints, j, X, body_q, body_qd, bodies.com)
            for i in range(dof_count(joints, j)):
                let_slide(dt * rate_of_dof(joints, j, i, turning, sliding), rows, row + i * ROW_WORDS)
    release_nodes(clusters, cluster, lane, width, used, words, rows)

"""Joints as position constraints: all joints of a tree at once, exactly, instead of one after the other."""

import engine as en
from sim.articulation.body_table import BodyTable
from sim.articulation.joint_table import JointTable
from sim.maximal.clusters import ClusterTable
from sim.maximal.items import node_at, row_item
from sim.maximal.joint_rows import ConstraintTable
from sim.maximal.measure import measure_joint_rows
from sim.maximal.respond import keep_nodes, move_nodes


@en.func
def solve_joints_of_cluster(
    joints: JointTable,
    constraints: ConstraintTable,
    bodies: BodyTable,
    clusters: ClusterTable,
    cluster: int,
    lane: int,
    width: int,
    frame: en.array(dtype=en.transform),
    used: en.array(dtype=int),
    dt: float,
    words: en.array(dtype=float),
    rows: en.array(dtype=float),
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
    kept_q: en.array(dtype=en.transform),
    kept_qd: en.array(dtype=en.spatial_vector),
):
    """One sweep: measures what the joints of a cluster ask for at the present poses, and gives it to them.

    Where its bodies are then is kept for `hand_on_impulses`.
    """
    for position in range(clusters.first[cluster] + lane, clusters.first[cluster + 1], width):
        j = clusters.joint[position]
        if j >= 0:
            measure_joint_rows(
                joints, constraints, j, used[position], frame, body_q, body_qd, bodies.com, dt, words, node_at(position),
                rows, row_item(clusters.row_at[position]),
            )  # fmt: skip
    move_nodes(clusters, cluster, lane, width, used, bodies.com, dt, words, rows, body_q, body_qd)
    keep_nodes(clusters, cluster, lane, width, body_q, body_qd, kept_q, kept_qd)


@en.kernel
def solve_joints(
    joints: JointTable,
    constraints: ConstraintTable,
    bodies: BodyTable,
    clusters: ClusterTable,
    width: int,
    frame: en.array(dtype=en.transform),
    used: en.array(dtype=int),
    dt: float,
    words: en.array(dtype=float),
    rows: en.array(dtype=float),
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
    kept_q: en.array(dtype=en.transform),
    kept_qd: en.array(dtype=en.spatial_vector),
):
    thread = en.tid()
    cluster = thread // width
    solve_joints_of_cluster(
        joints, constraints, bodies, clusters, cluster, thread - cluster * width, width, frame, used, dt, words, rows,
        body_q, body_qd, kept_q, kept_qd,
    )  # fmt: skip

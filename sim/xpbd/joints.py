"""Joints as position constraints: all joints of a tree at once, exactly, instead of one after the other."""

import engine as en
from sim.articulation.joint_table import JointTable
from sim.featherstone.outward import BodyTable
from sim.maximal.clusters import ClusterTable
from sim.maximal.items import node_at, row_item
from sim.maximal.joint_rows import ConstraintTable
from sim.maximal.measure import measure_joint_rows
from sim.maximal.respond import move_nodes


@en.kernel
def solve_joints(
    joints: JointTable,
    constraints: ConstraintTable,
    bodies: BodyTable,
    clusters: ClusterTable,
    lanes: int,
    frame: en.array(dtype=en.transform),
    used: en.array(dtype=int),
    dt: float,
    words: en.array(dtype=float),
    rows: en.array(dtype=float),
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
):
    """One sweep: measures what the joints of a cluster ask for at the present poses, and gives it to them."""
    cluster = en.tid()
    first = clusters.first[cluster]
    lane = clusters.lane[cluster]
    for k in range(clusters.first[cluster + 1] - first):
        j = clusters.joint[first + k]
        if j >= 0:
            here = node_at(clusters.node_base[cluster], lane, k, lanes)
            row = row_item(clusters.row_base[cluster], lane, clusters.row_at[first + k], lanes)
            measure_joint_rows(
                joints, constraints, j, used[first + k], frame, body_q, body_qd, bodies.com, dt, words, here, rows,
                row, lanes,
            )  # fmt: skip
    move_nodes(clusters, cluster, lanes, used, bodies.com, dt, words, rows, body_q, body_qd)

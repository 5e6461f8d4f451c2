"""Joints as penalty springs: what they lock is pulled back by springs and dampers, what they free follows its laws.

Forces along the degrees of freedom (drives, limits, damping, friction, armature) are implicit over the whole tree and
bound no step (see `sim.maximal`). So are the springs, unless their stiffness is given: then they are explicit, with
dampers, and bound it.
"""

import engine as en
from sim.articulation.joint_table import JointTable
from sim.featherstone.outward import BodyTable
from sim.maximal.clusters import ClusterTable
from sim.maximal.items import APPLIED, DRIVE, GIVEN, ROW_WORDS, node_at, row_item
from sim.maximal.joint_rows import ConstraintTable, dof_count, relative_place
from sim.maximal.measure import error_in_world, measure_drives, measure_joint_rows, measure_springs
from sim.maximal.respond import move_nodes


@en.func
def drive_penalties(joints: JointTable, j: int, count: int, rows: en.array(dtype=float), row: int, lanes: int):
    """Hands the impulses of a joint's springs to the sweep."""
    for i in range(dof_count(joints, j), count):
        at = row + i * ROW_WORDS * lanes
        rows[at + DRIVE * lanes] = rows[at + GIVEN * lanes] - rows[at + APPLIED * lanes]
        rows[at + APPLIED * lanes] = rows[at + GIVEN * lanes]


@en.kernel
def pull_joints(
    joints: JointTable,
    constraints: ConstraintTable,
    bodies: BodyTable,
    clusters: ClusterTable,
    lanes: int,
    sprung: en.array(dtype=int),
    explicit: int,
    frame: en.array(dtype=en.transform),
    used: en.array(dtype=int),
    dt: float,
    words: en.array(dtype=float),
    rows: en.array(dtype=float),
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
):
    """Moves the bodies of a cluster by what its joints do within the step."""
    cluster = en.tid()
    first = clusters.first[cluster]
    lane = clusters.lane[cluster]
    for k in range(clusters.first[cluster + 1] - first):
        j = clusters.joint[first + k]
        if j >= 0:
            row = row_item(clusters.row_base[cluster], lane, clusters.row_at[first + k], lanes)
            here = node_at(clusters.node_base[cluster], lane, k, lanes)
            if sprung[j] != 0:
                X = relative_place(joints, j, body_q)
                measure_drives(joints, constraints, j, X, frame, body_q, body_qd, bodies.com, dt, rows, row, lanes)
                if explicit != 0:
                    drive_penalties(joints, j, used[first + k], rows, row, lanes)
                else:
                    e_a, e_l = error_in_world(joints, constraints, j, X, frame)
                    measure_springs(joints, j, used[first + k], e_a, e_l, rows, row, lanes)
            else:
                measure_joint_rows(
                    joints, constraints, j, used[first + k], frame, body_q, body_qd, bodies.com, dt, words, here, rows,
                    row, lanes,
                )  # fmt: skip
    move_nodes(clusters, cluster, lanes, used, bodies.com, dt, words, rows, body_q, body_qd)

"""Joints as penalty springs: what they lock is pulled back by springs and dampers, what they free follows its laws.

Forces along the degrees of freedom (drives, limits, damping, friction, armature) are implicit over the whole tree and
bound no step (see `sim.maximal`). So are the springs, unless their stiffness is given: then they are explicit, with
dampers, and bound it.
"""

import engine as en
from sim.articulation.body_table import BodyTable
from sim.articulation.joint_table import JointTable
from sim.maximal.clusters import ClusterTable
from sim.maximal.items import APPLIED, DRIVE, GIVEN, ROW_WORDS, node_at, row_item
from sim.maximal.joint_rows import ConstraintTable, dof_count, relative_place
from sim.maximal.measure import error_in_world, measure_drives, measure_joint_rows, measure_springs
from sim.maximal.respond import move_nodes


@en.func
def drive_penalties(joints: JointTable, j: int, count: int, rows: en.array(dtype=float), row: int):
    """Hands the impulses of a joint's springs to the sweep."""
    for i in range(dof_count(joints, j), count):
        at = row + i * ROW_WORDS
        rows[at + DRIVE] = rows[at + GIVEN] - rows[at + APPLIED]
        rows[at + APPLIED] = rows[at + GIVEN]


@en.kernel
def pull_joints(
    joints: JointTable,
    constraints: ConstraintTable,
    bodies: BodyTable,
    clusters: ClusterTable,
    width: int,
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
    thread = en.tid()
    cluster = thread // width
    lane = thread - cluster * width
    for position in range(clusters.first[cluster] + lane, clusters.first[cluster + 1], width):
        j = clusters.joint[position]
        if j >= 0:
            row = row_item(clusters.row_at[position])
            here = node_at(position)
            if sprung[j] != 0:
                X = relative_place(joints, j, body_q)
                measure_drives(joints, constraints, j, X, frame, body_q, body_qd, bodies.com, dt, rows, row)
                if explicit != 0:
                    drive_penalties(joints, j, used[position], rows, row)
                else:
                    e_a, e_l = error_in_world(joints, constraints, j, X, frame)
                    measure_springs(joints, j, used[position], e_a, e_l, rows, row)
            else:
                measure_joint_rows(
                    joints, constraints, j, used[position], frame, body_q, body_qd, bodies.com, dt, words, here, rows,
                    row,
                )  # fmt: skip
    move_nodes(clusters, cluster, lane, width, used, bodies.com, dt, words, rows, body_q, body_qd)

"""Couplings of joint coordinates (mimic joints, gears): one row between two degrees of freedom of a cluster."""

import engine as en
from sim.articulation.body_table import BodyTable
from sim.articulation.inverse import joint_angles, nearest_turn
from sim.articulation.joint_table import JointTable
from sim.maximal.closures import CouplingTable
from sim.maximal.clusters import ClusterTable
from sim.maximal.items import APPLIED, CLOSURE_WORDS, DRIVE, SHIFT, row_item
from sim.maximal.joint_rows import relative_place
from sim.maximal.respond import move_nodes, respond


@en.func
def coordinate(
    joints: JointTable, j: int, i: int, body_q: en.array(dtype=en.transform), before: en.array(dtype=float)
) -> float:
    """Coordinate i of a joint with axes as its bodies stand, turns counted on from ``before``."""
    X = relative_place(joints, j, body_q)
    linear = joints.axis_dim[j, 0]
    x = 0.0
    if i < linear:
        x = en.dot(joints.axis[joints.axis_start[j] + i], en.transform_get_translation(X))
    else:
        angles = joint_angles(joints, j, en.transform_get_rotation(X))
        x = nearest_turn(angles[i - linear], before[joints.q_start[j] + i])
    return x


@en.func
def row_of_dof(clusters: ClusterTable, joints: JointTable, j: int, i: int) -> int:
    """First word of the row of a degree of freedom of a tree's joint."""
    return row_item(clusters.row_at[clusters.place[joints.child[j]]] + i)


@en.kernel
def solve_couplings(
    joints: JointTable,
    kinds: en.array(dtype=int),
    couplings: CouplingTable,
    bodies: BodyTable,
    clusters: ClusterTable,
    used: en.array(dtype=int),
    q: en.array(dtype=float),
    dt: float,
    words: en.array(dtype=float),
    rows: en.array(dtype=float),
    closed: en.array(dtype=float),
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
):
    """One sweep over the couplings of a cluster."""
    cluster = en.tid()
    for c in range(clusters.loop_first[cluster], clusters.loop_first[cluster + 1]):
        if kinds[c] < 0:
            j = couplings.joint[c, 0]
            k = couplings.joint[c, 1]
            follower = row_of_dof(clusters, joints, j, couplings.dof[c, 0])
            leader = -1
            s = 0.0
            if k >= 0:
                leader = row_of_dof(clusters, joints, k, couplings.dof[c, 1])
                s = coordinate(joints, k, couplings.dof[c, 1], body_q, q)
            aim = 0.0
            slope = 0.0
            for back in range(5):
                slope = slope * s + aim
                aim = aim * s + couplings.coef[c, 4 - back]
            rows[follower + DRIVE] = 1.0
            if leader >= 0:
                rows[leader + DRIVE] = -slope
            respond(clusters, cluster, 0, 1, used, 0.0, words, rows)
            response = rows[follower + SHIFT]
            if leader >= 0:
                response = response - slope * rows[leader + SHIFT]
            softness = couplings.compliance[c] / (dt * dt)
            spent = closed[c * CLOSURE_WORDS + APPLIED]
            error = coordinate(joints, j, couplings.dof[c, 0], body_q, q) - aim
            low = couplings.span[c, 0]
            high = couplings.span[c, 1]
            ahead = error > 0.5 * (low + high)
            error = error - en.where(ahead, high, low)
            impulse = -(error + softness * spent) / en.max(response + softness, 1.0e-12)
            if low < high:  # at the ends of a range, all impulses together may only push back into it
                impulse = en.where(ahead, en.min(impulse, -spent), en.max(impulse, -spent))
            closed[c * CLOSURE_WORDS + APPLIED] = spent + impulse
            rows[follower + DRIVE] = impulse
            if leader >= 0:
                rows[leader + DRIVE] = -slope * impulse
            move_nodes(clusters, cluster, 0, 1, used, bodies.com, dt, words, rows, body_q, body_qd)

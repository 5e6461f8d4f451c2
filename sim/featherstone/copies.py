"""One step of many trees of one make, in lock-step lanes: the joints are walked once for a whole group of copies.

Topology (joint types, numbers of axes, who moves whom, where a joint's numbers begin) is read from the first copy alone,
so loops and branches over it are the same for all threads of a group: scalar code on the CPU around vectors of copies,
broadcast loads on a GPU. What may differ from copy to copy (frames, axes, masses, gains, limits) is read from the copy's
own rows of the model's arrays, as are its coordinates. Scratch is interleaved over copies as ``trees`` says.
"""

import engine as en
from sim.articulation.body_table import BodyTable
from sim.articulation.copies import CPU_LANES, CopyGroup
from sim.articulation.joint_table import JointTable
from sim.articulation.trees import TreeTable
from sim.featherstone.joint_forces import JointForceTable
from sim.featherstone.step import step_tree


@en.struct
class Spacing:
    """How far apart copies lie: numbers of joints, bodies, coordinates, velocities and axes from one to the next."""

    joint: int
    body: int
    q: int
    qd: int
    axis: int


WARP = 32
# Distances of words as constants: then addresses need no arithmetic of their own.
VECTOR = en.constant(CPU_LANES)
THREADS = en.constant(WARP)
_WARPS_WANTED = 1024
"""Two for each scheduler of the largest GPUs of today."""


def copies_in_warp(copies: int) -> int:
    """How many copies a warp of a GPU steps: few, until there are warps for all of it."""
    width = WARP
    while width > 4 and copies < width * _WARPS_WANTED:
        width //= 2
    return width


def spacing_of(group: CopyGroup) -> Spacing:
    """The spacing of a group as a kernel argument."""
    spacing = Spacing()
    spacing.joint, spacing.body, spacing.q, spacing.qd, spacing.axis = group.spacing
    return spacing


@en.func
def joint_rows(joints: JointTable, spacing: Spacing, copy: int):
    """The joints of a copy, to be addressed by the numbers of the first one."""
    rows = JointTable()
    rows.type, rows.parent, rows.child = joints.type, joints.parent, joints.child
    rows.q_start, rows.qd_start, rows.axis_start = joints.q_start, joints.qd_start, joints.axis_start
    rows.axis_dim = joints.axis_dim
    rows.X_p, rows.X_c = joints.X_p[copy * spacing.joint :], joints.X_c[copy * spacing.joint :]
    rows.axis = joints.axis[copy * spacing.axis :]
    return rows


@en.func
def force_rows(forces: JointForceTable, spacing: Spacing, copy: int):
    """The joint forces of a copy."""
    axis = copy * spacing.axis
    dof = copy * spacing.qd
    rows = JointForceTable()
    rows.mode, rows.effort_limit = forces.mode[axis:], forces.effort_limit[axis:]
    rows.target_ke, rows.target_kd = forces.target_ke[axis:], forces.target_kd[axis:]
    rows.target_qd = forces.target_qd[axis:]
    rows.limit_lower, rows.limit_upper = forces.limit_lower[axis:], forces.limit_upper[axis:]
    rows.limit_ke, rows.limit_kd = forces.limit_ke[axis:], forces.limit_kd[axis:]
    rows.armature, rows.damping = forces.armature[dof:], forces.damping[dof:]
    rows.stiffness, rows.spring_ref = forces.stiffness[dof:], forces.spring_ref[dof:]
    return rows


@en.func
def body_rows(bodies: BodyTable, spacing: Spacing, copy: int):
    """The bodies of a copy."""
    body = copy * spacing.body
    rows = BodyTable()
    rows.mass, rows.com, rows.inertia = bodies.mass[body:], bodies.com[body:], bodies.inertia[body:]
    rows.resisted = bodies.resisted
    resistance = bodies.resistance
    rows.resistance.aa, rows.resistance.al = resistance.aa[body:], resistance.al[body:]
    rows.resistance.ll = resistance.ll[body:]
    return rows


@en.kernel(lanes=CPU_LANES)
def step_copies(
    joints: JointTable,
    forces: JointForceTable,
    bodies: BodyTable,
    trees: TreeTable,
    spacing: Spacing,
    tree: int,
    copies: int,
    dof_count: int,
    q: en.array(dtype=float),
    qd: en.array(dtype=float),
    qdd: en.array(dtype=float),
    act: en.array(dtype=float),
    applied: en.array(dtype=float),
    wrench: en.array(dtype=en.spatial_vector),
    gravity: en.vec3,
    dt: float,
    q_mid: en.array(dtype=float),
    qd_mid: en.array(dtype=float),
    words: en.array(dtype=float),
    dofs: en.array(dtype=float),
    q_out: en.array(dtype=float),
    qd_out: en.array(dtype=float),
    qdd_out: en.array(dtype=float),
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
):
    """Launched over (groups, lanes); ``tree`` is the first of ``copies`` trees with ``dof_count`` degrees of freedom each."""
    group, lane = en.tid()
    # Threads beyond the last copy do its work again, in scratch of their own.
    copy = en.min(group * VECTOR + lane, copies - 1)
    first = trees.first[tree]
    count = trees.first[tree + 1] - first
    coordinate = copy * spacing.q
    dof = copy * spacing.qd
    body = copy * spacing.body
    step_tree(
        joint_rows(joints, spacing, copy), force_rows(forces, spacing, copy), body_rows(bodies, spacing, copy), trees,
        first, count, trees.joint_base[tree] + group * VECTOR * count, trees.dof_base[tree] + group * VECTOR * dof_count,
        lane, VECTOR, q[coordinate:], qd[dof:], qdd[dof:], act[copy * spacing.axis :], applied[dof:], wrench[body:],
        gravity, dt, q_mid[coordinate:], qd_mid[dof:], words, dofs, q_out[coordinate:], qd_out[dof:], qdd_out[dof:],
        body_q[body:], body_qd[body:],
    )  # fmt: skip


@en.kernel
def step_copies_apart(
    joints: JointTable,
    forces: JointForceTable,
    bodies: BodyTable,
    trees: TreeTable,
    spacing: Spacing,
    tree: int,
    copies: int,
    dof_count: int,
    width: int,
    q: en.array(dtype=float),
    qd: en.array(dtype=float),
    qdd: en.array(dtype=float),
    act: en.array(dtype=float),
    applied: en.array(dtype=float),
    wrench: en.array(dtype=en.spatial_vector),
    gravity: en.vec3,
    dt: float,
    q_mid: en.array(dtype=float),
    qd_mid: en.array(dtype=float),
    words: en.array(dtype=float),
    dofs: en.array(dtype=float),
    q_out: en.array(dtype=float),
    qd_out: en.array(dtype=float),
    qdd_out: en.array(dtype=float),
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
):
    """For GPUs, launched over (groups, 32) with ``width`` copies in a group: the other threads of a warp have no work.

    Few copies leave most of a GPU idle, and a load from rows of their own costs a warp as much time as it has copies.
    """
    group, thread = en.tid()
    copy = group * width + thread
    if thread >= width or copy >= copies:
        return
    lane = copy % THREADS
    block = copy // THREADS
    first = trees.first[tree]
    count = trees.first[tree + 1] - first
    coordinate = copy * spacing.q
    dof = copy * spacing.qd
    body = copy * spacing.body
    step_tree(
        joint_rows(joints, spacing, copy), force_rows(forces, spacing, copy), body_rows(bodies, spacing, copy), trees,
        first, count, trees.joint_base[tree] + block * THREADS * count, trees.dof_base[tree] + block * THREADS * dof_count,
        lane, THREADS, q[coordinate:], qd[dof:], qdd[dof:], act[copy * spacing.axis :], applied[dof:], wrench[body:],
        gravity, dt, q_mid[coordinate:], qd_mid[dof:], words, dofs, q_out[coordinate:], qd_out[dof:], qdd_out[dof:],
        body_q[body:], body_qd[body:],
    )  # fmt: skip

"""Constraint rows measured at mid-step: gradient, wanted velocity, and how the trees answer an impulse along it.

The answer of a tree is one more pass of the articulated-body recursion with what the step left in scratch, so implicit
drives, limits, springs and armature count in it.
"""

import engine as en
from sim.articulation.joint_motion import joint_pose
from sim.articulation.joint_table import JointTable
from sim.articulation.trees import TreeTable
from sim.featherstone.constraint_rows import COUPLE, FRICTION, RANGE, RowTable
from sim.featherstone.row_geometry import DISTANCE_ROW, ENDLESS, SLIDE_ROW, frame_row, range_bounds
from sim.featherstone.scratch import (
    ANCHOR,
    AXIS_A,
    AXIS_L,
    INVERSE,
    POSE,
    PUSH_A,
    PUSH_L,
    dof_at,
    get3,
    get_pose,
    joint_at,
)

FRICTION_ROW = en.constant(FRICTION)
COUPLE_ROW = en.constant(COUPLE)
RANGE_ROW = en.constant(RANGE)

FASTEST_CORRECTION = en.constant(5.0)
"""[m/s or rad/s] at which what starts out violated is put right; motion along a curved path needs far less."""


@en.func
def root_anchor(joints: JointTable, trees: TreeTable, tree: int, q: en.array(dtype=float)) -> en.vec3:
    """Where a tree's scratch positions count from, in the world."""
    j = trees.order[trees.first[tree]]
    return en.transform_get_translation(joints.X_p[j] * joint_pose(joints, j, q))


@en.func
def frame_at(
    joints: JointTable,
    trees: TreeTable,
    lanes: int,
    tree: int,
    item: int,
    X: en.transform,
    origin: en.vec3,
    q: en.array(dtype=float),
    words: en.array(dtype=float),
) -> en.transform:
    """A frame on the body that a joint moves (or in the world), positions counted from ``origin``."""
    at = en.transform(-origin, en.quat_identity())
    if tree >= 0:
        here = joint_at(trees.joint_base[tree], trees.lane[tree], item, lanes)
        pose = get_pose(words, here + POSE * lanes, lanes)
        shift = root_anchor(joints, trees, tree, q) - origin
        at = en.transform(shift + en.transform_get_translation(pose), en.transform_get_rotation(pose))
    return at * X


@en.func
def add_gradient(
    joints: JointTable,
    trees: TreeTable,
    lanes: int,
    tree: int,
    item: int,
    at: int,
    point: en.vec3,
    torque: en.vec3,
    force: en.vec3,
    words: en.array(dtype=float),
    dofs: en.array(dtype=float),
    J: en.array(dtype=float),
):
    """Adds to J what a wrench on the body of a joint means for all axes that carry it; ``point`` counts as scratch does."""
    n = torque
    o = point
    k = item
    first = trees.first[tree]
    while k >= 0:
        here = joint_at(trees.joint_base[tree], trees.lane[tree], k, lanes)
        anchor = get3(words, here + ANCHOR * lanes, lanes)
        n = n + en.cross(o - anchor, force)
        o = anchor
        j = trees.order[first + k]
        for i in range(joints.qd_start[j + 1] - joints.qd_start[j]):
            local = trees.dof_at[first + k] + i
            dof = dof_at(trees.dof_base[tree], trees.lane[tree], local, lanes)
            work = en.dot(get3(dofs, dof + AXIS_A * lanes, lanes), n)
            work = work + en.dot(get3(dofs, dof + AXIS_L * lanes, lanes), force)
            J[at + local] = J[at + local] + work
        k = trees.ancestor[first + k]


@en.func
def answer(
    joints: JointTable,
    trees: TreeTable,
    lanes: int,
    tree: int,
    at: int,
    wrench_at: int,
    words: en.array(dtype=float),
    dofs: en.array(dtype=float),
    J: en.array(dtype=float),
    wrenches: en.array(dtype=float),
    Y: en.array(dtype=float),
):
    """Velocities of a tree's axes per unit of impulse J (articulated-body algorithm for a tree at rest)."""
    first = trees.first[tree]
    count = trees.first[tree + 1] - first
    base = trees.joint_base[tree]
    lane = trees.lane[tree]
    for k in range(6 * count):
        wrenches[wrench_at + k] = 0.0
    for back in range(count):
        k = count - 1 - back
        j = trees.order[first + k]
        mine = wrench_at + 6 * k
        n = get3(wrenches, mine, 1)
        f = get3(wrenches, mine + 3, 1)
        dof_count = joints.qd_start[j + 1] - joints.qd_start[j]
        for i in range(dof_count):
            local = trees.dof_at[first + k] + dof_count - 1 - i
            dof = dof_at(trees.dof_base[tree], lane, local, lanes)
            a = get3(dofs, dof + AXIS_A * lanes, lanes)
            l = get3(dofs, dof + AXIS_L * lanes, lanes)
            drive = J[at + local] - en.dot(a, n) - en.dot(l, f)
            Y[at + local] = drive
            share = drive * dofs[dof + INVERSE * lanes]
            n = n + get3(dofs, dof + PUSH_A * lanes, lanes) * share
            f = f + get3(dofs, dof + PUSH_L * lanes, lanes) * share
        above = trees.ancestor[first + k]
        if above >= 0:
            here = joint_at(base, lane, k, lanes)
            up = joint_at(base, lane, above, lanes)
            arm = get3(words, here + ANCHOR * lanes, lanes) - get3(words, up + ANCHOR * lanes, lanes)
            n = n + en.cross(arm, f)
            for i in range(3):
                wrenches[wrench_at + 6 * above + i] = wrenches[wrench_at + 6 * above + i] + n[i]
                wrenches[wrench_at + 6 * above + 3 + i] = wrenches[wrench_at + 6 * above + 3 + i] + f[i]
    for k in range(count):
        j = trees.order[first + k]
        a = en.vec3(0.0, 0.0, 0.0)
        l = en.vec3(0.0, 0.0, 0.0)
        above = trees.ancestor[first + k]
        if above >= 0:
            here = joint_at(base, lane, k, lanes)
            up = joint_at(base, lane, above, lanes)
            arm = get3(words, here + ANCHOR * lanes, lanes) - get3(words, up + ANCHOR * lanes, lanes)
            a = get3(wrenches, wrench_at + 6 * above, 1)
            l = get3(wrenches, wrench_at + 6 * above + 3, 1) + en.cross(a, arm)
        for i in range(joints.qd_start[j + 1] - joints.qd_start[j]):
            local = trees.dof_at[first + k] + i
            dof = dof_at(trees.dof_base[tree], lane, local, lanes)
            held = en.dot(get3(dofs, dof + PUSH_A * lanes, lanes), a)
            held = held + en.dot(get3(dofs, dof + PUSH_L * lanes, lanes), l)
            x = (Y[at + local] - held) * dofs[dof + INVERSE * lanes]
            a = a + get3(dofs, dof + AXIS_A * lanes, lanes) * x
            l = l + get3(dofs, dof + AXIS_L * lanes, lanes) * x
            Y[at + local] = x
        # Wrenches are spent: accelerations take their place.
        for i in range(3):
            wrenches[wrench_at + 6 * k + i] = a[i]
            wrenches[wrench_at + 6 * k + 3 + i] = l[i]


@en.func
def dof_word(rows: RowTable, r: int, side: int) -> int:
    """Where the degree of freedom of one side of a row stands in J and Y."""
    return rows.at[r] + rows.tree_offset[rows.tree[r, side]] + rows.dof[r, side]


@en.func
def couple_row(rows: RowTable, r: int, q: en.array(dtype=float), J: en.array(dtype=float)) -> float:
    """Gradient of ``q_1 - polynomial(q_2)``; returns its value."""
    x = 0.0
    if rows.coord[r, 1] >= 0:
        x = q[rows.coord[r, 1]]
    value = 0.0
    slope = 0.0
    for i in range(5):
        slope = slope * x + value
        value = value * x + rows.coef[r, 4 - i]
    J[dof_word(rows, r, 0)] = 1.0
    if rows.coord[r, 1] >= 0:
        J[dof_word(rows, r, 1)] = -slope
    return q[rows.coord[r, 0]] - value


@en.func
def joined_row(
    joints: JointTable,
    trees: TreeTable,
    lanes: int,
    rows: RowTable,
    r: int,
    q: en.array(dtype=float),
    words: en.array(dtype=float),
    dofs: en.array(dtype=float),
    J: en.array(dtype=float),
):
    """Gradient of a row between two frames; returns violation and bounds."""
    tree_1 = rows.tree[r, 0]
    tree_2 = rows.tree[r, 1]
    start = tree_2
    if tree_2 < 0:
        start = tree_1
    origin = root_anchor(joints, trees, start, q)
    X_1 = frame_at(joints, trees, lanes, tree_1, rows.item[r, 0], rows.X_1[r], origin, q, words)
    X_2 = frame_at(joints, trees, lanes, tree_2, rows.item[r, 1], rows.X_2[r], origin, q, words)
    kind = rows.kind[r]
    excess, u, low, high = frame_row(kind, X_1, X_2, rows.along[r], rows.across[r], rows.coef[r, 0], rows.coef[r, 1])
    force = u
    torque = en.vec3(0.0, 0.0, 0.0)
    if kind != SLIDE_ROW and kind != DISTANCE_ROW:
        force = torque
        torque = u
    point = en.transform_get_translation(X_2)
    at = rows.at[r]
    for side in range(2):
        tree = rows.tree[r, side]
        if tree >= 0:
            sign = 2.0 * float(side) - 1.0
            here = point - (root_anchor(joints, trees, tree, q) - origin)
            add_gradient(
                joints, trees, lanes, tree, rows.item[r, side], at + rows.tree_offset[tree], here, torque * sign,
                force * sign, words, dofs, J,
            )  # fmt: skip
    return excess, low, high


@en.kernel
def measure_rows(
    joints: JointTable,
    trees: TreeTable,
    lanes: int,
    rows: RowTable,
    friction: en.array(dtype=float),
    q: en.array(dtype=float),
    words: en.array(dtype=float),
    dofs: en.array(dtype=float),
    dt: float,
    J: en.array(dtype=float),
    Y: en.array(dtype=float),
    wrenches: en.array(dtype=float),
    wanted: en.array(dtype=float),
    softness: en.array(dtype=float),
    low: en.array(dtype=float),
    high: en.array(dtype=float),
):
    r = en.tid()
    at = rows.at[r]
    for i in range(rows.size[rows.island[r]]):
        J[at + i] = 0.0
        Y[at + i] = 0.0
    excess = 0.0
    at_least = -ENDLESS
    at_most = ENDLESS
    kind = rows.kind[r]
    if kind == FRICTION_ROW:
        J[dof_word(rows, r, 0)] = 1.0
        at_most = friction[rows.friction_dof[r]] * dt
        at_least = -at_most
    elif kind == COUPLE_ROW:
        excess = couple_row(rows, r, q, J)
    elif kind == RANGE_ROW:
        excess, at_least, at_most = range_bounds(couple_row(rows, r, q, J), rows.span[r, 0], rows.span[r, 1])
    else:
        excess, at_least, at_most = joined_row(joints, trees, lanes, rows, r, q, words, dofs, J)
    most = FASTEST_CORRECTION * dt
    if rows.compliance[r] > 0.0:
        most = ENDLESS
    if at_most > 0.0:
        excess = en.max(excess, -most)
    if at_least < 0.0:
        excess = en.min(excess, most)
    # Half of what the middle of the step violates is curvature of the path, which the second half doubles: a velocity
    # that takes all of it away is tangential again at the end, and constraint forces do no work.
    wanted[r] = -excess / dt
    softness[r] = rows.compliance[r] / (dt * dt)
    low[r] = at_least
    high[r] = at_most
    tree_1 = rows.tree[r, 0]
    tree_2 = rows.tree[r, 1]
    wrench_at = rows.force_at[r]
    if tree_1 >= 0:
        answer(joints, trees, lanes, tree_1, at + rows.tree_offset[tree_1], wrench_at, words, dofs, J, wrenches, Y)
        wrench_at = wrench_at + 6 * (trees.first[tree_1 + 1] - trees.first[tree_1])
    if tree_2 >= 0 and tree_2 != tree_1:
        answer(joints, trees, lanes, tree_2, at + rows.tree_offset[tree_2], wrench_at, words, dofs, J, wrenches, Y)

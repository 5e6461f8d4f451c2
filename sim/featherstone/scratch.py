"""Scratch numbers of the recursions: what stands where, and how kernels reach it.

All spatial vectors and inertias of a joint are written along the world's axes about the origin of the child's joint
frame (its anchor). So rotations about it have no moment arm, and moving to the parent is a shift without rotation.
Positions count from the anchor of the tree's root, so that a robot far from the world's origin loses no digits.
"""

import engine as en

JOINT_SIZE = 55
DOF_SIZE = 14
JOINT_WORDS = en.constant(JOINT_SIZE)
DOF_WORDS = en.constant(DOF_SIZE)

# Words of a joint's item.
ANCHOR = en.constant(0)
POSE = en.constant(3)
SPIN = en.constant(10)
SPEED = en.constant(13)
BIAS_A = en.constant(16)
BIAS_L = en.constant(19)
INERTIA_A = en.constant(22)
INERTIA_H = en.constant(28)
INERTIA_M = en.constant(37)
TORQUE = en.constant(43)
FORCE = en.constant(46)
ACCEL_A = en.constant(49)
ACCEL_L = en.constant(52)

# Words of a degree of freedom's item.
AXIS_A = en.constant(0)
AXIS_L = en.constant(3)
PUSH_A = en.constant(6)
PUSH_L = en.constant(9)
INVERSE = en.constant(12)
DRIVE = en.constant(13)


class Scratch:
    """Scratch arrays of a model, made when first needed.

    Attributes:
        joint: Joint items, float or float64.
        dof: Items of degrees of freedom, likewise.
        q: Coordinates at mid-step, float [joint_coord_count]; likewise qd, velocities [joint_dof_count].
    """

    def __init__(self, model, dtype=float):
        trees = model.kinematic_trees
        self.joint = en.zeros(max(1, trees.joint_items * JOINT_SIZE), dtype=dtype, device=model.device)
        self.dof = en.zeros(max(1, trees.dof_items * DOF_SIZE), dtype=dtype, device=model.device)
        self.q = en.clone(model.joint_q, requires_grad=False)
        self.qd = en.zeros(max(1, model.joint_dof_count), dtype=float, device=model.device)


def scratch_of(model, precision=None) -> Scratch:
    """The model's scratch, in the precision of ``sim.articulation.precision``; None means single."""
    if precision is not None and precision.scalar is en.float64:
        if precision.scratch is None:
            precision.scratch = Scratch(model, en.float64)
        return precision.scratch
    scratch = model.articulation_scratch
    if scratch is None:
        scratch = model.articulation_scratch = Scratch(model)
    return scratch


@en.func
def joint_at(base: int, lane: int, item: int, lanes: int) -> int:
    """First word of a joint's item; its words are ``lanes`` apart."""
    return (base + item * lanes) * JOINT_WORDS + lane


@en.func
def dof_at(base: int, lane: int, item: int, lanes: int) -> int:
    """First word of a degree of freedom's item."""
    return (base + item * lanes) * DOF_WORDS + lane


@en.func
def get3(words: en.array(dtype=float), at: int, lanes: int) -> en.vec3:
    return en.vec3(words[at], words[at + lanes], words[at + 2 * lanes])


@en.func
def put3(words: en.array(dtype=float), at: int, lanes: int, v: en.vec3):
    words[at] = v[0]
    words[at + lanes] = v[1]
    words[at + 2 * lanes] = v[2]


@en.func
def get_pose(words: en.array(dtype=float), at: int, lanes: int) -> en.transform:
    r = en.quat(words[at + 3 * lanes], words[at + 4 * lanes], words[at + 5 * lanes], words[at + 6 * lanes])
    return en.transform(get3(words, at, lanes), r)


@en.func
def put_pose(words: en.array(dtype=float), at: int, lanes: int, X: en.transform):
    put3(words, at, lanes, en.transform_get_translation(X))
    r = en.transform_get_rotation(X)
    for i in range(4):
        words[at + (3 + i) * lanes] = r[i]


@en.func
def get_symmetric(words: en.array(dtype=float), at: int, lanes: int) -> en.mat33:
    xx = words[at]
    xy = words[at + lanes]
    xz = words[at + 2 * lanes]
    yy = words[at + 3 * lanes]
    yz = words[at + 4 * lanes]
    zz = words[at + 5 * lanes]
    return en.mat33(xx, xy, xz, xy, yy, yz, xz, yz, zz)


@en.func
def put_symmetric(words: en.array(dtype=float), at: int, lanes: int, m: en.mat33):
    words[at] = m[0, 0]
    words[at + lanes] = m[0, 1]
    words[at + 2 * lanes] = m[0, 2]
    words[at + 3 * lanes] = m[1, 1]
    words[at + 4 * lanes] = m[1, 2]
    words[at + 5 * lanes] = m[2, 2]


@en.func
def get_matrix(words: en.array(dtype=float), at: int, lanes: int) -> en.mat33:
    return en.mat33(
        words[at], words[at + lanes], words[at + 2 * lanes],
        words[at + 3 * lanes], words[at + 4 * lanes], words[at + 5 * lanes],
        words[at + 6 * lanes], words[at + 7 * lanes], words[at + 8 * lanes],
    )  # fmt: skip


@en.func
def put_matrix(words: en.array(dtype=float), at: int, lanes: int, m: en.mat33):
    for i in range(3):
        for k in range(3):
            words[at + (3 * i + k) * lanes] = m[i, k]

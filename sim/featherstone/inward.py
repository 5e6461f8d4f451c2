"""From the leaves inward: articulated inertias and bias forces, one degree of freedom after the other.

A joint of several degrees of freedom is treated as that many joints without mass between them, all at one anchor, so
no block is inverted and every joint type takes the same path (articulated-body algorithm, Featherstone 2008, table
7.1, with the terms that are implicit in the step added to each axis' inertia).
"""

import engine as en
from sim.featherstone.scratch import (
    ANCHOR,
    AXIS_A,
    AXIS_L,
    BIAS_A,
    BIAS_L,
    DRIVE,
    FORCE,
    INERTIA_A,
    INERTIA_H,
    INERTIA_M,
    INVERSE,
    PUSH_A,
    PUSH_L,
    TORQUE,
    get3,
    get_matrix,
    get_symmetric,
    put3,
    put_matrix,
    put_symmetric,
)


@en.func
def release_axis(
    A: en.mat33,
    H: en.mat33,
    M: en.mat33,
    n: en.vec3,
    f: en.vec3,
    dofs: en.array(dtype=float),
    dof: int,
    lanes: int,
    given: float,
    extra: float,
):
    """Takes one axis out of a joint's articulated inertia: what is left resists the motion the axis cannot yield to."""
    a = get3(dofs, dof + AXIS_A * lanes, lanes)
    l = get3(dofs, dof + AXIS_L * lanes, lanes)
    push_a = A * a + H * l
    push_l = en.transpose(H) * a + M * l
    resistance = en.dot(a, push_a) + en.dot(l, push_l) + extra
    inverse = 0.0
    if resistance > 1.0e-20:
        inverse = 1.0 / resistance
    drive = given - en.dot(a, n) - en.dot(l, f)
    put3(dofs, dof + PUSH_A * lanes, lanes, push_a)
    put3(dofs, dof + PUSH_L * lanes, lanes, push_l)
    dofs[dof + INVERSE * lanes] = inverse
    dofs[dof + DRIVE * lanes] = drive
    scaled_a = push_a * inverse
    scaled_l = push_l * inverse
    return (
        A - symmetric_outer(push_a, scaled_a), H - en.outer(scaled_a, push_l), M - symmetric_outer(push_l, scaled_l),
        n + scaled_a * drive, f + scaled_l * drive,
    )  # fmt: skip


@en.func
def symmetric_outer(a: en.vec3, b: en.vec3) -> en.mat33:
    """The outer product of parallel vectors, equal to the last bit across the diagonal."""
    xy = a[0] * b[1]
    xz = a[0] * b[2]
    yz = a[1] * b[2]
    return en.mat33(a[0] * b[0], xy, xz, xy, a[1] * b[1], yz, xz, yz, a[2] * b[2])


@en.func
def add_inertia(words: en.array(dtype=float), here: int, above: int, lanes: int):
    """Adds a joint's inertia to its ancestor's, shifted to that anchor."""
    A = get_symmetric(words, here + INERTIA_A * lanes, lanes)
    H = get_matrix(words, here + INERTIA_H * lanes, lanes)
    M = get_symmetric(words, here + INERTIA_M * lanes, lanes)
    arm = get3(words, here + ANCHOR * lanes, lanes) - get3(words, above + ANCHOR * lanes, lanes)
    add_shifted(words, above, lanes, arm, A, H, M)


@en.func
def add_shifted(
    words: en.array(dtype=float), above: int, lanes: int, arm: en.vec3, A: en.mat33, H: en.mat33, M: en.mat33
):
    """Adds an inertia to that of an item whose anchor it is ``arm`` away from."""
    # All loads come before the stores, so that a GPU waits for them once.
    own_A = get_symmetric(words, above + INERTIA_A * lanes, lanes)
    own_H = get_matrix(words, above + INERTIA_H * lanes, lanes)
    own_M = get_symmetric(words, above + INERTIA_M * lanes, lanes)
    cross = en.skew(arm)
    moved = H + cross * M
    # [r] H' + ([r] H')' - [r] M [r], in the form that takes one product less.
    shifted = A + cross * en.transpose(H) - moved * cross
    put_symmetric(words, above + INERTIA_A * lanes, lanes, own_A + shifted)
    put_matrix(words, above + INERTIA_H * lanes, lanes, own_H + moved)
    put_symmetric(words, above + INERTIA_M * lanes, lanes, own_M + M)


@en.func
def add_force(words: en.array(dtype=float), here: int, above: int, lanes: int, n: en.vec3, f: en.vec3):
    """Adds a wrench at a joint's anchor to its ancestor's, shifted to that anchor."""
    arm = get3(words, here + ANCHOR * lanes, lanes) - get3(words, above + ANCHOR * lanes, lanes)
    up = above + TORQUE * lanes
    put3(words, up, lanes, get3(words, up, lanes) + n + en.cross(arm, f))
    up = above + FORCE * lanes
    put3(words, up, lanes, get3(words, up, lanes) + f)


@en.func
def pass_inward(
    words: en.array(dtype=float),
    here: int,
    above: int,
    lanes: int,
    A: en.mat33,
    H: en.mat33,
    M: en.mat33,
    n: en.vec3,
    f: en.vec3,
):
    """Hands a joint's articulated inertia and bias force to its ancestor, after all its axes are released."""
    bias_a = get3(words, here + BIAS_A * lanes, lanes)
    bias_l = get3(words, here + BIAS_L * lanes, lanes)
    push = f + en.transpose(H) * bias_a + M * bias_l
    turn = n + A * bias_a + H * bias_l
    arm = get3(words, here + ANCHOR * lanes, lanes) - get3(words, above + ANCHOR * lanes, lanes)
    torque = get3(words, above + TORQUE * lanes, lanes)
    force = get3(words, above + FORCE * lanes, lanes)
    add_shifted(words, above, lanes, arm, A, H, M)
    put3(words, above + TORQUE * lanes, lanes, torque + turn + en.cross(arm, push))
    put3(words, above + FORCE * lanes, lanes, force + push)

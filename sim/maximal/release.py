"""The articulated inertias of a cluster's trees, once a step: what each node resists after its joint has yielded.

The articulated-body recursion (Featherstone 2008, table 7.1) with displacements in the place of accelerations: rows are
released one after the other, so no block is inverted and every joint type takes the same path. What resists motion
along a row besides the bodies (armature, implicit damping and stiffness) is added to it.
"""

import engine as en
from sim.maximal.clusters import ClusterTable
from sim.maximal.items import (
    ADDED_A,
    ADDED_H,
    ADDED_M,
    ANCHOR,
    ARM,
    AXIS_A,
    AXIS_L,
    ERROR_A,
    ERROR_L,
    EXTRA,
    FORCE,
    INERTIA_A,
    INERTIA_H,
    INERTIA_M,
    INVERSE,
    MOVE_A,
    MOVE_L,
    PUSH_A,
    PUSH_L,
    ROW_WORDS,
    TORQUE,
    get3,
    get_matrix,
    get_symmetric,
    node_at,
    put3,
    put_matrix,
    put_symmetric,
    row_item,
)


@en.func
def lay_inertia(
    words: en.array(dtype=float), here: int, r: en.vec3, X_wb: en.transform, mass: float, inertia: en.mat33
):
    """Writes a body's own inertia about the anchor that its centre of mass is r away from."""
    R = en.quat_to_matrix(en.transform_get_rotation(X_wb))
    about = R * inertia * en.transpose(R) + (en.identity(3) * en.dot(r, r) - en.outer(r, r)) * mass
    put_symmetric(words, here + INERTIA_A, about)
    put_matrix(words, here + INERTIA_H, en.skew(r) * mass)
    put_symmetric(words, here + INERTIA_M, en.identity(3) * mass)


@en.func
def lay_node(
    words: en.array(dtype=float),
    here: int,
    anchor: en.vec3,
    X_wb: en.transform,
    com: en.vec3,
    mass: float,
    inertia: en.mat33,
):
    """Writes a node's place and its own inertia about its anchor; impulses and displacements are zero."""
    zero = en.vec3(0.0, 0.0, 0.0)
    r = en.transform_point(X_wb, com) - anchor
    put3(words, here + ANCHOR, anchor)
    put3(words, here + ARM, r)
    lay_inertia(words, here, r, X_wb, mass, inertia)
    put3(words, here + TORQUE, zero)
    put3(words, here + FORCE, zero)
    put3(words, here + ERROR_A, zero)
    put3(words, here + ERROR_L, zero)
    put3(words, here + MOVE_A, zero)
    put3(words, here + MOVE_L, zero)


@en.func
def get_axis(rows: en.array(dtype=float), at: int, there: bool):
    """Axis of a row and what resists motion along it besides the bodies; zero where there is none."""
    a = en.vec3(0.0, 0.0, 0.0)
    l = en.vec3(0.0, 0.0, 0.0)
    extra = 0.0
    if there:
        a = get3(rows, at + AXIS_A)
        l = get3(rows, at + AXIS_L)
        extra = rows[at + EXTRA]
    return a, l, extra


@en.func
def release_row(
    A: en.mat33, H: en.mat33, M: en.mat33, a: en.vec3, l: en.vec3, extra: float, row: int, rows: en.array(dtype=float)
):
    """What is left of an inertia when a row has yielded; notes the row's push and inverse."""
    push_a = A * a + H * l
    push_l = en.transpose(H) * a + M * l
    resistance = en.dot(a, push_a) + en.dot(l, push_l) + extra
    # What rounding leaves of an inertia that is already free in this direction must not be divided by.
    least = 1.0e-6 * (en.dot(a, a) * (A[0, 0] + A[1, 1] + A[2, 2]) + en.dot(l, l) * (M[0, 0] + M[1, 1] + M[2, 2]))
    inverse = 0.0
    if resistance > 1.0e-20 and resistance > least:
        inverse = 1.0 / resistance
    put3(rows, row + PUSH_A, push_a)
    put3(rows, row + PUSH_L, push_l)
    rows[row + INVERSE] = inverse
    return (
        A - en.outer(push_a, push_a) * inverse,
        H - en.outer(push_a, push_l) * inverse,
        M - en.outer(push_l, push_l) * inverse,
    )


@en.func
def release_node(
    clusters: ClusterTable,
    position: int,
    used: en.array(dtype=int),
    words: en.array(dtype=float),
    rows: en.array(dtype=float),
):
    """Releases a node's rows: what is left of its and its children's inertia resists motion the rows cannot yield to.

    That, about the ancestor's anchor, is what the node adds to its ancestor. Loads come before stores, as in
    `sim.maximal.respond`.
    """
    here = node_at(position)
    above = clusters.ancestor[position]
    A = get_symmetric(words, here + INERTIA_A)
    H = get_matrix(words, here + INERTIA_H)
    M = get_symmetric(words, here + INERTIA_M)
    arm = en.skew(get3(words, here + ANCHOR) - get3(words, node_at(en.max(above, 0)) + ANCHOR))
    for child in range(clusters.child_first[position], clusters.child_last[position]):
        A = A + get_symmetric(words, node_at(child) + ADDED_A)
        H = H + get_matrix(words, node_at(child) + ADDED_H)
        M = M + get_symmetric(words, node_at(child) + ADDED_M)
    left = int(used[position])
    row = row_item(clusters.row_at[position])
    while left > 0:
        at_0 = row + (left - 1) * ROW_WORDS
        at_1 = at_0 - ROW_WORDS
        at_2 = at_1 - ROW_WORDS
        a_0, l_0, extra_0 = get_axis(rows, at_0, True)
        a_1, l_1, extra_1 = get_axis(rows, at_1, left > 1)
        a_2, l_2, extra_2 = get_axis(rows, at_2, left > 2)
        A, H, M = release_row(A, H, M, a_0, l_0, extra_0, at_0, rows)
        if left > 1:
            A, H, M = release_row(A, H, M, a_1, l_1, extra_1, at_1, rows)
        if left > 2:
            A, H, M = release_row(A, H, M, a_2, l_2, extra_2, at_2, rows)
        left = left - 3
    put_symmetric(words, here + INERTIA_A, A)
    put_matrix(words, here + INERTIA_H, H)
    put_symmetric(words, here + INERTIA_M, M)
    if above >= 0:
        lever = arm * en.transpose(H)
        put_symmetric(words, here + ADDED_A, A + lever + en.transpose(lever) - arm * M * arm)
        put_matrix(words, here + ADDED_H, H + arm * M)
        put_symmetric(words, here + ADDED_M, M)


@en.func
def release_nodes(
    clusters: ClusterTable,
    cluster: int,
    lane: int,
    width: int,
    used: en.array(dtype=int),
    words: en.array(dtype=float),
    rows: en.array(dtype=float),
):
    """From the leaves inward, nodes of one depth at a time; ``lane`` and ``width`` as in `sim.maximal.respond`."""
    last = clusters.level[cluster + 1]
    en.sync_lanes(width)
    for back in range(last - clusters.level[cluster]):
        level = last - 1 - back
        for position in range(clusters.level_first[level] + lane, clusters.level_first[level + 1], width):
            release_node(clusters, position, used, words, rows)
        en.sync_lanes(width)

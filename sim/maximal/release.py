"""The articulated inertias of a cluster's trees, once a step: what each node resists after its joint has yielded.

The articulated-body recursion (Featherstone 2008, table 7.1) with displacements in the place of accelerations: rows are
released one after the other, so no block is inverted and every joint type takes the same path. What resists motion
along a row besides the bodies (armature, implicit damping and stiffness) is added to it.
"""

import engine as en
from sim.featherstone.scratch import get3, get_matrix, get_symmetric, put3, put_matrix, put_symmetric
from sim.maximal.clusters import ClusterTable
from sim.maximal.items import (
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
    node_at,
    row_item,
)


@en.func
def lay_inertia(
    words: en.array(dtype=float), here: int, lanes: int, r: en.vec3, X_wb: en.transform, mass: float, inertia: en.mat33
):
    """Writes a body's own inertia about the anchor that its centre of mass is r away from."""
    R = en.quat_to_matrix(en.transform_get_rotation(X_wb))
    about = R * inertia * en.transpose(R) + (en.identity(3) * en.dot(r, r) - en.outer(r, r)) * mass
    put_symmetric(words, here + INERTIA_A * lanes, lanes, about)
    put_matrix(words, here + INERTIA_H * lanes, lanes, en.skew(r) * mass)
    put_symmetric(words, here + INERTIA_M * lanes, lanes, en.identity(3) * mass)


@en.func
def lay_node(
    words: en.array(dtype=float),
    here: int,
    lanes: int,
    anchor: en.vec3,
    X_wb: en.transform,
    com: en.vec3,
    mass: float,
    inertia: en.mat33,
):
    """Writes a node's place and its own inertia about its anchor; impulses and displacements are zero."""
    zero = en.vec3(0.0, 0.0, 0.0)
    r = en.transform_point(X_wb, com) - anchor
    put3(words, here + ANCHOR * lanes, lanes, anchor)
    put3(words, here + ARM * lanes, lanes, r)
    lay_inertia(words, here, lanes, r, X_wb, mass, inertia)
    put3(words, here + TORQUE * lanes, lanes, zero)
    put3(words, here + FORCE * lanes, lanes, zero)
    put3(words, here + ERROR_A * lanes, lanes, zero)
    put3(words, here + ERROR_L * lanes, lanes, zero)
    put3(words, here + MOVE_A * lanes, lanes, zero)
    put3(words, here + MOVE_L * lanes, lanes, zero)


@en.func
def release_row(words: en.array(dtype=float), here: int, rows: en.array(dtype=float), row: int, lanes: int):
    """Takes one row out of a node's articulated inertia: what is left resists the motion the row cannot yield to."""
    A = get_symmetric(words, here + INERTIA_A * lanes, lanes)
    H = get_matrix(words, here + INERTIA_H * lanes, lanes)
    M = get_symmetric(words, here + INERTIA_M * lanes, lanes)
    a = get3(rows, row + AXIS_A * lanes, lanes)
    l = get3(rows, row + AXIS_L * lanes, lanes)
    push_a = A * a + H * l
    push_l = en.transpose(H) * a + M * l
    bodies = en.dot(a, push_a) + en.dot(l, push_l)
    resistance = bodies + rows[row + EXTRA * lanes]
    # What rounding leaves of an inertia that is already free in this direction must not be divided by.
    least = 1.0e-6 * (en.dot(a, a) * (A[0, 0] + A[1, 1] + A[2, 2]) + en.dot(l, l) * (M[0, 0] + M[1, 1] + M[2, 2]))
    inverse = 0.0
    if resistance > 1.0e-20 and resistance > least:
        inverse = 1.0 / resistance
    put3(rows, row + PUSH_A * lanes, lanes, push_a)
    put3(rows, row + PUSH_L * lanes, lanes, push_l)
    rows[row + INVERSE * lanes] = inverse
    put_symmetric(words, here + INERTIA_A * lanes, lanes, A - en.outer(push_a, push_a) * inverse)
    put_matrix(words, here + INERTIA_H * lanes, lanes, H - en.outer(push_a, push_l) * inverse)
    put_symmetric(words, here + INERTIA_M * lanes, lanes, M - en.outer(push_l, push_l) * inverse)


@en.func
def add_inertia(words: en.array(dtype=float), here: int, above: int, lanes: int):
    """Adds a node's inertia to its ancestor's, shifted to that anchor."""
    A = get_symmetric(words, here + INERTIA_A * lanes, lanes)
    H = get_matrix(words, here + INERTIA_H * lanes, lanes)
    M = get_symmetric(words, here + INERTIA_M * lanes, lanes)
    arm = en.skew(get3(words, here + ANCHOR * lanes, lanes) - get3(words, above + ANCHOR * lanes, lanes))
    lever = arm * en.transpose(H)
    up = above + INERTIA_A * lanes
    shifted = A + lever + en.transpose(lever) - arm * M * arm
    put_symmetric(words, up, lanes, get_symmetric(words, up, lanes) + shifted)
    up = above + INERTIA_H * lanes
    put_matrix(words, up, lanes, get_matrix(words, up, lanes) + H + arm * M)
    up = above + INERTIA_M * lanes
    put_symmetric(words, up, lanes, get_symmetric(words, up, lanes) + M)


@en.func
def release_nodes(
    clusters: ClusterTable,
    cluster: int,
    lanes: int,
    used: en.array(dtype=int),
    words: en.array(dtype=float),
    rows: en.array(dtype=float),
):
    """From the leaves inward: releases the rows of every node and hands what is left to its ancestor."""
    first = clusters.first[cluster]
    count = clusters.first[cluster + 1] - first
    base = clusters.node_base[cluster]
    lane = clusters.lane[cluster]
    for back in range(count):
        k = count - 1 - back
        here = node_at(base, lane, k, lanes)
        row = row_item(clusters.row_base[cluster], lane, clusters.row_at[first + k], lanes)
        n = used[first + k]
        for i in range(n):
            release_row(words, here, rows, row + (n - 1 - i) * ROW_WORDS * lanes, lanes)
        if clusters.ancestor[first + k] >= 0:
            add_inertia(words, here, node_at(base, lane, clusters.ancestor[first + k], lanes), lanes)

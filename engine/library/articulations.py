"""Matrices of trees of joints, dense and by rows, from arrays that hold many articulations one behind another."""

from __future__ import annotations

from typing import Any

import engine as en
from engine.library.functions import library

_SPATIAL = "Spatial"


@library(_SPATIAL)
def spatial_jacobian(
    S: en.array(dtype=Any),
    joint_parents: en.array(dtype=int),
    joint_qd_start: en.array(dtype=int),
    joint_start: int,
    joint_count: int,
    J_start: int,
    J_out: en.array(dtype=Any),
):
    """Writes the matrix from joint velocities to the spatial velocities of the links of one articulation. Differentiable.

    `S` holds a motion axis (spatial vector) for every velocity; those of joint j are `joint_qd_start[j]` up to
    `joint_qd_start[j + 1]`. The articulation is `joint_count` joints from `joint_start`, each with its link, and with
    its parent's number or -1 in `joint_parents`. The 6·joint_count rows of the matrix lie in `J_out` from `J_start`;
    entries of velocities that do not move a link stay as they are.
    """
    first = joint_qd_start[joint_start]
    columns = joint_qd_start[joint_start + joint_count] - first
    for link in range(joint_count):
        joint = joint_start + link
        while joint != -1:
            for k in range(joint_qd_start[joint], joint_qd_start[joint + 1]):
                axis = S[k]
                for r in range(6):
                    J_out[J_start + (6 * link + r) * columns + k - first] = axis[r]
            joint = joint_parents[joint]


@library(_SPATIAL)
def spatial_mass(I_s: en.array(dtype=Any), joint_start: int, joint_count: int, M_start: int, M: en.array(dtype=Any)):
    """Writes the inertias (6×6) of the links of one articulation as blocks of one matrix. Differentiable.

    The matrix has 6·joint_count rows and columns and lies in `M` from `M_start`; entries outside the blocks stay as
    they are.
    """
    side = 6 * joint_count
    for link in range(joint_count):
        inertia = I_s[joint_start + link]
        for r in range(6):
            for c in range(6):
                M[M_start + (6 * link + r) * side + 6 * link + c] = inertia[r, c]

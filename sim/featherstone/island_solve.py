"""Impulses of the constraint rows of an island: dense, direct, with bounds by an active set.

The matrix is that of Delassus: what an impulse along one row does to the velocity along another. Rows at a bound are
taken out and their impulse is kept there; the others are solved by a factorisation that skips rows which others imply (a
planar loop has three of them). A few rounds find which rows are at a bound; what is still beyond one then is cut off.
"""

import engine as en
from sim.featherstone.constraint_rows import RowTable

ROUNDS = en.constant(12)
IMPLIED = en.constant(2.0e-5)
"""A row of which elimination leaves less than this share of the largest answer of its group follows from others (float32)."""

FREE = en.constant(0)
AT_LOW = en.constant(1)
AT_HIGH = en.constant(2)


@en.func
def fill_matrix(
    rows: RowTable,
    island: int,
    J: en.array(dtype=float),
    Y: en.array(dtype=float),
    wanted: en.array(dtype=float),
    softness: en.array(dtype=float),
    qd: en.array(dtype=float),
    A: en.array(dtype=float),
    missing: en.array(dtype=float),
    least: en.array(dtype=float),
):
    """The island's matrix, by how much each row's velocity misses what is wanted, and the least pivot of each row."""
    first = rows.row_first[island]
    n = rows.row_first[island + 1] - first
    size = rows.size[island]
    base = rows.solve_at[island]
    for i in range(n):
        at = rows.at[first + i]
        speed = 0.0
        for d in range(size):
            speed = speed + J[at + d] * qd[rows.island_dof[rows.dof_first[island] + d]]
        missing[first + i] = wanted[first + i] - speed
        for k in range(i + 1):
            other = rows.at[first + k]
            value = 0.0
            for d in range(size):
                value = value + J[at + d] * Y[other + d]
            if k == i:
                value = value + softness[first + i]
            A[base + i * n + k] = value
            A[base + k * n + i] = value
    for i in range(n):
        most = 0.0
        for k in range(n):
            if rows.group[first + k] == rows.group[first + i]:
                most = en.max(most, A[base + k * n + k])
        least[first + i] = IMPLIED * most


@en.func
def factorise(
    n: int,
    base: int,
    first: int,
    A: en.array(dtype=float),
    least: en.array(dtype=float),
    side: en.array(dtype=int),
    L: en.array(dtype=float),
):
    """L D transposed(L) of the rows that are not at a bound; D stands on the diagonal, 0 for rows to skip."""
    for i in range(n):
        for k in range(i):
            value = 0.0
            pivot = L[base + k * n + k]
            if side[first + i] == FREE and pivot > 0.0:
                value = A[base + i * n + k]
                for m in range(k):
                    value = value - L[base + i * n + m] * L[base + k * n + m] * L[base + m * n + m]
                value = value / pivot
            L[base + i * n + k] = value
        pivot_i = 0.0
        if side[first + i] == FREE:
            pivot_i = A[base + i * n + i]
            for m in range(i):
                l = L[base + i * n + m]
                pivot_i = pivot_i - l * l * L[base + m * n + m]
            if pivot_i <= least[first + i]:
                pivot_i = 0.0
        L[base + i * n + i] = pivot_i


@en.func
def solve_free(
    n: int,
    base: int,
    first: int,
    A: en.array(dtype=float),
    L: en.array(dtype=float),
    side: en.array(dtype=int),
    missing: en.array(dtype=float),
    impulse: en.array(dtype=float),
):
    """Impulses of the rows that are not at a bound, given those that are."""
    for i in range(n):
        if side[first + i] == FREE:
            value = missing[first + i]
            for k in range(n):
                if side[first + k] != FREE:
                    value = value - A[base + i * n + k] * impulse[first + k]
            for k in range(i):
                if side[first + k] == FREE:
                    value = value - L[base + i * n + k] * impulse[first + k]
            impulse[first + i] = value
    for i in range(n):
        if side[first + i] == FREE:
            pivot = L[base + i * n + i]
            value = 0.0
            if pivot > 0.0:
                value = impulse[first + i] / pivot
            impulse[first + i] = value
    for back in range(n):
        i = n - 1 - back
        if side[first + i] == FREE:
            value = impulse[first + i]
            for k in range(i + 1, n):
                if side[first + k] == FREE:
                    value = value - L[base + k * n + i] * impulse[first + k]
            impulse[first + i] = value


@en.func
def choose_sides(
    n: int,
    bounded_from: int,
    base: int,
    first: int,
    A: en.array(dtype=float),
    missing: en.array(dtype=float),
    low: en.array(dtype=float),
    high: en.array(dtype=float),
    side: en.array(dtype=int),
    impulse: en.array(dtype=float),
) -> int:
    """Moves rows to a bound that they exceed, and off one that they pull away from; returns how many."""
    changes = 0
    for i in range(bounded_from, n):
        r = first + i
        if side[r] == FREE:
            if impulse[r] < low[r]:
                side[r] = AT_LOW
                impulse[r] = low[r]
                changes = changes + 1
            elif impulse[r] > high[r]:
                side[r] = AT_HIGH
                impulse[r] = high[r]
                changes = changes + 1
        else:
            left = missing[r]
            for k in range(n):
                left = left - A[base + i * n + k] * impulse[first + k]
            slack = 1.0e-6 * (1.0 + en.abs(missing[r]))
            if (side[r] == AT_LOW and left > slack) or (side[r] == AT_HIGH and left < -slack):
                side[r] = FREE
                changes = changes + 1
    return changes


@en.kernel
def solve_islands(
    rows: RowTable,
    J: en.array(dtype=float),
    Y: en.array(dtype=float),
    wanted: en.array(dtype=float),
    softness: en.array(dtype=float),
    low: en.array(dtype=float),
    high: en.array(dtype=float),
    qd: en.array(dtype=float),
    A: en.array(dtype=float),
    L: en.array(dtype=float),
    missing: en.array(dtype=float),
    least: en.array(dtype=float),
    side: en.array(dtype=int),
    impulse: en.array(dtype=float),
):
    island = en.tid()
    first = rows.row_first[island]
    n = rows.row_first[island + 1] - first
    base = rows.solve_at[island]
    free = rows.free_rows[island]
    fill_matrix(rows, island, J, Y, wanted, softness, qd, A, missing, least)
    for i in range(n):
        r = first + i
        impulse[r] = 0.0
        side[r] = FREE
        # One-sided rows start at zero impulse unless they are about to be violated.
        if low[r] == 0.0 and missing[r] <= 0.0:
            side[r] = AT_LOW
        if high[r] == 0.0 and missing[r] >= 0.0:
            side[r] = AT_HIGH
    changes = 1
    for _round in range(ROUNDS):
        if changes > 0:
            factorise(n, base, first, A, least, side, L)
            solve_free(n, base, first, A, L, side, missing, impulse)
            changes = choose_sides(n, free, base, first, A, missing, low, high, side, impulse)
    for i in range(free, n):
        impulse[first + i] = en.clamp(impulse[first + i], low[first + i], high[first + i])

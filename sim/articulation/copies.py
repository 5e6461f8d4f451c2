"""Which trees are copies of each other that a kernel may step in lock-step: equal make, evenly spaced in the model.

Copies made by ``ModelBuilder.replicate`` or by building the same robot again lie evenly: joints, bodies, coordinates,
velocities and axes of the next copy are a constant number further on. Then kernels need the numbers of one copy only.
"""

from dataclasses import dataclass

import numpy as np

CPU_LANES = 16
"""Copies that are one vector on the CPU."""

LEAST_COPIES = 4
"""Fewer are stepped faster one by one: a vector costs as much as some three trees."""

MOST_GROUPS = 16
"""Groups that get launches of their own; the trees of smaller ones are stepped one by one."""

_MOST_PARTS = 8
"""Equal trees in one environment, such as loose boxes, up to which copies of environments are told apart."""


@dataclass(frozen=True)
class CopyGroup:
    """Trees of one make, evenly spaced.

    Attributes:
        tree: First of them, in the order of ``KinematicTrees``.
        copies: Number of trees, in sequence.
        dofs: Degrees of freedom of one.
        spacing: From one to the next: joints, bodies, coordinates, velocities, axes.
    """

    tree: int
    copies: int
    dofs: int
    spacing: tuple[int, int, int, int, int]


def split_evenly(shape: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """New numbers of makes, such that trees of one make are evenly spaced where that can be had.

    Args:
        shape: Number of the make of each tree.
        numbers: Where the numbers of each tree's root begin, shape [trees, 5].
    """
    out = np.zeros_like(shape)
    known = 0
    for s in range(int(shape.max(initial=-1)) + 1):
        members = np.flatnonzero(shape == s)
        parts = next((p for p in range(1, _MOST_PARTS + 1) if _is_even(numbers[members], p)), 1)
        out[members] = known + np.arange(len(members)) % parts
        known += min(parts, len(members))
    return out


def copy_groups(shape: np.ndarray, numbers: np.ndarray, dofs: np.ndarray) -> list[CopyGroup]:
    """The groups among trees sorted by make, the largest ones if there are many."""
    starts = np.flatnonzero(np.diff(shape, prepend=-1))
    groups = []
    for tree, copies in zip(starts.tolist(), np.diff(np.append(starts, len(shape))).tolist()):
        rows = numbers[tree : tree + copies]
        if copies >= LEAST_COPIES and _is_even(rows, 1):
            spacing = tuple((rows[1] - rows[0]).tolist())
            groups.append(CopyGroup(tree, copies, int(dofs[tree]), spacing))
    groups.sort(key=lambda g: g.copies, reverse=True)
    return groups[:MOST_GROUPS]


def _is_even(numbers: np.ndarray, parts: int) -> bool:
    """Whether every ``parts``-th row lies a constant, not negative distance after the one before."""
    steps = numbers[parts:] - numbers[:-parts]
    return all((steps[p::parts] == steps[p : p + 1]).all() for p in range(parts)) and bool((steps >= 0).all())

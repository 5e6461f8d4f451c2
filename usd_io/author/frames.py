"""Joint axes of any direction as the X, Y and Z of a frame, which is all that USD knows."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import numpy as np

from usd_io.records import JointAxisRecord

TOLERANCE = 1e-4
"""Largest cosine between axes that still count as perpendicular."""


@dataclass(frozen=True)
class AlignedAxes:
    """A frame for axes: ``rotation`` [3, 3] turns it into the joint frame; axis i is ``sign[i]`` times ``column[i]``."""

    rotation: np.ndarray
    column: tuple[int, ...]
    sign: tuple[float, ...]


def aligned_axes(axes: list[JointAxisRecord]) -> AlignedAxes | None:
    """The frame whose X, Y, Z (rotations in this order) are the axes; None when they are not perpendicular."""
    directions: list[np.ndarray] = []
    for axis in axes:
        cosines = [abs(float(axis.axis @ d)) for d in directions]
        if all(c < TOLERANCE for c in cosines):
            directions.append(axis.axis)
        elif max(cosines) < 1.0 - TOLERANCE:
            return None
    while len(directions) < 3:
        directions.append(_perpendicular(directions))
    turning = [axis for axis in axes if axis.kind == "angular"]
    for order in permutations(range(3)):
        R = np.column_stack([directions[i] for i in order])
        if np.linalg.det(R) < 0.0:
            R[:, 2] *= -1.0
        rows = [_place(R, axis.axis) for axis in turning]
        if rows == sorted(set(rows)):
            places = [_place(R, axis.axis) for axis in axes]
            signs = [float(np.sign(R[:, p] @ axis.axis)) for p, axis in zip(places, axes, strict=True)]
            return AlignedAxes(R, tuple(places), tuple(signs))
    return None


def _place(R: np.ndarray, axis: np.ndarray) -> int:
    return int(np.argmax(np.abs(R.T @ axis)))


def _perpendicular(directions: list[np.ndarray]) -> np.ndarray:
    if len(directions) == 2:
        return np.cross(directions[0], directions[1])
    helper = np.eye(3)[int(np.argmin(np.abs(directions[0])))]
    result = np.cross(directions[0], helper)
    return result / np.linalg.norm(result)

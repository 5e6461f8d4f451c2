"""Takes authored matrices apart into rigid frames and scale (column-vector convention)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any

import numpy as np


def _remembered(function: Callable[[np.ndarray], Any]) -> Callable[[np.ndarray], Any]:
    """Remembers results by matrix content: scenes repeat few rotations over many prims. Results are read-only."""

    @lru_cache(maxsize=4096)
    def by_content(content: bytes) -> Any:
        result = function(np.frombuffer(content).reshape(3, 3).copy())
        for part in result if isinstance(result, tuple) else (result,):
            if isinstance(part, np.ndarray):
                part.setflags(write=False)
        return result

    @wraps(function)
    def remembered(A: np.ndarray) -> Any:
        return by_content(np.ascontiguousarray(A, dtype=np.float64).tobytes())

    return remembered


IDENTITY_Q = np.array([0.0, 0.0, 0.0, 1.0])
SHEAR_TOLERANCE = 1e-4
"""Largest cosine between axes that still counts as a right angle."""


@_remembered
def quaternion_from_matrix(R: np.ndarray) -> np.ndarray:
    """Unit quaternion xyzw of a rotation matrix (Shepperd's method: divide by the largest component)."""
    trace = np.trace(R)
    squares = np.array([*(1.0 + 2.0 * np.diag(R) - trace), 1.0 + trace])
    largest = int(np.argmax(squares))
    a, b, c = R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1]
    d, e, f = R[0, 1] + R[1, 0], R[0, 2] + R[2, 0], R[1, 2] + R[2, 1]
    s = squares[largest]
    q = np.array([[s, d, e, a], [d, s, f, b], [e, f, s, c], [a, b, c, s]][largest])
    return q / np.linalg.norm(q)


def matrix_from_quaternion(q: np.ndarray) -> np.ndarray:
    """Rotation matrix of a unit quaternion xyzw."""
    x, y, z, w = q
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


@_remembered
def has_orthogonal_columns(A: np.ndarray) -> bool:
    """True when A is a rotation (or reflection) times a scale along its own axes: no shear."""
    unit = A / np.linalg.norm(A, axis=0)
    return bool(np.abs(unit.T @ unit - np.eye(3)).max() < SHEAR_TOLERANCE)


@_remembered
def split_rotation(A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotation R and stretch K with ``A = R @ K``.

    Without shear K is diagonal, with negative entries where A mirrors; with shear the polar decomposition is taken
    (K symmetric), the rotation closest to A.
    """
    if has_orthogonal_columns(A):
        scale = np.linalg.norm(A, axis=0)
        R = A / scale
        if np.linalg.det(R) < 0.0:
            axis = mirrored_axis(R)
            R[:, axis] *= -1.0
            scale[axis] *= -1.0
        return _orthonormal(R), np.diag(scale)
    U, S, Vt = np.linalg.svd(A)
    flip = np.diag([1.0, 1.0, np.sign(np.linalg.det(U @ Vt))])
    return U @ flip @ Vt, Vt.T @ flip @ np.diag(S) @ Vt


def mirrored_axis(R: np.ndarray) -> int:
    """Which column of a reflection to negate so that the remaining rotation turns least."""
    return int(np.argmin(np.diag(R)))


def _orthonormal(R: np.ndarray) -> np.ndarray:
    U, _, Vt = np.linalg.svd(R)
    return U @ Vt


def transform7(R: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Position and quaternion xyzw as one array of seven."""
    return np.concatenate([position, quaternion_from_matrix(R)])


def rotation_with_axis(axis: int, direction: np.ndarray) -> np.ndarray:
    """Some rotation that takes the unit vector of ``axis`` (0, 1, 2) to ``direction``."""
    z = direction / np.linalg.norm(direction)
    helper = np.eye(3)[int(np.argmin(np.abs(z)))]
    x = np.cross(helper, z)
    x /= np.linalg.norm(x)
    R = np.empty((3, 3))
    R[:, axis], R[:, (axis + 1) % 3], R[:, (axis + 2) % 3] = z, x, np.cross(z, x)
    return R

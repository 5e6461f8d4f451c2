"""Batched quaternion algebra on NumPy arrays, xyzw, any leading shape."""

from __future__ import annotations

import numpy as np


def conjugate(q: np.ndarray) -> np.ndarray:
    """Inverse rotation of unit quaternions, shape [..., 4]."""
    return q * np.array([-1.0, -1.0, -1.0, 1.0])


def multiply(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Hamilton product ``a b`` (apply b first), shapes broadcast to [..., 4]."""
    av, aw, bv, bw = a[..., :3], a[..., 3:], b[..., :3], b[..., 3:]
    vector = aw * bv + bw * av + np.cross(av, bv)
    scalar = aw * bw - np.sum(av * bv, axis=-1, keepdims=True)
    return np.concatenate([vector, scalar], axis=-1)


def normalized(q: np.ndarray) -> np.ndarray:
    """Unit quaternions; a zero quaternion becomes the identity."""
    length = np.linalg.norm(q, axis=-1, keepdims=True)
    safe = np.where(length > 0.0, length, 1.0)
    return np.where(length > 0.0, q / safe, np.array([0.0, 0.0, 0.0, 1.0]))


def rotate(q: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Vectors [..., 3] rotated by unit quaternions [..., 4]."""
    t = 2.0 * np.cross(q[..., :3], v)
    return v + q[..., 3:] * t + np.cross(q[..., :3], t)


def to_matrix(q: np.ndarray) -> np.ndarray:
    """Rotation matrices [..., 3, 3] (column vectors) of unit quaternions."""
    x, y, z, w = np.moveaxis(q, -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def from_matrix(m: np.ndarray) -> np.ndarray:
    """Unit quaternions of proper rotation matrices [..., 3, 3] (Shepperd's method, largest component first)."""
    d = np.diagonal(m, axis1=-2, axis2=-1)
    trace = d.sum(-1)
    squares = (1.0 - trace[..., None] + 2.0 * d).clip(0.0)
    xx, yy, zz = squares[..., 0:1], squares[..., 1:2], squares[..., 2:3]
    ww = (1.0 + trace[..., None]).clip(0.0)
    wx, wy, wz = (m[..., i, j] - m[..., j, i] for i, j in ((2, 1), (0, 2), (1, 0)))
    xy, xz, yz = (m[..., i, j] + m[..., j, i] for i, j in ((0, 1), (0, 2), (1, 2)))
    candidates = np.stack(
        [
            np.stack([xx[..., 0], xy, xz, wx], -1),
            np.stack([xy, yy[..., 0], yz, wy], -1),
            np.stack([xz, yz, zz[..., 0], wz], -1),
            np.stack([wx, wy, wz, ww[..., 0]], -1),
        ],
        axis=-2,
    )
    best = np.argmax(np.concatenate([xx, yy, zz, ww], -1), axis=-1)
    return normalized(np.take_along_axis(candidates, best[..., None, None], axis=-2)[..., 0, :])


def continued(q: np.ndarray, before: np.ndarray | None) -> np.ndarray:
    """Same rotations with signs chosen so that consecutive samples never flip.

    Args:
        q: Samples over time, shape [frames, n, 4].
        before: The samples that precede the first frame, shape [n, 4], or None at the start.
    """
    if not len(q):
        return q
    head = q[:1] if before is None else before[None]
    steps = np.concatenate([head, q[:-1]])
    flips = np.where(np.sum(steps * q, axis=-1) < 0.0, -1.0, 1.0)
    return q * np.cumprod(flips, axis=0)[..., None]

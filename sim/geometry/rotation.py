"""Quaternions (x, y, z, w) and rigid transforms (p, q) on NumPy arrays, broadcasting over leading axes."""

import numpy as np

IDENTITY_QUAT = np.array([0.0, 0.0, 0.0, 1.0])
IDENTITY_TRANSFORM = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0])


def rotate(q: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Rotates vectors ``v`` [..., 3] by unit quaternions ``q`` [..., 4]."""
    u = q[..., :3]
    t = 2.0 * np.cross(u, v)
    return v + q[..., 3:4] * t + np.cross(u, t)


def quat_multiply(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Quaternion product: rotates by ``b`` first, then by ``a``."""
    a, b = np.broadcast_arrays(a, b)
    av, aw, bv, bw = a[..., :3], a[..., 3:], b[..., :3], b[..., 3:]
    vector = aw * bv + bw * av + np.cross(av, bv)
    return np.concatenate([vector, aw * bw - np.sum(av * bv, axis=-1, keepdims=True)], axis=-1)


def quat_from_axis_angle(axis: np.ndarray, angle: float) -> np.ndarray:
    """Unit quaternion of a rotation by ``angle`` [rad] about the unit vector ``axis``."""
    return np.append(np.asarray(axis, dtype=np.float64) * np.sin(0.5 * angle), np.cos(0.5 * angle))


def quat_between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Shortest rotation that takes the unit vector ``a`` to the unit vector ``b``."""
    d = float(np.dot(a, b))
    if d < -1.0 + 1e-12:
        helper = np.array([1.0, 0.0, 0.0]) if abs(a[0]) < 0.9 else np.array([0.0, 1.0, 0.0])
        axis = np.cross(a, helper)
        return np.append(axis / np.linalg.norm(axis), 0.0)
    q = np.append(np.cross(a, b), 1.0 + d)
    return q / np.linalg.norm(q)


def rotation_matrix(q: np.ndarray) -> np.ndarray:
    """Rotation matrices [..., 3, 3] of unit quaternions [..., 4]."""
    q = np.asarray(q, dtype=np.float64)
    return np.stack([rotate(q, e) for e in np.eye(3)], axis=-1)


def transform_multiply(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Composes rigid transforms [..., 7]: applies ``b`` first, then ``a``."""
    a, b = np.broadcast_arrays(a, b)
    p = a[..., :3] + rotate(a[..., 3:], b[..., :3])
    return np.concatenate([p, quat_multiply(a[..., 3:], b[..., 3:])], axis=-1)


def transform_points(x: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Applies rigid transforms [..., 7] to points [..., 3]."""
    return x[..., :3] + rotate(x[..., 3:], points)

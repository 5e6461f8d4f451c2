"""Quaternions (x, y, z, w) and rigid transforms (p, q) on NumPy arrays, broadcasting over leading axes."""

import numpy as np

IDENTITY_QUAT = np.array([0.0, 0.0, 0.0, 1.0])
IDENTITY_TRANSFORM = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0])


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cross product over the last axis; np.cross spends more on bookkeeping than on the product for few vectors."""
    ax, ay, az = a[..., 0], a[..., 1], a[..., 2]
    bx, by, bz = b[..., 0], b[..., 1], b[..., 2]
    result = np.empty((*np.broadcast(ax, bx).shape, 3), dtype=np.result_type(a, b))
    result[..., 0] = ay * bz - az * by
    result[..., 1] = az * bx - ax * bz
    result[..., 2] = ax * by - ay * bx
    return result


def rotate(q: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Rotates vectors ``v`` [..., 3] by unit quaternions ``q`` [..., 4]."""
    u = q[..., :3]
    t = 2.0 * cross(u, v)
    return v + q[..., 3:4] * t + cross(u, t)


def quat_multiply(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Quaternion product: rotates by ``b`` first, then by ``a``."""
    av, aw, bv, bw = a[..., :3], a[..., 3:], b[..., :3], b[..., 3:]
    result = np.empty((*np.broadcast(av, bv).shape[:-1], 4))
    result[..., :3] = aw * bv + bw * av + cross(av, bv)
    result[..., 3:] = aw * bw - np.sum(av * bv, axis=-1, keepdims=True)
    return result


def quat_from_axis_angle(axis: np.ndarray, angle: float) -> np.ndarray:
    """Unit quaternion of a rotation by ``angle`` [rad] about the unit vector ``axis``."""
    return np.append(np.asarray(axis, dtype=np.float64) * np.sin(0.5 * angle), np.cos(0.5 * angle))


def quat_between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Shortest rotation that takes the unit vector ``a`` to the unit vector ``b``."""
    d = float(np.dot(a, b))
    if d < -1.0 + 1e-12:
        helper = np.array([1.0, 0.0, 0.0]) if abs(a[0]) < 0.9 else np.array([0.0, 1.0, 0.0])
        axis = cross(a, helper)
        return np.append(axis / np.linalg.norm(axis), 0.0)
    q = np.append(cross(a, b), 1.0 + d)
    return q / np.linalg.norm(q)


def rotation_matrix(q: np.ndarray) -> np.ndarray:
    """Rotation matrices [..., 3, 3] of unit quaternions [..., 4]."""
    q = np.asarray(q, dtype=np.float64)
    return np.swapaxes(rotate(q[..., None, :], np.eye(3)), -1, -2)


def transform_multiply(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Composes rigid transforms [..., 7]: applies ``b`` first, then ``a``."""
    rotation = quat_multiply(a[..., 3:], b[..., 3:])
    return np.concatenate([a[..., :3] + rotate(a[..., 3:], b[..., :3]), rotation], axis=-1)


def transform_points(x: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Applies rigid transforms [..., 7] to points [..., 3]."""
    return x[..., :3] + rotate(x[..., 3:], points)


def transform_inverse(x: np.ndarray) -> np.ndarray:
    """The opposite of rigid transforms [..., 7]."""
    q = x[..., 3:] * np.array([-1.0, -1.0, -1.0, 1.0])
    return np.concatenate([-rotate(q, x[..., :3]), q], axis=-1)

"""Joints of copied builders: what of them moves with the copy.

Joints to the world move by their anchor. A free joint to the world keeps its anchor and moves by its coordinates
instead, so that ``joint_q`` of a floating base stays its pose in the world.
"""

import numpy as np

from sim.articulation.joint_types import JOINT_FREE
from sim.geometry.rotation import IDENTITY_QUAT, IDENTITY_TRANSFORM, rotate, transform_inverse, transform_multiply


def is_shift(poses: np.ndarray) -> bool:
    """Whether poses [..., 7] move without turning, as environments on a grid do."""
    return bool((poses[..., 3:] == IDENTITY_QUAT).all())


def placed(poses: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Frames [count, 7] under every pose [copies, 1, 7]: shape [copies, count, 7]."""
    if not is_shift(poses):
        return transform_multiply(poses, frames)
    moved = np.repeat(frames[None].astype(np.float64), len(poses), axis=0)
    moved[..., :3] += poses[..., :3]
    return moved


def moved_anchors(source, poses: np.ndarray) -> np.ndarray:
    """``joint_X_p`` under every pose [copies, 1, 7]: shape [copies, joint_count, 7]."""
    anchored = (source.joint_parent.view < 0) & (source.joint_type.view != JOINT_FREE)
    if not anchored.any():
        return source.joint_X_p.view
    return np.where(anchored[:, None], placed(poses, source.joint_X_p.view), source.joint_X_p.view)


def moved_positions(source, poses: np.ndarray) -> np.ndarray:
    """``joint_q`` under every pose: shape [copies, joint_coord_count]."""
    result = np.repeat(source.joint_q.view[None], len(poses), axis=0)
    for joint in _floating(source):
        rows = slice(source.joint_q_start[joint], source.joint_q_start[joint] + 7)
        result[:, rows] = transform_multiply(_shift(source, joint, poses), source.joint_q.view[rows])
    return result


def moved_velocities(source, poses: np.ndarray) -> np.ndarray:
    """``joint_qd`` under every pose: shape [copies, joint_dof_count]."""
    result = np.repeat(source.joint_qd.view[None], len(poses), axis=0)
    if is_shift(poses):
        return result
    for joint in _floating(source):
        turn = _shift(source, joint, poses)[:, 3:]
        start = source.joint_qd_start[joint]
        for rows in (slice(start, start + 3), slice(start + 3, start + 6)):
            result[:, rows] = rotate(turn, source.joint_qd.view[rows])
    return result


def _floating(source) -> np.ndarray:
    return np.flatnonzero((source.joint_parent.view < 0) & (source.joint_type.view == JOINT_FREE))


def _shift(source, joint: int, poses: np.ndarray) -> np.ndarray:
    """The copy's pose as seen in the joint's anchor frame, shape [copies, 7]."""
    X_p = source.joint_X_p.view[joint]
    if (X_p == IDENTITY_TRANSFORM).all():
        return poses[:, 0]
    return transform_multiply(transform_multiply(transform_inverse(X_p), poses[:, 0]), X_p)


def _moved_frames(source, poses: np.ndarray, side: int) -> np.ndarray:
    frames = getattr(source, f"equality_X_{side + 1}").view
    in_world = (source.equality_body.view[:, side] < 0) & (source.equality_dof.view[:, 0] < 0)
    return np.where(in_world[:, None], placed(poses, frames), frames)


def moved_frames_1(source, poses: np.ndarray) -> np.ndarray:
    """``equality_X_1`` under every pose: frames in the world move, those on bodies stay."""
    return _moved_frames(source, poses, 0)


def moved_frames_2(source, poses: np.ndarray) -> np.ndarray:
    """Likewise ``equality_X_2``."""
    return _moved_frames(source, poses, 1)


MOVES = {
    "joint_anchor": moved_anchors,
    "joint_position": moved_positions,
    "joint_velocity": moved_velocities,
    "equality_frame_1": moved_frames_1,
    "equality_frame_2": moved_frames_2,
}

"""Reading a recording back, the way a player does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pxr import Usd, UsdGeom

from usd_io.recorder import Target, UsdRecorder


def random_poses(frames: int, bodies: int, seed: int = 0) -> np.ndarray:
    """World poses, shape [frames, bodies, 7]: any place within metres, any rotation."""
    values = np.random.default_rng(seed).normal(size=(frames, bodies, 7))
    values[..., 3:] /= np.linalg.norm(values[..., 3:], axis=-1, keepdims=True)
    return values.astype(np.float32)


def random_points(frames: int, particles: int, seed: int = 1) -> np.ndarray:
    """World points [m], shape [frames, particles, 3]."""
    return np.random.default_rng(seed).normal(size=(frames, particles, 3)).astype(np.float32)


def record(
    source: Path | None,
    output: Path,
    targets: Sequence[Target],
    poses: np.ndarray | None = None,
    points: np.ndarray | None = None,
    velocities: np.ndarray | None = None,
    **options: object,
) -> Path:
    """Records whole arrays of frames, 24 a second from time code 0."""
    options = {"fps": 24.0, "start_time_code": 0.0, "velocities": velocities is not None, **options}
    with UsdRecorder(source, output, targets, **options) as recorder:
        for frame in range(len(poses if poses is not None else points)):
            recorder.write_frame(
                None,
                None if poses is None else poses[frame],
                None if points is None else points[frame],
                None if velocities is None else velocities[frame],
            )
    return output


def world_matrix(stage: Usd.Stage, path: str, time: float) -> np.ndarray:
    """Local-to-world matrix, column vectors, stage units, shape [4, 4]."""
    return np.array(UsdGeom.XformCache(time).GetLocalToWorldTransform(stage.GetPrimAtPath(path))).T


def world_points(stage: Usd.Stage, path: str, time: float) -> np.ndarray:
    """Points of a prim in world [m], shape [n, 3]."""
    m = world_matrix(stage, path, time)
    points = np.array(stage.GetPrimAtPath(path).GetAttribute("points").Get(time), float)
    return (points @ m[:3, :3].T + m[:3, 3]) * UsdGeom.GetStageMetersPerUnit(stage)


def pose_matrix(pose: np.ndarray, unit: float, stretch: np.ndarray) -> np.ndarray:
    """``[R(q) stretch | p / unit]``, written out independently of the recorder."""
    x, y, z, w = pose[3:].astype(float)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    matrix = np.eye(4)
    matrix[:3, :3] = (np.eye(3) + 2 * w * cross + 2 * cross @ cross) @ stretch
    matrix[:3, 3] = pose[:3].astype(float) / unit
    return matrix

"""Our models beside MuJoCo's: the same file in both, and coordinates converted from one to the other.

Both number degrees of freedom body by body, so they differ only in what a free and a ball joint mean: MuJoCo has
(velocity of the origin, angular velocity in the body's axes) and quaternions as wxyz, we have (angular velocity,
velocity) along the parent's axes and xyzw.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import pytest

import engine as en
import sim
from usd_io import emit, read_scene

mujoco = pytest.importorskip("mujoco")
# Else it writes MUJOCO_LOG.TXT into the working directory.
mujoco.set_mju_user_warning(lambda message: warnings.warn(f"MuJoCo: {message}", RuntimeWarning, stacklevel=2))

MODELS = Path(__file__).parents[3].parent / "shared" / "models"
if not MODELS.exists():
    MODELS = Path("/work/shared/models")


def load_mujoco(path: Path):
    """MuJoCo's model of a file, or None when MuJoCo itself refuses it."""
    try:
        return mujoco.MjModel.from_xml_path(str(path))
    except ValueError:
        return None


def files(folder: str, pattern: str) -> list:
    """Parameters: every file of a folder of models, by its short name."""
    found = sorted((MODELS / folder).rglob(pattern))
    return [pytest.param(f, id=str(f.relative_to(MODELS / folder))) for f in found]


class Pair:
    """One file in both programs.

    Attributes:
        record: Our scene record.
        model: Our model; its joint limits are switched off, as neither mass matrix nor bias forces know them.
        mj: MuJoCo's model.
        data: MuJoCo's state.
    """

    def __init__(self, path: Path, mj=None):
        self.mj = load_mujoco(path) if mj is None else mj
        self.data = mujoco.MjData(self.mj)
        self.record = read_scene(path)
        builder = sim.ModelBuilder()
        self.bindings = emit(self.record, builder)
        builder.joint_limit_ke.view[:] = builder.joint_limit_kd.view[:] = 0.0
        self.model = builder.finalize(precise=True)

    @property
    def real_bodies(self) -> list[int]:
        """Our bodies without the weightless ones between several joints of one body, in MuJoCo's order."""
        return [i for i, b in enumerate(self.record.bodies) if not re.search(r"_joint_\d+$", b.path)]

    def coordinates(self) -> np.ndarray:
        """MuJoCo's qpos as our joint_q."""
        q, mj = self.data.qpos, self.mj
        ours = []
        for j in range(mj.njnt):
            at, kind = mj.jnt_qposadr[j], mj.jnt_type[j]
            if kind == mujoco.mjtJoint.mjJNT_FREE:
                ours += [*q[at : at + 3], *q[at + 4 : at + 7], q[at + 3]]
            elif kind == mujoco.mjtJoint.mjJNT_BALL:
                ours += [*q[at + 1 : at + 4], q[at]]
            else:
                ours.append(q[at] - mj.qpos0[at])
        return np.array(ours)

    def turn(self) -> list[tuple[int, np.ndarray]]:
        """Blocks (first dof, matrix) that take MuJoCo's velocities to ours."""
        mj, blocks = self.mj, []
        for j in range(mj.njnt):
            at, kind, q = mj.jnt_dofadr[j], mj.jnt_type[j], self.data.qpos[mj.jnt_qposadr[j] :]
            R = np.zeros(9)
            if kind == mujoco.mjtJoint.mjJNT_FREE:
                mujoco.mju_quat2Mat(R, q[3:7])
                block = np.zeros((6, 6))
                block[:3, 3:], block[3:, :3] = R.reshape(3, 3), np.eye(3)
            elif kind == mujoco.mjtJoint.mjJNT_BALL:
                mujoco.mju_quat2Mat(R, q[:4])
                block = R.reshape(3, 3)
            else:
                block = np.eye(1)
            blocks.append((int(at), block))
        return blocks

    def to_ours(self, velocity: np.ndarray) -> np.ndarray:
        """MuJoCo's velocities (or accelerations, where w x w vanishes) as ours."""
        result = np.zeros(self.mj.nv)
        for at, block in self.turn():
            n = len(block)
            result[at : at + n] = block @ velocity[at : at + n]
        return result

    def force_to_mujoco(self, force: np.ndarray) -> np.ndarray:
        """Our generalised forces as MuJoCo's: the transpose, so that power stays the same."""
        result = np.zeros(self.mj.nv)
        for at, block in self.turn():
            n = len(block)
            result[at : at + n] = block.T @ force[at : at + n]
        return result

    def randomise(self, seed: int, spread: float = 0.5) -> None:
        """Puts MuJoCo into a random configuration with random velocities."""
        rng = np.random.default_rng(seed)
        mujoco.mj_resetData(self.mj, self.data)
        mujoco.mj_integratePos(self.mj, self.data.qpos, rng.normal(size=self.mj.nv) * spread, 1.0)
        self.data.qvel[:] = rng.normal(size=self.mj.nv)
        mujoco.mj_forward(self.mj, self.data)

    def arrays(self, dtype=float):
        """MuJoCo's configuration and velocities as engine arrays of ours."""
        return (
            en.array(self.coordinates(), dtype=dtype, device=self.model.device),
            en.array(self.to_ours(self.data.qvel), dtype=dtype, device=self.model.device),
        )


def rotation_angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angles [rad] between rotation matrices [n, 3, 3] (stable for small ones)."""
    difference = np.swapaxes(a, -1, -2) @ b
    skew = difference - np.swapaxes(difference, -1, -2)
    vector = 0.5 * np.stack([skew[:, 2, 1], skew[:, 0, 2], skew[:, 1, 0]], axis=-1)
    return np.arctan2(np.linalg.norm(vector, axis=-1), 0.5 * (np.trace(difference, axis1=-2, axis2=-1) - 1.0))

"""Simulation results waiting to be written."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Frame:
    """Copies of the state at one time code; a part that the recording does not need is None."""

    time_code: float
    body_q: np.ndarray | None
    """[m] and xyzw, shape [body_count, 7] float32."""
    particle_q: np.ndarray | None
    """[m], shape [particle_count, 3] float32."""
    particle_qd: np.ndarray | None
    """[m/s], shape [particle_count, 3] float32."""

    @property
    def nbytes(self) -> int:
        """Memory held [bytes]."""
        parts = (self.body_q, self.particle_q, self.particle_qd)
        return sum(part.nbytes for part in parts if part is not None)


class FrameBatch:
    """Consecutive frames, with the arrays the tracks ask for."""

    def __init__(self, frames: list[Frame]):
        self.frames = frames
        self.times = [frame.time_code for frame in frames]
        has_bodies = bool(frames) and frames[0].body_q is not None
        self.body_q = np.stack([f.body_q for f in frames]).astype(np.float64) if has_bodies else np.zeros((0, 0, 7))
        """[frames, body_count, 7] float64."""

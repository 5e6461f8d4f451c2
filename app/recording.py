"""Recording of a session that somebody looks at: the same USD as `simrun` writes, from now on or of what is in memory."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import numpy as np

from app.batch import geometry_source
from app.session import Session
from usd_io.recorder import UsdRecorder, targets_from_bindings


class SceneRecording:
    """A recording of a session, as `Session.start_recording` takes it."""

    reads_velocities = False

    def __init__(self, session: Session, scene_path: Path, output: Path, *, flatten: bool = False):
        """Start a file; nothing is in it yet.

        Args:
            session: what is recorded.
            scene_path: the file that the session was made from.
            output: `.usd`, `.usda` or `.usdc`; replaced if it exists.
            flatten: one self-contained file instead of a layer over the scene.

        Raises:
            RecorderError: if it cannot be written there.
        """
        self.path = Path(output)
        settings = session.settings
        with ExitStack() as stack:
            source = stack.enter_context(geometry_source(Path(scene_path), session.scene))
            self._recorder = UsdRecorder(
                source,
                self.path,
                targets_from_bindings(session.bindings),
                fps=settings.fps,
                start_time_code=settings.start_time_code,
                flatten=flatten or source != Path(scene_path),
                overwrite=True,
            )
            self._stack = stack.pop_all()

    def write_frame(
        self,
        time_code: float,
        body_q: np.ndarray,
        particle_q: np.ndarray,
        particle_qd: np.ndarray | None = None,
    ) -> None:
        """Take one frame."""
        self._recorder.write_frame(time_code, body_q, particle_q)

    def close(self) -> None:
        """Make the file whole."""
        try:
            self._recorder.close()
        finally:
            self._stack.close()


def save_history(session: Session, scene_path: Path, output: Path) -> int:
    """Write the frames in memory to a file; returns how many there were.

    Raises:
        RecorderError: if it cannot be written there.
    """
    recording = SceneRecording(session, scene_path, output)
    frames = session.history.all()
    try:
        for frame in frames:
            time_code = session.settings.start_time_code + frame.number
            recording.write_frame(time_code, frame.rows("body_q"), frame.rows("particle_q"))
    finally:
        recording.close()
    return len(frames)

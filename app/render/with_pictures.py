"""A recording into a USD file that also draws pictures."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from app.errors import AppError

if TYPE_CHECKING:
    from app.frame_output import Recording
    from app.render.pictures import PictureRecording
    from sim import State


class WithPictures:
    """Records into a USD file, and draws the same frames. When drawing fails, the USD file goes on without it.

    Attributes:
        failure: why drawing stopped, None while it goes well.
    """

    def __init__(self, recording: Recording, pictures: PictureRecording):
        self._recording, self._pictures = recording, pictures
        self.reads_velocities = getattr(recording, "reads_velocities", True)
        self.failure: str | None = None

    def show_state(self, time_code: float, state: State) -> None:
        """Draw a frame whose positions lie on a GPU; `write_frame` follows when it has been found good."""
        if self.failure is None:
            self._try(lambda: self._pictures.show_state(time_code, state))

    def write_frame(self, time_code, body_q, particle_q, particle_qd=None) -> None:
        """Hand on one frame."""
        self._recording.write_frame(time_code, body_q, particle_q, particle_qd)
        if self.failure is None:
            self._try(lambda: self._pictures.write_frame(time_code, body_q, particle_q))

    def close(self) -> None:
        """Close both, the file first."""
        try:
            self._recording.close()
        finally:
            self._try(self._pictures.close)

    def _try(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:
            # Whatever the driver or the encoder comes up with, the simulation is worth more than its pictures.
            if not isinstance(error, AppError | OSError) and os.environ.get("SIMRUN_DEBUG") == "1":
                raise
            self.failure = self.failure or " ".join(str(error).split())

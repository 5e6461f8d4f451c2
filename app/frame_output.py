"""Where the frames of a session go while a recording is on."""

from __future__ import annotations

from time import perf_counter
from typing import Protocol

import numpy as np

import engine
from app.frame_readback import FrameData
from sim import State

#: recorded arrays and the numbers in a row of each
ROW_WIDTHS = {"body_q": 7, "particle_q": 3, "particle_qd": 3}


class Recording(Protocol):
    """Where frames go. `usd_io.recorder.UsdRecorder` is one.

    One that draws may have `show_state(time_code, state)` besides: it is called with the arrays on a GPU as soon as the
    frame is computed, and `write_frame` follows when it has been found good.
    """

    def write_frame(
        self,
        time_code: float,
        body_q: np.ndarray,
        particle_q: np.ndarray,
        particle_qd: np.ndarray | None = None,
    ) -> None:
        """Take one frame; the arrays are only lent and change with the next step."""

    def close(self) -> None:
        """Make everything written readable, and let go of the file."""


class FrameOutput:
    """Hands frames to the recording that is on, if one is.

    Attributes:
        recording: where frames go now; None for nowhere.
        seconds: wall time spent handing frames over so far [s].
    """

    def __init__(self):
        """Nothing is recorded."""
        self.recording: Recording | None = None
        self.seconds = 0.0

    def close(self) -> None:
        """Close the recording, if one is on."""
        recording, self.recording = self.recording, None
        if recording is not None:
            began = perf_counter()
            try:
                recording.close()
            finally:
                self.seconds += perf_counter() - began

    def show_state(self, time_code: float, state: State) -> None:
        """Let a recording that draws take the positions of a frame where they lie, before `write_data` hands it over."""
        show = getattr(self.recording, "show_state", None)
        if show is not None:
            began = perf_counter()
            show(time_code, state)
            self.seconds += perf_counter() - began

    def write_state(self, time_code: float, state: State) -> None:
        """Hand over a state as a frame."""
        if self.recording is not None:
            self._write(time_code, *(host_rows(getattr(state, name), width) for name, width in ROW_WIDTHS.items()))

    def write_data(self, data: FrameData) -> None:
        """Hand over a frame that was read back from the device."""
        if self.recording is not None and data.recorded:
            rows = (
                data.arrays.get(name, np.zeros((0, width), np.float32)).reshape(-1, width)
                for name, width in ROW_WIDTHS.items()
            )
            self._write(data.time_code, *rows)

    def wanted_arrays(self) -> list[str]:
        """Names of the state's arrays that the recording reads."""
        if self.recording is None:
            return []
        wants_speeds = getattr(self.recording, "reads_velocities", True)
        return ["body_q", "particle_q", *(["particle_qd"] if wants_speeds else [])]

    def _write(self, time_code: float, *rows: np.ndarray) -> None:
        began = perf_counter()
        self.recording.write_frame(time_code, *rows)
        self.seconds += perf_counter() - began


def host_rows(values: engine.array | None, width: int) -> np.ndarray:
    """The rows of an array, float32 of shape [n, width]; empty when the model has none of the kind."""
    if values is None:
        return np.zeros((0, width), np.float32)
    return values.numpy().reshape(-1, width)

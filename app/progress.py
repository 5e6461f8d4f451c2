"""Telling the person how far the run is: a bar on a terminal, plain lines elsewhere, nothing when asked to be quiet."""

from __future__ import annotations

import sys
import time
from typing import Protocol, TextIO


class Progress(Protocol):
    """What a run reports to while it goes."""

    def start(self, total_frames: int) -> None:
        """The run begins."""

    def update(self, frame: int) -> None:
        """`frame` frames are done."""

    def stop(self) -> None:
        """The run is over, in whatever way. Safe to call twice, and without `start`."""


class Silent:
    """Reports nothing."""

    def start(self, total_frames: int) -> None:
        pass

    def update(self, frame: int) -> None:
        pass

    def stop(self) -> None:
        pass


class PlainLines:
    """One line at every tenth of the run, but no more than one a second and no less than one in ten, for logs."""

    SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 10.0

    def __init__(self, stream: TextIO):
        self._stream = stream
        self._total = 0
        self._next_frame = 0
        self._last_line = 0.0
        self._began = 0.0

    def start(self, total_frames: int) -> None:
        self._total = total_frames
        self._next_frame = max(1, total_frames // 10)
        self._began = self._last_line = time.perf_counter()

    def update(self, frame: int) -> None:
        now = time.perf_counter()
        pause = now - self._last_line
        if pause < self.SHORTEST_PAUSE or (frame < self._next_frame and pause < self.LONGEST_PAUSE):
            return
        self._last_line = now
        self._next_frame = frame + max(1, self._total // 10)
        elapsed = now - self._began
        print(
            f"frame {frame}/{self._total} ({100 * frame // self._total}%), {elapsed:.1f} s, "
            f"{1000 * elapsed / frame:.1f} ms a frame",
            file=self._stream,
            flush=True,
        )

    def stop(self) -> None:
        pass


class Bar:
    """A live progress bar drawn by rich. The bar redraws at 10 Hz at most, so it costs the run nothing."""

    def __init__(self, stream: TextIO):
        # Imported here, because rich takes 90 ms to load and only a terminal needs it.
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self._progress = RichProgress(
            TextColumn("simulating"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("frames"),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=Console(file=stream),
            auto_refresh=False,
            transient=True,
        )
        self._task = None
        self._began = self._last_draw = 0.0

    def start(self, total_frames: int) -> None:
        self._began = self._last_draw = time.perf_counter()
        self._task = self._progress.add_task("", total=total_frames, rate="")
        self._progress.start()

    def update(self, frame: int) -> None:
        now = time.perf_counter()
        if now - self._last_draw < 0.1:
            return
        self._last_draw = now
        rate = f"{1000 * (now - self._began) / max(frame, 1):.1f} ms a frame"
        self._progress.update(self._task, completed=frame, rate=rate)
        self._progress.refresh()

    def stop(self) -> None:
        self._progress.stop()


def choose_progress(*, quiet: bool, stream: TextIO | None = None) -> Progress:
    """The progress display that fits where the output goes."""
    stream = stream or sys.stderr
    if quiet:
        return Silent()
    return Bar(stream) if stream.isatty() else PlainLines(stream)

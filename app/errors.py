"""What can go wrong between a person and a simulation, and the exit code of each."""

from __future__ import annotations

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


class AppError(Exception):
    """Root of the errors this layer raises. The message is one line a person can act on."""

    exit_code = EXIT_USAGE


class UsageError(AppError):
    """An option, or a combination of options and files, that cannot be carried out."""


class SimulationFailed(AppError):
    """The simulation blew up: a position or velocity stopped being a finite, plausible number.

    Attributes:
        prim_path: the body or particle set that failed, None when nothing maps to it.
        time: simulated time of the frame that failed [s].
        frame: number of the frame that failed, counting from 1.
        what: what was found, e.g. "particle 17 is at nan".
    """

    exit_code = EXIT_FAILED

    def __init__(self, *, prim_path: str | None, time: float, frame: int, what: str, hint: str):
        self.prim_path = prim_path
        self.time = time
        self.frame = frame
        self.what = what
        where = f"<{prim_path}>: " if prim_path else ""
        super().__init__(f"the simulation blew up at {time:.4g} s (frame {frame}): {where}{what}; {hint}")

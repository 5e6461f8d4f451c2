"""What a run amounts to, for a person in one line and for a machine in one JSON object."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(kw_only=True)
class RunReport:
    """Outcome of a run.

    Attributes:
        status: "done", "failed", "interrupted" or "error" (never started).
        exit_code: the command's exit code.
        scene: the scene as it was named.
        output: the file written, None if there is none.
        frames: frames simulated and written (the initial state is not counted).
        frames_asked: frames that were to be simulated.
        simulated_seconds: simulated time [s].
        wall_seconds: from the first frame to the last, simulating and writing [s].
        startup_seconds: from the start of the process to the first frame simulated [s].
        write_seconds: part of `wall_seconds` spent writing [s].
        output_bytes: size of the output [B].
        pictures: film or pictures drawn, None if there are none.
        picture_seconds: part of `wall_seconds` spent drawing them [s].
        warnings: (prim path, message) of everything in the scene that is not simulated as authored.
        error: why it ended early, None when it did not.
        failure: the failed prim, time and frame when the simulation blew up.
    """

    status: str
    exit_code: int
    scene: str
    output: str | None = None
    frames: int = 0
    frames_asked: int = 0
    simulated_seconds: float = 0.0
    wall_seconds: float = 0.0
    startup_seconds: float = 0.0
    write_seconds: float = 0.0
    output_bytes: int = 0
    pictures: str | None = None
    picture_seconds: float = 0.0
    fps: float = 0.0
    substeps: int = 0
    solver: str = ""
    device: str = ""
    bodies: int = 0
    particles: int = 0
    warnings: list[tuple[str, str]] = field(default_factory=list)
    error: str | None = None
    failure: dict | None = None

    @property
    def ms_per_frame(self) -> float:
        """Wall time a frame, writing included [ms]."""
        return 1000.0 * self.wall_seconds / self.frames if self.frames else 0.0

    def line(self) -> str:
        """The closing summary."""
        frames = f"{self.frames} frame{'s' if self.frames != 1 else ''}"
        if self.frames != self.frames_asked:
            frames += f" of {self.frames_asked}"
        substeps = f"{self.substeps} substep{'s' if self.substeps != 1 else ''}"
        text = (
            f"{self.status}: {frames}, {self.simulated_seconds:.4g} s simulated in {self.wall_seconds:.2f} s, "
            f"{self.ms_per_frame:.2f} ms a frame ({self.solver}, {substeps})"
        )
        if self.output:
            text += f" -> {self.output} ({human_size(self.output_bytes)})"
        if self.pictures:
            text += f", {self.pictures}"
        return text

    def json(self) -> str:
        """One JSON object on one line."""
        names = (
            "status exit_code scene output frames frames_asked simulated_seconds wall_seconds ms_per_frame "
            "startup_seconds write_seconds output_bytes pictures picture_seconds fps substeps solver device bodies particles"
        ).split()
        values = {name: getattr(self, name) for name in names}
        values["warnings"] = [{"prim": path, "message": message} for path, message in self.warnings]
        values["error"] = self.error
        values["failure"] = self.failure
        return json.dumps(values)


def human_size(count: int) -> str:
    """Bytes as people read them: 0.9 kB, 2.3 MB."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000.0 or unit == "GB":
            break
        size /= 1000.0
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"


def output_size(path: Path) -> int:
    """Size of a result: the file, and the folder of frame layers next to it when the run left one [B]."""
    total = path.stat().st_size if path.is_file() else 0
    frames = path.with_name(path.name + ".frames")
    if frames.is_dir():
        total += sum(file.stat().st_size for file in frames.rglob("*") if file.is_file())
    return total

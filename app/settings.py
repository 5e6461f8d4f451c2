"""How a run is set up: what the person asked for, what the stage says, and what holds when neither does."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import UsageError

if TYPE_CHECKING:
    import engine
    from usd_io.records import SceneRecord

SOLVERS = ("semi-implicit", "xpbd", "featherstone")
FORMATS = ("usda", "usdc")

DEFAULT_FPS = 60.0
DEFAULT_SECONDS = 5.0
DEFAULT_ITERATIONS = 2
# The longest step taken when neither the stage nor the person names a number of substeps [s]. Explicit forces need
# short steps, constraints do not.
DEFAULT_LONGEST_STEP = {"semi-implicit": 1.0 / 1920.0, "xpbd": 1.0 / 960.0, "featherstone": 1.0 / 1920.0}
MAX_SUBSTEPS = 100_000


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What the person asked for. None means: take it from the stage, else the fallback.

    Attributes:
        frames: frames to simulate; excludes `seconds`.
        seconds: time to simulate [s].
        fps: frames a second.
        substeps: solver steps a frame.
        solver: one of `SOLVERS`.
        iterations: constraint iterations a step, used by xpbd.
        device: where to simulate.
        threads: worker threads, None for all cores.
        search_paths: folders in which robot files find meshes and packages.
        floating_base: whether the root link of a URDF robot moves freely.
        keyframe: the MJCF key to start from.
    """

    frames: int | None = None
    seconds: float | None = None
    fps: float | None = None
    substeps: int | None = None
    solver: str | None = None
    iterations: int | None = None
    device: str = "cpu"
    threads: int | None = None
    search_paths: tuple[Path, ...] = ()
    floating_base: bool = False
    keyframe: str | None = None


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """A run, completely decided. Time codes count frames: frame k is written at `start_time_code + k`.

    Attributes:
        frames: frames to simulate; the initial state is written besides, at `start_time_code`.
        fps: frames a second, also the time codes a second of the output.
        substeps: solver steps a frame.
        solver: one of `SOLVERS`.
        iterations: constraint iterations a step.
        device: where to simulate.
        start_time_code: time code of the initial state in the output.
    """

    frames: int
    fps: float
    substeps: int
    solver: str
    iterations: int
    device: str
    start_time_code: float

    @property
    def frame_dt(self) -> float:
        """Simulated time a frame [s]."""
        return 1.0 / self.fps

    @property
    def step_dt(self) -> float:
        """Simulated time a solver step [s]."""
        return self.frame_dt / self.substeps

    @property
    def seconds(self) -> float:
        """Simulated time of the whole run [s]."""
        return self.frames / self.fps


def decide_settings(options: RunOptions, scene: SceneRecord) -> RunSettings:
    """Merge options over stage settings over fallbacks.

    Raises:
        UsageError: if the stage stores a setting that cannot be carried out (options were checked when parsed).
    """
    stage = scene.settings
    stage_fps = _positive(scene.fps, "timeCodesPerSecond", scene)
    fps = options.fps or stage_fps or DEFAULT_FPS
    # Reduced coordinates are the natural choice for joints: they cannot drift apart.
    solver = options.solver or stage.solver or ("featherstone" if scene.joints else SOLVERS[0])
    if solver not in SOLVERS:
        raise UsageError(
            f"{scene.source_path}: simrun:solver is {solver!r}; expected one of {', '.join(SOLVERS)}; "
            f"correct the stage or pass --solver"
        )
    substeps = options.substeps or _positive(stage.substeps, "simrun:substeps", scene)
    if substeps is None:
        substeps = max(1, math.ceil(1.0 / (fps * DEFAULT_LONGEST_STEP[solver]) - 1e-6))
    if substeps > MAX_SUBSTEPS:
        raise UsageError(
            f"{substeps} substeps a frame at {fps:g} frames a second is more than {MAX_SUBSTEPS}; "
            f"pass --substeps, or a higher --fps"
        )
    # USD scales the time codes of a sublayer by the two layers' rates, so the start moves with them.
    start = (scene.start_time_code or 0.0) * (fps / (stage_fps or fps))
    return RunSettings(
        frames=_frames(options, scene, fps, stage_fps),
        fps=fps,
        substeps=int(substeps),
        solver=solver,
        iterations=int(
            options.iterations or _positive(stage.iterations, "simrun:iterations", scene) or DEFAULT_ITERATIONS
        ),
        device=options.device,
        start_time_code=start,
    )


def _frames(options: RunOptions, scene: SceneRecord, fps: float, stage_fps: float | None) -> int:
    if options.frames is not None:
        return options.frames
    if options.seconds is not None:
        return max(1, round(options.seconds * fps))
    stored = _positive(scene.settings.frames, "simrun:frames", scene)
    if stored is not None:
        return int(stored)
    if scene.end_time_code is not None and scene.end_time_code > (scene.start_time_code or 0.0):
        duration = scene.end_time_code - (scene.start_time_code or 0.0)
        return max(1, round(duration * fps / (stage_fps or fps)))
    return round(DEFAULT_SECONDS * fps)


def _positive(value: float | None, name: str, scene: SceneRecord) -> float | None:
    if value is not None and not (math.isfinite(value) and value > 0):
        raise UsageError(f"{scene.source_path}: {name} is {value}; expected a positive number; correct the stage")
    return value


OUTPUT_SUFFIXES = {".usd": None, ".usda": "usda", ".usdc": "usdc"}


def decide_output(scene_path: Path, output: Path | None, format: str | None, *, overwrite: bool) -> tuple[Path, str]:
    """Where the result goes and in which encoding, checked before any work is done.

    Args:
        scene_path: the scene to simulate.
        output: what `-o` named: a file, or a folder to put the default name in; None for the working directory.
        format: what `--format` named.
        overwrite: whether an existing file may be replaced.

    Raises:
        UsageError: if the place cannot take the result.
    """
    default_name = f"{scene_path.stem}_sim.usd"
    path = Path(default_name) if output is None else output
    if path.is_dir():
        path = path / default_name
    if path.suffix not in OUTPUT_SUFFIXES:
        raise UsageError(
            f"output {path}: the suffix is {path.suffix or 'missing'}; expected one of {', '.join(OUTPUT_SUFFIXES)}"
        )
    suffix_format = OUTPUT_SUFFIXES[path.suffix]
    if format and suffix_format and format != suffix_format:
        raise UsageError(f"output {path}: the suffix says {suffix_format} but --format says {format}; drop one of them")
    if path.exists():
        if scene_path.exists() and path.samefile(scene_path):
            raise UsageError(f"output {path} is the scene itself; name another file with -o")
        if not overwrite:
            raise UsageError(f"output {path} exists; pass --overwrite to replace it, or name another file with -o")
        if not path.is_file():
            raise UsageError(f"output {path} is not a regular file; name another file with -o")
    parent = path.parent
    if not parent.is_dir():
        raise UsageError(f"output {path}: the folder {parent} does not exist; create it first")
    if not os.access(parent, os.W_OK | os.X_OK) or (path.exists() and not os.access(path, os.W_OK)):
        raise UsageError(f"output {path}: no permission to write there; name another place with -o")
    return path, format or suffix_format or "usdc"


def find_device(name: str) -> engine.Device:
    """The device that `name` means.

    Raises:
        UsageError: if it is not there; the message says what is missing.
    """
    import engine

    try:
        return engine.get_device(name)
    except engine.EngineError as error:
        raise UsageError(f"--device {name}: {error}") from None

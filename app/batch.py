"""The run of `simrun`: open, simulate every frame, record, and say how it went."""

from __future__ import annotations

import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import engine
from app.errors import EXIT_DONE, EXIT_FAILED, SimulationFailed
from app.progress import Progress
from app.report import RunReport, output_size
from app.session import Session
from app.settings import RunOptions, decide_output
from usd_io import SceneRecord, is_usd
from usd_io.author import author_stage
from usd_io.recorder import RecorderError, UsdRecorder, targets_from_bindings


@dataclass(frozen=True, kw_only=True)
class BatchJob:
    """One run of the command.

    Attributes:
        scene: the scene file.
        options: what to override in the stage's settings.
        output: file or folder named with `-o`, None for the default name in the working directory.
        format: "usda", "usdc" or None to go by the suffix.
        flatten: write one self-contained file instead of a layer over the source.
        velocities: write velocities besides positions.
        overwrite: replace an existing output.
    """

    scene: Path
    options: RunOptions
    output: Path | None = None
    format: str | None = None
    flatten: bool = False
    velocities: bool = False
    overwrite: bool = False


class Interruption:
    """Set by the first Ctrl-C (or SIGTERM); the run stops after the frame it is in."""

    def __init__(self):
        self.signal: int | None = None

    def __bool__(self) -> bool:
        return self.signal is not None


def run_job(
    job: BatchJob,
    progress: Progress,
    *,
    began: float,
    on_warning: Callable[[str, str], None] = lambda path, message: None,
) -> RunReport:
    """Simulate and record a scene from start to end.

    Args:
        job: what to do.
        progress: told about every frame.
        began: `time.perf_counter()` at the start of the process, for the start-up time in the report.
        on_warning: called with prim path and message for everything not simulated as authored.

    Returns:
        The report of a run that was done, blew up, or was interrupted.

    Raises:
        AppError, SceneError, SimError: if the run cannot begin.
    """
    output, format = decide_output(job.scene, job.output, job.format, overwrite=job.overwrite)
    if job.options.threads is not None:
        engine.set_threads(job.options.threads)
    session = Session.open(job.scene, job.options)
    for warning in session.scene.warnings:
        on_warning(warning.path, warning.message)
    settings = session.settings
    report = RunReport(
        status="done",
        exit_code=EXIT_DONE,
        scene=str(job.scene),
        frames_asked=settings.frames,
        fps=settings.fps,
        substeps=settings.substeps,
        solver=settings.solver,
        device=settings.device,
        bodies=session.model.body_count,
        particles=session.model.particle_count,
        warnings=[(w.path, w.message) for w in session.scene.warnings],
    )
    session.prepare()
    with stop_on_signal() as interruption, geometry_source(job.scene, session.scene) as source:
        recorder = UsdRecorder(
            source,
            output,
            targets_from_bindings(session.bindings),
            fps=settings.fps,
            start_time_code=settings.start_time_code,
            flatten=job.flatten or source != job.scene,
            format=format,
            velocities=job.velocities,
            overwrite=job.overwrite,
        )
        report.output = str(output)
        try:
            _simulate(session, recorder, report, progress, interruption, began)
        except SimulationFailed as failure:
            report.status, report.exit_code, report.error = "failed", failure.exit_code, str(failure)
            # on a GPU the next frame was begun already
            report.frames = failure.frame - 1
            report.simulated_seconds = report.frames * settings.frame_dt
            report.failure = {"prim": failure.prim_path, "time": failure.time, "frame": failure.frame}
        except (RecorderError, OSError) as error:
            report.status, report.exit_code = "failed", EXIT_FAILED
            report.error = f"{error} The frames flushed before are kept."
        if interruption:
            report.status = "interrupted"
            report.exit_code = 128 + interruption.signal
        report.output_bytes = output_size(output)
    return report


def _simulate(
    session: Session,
    recorder: UsdRecorder,
    report: RunReport,
    progress: Progress,
    interruption: Interruption,
    began: float,
) -> None:
    start = time.perf_counter()
    progress.start(session.settings.frames)
    try:
        session.start_recording(recorder)
        while session.frame < session.settings.frames and not interruption:
            session.step()
            report.frames = session.frame
            report.simulated_seconds = session.time
            if session.frame == 1:
                report.startup_seconds = time.perf_counter() - began
            progress.update(session.frame)
    finally:
        progress.stop()
        session.stop_recording()
        report.write_seconds = session.recording_seconds
        report.wall_seconds = time.perf_counter() - start


@contextmanager
def geometry_source(path: Path, scene: SceneRecord) -> Iterator[Path]:
    """The USD file whose prims are recorded: the scene itself, or one made for the run from another kind of file."""
    if is_usd(path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="simrun_") as folder:
        made = Path(folder) / f"{path.stem}.usdc"
        author_stage(scene, made)
        yield made


@contextmanager
def stop_on_signal() -> Iterator[Interruption]:
    """Turn the first SIGINT or SIGTERM into a flag, so that a frame is never left half done; the second one aborts."""
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return

    def stop(number: int, _frame: object) -> None:
        if interruption:
            raise KeyboardInterrupt
        interruption.signal = number

    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interruption
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)

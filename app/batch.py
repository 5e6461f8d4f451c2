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
from typing import TYPE_CHECKING

import engine
from app.errors import EXIT_DONE, EXIT_FAILED, SimulationFailed
from app.frame_output import Recording
from app.progress import Progress
from app.render.errors import NoEncoder, NoGraphics
from app.render.film import INSTALL, check_pictures
from app.render.with_pictures import WithPictures
from app.report import RunReport, output_size
from app.session import Session
from app.settings import RunOptions, decide_output
from usd_io import SceneRecord, is_usd
from usd_io.author import author_stage
from usd_io.read.opening import open_stage
from usd_io.recorder import RecorderError, UsdRecorder, targets_from_bindings

if TYPE_CHECKING:
    from app.render.pictures import PictureRecording


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
        render: film, numbered pictures or still to draw besides.
        camera: camera or view it is drawn from, None for the stage's first or a fitting one.
        size: width and height of the pictures [pixels].
    """

    scene: Path
    options: RunOptions
    output: Path | None = None
    format: str | None = None
    flatten: bool = False
    velocities: bool = False
    overwrite: bool = False
    render: Path | None = None
    camera: str | None = None
    size: tuple[int, int] = (1280, 720)


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
    if job.render is not None:
        check_pictures(job.render, job.size, overwrite=job.overwrite)
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
        pictures, missing = begin_pictures(job, source, session)
        if missing is not None:
            on_warning(str(job.render), f"{missing}; the simulation goes on without pictures")
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
        recording = recorder if pictures is None else WithPictures(recorder, pictures)
        try:
            _simulate(session, recording, report, progress, interruption, began)
        except SimulationFailed as failure:
            report.status, report.exit_code, report.error = "failed", failure.exit_code, str(failure)
            # on a GPU the next frame was begun already
            report.frames = failure.frame - 1
            report.simulated_seconds = report.frames * settings.frame_dt
            report.failure = {"prim": failure.prim_path, "time": failure.time, "frame": failure.frame}
        except (RecorderError, OSError) as error:
            report.status, report.exit_code = "failed", EXIT_FAILED
            report.error = f"{error} The frames flushed before are kept."
        if job.render is not None:
            _note_pictures(report, job.render, pictures, missing or getattr(recording, "failure", None))
        if interruption:
            report.status = "interrupted"
            report.exit_code = 128 + interruption.signal
        report.output_bytes = output_size(output)
    return report


def _simulate(
    session: Session,
    recording: Recording,
    report: RunReport,
    progress: Progress,
    interruption: Interruption,
    began: float,
) -> None:
    start = time.perf_counter()
    progress.start(session.settings.frames)
    try:
        session.start_recording(recording)
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


def begin_pictures(job: BatchJob, source: Path, session: Session) -> tuple[PictureRecording | None, str | None]:
    """The recording that draws, when one is asked for; or why there is none.

    Raises:
        UsageError: if there is no such camera.
    """
    if job.render is None:
        return None, None
    try:
        # Imported here: a run without pictures needs no graphics.
        from app.render.pictures import PictureRecording, PictureSettings
        from app.render.stage import from_stage
    except ImportError as error:
        return None, f"pictures need the package {error.name}; {INSTALL}"
    settings = PictureSettings(path=job.render, camera=job.camera, size=job.size)
    scene = from_stage(open_stage(source), session.bindings, session.model, auto_smooth=source != job.scene)
    try:
        return PictureRecording(scene, settings, session.settings.fps), None
    except (NoGraphics, NoEncoder) as error:
        return None, str(error)


def _note_pictures(report: RunReport, path: Path, pictures: PictureRecording | None, failure: str | None) -> None:
    if pictures is not None:
        report.picture_seconds = pictures.seconds
    if failure is None:
        report.pictures = str(path)
    elif report.error is None:
        report.status, report.exit_code = "failed", EXIT_FAILED
        report.error = f"no pictures: {failure}. The simulation itself is whole, in {report.output}"


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

"""What the viewer has: what is open, shown, selected and held, without anything that can be done with it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np

from app.errors import AppError
from app.frame_history import Frame
from app.pull import Hold
from app.render.camera import Bounds
from app.render.options import DrawOptions
from app.runner import SessionRunner
from app.session import Session
from app.settings import RunOptions
from app.timeline import Timeline
from app.view.camera_control import CameraControl
from app.view.film import HistoryFilm, WindowFilm
from app.view.log import Log
from app.view.overlays import Toggles
from app.view.preferences import Preferences
from app.view.scene_view import SceneView
from app.view.selection import Selection, SimulatedPart, find_part


def unless_script(deed: Callable) -> Callable:
    """A deed that is the script's own affair when a script simulates."""

    @functools.wraps(deed)
    def run(app: ApplicationState, *arguments, **options):
        if app.is_script:
            app.log.add("info", f"{deed.__name__.replace('_', ' ')}: that is for the script to do, which simulates")
            return None
        return deed(app, *arguments, **options)

    return run


class ApplicationState:
    """State of the viewer, which its deeds change.

    Attributes:
        runner: simulates on a thread.
        timeline: which frame is shown.
        camera: where it is seen from.
        draw: how it is drawn.
        toggles: what is drawn besides.
        selection: the selected prim.
        log: what the person is told.
        preferences: what is remembered.
        view: the stage and what is drawn of it; None when nothing is open.
        options: what the command line overrides in scenes.
        held: what the hand holds, None for nothing.
        dialog: name of the dialog that is open: "open", "save", "help", None.
        aspect: width over height of the picture; `picture_size` is its size in pixels.
        film: the film that is being made, None for none.
        timings: milliseconds of the last picture by part, for the profiler.
    """

    def __init__(self, preferences: Preferences | None = None, options: RunOptions | None = None):
        """Nothing is open."""
        self.preferences = preferences or Preferences()
        self.options = options or RunOptions()
        self.runner = SessionRunner()
        self.timeline = Timeline()
        self.camera = CameraControl()
        self.draw = DrawOptions(background=self.preferences.theme)
        self.toggles = Toggles()
        self.selection = Selection()
        self.log = Log()
        self.view: SceneView | None = None
        self.held: Hold | None = None
        self.pull_target = np.zeros(3)
        self.gizmo_turns = False
        self.dialog: str | None = None
        self.aspect = 1.6
        self.timings: dict[str, float] = {}
        self.wants_close = False
        self.panels_shown = True
        self.wanted_screenshot: Path | None = None
        self.picture_size = (1280, 720)
        self.film: WindowFilm | HistoryFilm | None = None
        self.folder = Path.cwd()
        self.play_when_loaded = False
        #: whether a script simulates, and whether it may go on; then the runner only does what hands ask for
        self.is_script, self.script_runs = False, True
        self._script_steps = 0
        self._session: Session | None = None
        self._next_watch = 0.0
        self._keep_camera = False
        self._gone_told = False
        self._camera_at = -1

    @property
    def session(self) -> Session | None:
        """The session that is shown; None when nothing is open. The runner may have the next one already."""
        return self._session if self.view is not None else None

    def post(self, task: Callable[[Session], object]) -> None:
        """Do something with the session that is shown, between two frames; nothing if the runner has another by then."""
        session = self._session
        self.runner.post(lambda present: task(present) if present is session else None)

    @property
    def frame(self) -> Frame | None:
        """The frame that is shown."""
        return self.timeline.shown if self.view is not None else None

    @property
    def is_running(self) -> bool:
        """Whether pictures change by themselves."""
        return (
            self.runner.playing
            or self.timeline.playing
            or self.camera.is_moving
            or self.runner.loading is not None
            or self.film is not None
        )

    def part(self, path: str | None = None) -> SimulatedPart | None:
        """The simulated part of a prim, by default the selected one."""
        path = path or self.selection.path
        return find_part(self.session.bindings, path) if self.session is not None and path else None

    def bounds(self, path: str | None = None) -> Bounds:
        """Box around a prim, or around everything, as shown."""
        if self.view is None:
            return Bounds.empty()
        frame, scene = self.frame, self.view.render
        body_q = frame.rows("body_q") if frame else None
        particle_q = frame.rows("particle_q") if frame else None
        items = scene.find_items(path) if path else None
        return scene.bounds(body_q, particle_q, items=items)

    def free_name(self, suffix: str) -> Path:
        """A file of the working folder that does not exist yet, named after the scene."""
        stem = self.view.path.stem if self.view is not None else "simview"
        for number in range(1, 100_000):
            path = self.folder / f"{stem}_{number:03d}.{suffix}"
            if not path.exists():
                return path
        raise AppError(f"{self.folder}: no name is free for a file {stem}_*.{suffix}; clear the folder")

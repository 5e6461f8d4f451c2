"""The viewer without pixels: what is open, shown and selected, and everything a person can do with it.

It knows no window and no widget. A window calls `tick` with every frame, draws what is here, and hands keys and clicks to
the actions; a test does the same without a window.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from app.commands import Command
from app.errors import AppError, SimulationFailed
from app.frame_history import Frame
from app.pull import Hold, hold_body, hold_particles
from app.recording import SceneRecording, save_history
from app.render.camera import Bounds
from app.render.options import SHADING_MODES, DrawOptions
from app.runner import Event, RunnerEvent, SessionRunner
from app.session import Session
from app.settings import RunOptions
from app.timeline import SPEEDS, Timeline
from app.view.camera_control import CameraControl
from app.view.film import HistoryFilm, WindowFilm
from app.view.log import Log
from app.view.overlays import Toggles
from app.view.preferences import Preferences
from app.view.scene_view import SceneView, read_anew
from app.view.selection import Selection, SimulatedPart, find_part

#: how often the open files are looked at for changes [s]
WATCH_INTERVAL = 0.5
SCENE_SUFFIXES = (".usd", ".usda", ".usdc", ".usdz", ".xml", ".urdf")


def unless_script(deed: Callable) -> Callable:
    """A deed that is the script's own affair when a script simulates."""

    @functools.wraps(deed)
    def run(app: Application, *arguments, **options):
        if app.is_script:
            app.log.add("info", f"{deed.__name__.replace('_', ' ')}: that is for the script to do, which simulates")
            return None
        return deed(app, *arguments, **options)

    return run


class Application:
    """State and deeds of the viewer.

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
        self._restore_draw()
        self.selection = Selection()
        self.selection.subscribe(self._show_selection)
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
        self._next_watch = 0.0
        self._keep_camera = False
        self._gone_told = False
        self._camera_at = -1

    # What there is.

    @property
    def session(self) -> Session | None:
        """The session that is shown; None when nothing is open."""
        return self.runner.session if self.view is not None else None

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

    # The clock.

    def tick(self, seconds: float) -> None:
        """Let time pass: take in what the simulation did, move cursor and camera, look at the files."""
        for event in self.runner.events():
            self._hear(event)
        if self.timeline.advance(seconds) and not self.is_script:
            self.runner.play()
        self.camera.advance(seconds)
        now = time.monotonic()
        if now >= self._next_watch:
            self._next_watch = now + WATCH_INTERVAL
            self._watch_files()
        if self.session is not None:
            self.session.show_contacts = self.toggles.contacts

    def close(self, *, store: bool = False) -> bool:
        """End: files are closed, preferences stored if wanted. False if a frame was still being simulated."""
        self._store_draw()
        if self.film is not None:
            self.end_film()
        ended = self.runner.close()
        if self.view is not None:
            self.view.close()
        if store:
            self.preferences.save()
        return ended

    # Files.

    @unless_script
    def open(self, path: str | Path, *, keep_camera: bool = False) -> None:
        """Open a scene file; what is open stays until the new one is there."""
        path = Path(path)
        self.dialog = None
        if path.is_dir():
            self.folder, self.dialog = path, "open"
            return
        if path.suffix.lower() not in SCENE_SUFFIXES:
            expected = ", ".join(SCENE_SUFFIXES)
            self.log.add("error", f"{path.name}: simview opens {expected}; drop one of these")
            return
        self._keep_camera = keep_camera
        play = None if keep_camera else self.play_when_loaded
        self.runner.open(path, self.options, play=play, look=lambda session: SceneView(path, session), before=read_anew)

    @unless_script
    def reload(self) -> None:
        """Read the open file again; camera and settings stay."""
        if self.view is not None:
            self.open(self.view.path, keep_camera=True)

    @unless_script
    def close_scene(self) -> None:
        """Go back to the start screen."""
        if self.view is not None:
            self.runner.pause()
            self.runner.post(lambda session: session.stop_recording())
            self.release()
            self.view.close()
            self.view = None
            self.selection.set(None)
            self.timeline = Timeline()

    @unless_script
    def open_dialog(self) -> None:
        """Ask for a file."""
        self.dialog = "open"

    @unless_script
    def save_dialog(self) -> None:
        """Ask where to save what was simulated."""
        if self.session is not None:
            self.dialog = "save"

    def save_history(self, path: Path) -> None:
        """Write every frame in memory as USD."""
        scene = self.view.path

        def save(session: Session) -> None:
            count = save_history(session, scene, path)
            self.log.add("info", f"saved {count} frames to {path}")

        self.dialog = None
        self.runner.post(save)

    @unless_script
    def toggle_recording(self) -> None:
        """Record what is simulated from now on, or end that."""
        if self.session is None:
            return
        if self.runner.recording_path is not None:
            self.runner.stop_recording()
            return
        scene, output = self.view.path, self.free_name("usd")
        self.runner.record(lambda session: SceneRecording(session, scene, output), output)
        self.log.add("info", f"recording to {output}")

    def free_name(self, suffix: str) -> Path:
        """A file of the working folder that does not exist yet, named after the scene."""
        stem = self.view.path.stem if self.view is not None else "simview"
        for number in range(1, 100_000):
            path = self.folder / f"{stem}_{number:03d}.{suffix}"
            if not path.exists():
                return path
        raise AppError(f"{self.folder}: no name is free for a file {stem}_*.{suffix}; clear the folder")

    def screenshot(self) -> None:
        """Save the next picture."""
        self.wanted_screenshot = self.free_name("png")

    def toggle_film(self) -> None:
        """Film the picture from now on, or end that."""
        if self.film is not None:
            self.end_film()
            return
        self.film = WindowFilm(self.free_name("mp4"))
        self.log.add("info", f"filming to {self.film.path}")

    def film_history(self) -> None:
        """Make a film of every frame in memory, as seen from here."""
        session = self.session
        if session is None or self.film is not None:
            return
        self.runner.pause()
        try:
            self.film = HistoryFilm(
                self.free_name("mp4"), session.history.all(), session.settings.fps, self.picture_size
            )
        except AppError as error:
            self.log.add("error", str(error))

    def end_film(self, error: Exception | None = None) -> None:
        """Finish the film that is being made."""
        film, self.film = self.film, None
        try:
            film.close()
        except AppError as failed:
            error = error or failed
        if error is not None:
            self.log.add("error", f"{error}")
        else:
            self.log.add("info", f"film {film.path} has {film.count} pictures")

    # Scripts.

    def drive(self, session: Session, view: SceneView) -> None:
        """Show a session that a script simulates."""
        self.is_script = True
        self.runner.adopt(session, play=False)
        self.runner.drain()
        self.runner.events()
        self._show(session, view)

    def take_script_step(self) -> bool:
        """Whether the person asked for one more frame."""
        if not self._script_steps:
            return False
        self._script_steps -= 1
        return True

    # Time.

    def toggle_play(self) -> None:
        """Play or pause: what was simulated when looking back, the simulation at the end."""
        if self.session is None:
            return
        if self.is_script and not self.timeline.playing and self.timeline.at_end:
            self.script_runs = not self.script_runs
            return
        if self.timeline.playing:
            self.timeline.pause()
        elif self.runner.playing:
            self.runner.pause()
        elif self.timeline.loop and self.timeline.history.last > 0:
            self.timeline.play()
        elif not self.timeline.at_end:
            self.timeline.play()
        else:
            self.timeline.follow()
            self.runner.play()

    def look_at_frame(self, number: int) -> None:
        """Show a frame that was simulated before; the simulation rests."""
        self.runner.pause()
        self.timeline.look_at(number)

    def step_forward(self) -> None:
        """The next frame: of those that were simulated, or a new one at the end."""
        if self.session is None:
            return
        self.runner.pause()
        if self.timeline.at_end:
            self.timeline.follow()
            if self.is_script:
                self.script_runs = False
                self._script_steps += 1
            else:
                self.runner.step()
        else:
            self.timeline.step(1)

    def step_back(self) -> None:
        """The frame before."""
        self.runner.pause()
        self.timeline.step(-1)

    def go_to_start(self) -> None:
        """Show the first frame."""
        self.look_at_frame(self.timeline.history.first)

    def go_to_end(self) -> None:
        """Show the newest frame, and follow."""
        self.timeline.follow()

    @unless_script
    def continue_from_here(self) -> None:
        """Simulate on from the frame that is shown; the later ones are forgotten."""
        if self.session is None:
            return
        number = self.timeline.cursor
        self.runner.pause()
        self.runner.post(lambda session: session.go_to(number))
        self.timeline.follow()
        self.runner.play()

    @unless_script
    def reset(self) -> None:
        """Back to the initial state."""
        if self.session is not None:
            self.release()
            self.runner.reset()
            self.timeline.follow()

    @unless_script
    def set_initial_state(self) -> None:
        """Let reset go back to the frame that is shown."""
        if self.session is None:
            return
        number = self.timeline.cursor
        self.runner.pause()

        def take(session: Session) -> None:
            session.go_to(number)
            session.set_initial_state()

        self.runner.post(take)
        self.timeline.follow()

    def toggle_loop(self) -> None:
        """Play what was simulated over and over, or once."""
        self.timeline.loop = not self.timeline.loop

    def toggle_real_time(self) -> None:
        """Keep to the clock, or simulate as fast as possible."""
        self.runner.speed = self.timeline.speed if self.runner.speed is None else None

    def set_speed(self, speed: float) -> None:
        """Simulated seconds a second, for simulating and playing."""
        self.timeline.speed = speed
        if self.runner.speed is not None:
            self.runner.speed = speed

    def slower(self) -> None:
        """The next lower speed."""
        self.set_speed(max((s for s in SPEEDS if s < self.timeline.speed), default=SPEEDS[0]))

    def faster(self) -> None:
        """The next higher speed."""
        self.set_speed(min((s for s in SPEEDS if s > self.timeline.speed), default=SPEEDS[-1]))

    # Changes.

    def do(self, command: Command, gesture: object = None) -> None:
        """Carry out a change that can be undone."""
        self.runner.do(command, gesture)

    def undo(self) -> None:
        """Take the last change back."""
        self.runner.undo()

    def redo(self) -> None:
        """Do it again."""
        self.runner.redo()

    # Hands.

    def grab(self, path: str, point: np.ndarray, body: int = -1) -> bool:
        """Take hold of what is simulated at a prim, at a world point [m]; False if there is nothing to pull."""
        part, frame, session = self.part(path), self.frame, self.session
        if body >= 0:
            part = SimulatedPart(path, body)
        if part is None or frame is None or not self.timeline.at_end:
            return False
        if part.body >= 0:
            if float(session.model.body_inv_mass.numpy()[part.body]) == 0.0:
                return False
            held = hold_body(frame.rows("body_q"), part.body, point)
        elif part.particles is not None:
            held = hold_particles(frame.rows("particle_q"), point, part.particles)
        else:
            return False
        self.held = held
        strength, target = self.preferences.pull_strength, np.asarray(point, float)
        self.runner.post(lambda s: s.pull.take(held, target, s.settings.step_dt, strength))
        return True

    def pull_to(self, target: np.ndarray) -> None:
        """Pull what is held to a world point [m]."""
        if self.held is not None:
            target = np.array(target, float)
            self.pull_target = target
            self.runner.post(lambda session: session.pull.move(target))

    def release(self) -> None:
        """Let go."""
        if self.held is not None:
            self.held = None
            self.runner.post(lambda session: session.pull.release())

    def held_point(self) -> np.ndarray | None:
        """Where the held point is now [m]."""
        frame = self.frame
        if self.held is None or frame is None:
            return None
        return self.held.point(frame.rows("body_q"), frame.rows("particle_q"))

    def toggle_gizmo(self) -> None:
        """Let the gizmo turn the selected body, or move it."""
        self.gizmo_turns = not self.gizmo_turns

    def place_body(self, body: int, pose: np.ndarray) -> None:
        """Move a body by hand: at once while resting; a kinematic one travels while the simulation runs."""
        at_once = not self.runner.playing
        self.runner.post(lambda session: session.place_body(body, pose, at_once=at_once))

    # Looking.

    def select_nothing(self) -> None:
        """Select nothing, and close what is open over the picture."""
        if self.dialog is not None:
            self.dialog = None
        elif self.camera.flying:
            self.camera.flying = False
        else:
            self.selection.set(None)

    def frame_selection(self) -> None:
        """Look at the selected prim, or at everything."""
        box = self.bounds(self.selection.path)
        self.camera.frame(box if not box.is_empty else self.bounds(), aspect=self.aspect)

    def frame_all(self) -> None:
        """Look at everything."""
        self.camera.frame(self.bounds(), aspect=self.aspect)

    def look_from(self, name: str) -> None:
        """A named view of everything."""
        self.camera.look_from(name, self.bounds(), aspect=self.aspect)

    def toggle_orthographic(self) -> None:
        """Parallel projection, or perspective."""
        self.camera.set_orthographic(self.camera.camera.orthographic_height is None)

    def toggle_flying(self) -> None:
        """Fly, or orbit."""
        self.camera.flying = not self.camera.flying

    def next_camera(self) -> None:
        """Look through the next camera of the stage."""
        if self.view is None or not self.view.render.cameras:
            self.log.add("info", "the stage has no camera")
            return
        self._camera_at = (self._camera_at + 1) % len(self.view.render.cameras)
        self.look_through(self._camera_at)

    def look_through(self, number: int) -> None:
        """Look through a camera of the stage."""
        item = self.view.render.cameras[number]
        frame = self.frame
        self._camera_at = number
        self.camera.take(item.camera(frame.rows("body_q") if frame else None, up=self.view.render.up))

    def next_shading(self) -> None:
        """The next of the shading modes."""
        self.draw.shading = SHADING_MODES[(SHADING_MODES.index(self.draw.shading) + 1) % len(SHADING_MODES)]

    def toggle_grid(self) -> None:
        """Show or hide the ground grid."""
        self.draw.grid = not self.draw.grid

    def toggle_shadows(self) -> None:
        """Shadows on or off."""
        self.draw.shadows = not self.draw.shadows

    def toggle_theme(self) -> None:
        """Dark or light."""
        self.preferences.theme = "light" if self.preferences.theme == "dark" else "dark"
        self.draw.background = self.preferences.theme

    def larger_text(self) -> None:
        """Larger text."""
        self.preferences.text_scale = min(3.0, self.preferences.text_scale * 1.1)

    def smaller_text(self) -> None:
        """Smaller text."""
        self.preferences.text_scale = max(0.5, self.preferences.text_scale / 1.1)

    def toggle_panels(self) -> None:
        """Only the picture, or panels too."""
        self.panels_shown = not self.panels_shown

    def toggle_help(self) -> None:
        """Show or hide the list of keys."""
        self.dialog = None if self.dialog == "help" else "help"

    def quit(self) -> None:
        """End the program."""
        self.wants_close = True

    # What happens.

    def _hear(self, event: Event) -> None:
        error = event.error
        if event.kind is RunnerEvent.LOADED:
            self._show(event.about, event.look)
        elif event.kind is RunnerEvent.LOAD_FAILED:
            self._keep_camera = False
            text = str(error)
            self.log.add("error", text if str(event.about) in text else f"{event.about}: {text}")
        elif event.kind is RunnerEvent.FAILED:
            path = error.prim_path if isinstance(error, SimulationFailed) else None
            self.log.add("error", f"{error}", path)
            if path and self.view is not None:
                self.selection.set(path)
        elif event.kind is RunnerEvent.REFUSED:
            self.log.add("error", f"{error}")
        elif event.kind is RunnerEvent.RECORDING_ENDED:
            if error is None:
                self.log.add("info", f"recorded {event.about}")
            else:
                self.log.add("error", f"recording {event.about}: {error}; the frames flushed before are kept")

    def _show(self, session: Session, view: SceneView | None) -> None:
        first = self.view is None
        selected = self.selection.path
        if self.view is not None:
            self.view.close()
        self.view, self.held, self.pull_target = view, None, np.zeros(3)
        session.history.budget = self.preferences.history_megabytes * 1024 * 1024
        loop, speed = self.timeline.loop, self.timeline.speed
        self.timeline = Timeline(session.history, session.settings.frame_dt)
        self.timeline.loop, self.timeline.speed = loop, speed
        if not self.is_script:
            self.preferences.note_opened(view.path)
        self._gone_told = False
        for warning in session.scene.warnings:
            self.log.add("warning", warning.message, warning.path)
        for path, message in view.render.notes:
            self.log.add("warning", message, path)
        model = session.model
        self.log.add(
            "info",
            f"opened {view.path.name}: {model.body_count} bodies, {model.particle_count} particles, "
            f"{model.joint_count} joints",
        )
        if self._keep_camera and not first:
            self.selection.set(selected if selected and view.stage.GetPrimAtPath(selected) else None)
        else:
            self.selection.set(None)
            self.camera.set_up_axis(view.render.up_axis)
            self._camera_at = -1
            if view.render.cameras:
                self.look_through(0)
            else:
                self.camera.look_from("home", self.bounds(), aspect=self.aspect, smooth=False)
        self._keep_camera = False
        self._show_selection()

    def _show_selection(self) -> None:
        path = self.selection.path
        self.draw.selected = (path,) if path else ()
        self.draw.selected_instance = self.selection.instance

    def _watch_files(self) -> None:
        if self.view is None or self.runner.loading is not None:
            return
        if self.view.is_gone():
            if not self._gone_told:
                self._gone_told = True
                self.log.add("warning", f"{self.view.path} is not there any more; what is open stays as it is")
            return
        changed = self.view.changed_files()
        if changed:
            self.view.note_files()
            if self.preferences.reload_on_change:
                self.log.add("info", f"{changed[0].name} was changed; reading it again")
                self.reload()
            else:
                self.log.add("warning", f"{changed[0].name} was changed; Ctrl+R reads it again")

    def _restore_draw(self) -> None:
        for name, value in self.preferences.draw.items():
            for owner in (self.draw, self.toggles):
                if name != "background" and isinstance(getattr(owner, name, None), bool) and isinstance(value, bool):
                    setattr(owner, name, value)

    def _store_draw(self) -> None:
        stored = {**self.draw.as_dict(), **vars(self.toggles)}
        self.preferences.draw = {
            name: value for name, value in stored.items() if isinstance(value, bool) and name != "transparent"
        }

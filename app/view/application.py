"""The viewer without pixels: what is open, shown and selected, and everything a person can do with it.

It knows no window and no widget. A window calls `tick` with every frame, draws what is here, and hands keys and clicks to
the actions; a test does the same without a window.
"""

from __future__ import annotations

import time

import numpy as np

from app.commands import Command
from app.errors import SimulationFailed
from app.runner import Event, RunnerEvent
from app.session import Session
from app.settings import RunOptions
from app.timeline import Timeline
from app.view.deeds.files import FileDeeds
from app.view.deeds.films import FilmDeeds
from app.view.deeds.looking import LookDeeds
from app.view.deeds.time import TimeDeeds
from app.view.preferences import Preferences
from app.view.scene_view import SceneView

#: how often the open files are looked at for changes [s]
WATCH_INTERVAL = 0.5


class Application(FileDeeds, FilmDeeds, TimeDeeds, LookDeeds):
    """The viewer: its state, the deeds of `app.view.deeds`, and what happens by itself."""

    def __init__(self, preferences: Preferences | None = None, options: RunOptions | None = None):
        """Nothing is open."""
        super().__init__(preferences, options)
        self._restore_draw()
        self.selection.subscribe(self._show_selection)

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
        self.view, self._session = view, session
        self.held, self.pull_target = None, np.zeros(3)
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

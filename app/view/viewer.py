"""A window for scripts: shows the states of a model that the script simulates itself."""

from __future__ import annotations

import time

from app.errors import UsageError
from app.frame_history import Frame
from app.session import Session
from app.settings import RunSettings
from app.view.application import Application
from app.view.preferences import Preferences
from app.view.scene_view import SceneView
from app.view.window import Loop, end_with_display, open_window
from sim import Model, State


class Viewer:
    """Shows a model while a script simulates it.

        viewer = Viewer(model)
        while viewer.is_running():
            ...  # a frame of the script's own simulation, which ends in `state`
            viewer.render(state)

    Camera, selection, tree, plots, marks and timeline are those of `simview`. Space holds the script in `render` until it
    is pressed again; a click in the timeline shows earlier frames meanwhile. Ctrl+drag pulls, if the script calls
    `apply_forces(state)` after `state.clear_forces()` in its substeps.
    """

    def __init__(
        self,
        model: Model,
        *,
        title: str = "script",
        fps: float = 60.0,
        substeps: int = 16,
        size: tuple[int, int] = (1440, 900),
        paused: bool = False,
        remember: bool = False,
    ):
        """Open the window.

        Args:
            model: what is simulated.
            title: shown in the menu bar.
            fps: frames a second of simulated time, for the clock.
            substeps: solver steps a frame; the strength of Ctrl+drag heeds it.
            size: of the window [pixels].
            paused: hold the script at its first frame until Space is pressed.
            remember: read and store the preferences of the person, as `simview` does.

        Raises:
            NoGraphics: if there is no display, or no OpenGL 3.3.
        """
        if not (fps > 0.0 and substeps >= 1):
            raise UsageError(f"Viewer: fps = {fps}, substeps = {substeps}; expected numbers above 0")
        preferences = Preferences.load() if remember else Preferences()
        preferences.window_size = list(size)
        self.app = Application(preferences)
        self._window = open_window(self.app, remember=remember)
        end_with_display(self.app)
        self._loop = Loop(self.app, self._window)
        self._remember = remember
        view, bindings = SceneView.of_model(model, title)
        settings = RunSettings(
            frames=0, fps=fps, substeps=substeps, solver="semi-implicit", iterations=2, device=str(model.device),
            start_time_code=0.0,
        )  # fmt: skip
        self._session = Session.of_model(model, bindings, settings)
        self.app.drive(self._session, view)
        self.app.script_runs = not paused
        self._next_due: float | None = None
        self._shown = False
        self._closed = False

    def is_running(self) -> bool:
        """Whether the person has not closed the window yet; takes in what happened to it."""
        if not self._closed and self.app.wants_close:
            self.close()
        return not self._closed

    def apply_forces(self, state: State) -> None:
        """Add what the person pulls with to a state's external forces; only launches, so it can be captured."""
        self._session.pull.apply(state)

    def render(self, state: State, time_now: float | None = None) -> bool:
        """Show a state, as the next frame.

        Args:
            state: what to show; it is copied.
            time_now: simulated time [s]; None counts frames.

        Returns:
            Whether the window is still open. While the person has paused, this waits.
        """
        if not self.is_running():
            return False
        session, app = self._session, self.app
        if self._shown:
            session.frame += 1
        self._shown = True
        moment = session.time if time_now is None else float(time_now)
        session.history.add(Frame.of(state, session.frame, moment))
        self._loop.turn()
        while not app.wants_close and not app.script_runs and not app.take_script_step():
            self._loop.turn()
        return self.is_running()

    def keep_pace(self) -> None:
        """Wait until it is time for the next frame, so that simulated time goes as fast as the clock on the wall."""
        now = time.perf_counter()
        if self._next_due is None or now - self._next_due > 0.1:
            self._next_due = now
        while time.perf_counter() < self._next_due and not self.app.wants_close:
            if not self._loop.turn():
                time.sleep(0.001)
        self._next_due += self._session.settings.frame_dt

    def close(self) -> None:
        """Close the window; a second call does nothing."""
        if not self._closed:
            self._closed = True
            self._window.end()
            self.app.close(store=self._remember)

    def __enter__(self) -> Viewer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

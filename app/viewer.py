"""Look at a simulation that a script runs: three lines, with a window or without.

viewer = Viewer(model, headless=True, path="out.mp4")
...
viewer.render(state)      # after each frame
viewer.close()
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from app.errors import UsageError
from app.render.camera import Camera
from app.render.errors import NoGraphics
from app.render.film import INSTALL, check_pictures
from app.render.options import DrawOptions, Overlay
from app.render.script_pictures import ScriptPictures
from sim import Model, State


class Viewer:
    """Shows a model while its script moves it: in a window (`app.view.viewer.Viewer`), or drawn without one.

        viewer = Viewer(model)                                          # a window
        viewer = Viewer(model, headless=True, path="out.mp4")           # a film
        while viewer.is_running():
            ...                                                         # a frame of simulation, which ends in `state`
            viewer.render(state)

    As a context manager it closes itself. `begin_frame(time)` and `end_frame()` may stand around `render`, as other
    renderers of the field want it.

    Attributes:
        model: what is shown.
        overlay: headless: lines, arrows, points and labels to draw over the next frame; emptied after each.
        options: headless: how it is drawn; may be changed at any time.
    """

    def __init__(
        self,
        model: Model,
        *,
        headless: bool = False,
        path: str | os.PathLike | None = None,
        size: tuple[int, int] = (1280, 720),
        fps: float = 60.0,
        camera: Camera | str | None = None,
        options: DrawOptions | None = None,
        overwrite: bool = True,
        **window: object,
    ):
        """Open a window, or draw without one.

        Args:
            model: what is shown.
            headless: draw without a window: `picture()` gives the pixels.
            path: a film (.mp4), numbered pictures (`%04d.png`) or one of the end (.png); implies `headless`.
            size: width and height [pixels].
            fps: frames a second, of the film or of the window's clock.
            camera: headless: a `Camera`, or the name of a view (front, left, top, perspective); None frames the model.
            options: headless: how it is drawn.
            overwrite: replace an existing file.
            window: `title`, `substeps`, `paused` and `remember` of the window.

        Raises:
            NoGraphics, NoEncoder: if there is no OpenGL or display, or such a file cannot be written.
            UsageError: if the path or the camera cannot be used.
        """
        self.model, self.overlay = model, Overlay()
        self.options = options or DrawOptions(samples=4, ambient_occlusion=True)
        self._pictures: ScriptPictures | None = None
        self._window = None
        if headless or path is not None:
            place = None if path is None else Path(path)
            if place is not None:
                check_pictures(place, size, overwrite=overwrite)
            self._pictures = ScriptPictures(model, place, size, fps, camera, self.options)
            return
        try:
            from app.view.viewer import Viewer as WindowViewer
        except ImportError as error:
            raise NoGraphics(f"a window needs the package {error.name}; {INSTALL}") from None
        self._window = WindowViewer(model, fps=fps, size=size, **window)

    def is_running(self) -> bool:
        """False once the window was closed, or `close` called."""
        return self._pictures.is_open if self._window is None else self._window.is_running()

    @property
    def is_open(self) -> bool:
        """The same as `is_running()`."""
        return self.is_running()

    def render(self, state: State, time_now: float | None = None) -> bool:
        """Show a state; returns whether to go on. A window that a person paused holds the script here."""
        if self._window is not None:
            return self._window.render(state, time_now)
        self._pictures.render(state, self.overlay)
        self.overlay.clear()
        return True

    def apply_forces(self, state: State) -> None:
        """Add what a person pulls with in the window to a state's forces; without a window nobody pulls."""
        if self._window is not None:
            self._window.apply_forces(state)

    def keep_pace(self) -> None:
        """Wait until simulated time is due in a window; pictures are made as fast as they can be."""
        if self._window is not None:
            self._window.keep_pace()

    def picture(self) -> np.ndarray:
        """The last frame, uint8 [height, width, 4], top row first (headless)."""
        if self._pictures is None:
            raise UsageError("picture(): a window keeps no pixels; make the viewer with headless=True")
        return self._pictures.picture()

    def begin_frame(self, time: float | None = None) -> None:
        """A frame begins; there is nothing to prepare."""

    def end_frame(self) -> None:
        """The frame is complete."""

    def close(self) -> None:
        """Finish the film and let go of everything; a second call does nothing."""
        (self._pictures or self._window).close()

    save = close

    def __enter__(self) -> Viewer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

"""Look at a simulation that a script runs: three lines, with a window or without.

viewer = Viewer(model, headless=True, path="out.mp4")
...
viewer.render(state)      # after each frame
viewer.close()
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

import numpy as np

from app.render.camera import Camera
from app.render.film import check_pictures
from app.render.options import DrawOptions, Overlay
from app.render.script_pictures import ScriptPictures
from sim import Model, State


class _Backend(Protocol):
    """What shows the frames: `app.render.script_pictures.ScriptPictures`, or a window."""

    is_open: bool

    def render(self, state: State, overlay: Overlay) -> None: ...
    def close(self) -> None: ...


class Viewer:
    """Shows a model as its script moves it.

    As a context manager it closes itself. `begin_frame(time)` and `end_frame()` may stand around `render`, as other
    renderers of the field want it.

    Attributes:
        model: what is shown.
        overlay: lines, arrows, points and labels to draw over the next frame; emptied after each.
        options: how it is drawn; may be changed at any time.
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
        title: str = "simrun",
    ):
        """Open a window, or draw without one.

        Args:
            model: what is shown.
            headless: draw without a window: `picture()` gives the pixels.
            path: with `headless`: a film (.mp4), numbered pictures (`%04d.png`) or one of the end (.png).
            size: width and height [pixels].
            fps: frames a second of the film.
            camera: where from: a `Camera`, the name of a view (front, left, top, perspective); None frames the model.
            options: how it is drawn.
            overwrite: replace an existing file.
            title: of the window.

        Raises:
            NoGraphics, NoEncoder: if there is no OpenGL, or such a file cannot be written.
            UsageError: if the path or the camera cannot be used.
        """
        self.model, self.overlay = model, Overlay()
        self.options = options or DrawOptions(samples=4 if headless else None)
        if headless or path is not None:
            place = None if path is None else Path(path)
            if place is not None:
                check_pictures(place, size, overwrite=overwrite)
            self._backend: _Backend = ScriptPictures(model, place, size, fps, camera, self.options)
        else:
            # A window needs packages that pictures do not.
            from app.view.script_window import ScriptWindow

            self._backend = ScriptWindow(model, size, camera, self.options, title)

    @property
    def is_open(self) -> bool:
        """False once the window was closed, or `close` called."""
        return self._backend.is_open

    def render(self, state: State) -> None:
        """Show a state."""
        self._backend.render(state, self.overlay)
        self.overlay.clear()

    def picture(self) -> np.ndarray:
        """The last frame, uint8 [height, width, 4], top row first (headless)."""
        return self._backend.picture()

    def begin_frame(self, time: float | None = None) -> None:
        """A frame begins; there is nothing to prepare."""

    def end_frame(self) -> None:
        """The frame is complete."""

    def close(self) -> None:
        """Finish the film and let go of everything; a second call does nothing."""
        self._backend.close()

    save = close

    def __enter__(self) -> Viewer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

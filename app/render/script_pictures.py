"""Frames of a script drawn without a window."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from app.errors import UsageError
from app.render.camera import Camera
from app.render.film import LastPicture, open_writer
from app.render.options import DrawOptions, Overlay
from app.render.renderer import Renderer
from app.render.stage import from_model
from app.render.views import choose_camera
from sim import Model, State


class ScriptPictures:
    """Draws the states it is given, into a film or pictures, or just to be looked at."""

    def __init__(
        self,
        model: Model,
        path: Path | None,
        size: tuple[int, int],
        fps: float,
        camera: Camera | str | None,
        options: DrawOptions,
    ):
        self._size, self._options = size, options
        self._scene = from_model(model)
        self._renderer = Renderer(lean=False)
        self._renderer.set_scene(self._scene)
        if isinstance(camera, Camera):
            self._camera = camera
        else:
            aspect = size[0] / size[1]
            self._camera = choose_camera(self._scene, camera, self._renderer.bounds, self._scene.body_q, aspect=aspect)
        self._writer = None if path is None else open_writer(path, size, fps)
        self._drawn, self.is_open = False, True

    def render(self, state: State, overlay: Overlay) -> None:
        """Draw a state."""
        if not self.is_open:
            raise UsageError("render(): this viewer was closed; make another one")
        self._renderer.update(
            state.body_q if state.body_q is not None and len(state.body_q) else None,
            state.particle_q if state.particle_q is not None and len(state.particle_q) else None,
        )
        self._renderer.draw(self._camera, self._options, self._size, overlay=overlay)
        self._drawn = True
        if self._writer is not None and not isinstance(self._writer, LastPicture):
            self._writer.write(self._renderer.read_pixels())

    def picture(self) -> np.ndarray:
        """The last frame, or the model at its start."""
        if not self._drawn:
            self._renderer.draw(self._camera, self._options, self._size)
        return self._renderer.read_pixels()

    def close(self) -> None:
        """Finish the file."""
        if not self.is_open:
            return
        self.is_open = False
        try:
            if self._writer is not None:
                if isinstance(self._writer, LastPicture):
                    self._writer.write(self.picture())
                self._writer.close()
        finally:
            self._renderer.release()

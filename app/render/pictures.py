"""Pictures of a run without a window: a recording that draws every frame it is given."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from app.render.film import LastPicture, PictureWriter, open_writer
from app.render.options import DrawOptions
from app.render.renderer import Renderer
from app.render.scene import RenderScene
from app.render.views import choose_camera

if TYPE_CHECKING:
    from sim import State


@dataclass(frozen=True, kw_only=True)
class PictureSettings:
    """What `--render` and its companions say.

    Attributes:
        path: a film (.mp4), numbered pictures (frames/%04d.png), or one of the end (still.png).
        camera: prim path or name of a camera of the stage, or a view of `views.NAMED_VIEWS`; None for the first or a
            fitting one.
        size: width and height [pixels].
        options: how it is drawn.
    """

    path: Path
    camera: str | None = None
    size: tuple[int, int] = (1280, 720)
    options: DrawOptions = field(default_factory=lambda: DrawOptions(samples=4, axes=False, ambient_occlusion=True))


class PictureRecording:
    """Draws frames and hands the pictures to a writer. A `Session` records into it as into a USD file.

    Attributes:
        frame_count: frames taken so far.
        direct_count: those of them whose positions went from the simulation into GL buffers without visiting the host.
        seconds: wall time spent drawing and encoding [s].
    """

    reads_velocities = False

    def __init__(self, scene: RenderScene, settings: PictureSettings, fps: float):
        """Make a context without a window and open the output.

        Raises:
            NoGraphics: if there is no OpenGL.
            NoEncoder: if the output cannot be written.
            UsageError: if there is no such camera.
        """
        self._settings, self._scene, self._fps = settings, scene, fps
        self._first_code: float | None = None
        self._renderer = Renderer(lean=False)
        try:
            self._renderer.set_scene(scene)
            aspect = settings.size[0] / settings.size[1]
            # Checked now, because a mistyped name must not come out after an hour.
            self._camera = choose_camera(scene, settings.camera, self._renderer.bounds, scene.body_q, aspect=aspect)
            self._writer: PictureWriter = open_writer(settings.path, settings.size, fps)
        except BaseException:
            self._renderer.release()
            raise
        chosen = next((c for c in scene.cameras if settings.camera in (None, c.path, c.name)), None)
        self._moving = chosen if chosen is not None and (chosen.body >= 0 or chosen.track is not None) else None
        self.frame_count, self.direct_count, self.seconds = 0, 0, 0.0
        self._last_rows: list[np.ndarray | None] | None = None
        self._ahead: tuple[float, np.ndarray] | None = None

    def show_state(self, time_code: float, state: State) -> None:
        """Draw a frame from the arrays of the simulation, on the GPU that draws; `write_frame` then hands its picture on.

        Elsewhere this does nothing, and `write_frame` draws what it is given.
        """
        if isinstance(self._writer, LastPicture) or self._renderer.placement.refused:
            return
        began = perf_counter()
        values = [_some(state.body_q), _some(state.particle_q)]
        if any(self._renderer.placement.can_stay(v) for v in values):
            self._renderer.update(*values, self._stage_code(time_code))
            self._ahead = (time_code, self._draw(time_code))
        self.seconds += perf_counter() - began

    def write_frame(
        self,
        time_code: float,
        body_q: np.ndarray | None,
        particle_q: np.ndarray | None,
        particle_qd: np.ndarray | None = None,
    ) -> None:
        """Take one frame: as it was drawn by `show_state`, or drawn now.

        Raises:
            NoEncoder: if the picture cannot be written.
        """
        began = perf_counter()
        self.frame_count += 1
        self._time_code, stage_code = time_code, self._stage_code(time_code)
        ahead, self._ahead = self._ahead, None
        if isinstance(self._writer, LastPicture):
            # Only the last one is drawn; the arrays are lent.
            self._last_rows = [None if _some(v) is None else np.array(v) for v in (body_q, particle_q)]
        elif ahead is not None and ahead[0] == time_code:
            self.direct_count += 1
            self._writer.write(ahead[1])
        else:
            self._renderer.update(_some(body_q), _some(particle_q), stage_code)
            self._writer.write(self._draw(time_code))
        self.seconds += perf_counter() - began

    def _stage_code(self, time_code: float) -> float:
        """The stage's own time code for one of the run, which counts frames."""
        if self._first_code is None:
            self._first_code = time_code
        return self._scene.time_code((time_code - self._first_code) / self._fps)

    def _draw(self, time_code: float) -> np.ndarray:
        if self._moving is not None:
            self._camera = self._moving.camera(
                self._renderer.placement.body_q, up=self._scene.up, time_code=self._stage_code(time_code)
            )
        self._renderer.draw(self._camera, self._settings.options, self._settings.size)
        return self._renderer.read_pixels()

    def close(self) -> None:
        """Finish the film or write the still; a second call does nothing.

        Raises:
            NoEncoder: if it cannot be written.
        """
        if self._renderer is None:
            return
        try:
            if self._last_rows is not None:
                self._renderer.update(*self._last_rows, self._stage_code(self._time_code))
                self._writer.write(self._draw(self._time_code))
            self._writer.close()
        finally:
            self._renderer.release()
            self._renderer = None


def _some(values: object | None) -> object | None:
    return values if values is not None and len(values) else None

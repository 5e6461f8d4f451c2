"""Writes a simulation that was set up in Python as USD, frame by frame."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from sim import Model, State
from usd_io.model_stage import author_model, write_stage
from usd_io.recorder import RecorderError, UsdRecorder


class SimRenderer:
    """Records a model without a scene file as time-sampled USD that usdview and Blender play.

        renderer = SimRenderer(model, "out.usd", scaling=40.0)
        for frame in range(300):
            ...
            renderer.begin_frame(frame / 60)
            renderer.render(state)
            renderer.end_frame()
        renderer.save()

    Shapes, cloth, soft bodies, particles and springs appear with their sizes, see `usd_io.model_stage`. Frames go to disk
    as they come; `save` joins them into one file. As a context manager it saves at the end, even after an exception.
    """

    def __init__(
        self,
        model: Model,
        path: str | os.PathLike,
        scaling: float = 1.0,
        fps: float = 60.0,
        up_axis: str | None = None,
        *,
        show_springs: bool | None = None,
        overwrite: bool = True,
    ):
        """Authors the scene at rest and opens the output.

        Args:
            model: What is simulated.
            path: ``.usd``, ``.usdc`` or ``.usda``.
            scaling: Stage units of one metre; the stage says so (`metersPerUnit` is 1/scaling), so programs that heed
                units show true sizes.
            fps: Time codes of one second.
            up_axis: "Y" or "Z"; None takes the model's.
            show_springs: Whether springs are drawn as lines; None draws them where nothing else shows the particles.
            overwrite: Replace an existing file.

        Raises:
            RecorderError: The file cannot be written, or a setting is not usable.
        """
        if not scaling > 0.0:
            raise RecorderError(str(path), f"scaling = {scaling}", expected="units of one metre, above zero")
        if up_axis is not None and str(up_axis).upper() not in ("Y", "Z"):
            raise RecorderError(str(path), f"up_axis = {up_axis!r}", expected='"Y" or "Z"')
        self.model, self.path, self.fps = model, Path(path), float(fps)
        springs = not (model.tri_count or model.tet_count) if show_springs is None else show_springs
        self.time = 0.0
        self._rendered: State | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="simrun_")
        scene = author_model(
            model, meters_per_unit=1.0 / scaling, up_axis=str(up_axis).upper() if up_axis else None, springs=springs
        )
        rest = os.path.join(self._folder.name, "rest.usdc")
        write_stage(scene.stage, rest)
        try:
            self._recorder = UsdRecorder(
                rest, self.path, scene.targets, fps=self.fps, start_time_code=0.0, flatten=True, overwrite=overwrite
            )
        except RecorderError:
            self._folder.cleanup()
            raise

    def begin_frame(self, time: float | None = None) -> None:
        """Starts a frame at `time` [s]; None: one frame after the last."""
        if time is not None:
            self.time = float(time)
        elif self._recorder.frame_count:
            self.time += 1.0 / self.fps
        self._rendered = None

    def render(self, state: State) -> None:
        """Takes the positions of a state for the frame that was begun."""
        self._rendered = state

    def end_frame(self) -> None:
        """Writes the frame.

        Raises:
            RecorderError: Nothing was rendered, time does not advance, values are not finite, or the disk fails.
        """
        if self._rendered is None:
            raise RecorderError(
                str(self.path), "end_frame without a state", next_step="call begin_frame(time), then render(state)"
            )
        state, self._rendered = self._rendered, None
        self._recorder.write_frame(
            round(self.time * self.fps, 6),  # a sum of many time steps misses whole frames by rounding
            body_q=state.body_q.numpy().reshape(-1, 7) if self.model.body_count else None,
            particle_q=state.particle_q.numpy().reshape(-1, 3) if self.model.particle_count else None,
        )

    def save(self) -> None:
        """Makes the output one finished file; a second call does nothing.

        Raises:
            RecorderError: The final file cannot be written; flushed frames stay readable.
        """
        self._recorder.close()
        self._folder.cleanup()

    close = save

    def __enter__(self) -> SimRenderer:
        return self

    def __exit__(self, *_) -> None:
        self.save()

"""Writes a simulation as time-sampled USD, so that a crash at any moment loses only the frames not flushed yet.

While a recording runs, two things exist::

    scene_sim.usd           root layer: stage metadata, sublayers, and value clips that name the chunks so far
    scene_sim.usd.frames/   base.usdc (op orders, new prims), manifest.usdc, chunk_000000.usdc, chunk_000001.usdc, ...

Every file is written under another name, synced and renamed into place, a chunk before the root layer that names it.
So the output opens at any moment and plays every flushed frame. A growing file that is saved in place would not:
a ``.usdc`` interrupted inside ``Save()`` is often unreadable.

``close()`` joins the chunks into one file, renames it over the root layer and removes the folder::

    scene_sim.usd           override layer: sublayers the untouched source by a relative path, adds time samples
                            (flatten=True: everything in this one file instead)

Chunks grow with the recording (see ``flush_due``), so total write work is near-linear in the number of frames, and
each frame is written twice at most: once in its chunk, once in the final file.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pxr import Sdf

from usd_io.recorder.atomic import export_atomically
from usd_io.recorder.chunks import ChunkStore, add_samples, joined
from usd_io.recorder.errors import RecorderError
from usd_io.recorder.flatten import flattened, relative_asset_paths
from usd_io.recorder.frames import Frame, FrameBatch
from usd_io.recorder.output_place import output_place
from usd_io.recorder.plan import plan_recording
from usd_io.recorder.source import ROOT_METADATA, ComposedSource
from usd_io.recorder.targets import Target

FLUSH_SECONDS = 2.0
FLUSH_FRACTION = 1.0 / 128.0
FLUSH_BYTES = 64 << 20


def flush_due(pending_bytes: int, since_flush: float, since_start: float) -> bool:
    """Whether waiting frames should go to disk: after 2 s (or 1/128 of a long run) or when they hold 64 MiB.

    The share of the run keeps the number of chunks logarithmic in its length, and so the root layer small.
    """
    return pending_bytes >= FLUSH_BYTES or since_flush >= max(FLUSH_SECONDS, FLUSH_FRACTION * since_start)


class UsdRecorder:
    """Records bodies and particles over a scene. Also a context manager; leaving it, even by an exception, closes it.

    Attributes:
        path: The output file.
        frame_count: Frames written.
        flushed_count: Frames that survive a crash.
    """

    def __init__(
        self,
        source_path: str | Path | None,
        output_path: str | Path,
        targets: Sequence[Target],
        *,
        fps: float,
        start_time_code: float | None = None,
        up_axis: str | None = None,
        meters_per_unit: float | None = None,
        flatten: bool = False,
        format: str | None = None,
        velocities: bool = False,
        overwrite: bool = False,
        chunk_frames: int | None = None,
    ):
        """Checks everything that can be checked and puts an output without frames in place.

        Args:
            source_path: The scene that was simulated; never changed. None defines the targets' prims from nothing.
            output_path: ``.usd``, ``.usdc`` or ``.usda``.
            targets: What moves; see ``targets_from_bindings``.
            fps: Frames a second; also the output's time codes a second (the source's own rate is scaled by USD).
            start_time_code: Time code of the first frame, in the output's rate; None = where the source starts.
            up_axis: "Y" or "Z"; None = the source's.
            meters_per_unit: Length unit [m]; None = the source's.
            flatten: One self-contained file instead of an override layer.
            format: ``usdc`` or ``usda``; None = what the suffix says (``.usd`` is usdc).
            velocities: Also write point velocities; ``write_frame`` then needs ``particle_qd``.
            overwrite: Replace an existing output.
            chunk_frames: Flush after this many frames; None = by time and size.

        Raises:
            RecorderError: The output cannot be written there, or a target does not fit the source.
        """
        source_path = Path(source_path) if source_path is not None else None
        self.path = Path(output_path)
        if not fps > 0.0:
            raise RecorderError(str(self.path), f"fps = {fps}", expected="a positive number of frames a second")
        self._place = output_place(self.path, file_format=format, source=source_path, overwrite=overwrite)
        self._source = ComposedSource(source_path, fps=fps, up_axis=up_axis, meters_per_unit=meters_per_unit)
        if self._source.uses(self.path):
            raise RecorderError(
                str(self.path), "the source scene is composed from this file", next_step="choose another output with -o"
            )
        self._start = self._source.source_start(fps) if start_time_code is None else float(start_time_code)
        self._flatten, self._chunk_frames = flatten, chunk_frames
        self._pending: list[Frame] = []
        self._seam: Frame | None = None
        self._first_time: float | None = None
        self._last_time: float | None = None
        self._pending_bytes = 0
        self.frame_count = self.flushed_count = 0
        self._closed = False
        self._plan = plan_recording(self._source, targets, start=self._start, velocities=velocities)
        self._below = [] if flatten or source_path is None else [self._source.relative_path(self.path)]
        moving = [path for path, _ in self._plan.attributes]
        self._base = flattened(self._source.stage, moving) if flatten else self._source.overrides
        self._store = ChunkStore(self._place, self._plan.attributes)
        self._place.clear_folder()
        self._place.make_folder()
        try:
            self._store.start(self._base, lambda layer: self._stamp(layer, complete=False), self._below)
        except RecorderError:
            self._place.clear_folder()
            raise
        self._started = self._flushed_at = time.monotonic()

    @property
    def reads_velocities(self) -> bool:
        """Whether `write_frame` needs `particle_qd`."""
        return self._plan.particle_qd.rows > 0

    def write_frame(
        self,
        time_code: float | None = None,
        body_q: np.ndarray | None = None,
        particle_q: np.ndarray | None = None,
        particle_qd: np.ndarray | None = None,
    ) -> None:
        """Takes a copy of one frame and flushes when due.

        Args:
            time_code: Greater than the last one; None = one after it.
            body_q: World poses, position [m] and quaternion xyzw, shape [body_count, 7].
            particle_q: World positions [m], shape [particle_count, 3].
            particle_qd: World velocities [m/s], shape [particle_count, 3]; only used with ``velocities=True``.

        Raises:
            RecorderError: Wrong shapes, values that are not finite, time running backwards, or a failing disk.
        """
        if self._closed:
            raise RecorderError(str(self.path), "write_frame after close", next_step="open a new UsdRecorder")
        if time_code is None:
            time_code = self._start if self._last_time is None else self._last_time + 1.0
        time_code = float(time_code)
        if self._last_time is not None and not time_code > self._last_time:
            raise RecorderError(
                str(self.path), f"frame at time code {time_code:g}", expected=f"a time code after {self._last_time:g}"
            )
        where = f"{self.path} at time code {time_code:g}"
        frame = Frame(
            time_code,
            self._plan.body_q.copy(body_q, where),
            self._plan.particle_q.copy(particle_q, where),
            self._plan.particle_qd.copy(particle_qd, where),
        )
        self._pending.append(frame)
        self._pending_bytes += frame.nbytes
        self._first_time = time_code if self._first_time is None else self._first_time
        self._last_time = time_code
        self.frame_count += 1
        if self._chunk_frames is not None:
            due = len(self._pending) >= self._chunk_frames
        else:
            now = time.monotonic()
            due = flush_due(self._pending_bytes, now - self._flushed_at, now - self._started)
        if due:
            self.flush()

    def flush(self) -> None:
        """Puts every frame written so far on disk, where a crash cannot reach it.

        Raises:
            RecorderError: The disk is full or gone; frames flushed before stay readable.
        """
        if self._closed or not self._pending:
            return
        batch = FrameBatch([self._seam, *self._pending] if self._seam else self._pending)
        chunk = self._sampled(self._store.manifest, batch)
        chunk.startTimeCode, chunk.endTimeCode = batch.times[0], batch.times[-1]
        chunk.timeCodesPerSecond = self._source.root.timeCodesPerSecond
        try:
            self._store.add(chunk, batch.times[0], batch.times[-1])
        except RecorderError:
            self._closed = True
            raise
        self._seam = self._pending[-1]
        self._forget_pending()
        self._flushed_at = time.monotonic()

    def close(self) -> None:
        """Makes the output one finished file; does nothing the second time.

        Raises:
            RecorderError: The final file cannot be written; the flushed frames stay readable as they are.
        """
        if self._closed:
            return
        if self._store.count:
            self.flush()
        self._closed = True
        if self._store.count:
            final = Sdf.Layer.CreateAnonymous("final.usdc")
            final.TransferContent(self._base)
            add_samples(final, joined(self._store.layers()))
        else:
            final = self._sampled(self._base, FrameBatch(self._pending))
        self._stamp(final, complete=True)
        final.subLayerPaths = self._below
        if self._flatten:
            relative_asset_paths(final, self.path)
        export_atomically(final, self.path, self._place.folder, file_format=self._place.file_format)
        self._forget_pending()
        shown = Sdf.Layer.Find(str(self.path.resolve()))
        if shown:  # A viewer in this process has the unfinished output open; its chunks are about to go.
            shown.Reload(force=True)
        self._place.clear_folder()

    def __enter__(self) -> UsdRecorder:
        return self

    def __exit__(self, kind, error, trace) -> None:
        try:
            self.close()
        except RecorderError:
            if error is None:  # The first failure is the one worth reporting.
                raise

    def _forget_pending(self) -> None:
        self.flushed_count += len(self._pending)
        self._pending = []
        self._pending_bytes = 0

    def _sampled(self, specs: Sdf.Layer, batch: FrameBatch) -> Sdf.Layer:
        layer = Sdf.Layer.CreateAnonymous("samples.usdc")
        layer.TransferContent(specs)
        if batch.frames:
            with Sdf.ChangeBlock():
                for track in self._plan.tracks:
                    track.sample(layer, batch)
        return layer

    def _stamp(self, layer: Sdf.Layer, *, complete: bool) -> None:
        """Stage metadata, which USD reads from the root layer only."""
        known = self._source.root.pseudoRoot
        for key in (*ROOT_METADATA, "framesPerSecond", "metersPerUnit", "timeCodesPerSecond", "upAxis"):
            if known.HasInfo(key):
                layer.pseudoRoot.SetInfo(key, known.GetInfo(key))
        layer.startTimeCode = self._start if self._first_time is None else self._first_time
        layer.endTimeCode = layer.startTimeCode if self._last_time is None else self._last_time
        if self._source.default_prim:
            layer.defaultPrim = self._source.default_prim
        layer.customLayerData = {**layer.customLayerData, "simrun": {"frames": self.frame_count, "complete": complete}}

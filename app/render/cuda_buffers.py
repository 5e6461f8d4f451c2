"""GL buffers that kernels on a GPU write: poses and particles are drawn from where the simulation left them.

Only boxes come back to the host, a few kilobytes a frame, for framing, shadows and clip planes.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

import engine as en
from app.render.batches import GrainBatch, MeshBatch
from app.render.camera import LARGEST, Bounds
from app.render.motion import GatheredPoints, InstanceRows, bound_instances, bound_points
from engine.interop.opengl import GLBuffer, mapped, why_not_shared

BOXES = 1024
"""Most boxes of one batch, and so threads that look for its bounds."""
_log = logging.getLogger("simrun.render")
_told: set[str] = set()


def why_not(context: object, device: en.Device) -> str:
    """Why kernels on a device cannot write the buffers of a GL context; empty if they can."""
    info = context.info
    if "nvidia" not in info["GL_VENDOR"].lower():
        return f"OpenGL draws with {info['GL_RENDERER']}, not with {device}"
    return why_not_shared(device)


def tell_once(reason: str) -> None:
    """Note that positions take the way over the host, once for each reason."""
    if reason not in _told:
        _told.add(reason)
        _log.warning("what is drawn is copied by way of the host: %s", reason)


@dataclass
class _Part:
    """A batch whose GL buffer is written here."""

    batch: MeshBatch | GrainBatch
    shared: GLBuffer
    of_bodies: bool
    writer: object
    """What computes the contents."""
    boxes: en.array
    """Boxes of its threads, a part of those of all."""
    bounds: Bounds


class CudaBuffers:
    """Writes the moving buffers of a scene on a CUDA device; the GL context must be current in every call.

    Raises:
        EngineError: if the driver refuses a buffer.
    """

    def __init__(self, device: en.Device, meshes: list[MeshBatch], grains: list[GrainBatch]):
        self.device = device
        rigid = [b for b in meshes if b.surface is None and (b.bodies >= 0).any()]
        moving = [
            *rigid,
            *(b for b in meshes if b.surface is not None),
            *(g for g in grains if g.gathered is not None and g.count),
        ]
        lanes = [min(BOXES, _rows_of(batch)) for batch in moving]
        self._boxes = en.zeros((max(sum(lanes), 1), 2), dtype=en.vec3, device=device)
        self._bodies: dict[int, en.array] = {}
        self._parts: dict[int, _Part] = {}
        try:
            first = 0
            for batch, count in zip(moving, lanes, strict=True):
                self._parts[id(batch)] = self._share(batch, self._boxes[first : first + count])
                first += count
        except BaseException:
            self.release()
            raise

    def _share(self, batch: MeshBatch | GrainBatch, boxes: en.array) -> _Part:
        of_bodies = False
        if isinstance(batch, GrainBatch):
            buffer, writer = batch.place_buffer, GatheredPoints(batch.particle_rows, self.device)
        elif batch.surface is None:
            buffer, writer, of_bodies = (
                batch.row_buffer,
                InstanceRows(batch.transforms, batch.bodies, self.device),
                True,
            )
            self._bodies[id(batch)] = en.array(
                np.ascontiguousarray(batch.bodies, np.int32), dtype=int, device=self.device
            )
        else:
            buffer, writer = batch.vertex_buffer, batch.surface.on(self.device)
        return _Part(batch, GLBuffer(buffer.glo, buffer.size, self.device), of_bodies, writer, boxes, Bounds.empty())

    def update(self, body_q: en.array | None, particle_q: en.array | None) -> None:
        """Follow poses and particles that lie on the device; None for what did not change."""
        parts = [p for p in self._parts.values() if (body_q if p.of_bodies else particle_q) is not None]
        if not parts:
            return
        with mapped([p.shared for p in parts], self.device) as memories:
            for part, memory in zip(parts, memories, strict=True):
                self._write(part, memory, body_q if part.of_bodies else particle_q)
        boxes, at = self._boxes.numpy().reshape(-1, 2, 3), 0
        for part in self._parts.values():
            part.bounds = _union(boxes[at : at + len(part.boxes)])
            at += len(part.boxes)

    def _write(self, part: _Part, memory: object, source: en.array) -> None:
        batch, lanes = part.batch, len(part.boxes)
        if part.of_bodies:
            rows = memory.array(en.vec4, (batch.count, 3))
            part.writer.update(source, rows)
            center, half = en.vec3(*map(float, batch.center)), en.vec3(*map(float, batch.half_extent))
            inputs = [rows, self._bodies[id(batch)], center, half]
            en.launch(
                bound_instances, lanes, inputs=inputs, outputs=[part.boxes], device=self.device, record_tape=False
            )
            return
        if isinstance(batch, GrainBatch):
            part.writer.update(source, memory.array(en.vec3, (part.writer.count,)))
            points = memory.array(en.vec3, (part.writer.count, 1))
        else:
            points = memory.array(en.vec3, (part.writer.count, 2))
            part.writer.update(source, points)
        en.launch(bound_points, lanes, inputs=[points], outputs=[part.boxes], device=self.device, record_tape=False)

    def bounds(self, batch: MeshBatch | GrainBatch) -> Bounds:
        """Box around what moves in a batch, without the radii of grains, at the last update."""
        return self._parts[id(batch)].bounds

    def release(self) -> None:
        """Let go of the GL buffers, before they are deleted."""
        for part in self._parts.values():
            part.shared.release()
        self._parts.clear()


def _rows_of(batch: MeshBatch | GrainBatch) -> int:
    if isinstance(batch, GrainBatch):
        return len(batch.particle_rows)
    return batch.count if batch.surface is None else batch.surface.count


def _union(boxes: np.ndarray) -> Bounds:
    full = boxes[boxes[:, 0, 0] < LARGEST]  # empty ones begin there
    return Bounds(full[:, 0].min(axis=0), full[:, 1].max(axis=0)) if len(full) else Bounds.empty()

"""Point instances as rigid bodies: ``positions``, ``orientations`` and ``extent`` of a PointInstancer."""

from __future__ import annotations

import numpy as np
from pxr import Sdf, Usd, UsdGeom, Vt

from usd_io.recorder.errors import RecorderError
from usd_io.recorder.frames import FrameBatch
from usd_io.recorder.placement import Placements, Placer
from usd_io.recorder.quaternions import continued, from_matrix
from usd_io.recorder.targets import InstancerTarget
from usd_io.recorder.track import ensure_attribute

STALE = ("velocities", "accelerations", "angularVelocities")


class InstancerTrack:
    """One PointInstancer whose rows follow bodies.

    ``orientations`` are half floats by schema (about 1e-3 rad); ``orientationsf`` carries the same rotations in float
    for programs that know it (Blender does not). Below a parent that scales unevenly a row cannot shear, so its
    rotation is the nearest one.
    """

    def __init__(self, stage: Usd.Stage, target: InstancerTarget, placer: Placer, unit: float):
        prim = stage.GetPrimAtPath(target.path)
        instancer = UsdGeom.PointInstancer(prim)
        if not instancer:
            raise RecorderError(target.path, "not a PointInstancer in the source", expected="a PointInstancer")
        self._unit, self._target = unit, target
        self._path = prim.GetPath()
        placement = placer.inside(prim)
        self._placements = Placements([placement] * len(target.rows), placer.start)
        self._undo_offset = np.linalg.inv(target.offsets)
        time = Usd.TimeCode(placer.start)
        self._positions = np.array(instancer.GetPositionsAttr().Get(time), np.float32).reshape(-1, 3)
        count = len(self._positions)
        self._orientations = _orientations(instancer, time, count)
        self._scales = _scales(instancer, time, count)
        self._radius = _prototype_radius(instancer, time) * (np.abs(self._scales).max() if count else 1.0)
        self._blocked = [name for name in STALE if (a := prim.GetAttribute(name)) and a.HasAuthoredValue()]
        types = Sdf.ValueTypeNames
        named = {
            "positions": types.Point3fArray,
            "orientations": types.QuathArray,
            "orientationsf": types.QuatfArray,
            "extent": types.Float3Array,
        }
        self.attributes = [(self._path.AppendProperty(name), value_type) for name, value_type in named.items()]
        self._last: np.ndarray | None = None

    def author(self, layer: Sdf.Layer) -> None:
        for path, value_type in self.attributes:
            ensure_attribute(layer, path, value_type)
        for name in self._blocked:
            spec = ensure_attribute(layer, self._path.AppendProperty(name), Sdf.ValueTypeNames.Vector3fArray)
            spec.default = Sdf.ValueBlock()

    def sample(self, layer: Sdf.Layer, batch: FrameBatch) -> None:
        rows, target = self._target.rows, self._target
        local = self._placements.local_matrices(batch, target.body_indices, target.stretches, self._unit)
        local = local @ self._undo_offset
        linear = local[..., :3, :3] / self._scales[rows][:, None, :]
        q = continued(from_matrix(linear / np.linalg.norm(linear, axis=-2, keepdims=True)), self._last)
        self._last = q[-1]
        positions, orientations, orientationsf, extent = (path for path, _ in self.attributes)
        for i, time in enumerate(batch.times):
            self._positions[rows] = local[i, :, :3, 3]
            self._orientations[rows] = q[i]
            low, high = self._positions.min(0) - self._radius, self._positions.max(0) + self._radius
            bounds = np.stack([low, high]).astype(np.float32)
            layer.SetTimeSample(positions, time, Vt.Vec3fArray.FromNumpy(self._positions))
            layer.SetTimeSample(orientations, time, Vt.QuathArray.FromNumpy(self._orientations.astype(np.float16)))
            layer.SetTimeSample(orientationsf, time, Vt.QuatfArray.FromNumpy(self._orientations))
            layer.SetTimeSample(extent, time, Vt.Vec3fArray.FromNumpy(bounds))


def _orientations(instancer: UsdGeom.PointInstancer, time: Usd.TimeCode, count: int) -> np.ndarray:
    """Source rotations, xyzw, shape [count, 4] float32."""
    for attribute in (instancer.GetOrientationsfAttr(), instancer.GetOrientationsAttr()):
        authored = attribute.Get(time)
        if authored is not None and len(authored) == count:
            return np.array([[*q.imaginary, q.real] for q in authored], np.float32).reshape(-1, 4)
    return np.tile(np.array([0, 0, 0, 1], np.float32), (count, 1))


def _scales(instancer: UsdGeom.PointInstancer, time: Usd.TimeCode, count: int) -> np.ndarray:
    authored = instancer.GetScalesAttr().Get(time)
    usable = authored is not None and len(authored) == count
    return np.array(authored, float).reshape(-1, 3) if usable else np.ones((count, 3))


def _prototype_radius(instancer: UsdGeom.PointInstancer, time: Usd.TimeCode) -> float:
    """Radius around an instance's origin that holds every prototype, before instance scale."""
    cache = UsdGeom.BBoxCache(time, [UsdGeom.Tokens.default_, UsdGeom.Tokens.render])
    radius = 0.0
    for path in instancer.GetPrototypesRel().GetForwardedTargets():
        prototype = instancer.GetPrim().GetStage().GetPrimAtPath(path)
        bound = cache.ComputeLocalBound(prototype).ComputeAlignedRange() if prototype else None
        if bound is not None and not bound.IsEmpty():
            corners = np.array([bound.GetCorner(i) for i in range(8)])
            radius = max(radius, float(np.linalg.norm(corners, axis=1).max()))
    return radius

"""Deforming prims: ``points``, ``extent``, ``normals`` where the mesh has some and, on request, ``velocities``."""

from __future__ import annotations

import numpy as np
from pxr import Gf, Sdf, Usd, UsdGeom, Vt

from usd_io.recorder.errors import RecorderError
from usd_io.recorder.frames import FrameBatch
from usd_io.recorder.placement import Placements, Placer
from usd_io.recorder.quaternions import conjugate, rotate
from usd_io.recorder.targets import PointsTarget
from usd_io.recorder.track import ensure_attribute
from usd_io.recorder.vertex_normals import VertexNormals

# Authored for the shape at rest; left in place they would shade or motion-blur the moving one wrongly.
STALE = {
    "normals": Sdf.ValueTypeNames.Normal3fArray,
    "primvars:normals": Sdf.ValueTypeNames.Normal3fArray,
    "primvars:normals:indices": Sdf.ValueTypeNames.IntArray,
    "velocities": Sdf.ValueTypeNames.Vector3fArray,
    "accelerations": Sdf.ValueTypeNames.Vector3fArray,
}


class PointsTrack:
    """One prim whose points follow particles; coordinates are local, in the stage's unit.

    Velocities are those of the particles, turned into the prim's axes; the motion of an animated parent is not in them.
    """

    def __init__(
        self,
        stage: Usd.Stage,
        target: PointsTarget,
        placer: Placer,
        unit: float,
        *,
        velocities: bool,
    ):
        prim = stage.GetPrimAtPath(target.path)
        if not UsdGeom.PointBased(prim):
            kind = f"a {prim.GetTypeName() or 'typeless prim'}" if prim else "no such prim in the source"
            raise RecorderError(target.path, kind, expected="a Mesh, TetMesh, Points or curves prim with points")
        self._unit = unit
        self._particles = target.particles
        placement = placer.inside(prim)
        self._placements = Placements([placement], placer.start)
        self._path = prim.GetPath()
        self._widths, self._new_widths = _widths(prim, target, unit)
        pad = 0.0 if self._widths is None or not len(self._widths) else float(np.max(self._widths)) / 2.0
        self._pad = Gf.Vec3f(pad)
        _refuse_other_count(prim, target, placer.start)
        types = Sdf.ValueTypeNames
        self.attributes = [
            (self._attribute("points"), types.Point3fArray),
            (self._attribute("extent"), types.Float3Array),
        ]
        self._velocities = self._attribute("velocities") if velocities else None
        self._shading = VertexNormals.of(prim, Usd.TimeCode(placer.start))
        self._normals = self._attribute("normals") if self._shading else None
        if self._velocities:
            self.attributes.append((self._velocities, types.Vector3fArray))
        if self._normals:
            self.attributes.append((self._normals, types.Normal3fArray))
        written = {path.name for path, _ in self.attributes}
        self._blocked = [
            name for name in STALE if name not in written and (a := prim.GetAttribute(name)) and a.HasAuthoredValue()
        ]

    def author(self, layer: Sdf.Layer) -> None:
        for path, value_type in self.attributes:
            ensure_attribute(layer, path, value_type)
        for name in self._blocked:
            ensure_attribute(layer, self._attribute(name), STALE[name]).default = Sdf.ValueBlock()
        if self._normals:
            layer.GetAttributeAtPath(self._normals).SetInfo("interpolation", UsdGeom.Tokens.vertex)
        if self._new_widths:
            spec = ensure_attribute(layer, self._attribute("widths"), Sdf.ValueTypeNames.FloatArray)
            spec.default = Vt.FloatArray.FromNumpy(np.asarray(self._widths, np.float32))

    def sample(self, layer: Sdf.Layer, batch: FrameBatch) -> None:
        k = self._placements.matrices(batch.times)[:, 0]
        body = int(self._placements.bodies[0])
        for i, frame in enumerate(batch.frames):
            to_local = _LocalFrame(k[i if len(k) > 1 else 0], batch.body_q[i, body] if body >= 0 else None, self._unit)
            points = to_local.points(frame.particle_q[self._particles])
            values = Vt.Vec3fArray.FromNumpy(points)
            low, high = UsdGeom.PointBased.ComputeExtent(values)
            (points_path, _), (extent_path, _) = self.attributes[:2]
            layer.SetTimeSample(points_path, frame.time_code, values)
            layer.SetTimeSample(extent_path, frame.time_code, Vt.Vec3fArray([low - self._pad, high + self._pad]))
            if self._normals:
                normals = self._shading.normals(points)
                layer.SetTimeSample(self._normals, frame.time_code, Vt.Vec3fArray.FromNumpy(normals))
            if self._velocities:
                velocities = to_local.vectors(frame.particle_qd[self._particles])
                layer.SetTimeSample(self._velocities, frame.time_code, Vt.Vec3fArray.FromNumpy(velocities))

    def _attribute(self, name: str) -> Sdf.Path:
        return self._path.AppendProperty(name)


class _LocalFrame:
    """Maps world metres into one prim's coordinates at one time."""

    def __init__(self, k: np.ndarray, body: np.ndarray | None, unit: float):
        self._is_world = body is None and unit == 1.0 and np.array_equal(k, np.eye(4))
        self._body = body
        self._offset = k[:3, 3] * unit
        self._inverse = np.linalg.inv(k[:3, :3]).T / unit

    def points(self, world: np.ndarray) -> np.ndarray:
        """Points [n, 3] float32 of world points [m]."""
        if self._is_world:
            return np.ascontiguousarray(world, np.float32)
        p = np.asarray(world, np.float64)
        if self._body is not None:
            p = rotate(conjugate(self._body[3:]), p - self._body[:3])
        return np.ascontiguousarray((p - self._offset) @ self._inverse, np.float32)

    def vectors(self, world: np.ndarray) -> np.ndarray:
        """Vectors [n, 3] float32 of world vectors [m/s]."""
        if self._is_world:
            return np.ascontiguousarray(world, np.float32)
        v = np.asarray(world, np.float64)
        if self._body is not None:
            v = rotate(conjugate(self._body[3:]), v)
        return np.ascontiguousarray(v @ self._inverse, np.float32)


def _refuse_other_count(prim: Usd.Prim, target: PointsTarget, start: float) -> None:
    """A mesh whose points change in number no longer fits its faces."""
    authored = UsdGeom.PointBased(prim).GetPointsAttr().Get(start)
    got = len(target.rows)
    if authored is not None and len(authored) not in (0, got):
        raise RecorderError(target.path, f"{got} particles", expected=f"one for each of its {len(authored)} points")


def _widths(prim: Usd.Prim, target: PointsTarget, unit: float) -> tuple[np.ndarray | None, bool]:
    """Diameters in stage units and whether the output has to author them (drawn 1 unit wide otherwise)."""
    attribute = prim.GetAttribute("widths")
    authored = attribute.Get(Usd.TimeCode.EarliestTime()) if attribute else None
    if authored is not None and len(authored):
        return np.array(authored), False
    if not attribute or target.widths is None:
        return None, False
    return np.asarray(target.widths, float) / unit, True

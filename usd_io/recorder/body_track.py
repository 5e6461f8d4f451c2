"""Rigid bodies as transform ops.

A body gets ``translate``, ``orient`` (and a constant ``scale``) when its local transform is one; below parents that
scale unevenly, mirror or shear it gets one ``transform`` matrix instead, because rotating inside such a parent shears.

``!resetXformStack!`` is not kept: Blender ignores it, so samples are written relative to the parent, which every
program reads alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from pxr import Sdf, Usd, UsdGeom, Vt

from usd_io.recorder.errors import RecorderError
from usd_io.recorder.frames import FrameBatch
from usd_io.recorder.placement import Placement, Placements, Placer
from usd_io.recorder.quaternions import conjugate, continued, from_matrix, multiply
from usd_io.recorder.targets import BodyTarget
from usd_io.recorder.track import ensure_attribute, set_samples

SUFFIX = "simrun"  # Ops get this suffix where the source has one of the same name but another type.


def body_tracks(
    stage: Usd.Stage, targets: Sequence[BodyTarget], placer: Placer, unit: float
) -> list[RigidOpsTrack | MatrixOpTrack]:
    """The tracks of all bodies, each in the plainest form that can express it."""
    rigid: list[tuple[BodyTarget, Placement]] = []
    general: list[tuple[BodyTarget, Placement]] = []
    for target in targets:
        placement, turns_only = placer.around(stage.GetPrimAtPath(target.path))
        (rigid if turns_only and _is_diagonal(target.stretch) else general).append((target, placement))
    tracks: list[RigidOpsTrack | MatrixOpTrack] = []
    if rigid:
        tracks.append(RigidOpsTrack(stage, rigid, placer.start, unit))
    if general:
        tracks.append(MatrixOpTrack(stage, general, placer.start, unit))
    return tracks


class RigidOpsTrack:
    """Bodies written as ``translate``, ``orient`` and, where it is not 1, a constant ``scale``."""

    def __init__(self, stage: Usd.Stage, bodies: Sequence[tuple[BodyTarget, Placement]], start: float, unit: float):
        self._unit = unit
        self._indices = np.array([target.index for target, _ in bodies])
        self._placements = Placements([placement for _, placement in bodies], start)
        prims = [stage.GetPrimAtPath(target.path) for target, _ in bodies]
        scales = np.cbrt(np.linalg.det(self._placements.start[:, :3, :3]))
        self._scales = np.stack([np.diag(target.stretch) for target, _ in bodies]) / scales[:, None]
        self._translate = [_op_path(p, "translate", Sdf.ValueTypeNames.Double3) for p in prims]
        self._orient = [_op_path(p, "orient", Sdf.ValueTypeNames.Quatf) for p in prims]
        self._scale = [_op_path(p, "scale", Sdf.ValueTypeNames.Float3) for p in prims]
        self.attributes = [(path, Sdf.ValueTypeNames.Double3) for path in self._translate]
        self.attributes += [(path, Sdf.ValueTypeNames.Quatf) for path in self._orient]
        self._last: np.ndarray | None = None

    def author(self, layer: Sdf.Layer) -> None:
        for translate, orient, scale, factors in zip(
            self._translate, self._orient, self._scale, self._scales, strict=True
        ):
            order = [translate.name, orient.name]
            if np.abs(factors - 1.0).max() > 1e-6:
                order.append(scale.name)
                ensure_attribute(layer, scale, Sdf.ValueTypeNames.Float3).default = tuple(map(float, factors))
            _set_order(layer, translate.GetPrimPath(), order)

    def sample(self, layer: Sdf.Layer, batch: FrameBatch) -> None:
        k = self._placements.matrices(batch.times)
        p, q = self._placements.relative_poses(batch.body_q, self._indices)
        translate = np.linalg.solve(k[..., :3, :3], (p / self._unit - k[..., :3, 3])[..., None])[..., 0]
        parent = from_matrix(k[..., :3, :3] / np.cbrt(np.linalg.det(k[..., :3, :3]))[..., None, None])
        orient = continued(multiply(conjugate(parent), q), self._last)
        self._last = orient[-1]
        translate = np.ascontiguousarray(translate.swapaxes(0, 1))
        orient = np.ascontiguousarray(orient.swapaxes(0, 1), dtype=np.float32)
        for i in range(len(self._indices)):
            set_samples(layer, self._translate[i], batch.times, Vt.Vec3dArray.FromNumpy(translate[i]))
            set_samples(layer, self._orient[i], batch.times, Vt.QuatfArray.FromNumpy(orient[i]))


class MatrixOpTrack:
    """Bodies written as one ``transform`` matrix each."""

    def __init__(self, stage: Usd.Stage, bodies: Sequence[tuple[BodyTarget, Placement]], start: float, unit: float):
        self._unit = unit
        self._indices = np.array([target.index for target, _ in bodies])
        self._stretches = np.stack([target.stretch for target, _ in bodies])
        self._placements = Placements([placement for _, placement in bodies], start)
        prims = [stage.GetPrimAtPath(target.path) for target, _ in bodies]
        self._paths = [_op_path(p, "transform", Sdf.ValueTypeNames.Matrix4d) for p in prims]
        self.attributes = [(path, Sdf.ValueTypeNames.Matrix4d) for path in self._paths]

    def author(self, layer: Sdf.Layer) -> None:
        for path in self._paths:
            _set_order(layer, path.GetPrimPath(), [path.name])

    def sample(self, layer: Sdf.Layer, batch: FrameBatch) -> None:
        local = self._placements.local_matrices(batch, self._indices, self._stretches, self._unit)
        rows = np.ascontiguousarray(local.transpose(1, 0, 3, 2))  # USD matrices act on row vectors.
        for path, matrices in zip(self._paths, rows, strict=True):
            set_samples(layer, path, batch.times, Vt.Matrix4dArray.FromNumpy(matrices))


def with_stretch(stage: Usd.Stage, targets: Sequence[BodyTarget], start: float) -> list[BodyTarget]:
    """The targets with ``stretch`` filled in: K of the polar decomposition ``A = R K`` with a proper rotation R."""
    a = _world_matrices(stage, targets, start)[:, :3, :3]
    u, _, vt = np.linalg.svd(a)
    rotation = u @ vt
    rotation *= np.sign(np.linalg.det(rotation))[:, None, None]
    polar = rotation.swapaxes(-1, -2) @ a
    return [
        replace(t, stretch=k if t.stretch is None else np.asarray(t.stretch, float))
        for t, k in zip(targets, polar, strict=True)
    ]


def source_poses(stage: Usd.Stage, targets: Sequence[BodyTarget], start: float, unit: float) -> np.ndarray:
    """World poses of the bodies as the source has them [m], shape [largest index + 1, 7]."""
    indices = np.array([target.index for target in targets], dtype=int)
    poses = np.tile([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0], (indices.max(initial=-1) + 1, 1))
    world = _world_matrices(stage, targets, start)
    stretches = np.array([target.stretch for target in targets]).reshape(-1, 3, 3)
    poses[indices, :3] = world[:, :3, 3] * unit
    poses[indices, 3:] = from_matrix(world[:, :3, :3] @ np.linalg.inv(stretches))
    return poses


def _world_matrices(stage: Usd.Stage, targets: Sequence[BodyTarget], start: float) -> np.ndarray:
    cache = UsdGeom.XformCache(start)
    matrices = []
    for target in targets:
        prim = stage.GetPrimAtPath(target.path)
        if not prim:
            raise RecorderError(target.path, "no such prim in the source", expected="the prim of a simulated body")
        matrices.append(cache.GetLocalToWorldTransform(prim))
    return np.array(matrices, float).reshape(-1, 4, 4).swapaxes(-1, -2)


def _is_diagonal(stretch: np.ndarray) -> bool:
    off = stretch - np.diag(np.diag(stretch))
    return bool(np.abs(off).max() <= 1e-6 * np.abs(stretch).max())


def _op_path(prim: Usd.Prim, kind: str, value_type: Sdf.ValueTypeName) -> Sdf.Path:
    name = f"xformOp:{kind}"
    authored = prim.GetAttribute(name)
    if authored and authored.GetTypeName() != value_type:
        name = f"{name}:{SUFFIX}"
    return prim.GetPath().AppendProperty(name)


def _set_order(layer: Sdf.Layer, prim: Sdf.Path, order: list[str]) -> None:
    path = prim.AppendProperty("xformOpOrder")
    ensure_attribute(layer, path, Sdf.ValueTypeNames.TokenArray, uniform=True).default = Vt.TokenArray(order)

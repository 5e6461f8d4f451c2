"""From targets to tracks: everything about a recording that is decided before its first frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pxr import Sdf, Usd

from usd_io.recorder.body_track import body_tracks, source_poses, with_stretch
from usd_io.recorder.errors import RecorderError
from usd_io.recorder.frames import Frame, FrameBatch
from usd_io.recorder.instancer_track import InstancerTrack
from usd_io.recorder.placement import Placer
from usd_io.recorder.points_track import PointsTrack
from usd_io.recorder.source import ComposedSource
from usd_io.recorder.state_check import StateNeed, body_need, particle_need
from usd_io.recorder.surface_mesh import define_missing, define_surface_mesh
from usd_io.recorder.targets import BodyTarget, InstancerTarget, PointsTarget, SurfaceMeshTarget, Target
from usd_io.recorder.track import Track


@dataclass(frozen=True)
class RecordingPlan:
    """Tracks and what they need."""

    tracks: list[Track]
    body_q: StateNeed
    particle_q: StateNeed
    particle_qd: StateNeed

    @property
    def attributes(self) -> list[tuple[Sdf.Path, Sdf.ValueTypeName]]:
        """Every attribute that receives time samples."""
        return [attribute for track in self.tracks for attribute in track.attributes]


def plan_recording(
    source: ComposedSource, targets: Sequence[Target], *, start: float, velocities: bool
) -> RecordingPlan:
    """Fits targets to the source and authors into ``source.overrides`` what does not change with time.

    Raises:
        RecorderError: A target's prim is missing, of the wrong kind, or named twice.
    """
    _refuse_duplicates(targets)
    stage, unit = source.stage, source.meters_per_unit
    stage.SetEditTarget(source.overrides)
    source.open_instances_above([target.path for target in targets])
    if source.path is None:
        for target in targets:
            if isinstance(target, BodyTarget | PointsTarget):
                define_missing(stage, target)
    points = [t for t in targets if isinstance(t, PointsTarget)]
    points += [define_surface_mesh(stage, t, start) for t in targets if isinstance(t, SurfaceMeshTarget)]
    instancers = [t for t in targets if isinstance(t, InstancerTarget) and len(t.rows)]
    bodies = with_stretch(stage, [t for t in targets if isinstance(t, BodyTarget)], start)
    placer = Placer({target.path: target for target in bodies}, start)

    tracks: list[Track] = list(body_tracks(stage, bodies, placer, unit))
    poses = source_poses(stage, bodies, start, unit)
    tracks += [InstancerTrack(stage, target, placer, unit) for target in instancers]
    tracks += [PointsTrack(stage, target, placer, unit, velocities=velocities) for target in points if target.rows.size]
    hints = _stale_hints(stage, targets)
    with Sdf.ChangeBlock():
        for track in tracks:
            track.author(source.overrides)
        for hint in hints:
            prim = Sdf.CreatePrimInLayer(source.overrides, hint.GetPrimPath())
            Sdf.AttributeSpec(prim, hint.name, Sdf.ValueTypeNames.Float3Array).default = Sdf.ValueBlock()
    _author_start_poses(source.overrides, tracks, poses, start)

    body_rows = [(np.array([t.index]), t.path) for t in bodies] + [(t.body_indices, t.path) for t in instancers]
    point_rows = [(t.rows, t.path) for t in points]
    return RecordingPlan(
        tracks,
        body_need(body_rows),
        particle_need("particle_q", point_rows),
        particle_need("particle_qd", point_rows if velocities else []),
    )


def _refuse_duplicates(targets: Sequence[Target]) -> None:
    seen: set[str] = set()
    for target in targets:
        if target.path in seen:
            raise RecorderError(target.path, "named by two targets", expected="one target per prim")
        seen.add(target.path)


def _author_start_poses(layer: Sdf.Layer, tracks: Sequence[Track], poses: np.ndarray, start: float) -> None:
    """Gives transform ops the source's pose as default value: the pose until the first frame is on disk."""
    moving = [track for track in tracks if not isinstance(track, PointsTrack | InstancerTrack)]
    batch = FrameBatch([Frame(start, poses, None, None)])
    scratch = Sdf.Layer.CreateAnonymous("start.usdc")
    for track in moving:
        with Sdf.ChangeBlock():
            track.author(scratch)
            for path, value_type in track.attributes:
                Sdf.AttributeSpec(scratch.GetPrimAtPath(path.GetPrimPath()), path.name, value_type)
                Sdf.AttributeSpec(layer.GetPrimAtPath(path.GetPrimPath()), path.name, value_type)
            track.sample(scratch, batch)
            for path, _ in track.attributes:
                layer.GetAttributeAtPath(path).default = scratch.QueryTimeSample(path, start)


def _stale_hints(stage: Usd.Stage, targets: Sequence[Target]) -> list[Sdf.Path]:
    """``extentsHint`` attributes above moving prims: bounds of the scene at rest, wrong as soon as something moves."""
    above = {prefix for target in targets for prefix in Sdf.Path(target.path).GetPrefixes()}
    hints = (
        stage.GetPrimAtPath(path).GetAttribute("extentsHint") for path in sorted(above) if stage.GetPrimAtPath(path)
    )
    return [hint.GetPath() for hint in hints if hint and hint.HasAuthoredValue()]

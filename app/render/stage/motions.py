"""What moves which prim: bodies, instances and points, from the bindings of a scene or the targets of a recording."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from usd_io import SceneBindings
from usd_io.recorder.targets import BodyTarget, InstancerTarget, PointsTarget, Target


@dataclass(frozen=True)
class PointsMotion:
    """The points of a prim are particles.

    Attributes:
        rows: particle of each point.
        triangles: surface of the points where the prim is a TetMesh, or None.
        widths: diameters [m], or None.
    """

    rows: np.ndarray
    triangles: np.ndarray | None = None
    widths: np.ndarray | None = None


@dataclass
class Motions:
    """By prim path.

    Attributes:
        bodies: index of the body and stretch (see `usd_io.BodyBinding`).
        instances: the same for rows of PointInstancers, by row.
        points: particles.
    """

    bodies: dict[str, tuple[int, np.ndarray]] = field(default_factory=dict)
    instances: dict[str, dict[int, tuple[int, np.ndarray]]] = field(default_factory=dict)
    points: dict[str, PointsMotion] = field(default_factory=dict)

    @classmethod
    def from_bindings(cls, bindings: SceneBindings) -> Motions:
        """Of a scene that was emitted."""
        out = cls()
        for body in bindings.bodies:
            moved = (body.index, np.asarray(body.stretch, float))
            if body.instancer is None:
                out.bodies[body.path] = moved
            else:
                out.instances.setdefault(body.instancer, {})[body.instance_index] = moved
        for each in bindings.particles:
            rows = np.arange(each.start, each.start + each.count)
            out.points[each.path] = PointsMotion(rows, each.surface_triangles, each.widths)
        return out

    @classmethod
    def from_targets(cls, targets: Iterable[Target]) -> Motions:
        """Of a recording."""
        out = cls()
        for target in targets:
            if isinstance(target, BodyTarget):
                stretch = np.eye(3) if target.stretch is None else np.asarray(target.stretch, float)
                out.bodies[target.path] = (target.index, stretch)
            elif isinstance(target, InstancerTarget):
                rows = out.instances.setdefault(target.path, {})
                for row, index, stretch in zip(target.rows, target.body_indices, target.stretches, strict=True):
                    rows[int(row)] = (int(index), stretch)
            elif isinstance(target, PointsTarget):
                out.points[target.path] = PointsMotion(target.rows, target.triangles, target.widths)
        return out


def rigid_part(matrix: np.ndarray, stretch: np.ndarray, meters: float) -> np.ndarray:
    """Pose [4, 4] in metres of a body whose prim has the local-to-world matrix [4, 4] in stage units."""
    pose = np.eye(4)
    pose[:3, :3] = matrix[:3, :3] @ np.linalg.inv(stretch)
    pose[:3, 3] = meters * matrix[:3, 3]
    return pose

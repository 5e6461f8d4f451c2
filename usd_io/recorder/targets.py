"""What a recording writes: which prim follows which body or which particles."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from usd_io.bindings import SceneBindings


@dataclass(frozen=True)
class BodyTarget:
    """The prim at ``path`` follows rigid body ``index``.

    Its new local-to-world matrix is ``[R(q) @ stretch | p / meters_per_unit]`` (column vectors).
    """

    path: str
    index: int
    stretch: np.ndarray | None = None
    """Scale and shear of the prim in its body frame, shape [3, 3]; None = the source's at the start."""


@dataclass(frozen=True)
class InstancerTarget:
    """Rows of a PointInstancer follow rigid bodies; rows not named keep their source values."""

    path: str
    rows: np.ndarray
    """Row in ``positions``/``orientations``/``scales``, shape [k]."""
    body_indices: np.ndarray
    """Body of each row, shape [k]."""
    stretches: np.ndarray
    """As ``BodyTarget.stretch``, shape [k, 3, 3]."""
    offsets: np.ndarray
    """[k, 4, 4], stage units: ``world = instancer_to_world @ T R S @ offset``."""


@dataclass(frozen=True)
class PointsTarget:
    """Point i of the prim at ``path`` (Mesh, TetMesh, Points, curves) follows particle ``particles[i]``."""

    path: str
    particles: slice | np.ndarray
    """A slice of the particles, or one particle per point (welded vertices share one), shape [points]."""
    triangles: np.ndarray | None = None
    """[k, 3], only used to define a Mesh that the source does not have."""
    widths: np.ndarray | None = None
    """Diameters [m]; used for extents and for a Points prim without authored widths."""

    @property
    def rows(self) -> np.ndarray:
        """Particle of every point, shape [points]."""
        return _rows(self.particles)


@dataclass(frozen=True)
class SurfaceMeshTarget:
    """A new Mesh beside a TetMesh, showing its surface to programs that do not draw tetrahedra (Blender).

    The TetMesh becomes ``purpose = "guide"`` so that nobody draws both.
    """

    tetmesh_path: str
    particles: slice | np.ndarray
    """Particles of the TetMesh's points, as in ``PointsTarget``."""
    triangles: np.ndarray
    """[k, 3] indices into the TetMesh's points."""

    @property
    def rows(self) -> np.ndarray:
        """Particle of every point of the TetMesh, shape [points]."""
        return _rows(self.particles)

    @property
    def path(self) -> str:
        """Path of the new Mesh: the TetMesh's name with ``_surface`` appended."""
        tetmesh = PurePosixPath(self.tetmesh_path)
        return str(tetmesh.parent / f"{tetmesh.name}_surface")


Target = BodyTarget | InstancerTarget | PointsTarget | SurfaceMeshTarget


def targets_from_bindings(bindings: SceneBindings) -> list[Target]:
    """Everything that ``emit`` put into the simulation, as recording targets.

    Kinematic bodies are included: the recording shows where the simulation had them, not what the source would play.
    """
    targets: list[Target] = []
    instancers: dict[str, list] = {}
    for body in bindings.bodies:
        if body.instancer is not None:
            instancers.setdefault(body.instancer, []).append(body)
        else:
            targets.append(BodyTarget(body.path, body.index, np.asarray(body.stretch, float)))
    for path, rows in instancers.items():
        offsets = [np.eye(4) if b.prototype_offset is None else b.prototype_offset for b in rows]
        targets.append(
            InstancerTarget(
                path,
                rows=np.array([b.instance_index for b in rows]),
                body_indices=np.array([b.index for b in rows]),
                stretches=np.stack([np.asarray(b.stretch, float) for b in rows]),
                offsets=np.stack(offsets),
            )
        )
    for binding in bindings.particles:
        particles = slice(binding.start, binding.start + binding.count)
        targets.append(PointsTarget(binding.path, particles, binding.surface_triangles, binding.widths))
        if binding.kind == "soft" and binding.surface_triangles is not None and len(binding.surface_triangles):
            targets.append(SurfaceMeshTarget(binding.path, particles, binding.surface_triangles))
    return targets


def _rows(particles: slice | np.ndarray) -> np.ndarray:
    if isinstance(particles, slice):
        return np.arange(particles.start or 0, particles.stop)
    return np.asarray(particles)

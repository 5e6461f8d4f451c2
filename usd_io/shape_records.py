"""Geometry of colliders and visuals, as part of the scene records: in the shape's own frame, in metres."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Plane:
    """Infinite half-space boundary through the shape origin, normal along +axis."""

    axis: str = "Z"


@dataclass(frozen=True)
class Sphere:
    radius: float


@dataclass(frozen=True)
class Box:
    half_extents: tuple[float, float, float]


@dataclass(frozen=True)
class Capsule:
    """Cylinder of half length ``half_height`` (without caps) along ``axis``, with hemispherical caps."""

    radius: float
    half_height: float
    axis: str = "Z"


@dataclass(frozen=True)
class Cylinder:
    radius: float
    half_height: float
    axis: str = "Z"


@dataclass(frozen=True)
class Cone:
    """Apex at ``+half_height`` along ``axis``, base disc of ``radius`` at ``-half_height``."""

    radius: float
    half_height: float
    axis: str = "Z"


@dataclass(frozen=True)
class MeshShape:
    """Triangle mesh in the shape frame [m], scale baked in, outward winding by the right-hand rule."""

    points: np.ndarray
    """[n, 3] float32"""
    triangles: np.ndarray
    """[m, 3] int32"""
    convex: bool = False
    """True when the triangles are the boundary of a convex body."""
    parts: tuple[tuple[np.ndarray, np.ndarray], ...] = ()
    """Convex pieces (points, triangles) that collide in place of the mesh; none: the mesh itself."""


@dataclass(frozen=True)
class HeightFieldShape(MeshShape):
    """Ground by heights on a grid; as a mesh it is closed."""

    field: Any = None
    """The ``sim.HeightField``."""


@dataclass(frozen=True)
class EllipsoidShape(MeshShape):
    """Ellipsoid; as a mesh, for files that have none, its points lie on it."""

    radii: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Semi-axes [m]."""


Shape = Plane | Sphere | Box | Capsule | Cylinder | Cone | MeshShape

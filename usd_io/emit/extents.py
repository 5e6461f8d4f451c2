"""Sizes of collision shapes."""

from __future__ import annotations

import numpy as np

from usd_io.shape_records import (
    Box,
    Capsule,
    Cone,
    Cylinder,
    EllipsoidShape,
    HeightFieldShape,
    MeshShape,
    Plane,
    Shape,
    Sphere,
)


def shape_size(shape: Shape) -> float:
    """Smallest width of the shape [m] (0 for planes): what it may sink in by is judged against it."""
    return _SIZES[type(shape)](shape)


def _mesh_size(shape: MeshShape) -> float:
    widths = np.sort(np.ptp(shape.points, axis=0))
    return float(max(widths[0], 0.05 * widths[2]))


_SIZES = {
    Plane: lambda s: 0.0,
    Sphere: lambda s: 2.0 * s.radius,
    Box: lambda s: 2.0 * min(s.half_extents),
    Capsule: lambda s: 2.0 * s.radius,
    Cylinder: lambda s: 2.0 * min(s.radius, s.half_height),
    Cone: lambda s: 2.0 * min(s.radius, s.half_height),
    MeshShape: _mesh_size,
    HeightFieldShape: _mesh_size,
    EllipsoidShape: lambda s: 2.0 * min(s.radii),
}

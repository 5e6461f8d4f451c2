"""Thickness of shells and cables, and the collision radius of particles."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from usd_io.read.cable import cable_segments
from usd_io.records import CableRecord, ClothRecord, DeformableRecord, ParticleRecord, SoftBodyRecord

DEFAULT_THICKNESS = 1e-3
"""Cloth [m]."""
CLOTH_RADIUS, SOFT_RADIUS, CABLE_RADIUS, PARTICLE_RADIUS = 0.2, 0.1, 0.1, 0.05
"""Default radii: parts of the mean edge length; the last, for particles without widths, in metres."""


def shell_thickness(record: ClothRecord) -> np.ndarray | float:
    """[m], per point or one for all."""
    return _first(record.thicknesses, record.material.thickness, DEFAULT_THICKNESS)


def segment_thickness(record: CableRecord) -> np.ndarray | float:
    """Diameter [m], per point or one for all; a tenth of the mean segment where nothing says it."""
    return _first(record.thicknesses, record.material.thickness, 2.0 * CABLE_RADIUS * _mean_segment(record))


def particle_radii(record: DeformableRecord) -> np.ndarray:
    """Collision radius of each particle [m], shape [n]: ``simrun:particleRadius``, then authored sizes, then a part of
    the mean edge length (half the thickness alone would let cloth slip through things)."""
    said = record.overrides.get("particleRadius")
    radius = said if said else _RADII[type(record)](record)
    return np.broadcast_to(np.asarray(radius, float), (record.count,))


def mean_edge(points: np.ndarray, elements: np.ndarray) -> float:
    """Mean distance [m] between neighbouring corners of the elements."""
    ring = points[elements]
    return float(np.linalg.norm(ring - np.roll(ring, 1, axis=1), axis=2).mean())


def _first(*values: np.ndarray | float | None) -> np.ndarray | float:
    return next(v for v in values if v is not None)


def _mean_segment(record: CableRecord) -> float:
    segments = cable_segments(record.curve_counts, record.closed)
    return float(np.linalg.norm(record.points_w[segments[:, 1]] - record.points_w[segments[:, 0]], axis=1).mean())


def _cloth(record: ClothRecord) -> np.ndarray | float:
    return np.maximum(
        0.5 * np.asarray(shell_thickness(record)), CLOTH_RADIUS * mean_edge(record.points_w, record.triangles)
    )


def _soft(record: SoftBodyRecord) -> float:
    return SOFT_RADIUS * mean_edge(record.points_w, record.tetrahedra)


def _cable(record: CableRecord) -> np.ndarray | float:
    return np.maximum(0.5 * np.asarray(segment_thickness(record)), 1e-9)


def _particles(record: ParticleRecord) -> np.ndarray | float:
    return PARTICLE_RADIUS if record.radii is None else record.radii


_RADII: dict[type, Callable[..., np.ndarray | float]] = {
    ClothRecord: _cloth,
    SoftBodyRecord: _soft,
    CableRecord: _cable,
    ParticleRecord: _particles,
}

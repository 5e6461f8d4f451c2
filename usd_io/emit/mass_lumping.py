"""Mass of each particle by the proposal's precedence: masses, body mass, body density, material density, default."""

from __future__ import annotations

import numpy as np

from usd_io.emit.radius import particle_radii, segment_thickness, shell_thickness
from usd_io.read.cable import cable_segments
from usd_io.records import CableRecord, ClothRecord, DeformableRecord, ParticleRecord, SoftBodyRecord

DEFAULT_DENSITY = {ClothRecord: 300.0, SoftBodyRecord: 1000.0, CableRecord: 1000.0, ParticleRecord: 1000.0}
"""[kg/m^3]: cotton, and water."""


def particle_masses(record: DeformableRecord) -> np.ndarray:
    """Mass of each particle [kg], shape [n]; held points keep theirs (the emitter makes them immovable)."""
    if record.masses is not None:
        return record.masses
    volumes = _VOLUMES[type(record)](record)
    total = volumes.sum()
    if record.total_mass is not None and total > 0.0:
        return record.total_mass * volumes / total
    return (record.density or DEFAULT_DENSITY[type(record)]) * volumes


def rest_corners(record: DeformableRecord, elements: np.ndarray, rest_elements: np.ndarray | None) -> np.ndarray:
    """Rest positions of the corners of every element, shape [m, corners, 3]."""
    points = record.points_w if record.rest_points is None else record.rest_points
    return points[elements if rest_elements is None else rest_elements]


def triangle_areas(corners: np.ndarray) -> np.ndarray:
    """Areas [m^2] of triangles given by corners [m, 3, 3]."""
    return 0.5 * np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)


def _shared(elements: np.ndarray, measure: np.ndarray, count: int) -> np.ndarray:
    corners = elements.shape[1]
    return np.bincount(elements.ravel(), np.repeat(measure / corners, corners), minlength=count)


def _cloth(record: ClothRecord) -> np.ndarray:
    areas = triangle_areas(rest_corners(record, record.triangles, record.rest_triangles))
    return _shared(record.triangles, areas, record.count) * shell_thickness(record)


def _soft(record: SoftBodyRecord) -> np.ndarray:
    c = rest_corners(record, record.tetrahedra, record.rest_tetrahedra)
    volumes = np.einsum("ij,ij->i", np.cross(c[:, 1] - c[:, 0], c[:, 2] - c[:, 0]), c[:, 3] - c[:, 0]) / 6.0
    return _shared(record.tetrahedra, np.abs(volumes), record.count)


def _cable(record: CableRecord) -> np.ndarray:
    segments = cable_segments(record.curve_counts, record.closed)
    ends = rest_corners(record, segments, None)
    lengths = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)
    return _shared(segments, lengths, record.count) * (0.25 * np.pi * segment_thickness(record) ** 2)


def _particles(record: ParticleRecord) -> np.ndarray:
    return 4.0 / 3.0 * np.pi * particle_radii(record) ** 3


_VOLUMES = {ClothRecord: _cloth, SoftBodyRecord: _soft, CableRecord: _cable, ParticleRecord: _particles}

"""Cloth, soft bodies, cables and particles into builder calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import sim
from usd_io.bindings import ParticleBinding
from usd_io.emit.elasticity import hinge_stiffness, membrane_parameters, plate_stiffness, tetrahedron_parameters
from usd_io.emit.mass_lumping import particle_masses, rest_corners, triangle_areas
from usd_io.emit.radius import mean_edge, particle_radii, segment_thickness, shell_thickness
from usd_io.emit.rest_shape import at_rest, membrane_rest, tetrahedron_rest
from usd_io.emit.timestep import note_stiffness, softest, solver_step
from usd_io.emit.topology import bending_edges
from usd_io.read.cable import cable_segments
from usd_io.records import (
    CableRecord,
    ClothRecord,
    DeformableRecord,
    ParticleRecord,
    SceneRecord,
    SceneWarning,
    SoftBodyRecord,
)

DEFAULT_YOUNGS = {ClothRecord: 1e6, SoftBodyRecord: 1e5, CableRecord: 1e7}
"""[Pa], upper bounds: a default is lowered to what the step takes (see ``timestep``)."""
DEFAULT_POISSON = 0.3
DAMPING = 0.05
"""Default damping as a part of sqrt(k m)."""


def emit_deformable(scene: SceneRecord, record: DeformableRecord, builder: Any) -> ParticleBinding:
    """Adds the particles and elements of one record; particle i of the binding is point i of the prim."""
    start = _add_particles(record, builder)
    kind, add = _KINDS[type(record)]
    message = add(scene, record, builder, start)
    if message:
        scene.warnings.append(SceneWarning(record.path, message))
    surface = getattr(record, "surface_triangles", getattr(record, "triangles", None))
    return ParticleBinding(
        path=record.path,
        kind=kind,
        start=start,
        count=record.count,
        local_to_world=record.local_to_world,
        surface_triangles=surface,
        widths=2.0 * particle_radii(record),
        instance_roots=record.instance_roots,
    )


def _add_particles(record: DeformableRecord, builder: Any) -> int:
    masses = particle_masses(record)
    held = record.pinned | (masses <= 0.0)
    flags = np.where(held, 0, int(sim.PARTICLE_FLAG_ACTIVE)).astype(np.uint32)
    start = builder.add_particles(
        record.points_w, record.velocities_w, np.where(held, 0.0, masses), particle_radii(record), flags
    )
    builder.add_particle_range(start, record.count, name=record.path, kind=_KINDS[type(record)][0])
    return start


def _free_mass(record: DeformableRecord) -> float:
    masses = particle_masses(record)
    free = masses[~record.pinned & (masses > 0.0)]
    return float(free.mean()) if len(free) else 1.0


def _stiffness(scene: SceneRecord, record: DeformableRecord, authored: float | None, length: float) -> float:
    """Young's modulus [Pa]: the authored one, else the default lowered to k = E * length <= what the step takes."""
    if authored is not None:
        return authored
    return softest(DEFAULT_YOUNGS[type(record)] * length, _free_mass(record), solver_step(scene)) / length


def _poisson(record: DeformableRecord) -> float:
    nu = record.material.poissons_ratio
    return DEFAULT_POISSON if nu is None else nu


def _cloth(scene: SceneRecord, record: ClothRecord, builder: Any, start: int) -> str | None:
    material, said = record.material, record.overrides
    thickness = float(np.mean(shell_thickness(record)))
    authored = _or(material.stretch_stiffness, material.youngs_modulus)
    youngs = _stiffness(scene, record, authored, thickness)
    ke, ka = membrane_parameters(youngs, _poisson(record), thickness, material.shear_stiffness)
    ke, ka = said.get("triKe", ke), said.get("triKa", ka)
    mass = _free_mass(record)
    triangles = start + record.triangles
    first = builder.tri_count
    with at_rest(builder, start, record, record.rest_triangles is None):
        builder.add_triangles(
            triangles,
            None,
            None,
            ke,
            ka,
            said.get("triKd", DAMPING * (ke * mass) ** 0.5),
            said.get("triDrag", 0.0),
            said.get("triLift", 0.0),
        )
    corners = rest_corners(record, record.triangles, record.rest_triangles)
    areas = triangle_areas(corners)
    if record.rest_triangles is not None and builder.tri_count - first == len(triangles):
        builder.tri_poses[first:] = membrane_rest(corners)
        builder.tri_areas[first:] = areas
    _add_bending(record, builder, start, areas, _or(material.bend_stiffness, youngs), thickness, mass)
    if "springKe" in said:
        edges = np.unique(np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1), axis=0)
        builder.add_springs(edges, said["springKe"], said.get("springKd", 0.0))
    return note_stiffness(scene, record.path, 2.0 * ke + ka, mass, solver_step(scene))


def _add_bending(
    record: ClothRecord, builder: Any, start: int, areas: np.ndarray, youngs: float, thickness: float, mass: float
) -> None:
    rows, pairs = bending_edges(record.triangles)
    if len(rows) == 0:
        return
    points = record.points_w if record.rest_points is None or record.rest_triangles is not None else record.rest_points
    lengths = np.linalg.norm(points[rows[:, 3]] - points[rows[:, 2]], axis=1)
    plate = plate_stiffness(youngs, _poisson(record), thickness)
    ke = record.overrides.get("edgeKe")
    ke = hinge_stiffness(plate, lengths, areas[pairs].sum(axis=1)) if ke is None else np.full(len(rows), ke)
    # Damping of theta: inertia of a hinge is about m times its height squared, spread along its length.
    kd = record.overrides.get("edgeKd")
    kd = DAMPING * np.sqrt(ke * mass * np.maximum(lengths, 1e-12)) if kd is None else kd
    with at_rest(builder, start, record, record.rest_triangles is None):
        builder.add_edges(start + rows, None, None, None, 0.0 if record.flat_rest_bend else None, ke, kd)


def _soft(scene: SceneRecord, record: SoftBodyRecord, builder: Any, start: int) -> str | None:
    said = record.overrides
    edge = mean_edge(record.points_w, record.tetrahedra)
    youngs = _stiffness(scene, record, record.material.youngs_modulus, edge)
    mu, lam = tetrahedron_parameters(youngs, _poisson(record))
    mu, lam = said.get("kMu", mu), said.get("kLambda", lam)
    mass = _free_mass(record)
    first = builder.tet_count
    # Flat or inverted tetrahedra in the starting shape are fine as long as the rest shape has volume.
    with at_rest(builder, start, record, record.rest_tetrahedra is None or _same(record)):
        builder.add_tetrahedra(
            start + record.tetrahedra, mu, lam, said.get("kDamp", DAMPING * (mu * mass / edge) ** 0.5)
        )
    if record.rest_tetrahedra is not None and not _same(record):
        poses = tetrahedron_rest(rest_corners(record, record.tetrahedra, record.rest_tetrahedra))
        builder.tet_indices[first:] = start + record.tetrahedra
        builder.tet_poses[first:] = poses
    return note_stiffness(scene, record.path, (2.0 * mu + lam) * edge, mass, solver_step(scene))


def _same(record: SoftBodyRecord) -> bool:
    return len(record.rest_points) == record.count and np.array_equal(record.rest_tetrahedra, record.tetrahedra)


def _cable(scene: SceneRecord, record: CableRecord, builder: Any, start: int) -> str | None:
    """Segments are springs of stiffness E A / l. Bending is a spring across each inner point, as stiff as bending a rod
    of E I by half a radian there (a chord spring has no linear response: 64 E I / l^3)."""
    said, material = record.overrides, record.material
    segments = cable_segments(record.curve_counts, record.closed)
    rest = record.points_w if record.rest_points is None else record.rest_points
    lengths = np.linalg.norm(rest[segments[:, 1]] - rest[segments[:, 0]], axis=1)
    mean_length = max(float(lengths.mean()), 1e-9)
    diameter = float(np.mean(segment_thickness(record)))
    area, inertia = 0.25 * np.pi * diameter**2, np.pi * diameter**4 / 64.0
    youngs = _stiffness(scene, record, _or(material.stretch_stiffness, material.youngs_modulus), area / mean_length)
    ke = said.get("springKe", youngs * area / mean_length)
    mass = _free_mass(record)
    kd = said.get("springKd", DAMPING * (ke * mass) ** 0.5)
    scaled = ke * mean_length / np.maximum(lengths, 1e-3 * mean_length)
    builder.add_springs(start + segments, np.minimum(scaled, 10.0 * ke), kd, lengths)
    before, after = _second_neighbours(segments, record.count)
    if len(before):
        bend = 64.0 * _or(material.bend_stiffness, youngs) * inertia / mean_length**3
        chords = np.linalg.norm(rest[after] - rest[before], axis=1)
        builder.add_springs(start + np.stack([before, after], axis=1), min(bend, ke), kd, chords)
    notes = [note_stiffness(scene, record.path, ke, mass, solver_step(scene))]
    if material.twist_stiffness or material.shear_stiffness:
        notes.append("cables stretch and bend; twist and shear stiffness are not simulated")
    return "; ".join(n for n in notes if n) or None


def _second_neighbours(segments: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    follows = np.full(count, -1)
    follows[segments[:, 0]] = segments[:, 1]
    after = np.where(follows[segments[:, 0]] >= 0, follows[segments[:, 1]], -1)
    keep = (after >= 0) & (after != segments[:, 0])
    return segments[keep, 0], after[keep]


def _particles(scene: SceneRecord, record: ParticleRecord, builder: Any, start: int) -> None:
    return None


def _or(value: float | None, fallback: float | None) -> float | None:
    return fallback if value is None else value


_KINDS: dict[type, tuple[str, Callable[..., str | None]]] = {
    ClothRecord: ("cloth", _cloth),
    SoftBodyRecord: ("soft", _soft),
    CableRecord: ("cable", _cable),
    ParticleRecord: ("particles", _particles),
}

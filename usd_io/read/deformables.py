"""Cloth, soft bodies, cables and particles by the AOUSD deformable proposal.

The schemas are not registered with USD, so the composed ``apiSchemas`` metadata decides (``OmniPhysics*`` spellings
count as well): Mesh + PhysicsSurfaceDeformableSimAPI is cloth, TetMesh + PhysicsVolumeDeformableSimAPI a soft body,
BasisCurves + PhysicsCurvesDeformableSimAPI cables. Particles, which the proposal lacks, are Points with
PhysicsParticleSetAPI (or PhysicsDeformableBodyAPI). What else is ours is spelled ``simrun:*`` and is in SI units:
``simrun:pinned`` (int[] of held points), ``simrun:triKe`` and the other names in ``OVERRIDES``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pxr import Usd, UsdGeom

from usd_io.errors import SceneError
from usd_io.read import traversal
from usd_io.read.cable import read_cable
from usd_io.read.cloth import read_cloth
from usd_io.read.materials import CURVES, RIGID, SURFACE, VOLUME, MaterialReader
from usd_io.read.mesh import require_indices_in_range
from usd_io.read.particles import read_particles
from usd_io.read.reading import Reading
from usd_io.read.soft import read_soft
from usd_io.read.traversal import PhysicsPrims, instance_roots, owner_path
from usd_io.read.values import array, boolean, scalar
from usd_io.records import MaterialRecord, SceneRecord

OVERRIDES = (
    "triKe triKa triKd triDrag triLift edgeKe edgeKd springKe springKd kMu kLambda kDamp particleRadius contactKe "
    "contactKd contactKf contactMu"
).split()
"""Direct solver parameters read from ``simrun:<name>`` on a simulation geometry."""

_KINDS = {
    traversal.CLOTH: ("Mesh", read_cloth, SURFACE, "cloths"),
    traversal.SOFT: ("TetMesh", read_soft, VOLUME, "softs"),
    traversal.CABLE: ("BasisCurves", read_cable, CURVES, "cables"),
    traversal.PARTICLES: ("Points", read_particles, RIGID, "particles"),
}


def read_deformables(reading: Reading, found: PhysicsPrims, materials: MaterialReader, record: SceneRecord) -> None:
    """Adds the stage's deformables to the record."""
    bodies = {p.GetPath().pathString: p for p in found.deformable_bodies}
    simulated = set()
    for prim, schema in found.deformables:
        type_name, read, use, target = _KINDS[schema]
        path = prim.GetPath().pathString
        if prim.GetTypeName() != type_name:
            reading.log.add(
                path,
                f"{schema} applies to a {type_name}, not to a {prim.GetTypeName() or 'prim without type'}; left out",
                kind=f"type of {schema}",
            )
            continue
        owner = owner_path(prim, bodies)
        body = bodies.get(owner, prim)
        simulated.add(body.GetPath().pathString)
        if owner is None and schema != traversal.PARTICLES:
            reading.log.add(
                path, "no PhysicsDeformableBodyAPI here or above; simulated all the same", kind="no deformable body"
            )
        if not _enabled(reading, body):
            reading.log.add(path, "the deformable body is disabled; it is left out", kind="disabled deformable")
            continue
        common = _common(reading, prim, body, materials.bound([prim], use)[0])
        result = read(reading, prim, common) if common is not None else None
        if result is not None:
            getattr(record, target).append(result)
            _note_followers(reading, body, prim)
            _note_collision(reading, found, body, prim)
    for path in bodies:
        if path not in simulated:
            reading.log.add(
                path,
                "PhysicsDeformableBodyAPI without simulation geometry below; nothing moves",
                kind="no sim geometry",
            )


def _enabled(reading: Reading, body: Usd.Prim) -> bool:
    names = ("physics:bodyEnabled", "omniphysics:deformableBodyEnabled", "physics:deformableBodyEnabled")
    return all(boolean(reading, body, n, True) for n in names)


def _common(reading: Reading, prim: Usd.Prim, body: Usd.Prim, material: MaterialRecord) -> dict[str, Any] | None:
    """Fields of DeformableRecord; None, with a warning, when there are no points."""
    path = prim.GetPath().pathString
    points = array(reading, prim, "points", 3)
    if points is None or len(points) == 0:
        reading.log.add(path, "the simulation geometry has no points; it is left out", kind="no points")
        return None
    world = reading.world_matrix(prim)
    count = len(points)
    masses = _per_point(reading, prim, ("physics:masses", "omniphysics:masses"), count)
    if masses is not None and (masses < 0.0).any():
        raise SceneError(
            f"{reading.at(prim)} physics:masses",
            f"got {masses.min():g}",
            expected="masses of 0 (held in place) or more",
            next_step="correct the values",
        )
    A = world[:3, :3] * reading.meters
    return {
        "path": path,
        "points_w": to_world(reading, world, points),
        "velocities_w": _velocities(reading, prim, A, count),
        "local_to_world": world,
        "pinned": _pinned(reading, prim, body, masses, count),
        "material": material,
        "masses": None if masses is None else masses * reading.kilograms,
        "total_mass": _body_value(reading, body, "mass", reading.kilograms),
        "density": _body_value(reading, body, "density", reading.density_unit) or material.density,
        "rest_points": _rest_points(reading, prim, world),
        "overrides": _overrides(reading, prim),
        "body_path": body.GetPath().pathString,
        "instance_roots": instance_roots(prim),
    }


def to_world(reading: Reading, world: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points of a prim in world [m]."""
    return (points @ world[:3, :3].T + world[:3, 3]) * reading.meters


def _velocities(reading: Reading, prim: Usd.Prim, A: np.ndarray, count: int) -> np.ndarray:
    velocities = array(reading, prim, "velocities", 3)
    if velocities is None or len(velocities) == 0:
        return np.zeros((count, 3))
    if len(velocities) != count:
        reading.log.add(
            prim.GetPath().pathString,
            f"{len(velocities)} velocities for {count} points; they are ignored",
            kind="velocity count",
        )
        return np.zeros((count, 3))
    return velocities @ A.T


def _per_point(reading: Reading, prim: Usd.Prim, names: tuple[str, ...], count: int) -> np.ndarray | None:
    """First authored array of one value a point (or one for all), shape [count]."""
    for name in names:
        values = array(reading, prim, name)
        if values is None or len(values) == 0:
            continue
        if len(values) == 1:
            return np.full(count, values[0])
        if len(values) != count:
            raise SceneError(
                f"{reading.at(prim)} {name}",
                f"got {len(values)} values",
                expected=f"{count}, one for each point",
                next_step="correct the array",
            )
        return values
    return None


def _pinned(reading: Reading, prim: Usd.Prim, body: Usd.Prim, masses: np.ndarray | None, count: int) -> np.ndarray:
    if boolean(
        reading, body, "physics:kinematicEnabled", boolean(reading, body, "omniphysics:kinematicEnabled", False)
    ):
        return np.ones(count, bool)
    pinned = np.zeros(count, bool) if masses is None else masses == 0.0
    indices = array(reading, prim, "simrun:pinned", dtype=np.int64)
    if indices is not None and len(indices):
        require_indices_in_range(reading.at(prim), "simrun:pinned", indices, count)
        pinned = pinned.copy()
        pinned[indices] = True
    return pinned


def _body_value(reading: Reading, body: Usd.Prim, name: str, unit: float) -> float | None:
    for space in ("physics", "omniphysics"):
        value = scalar(reading, body, f"{space}:{name}", low=0.0)
        if value:
            return value * unit
    return None


def _rest_points(reading: Reading, prim: Usd.Prim, world: np.ndarray) -> np.ndarray | None:
    for space in ("physics", "omniphysics"):
        points = array(reading, prim, f"{space}:restShapePoints", 3)
        if points is not None and len(points):
            return to_world(reading, world, points)
    return None


def _overrides(reading: Reading, prim: Usd.Prim) -> dict[str, float]:
    values = {name: scalar(reading, prim, f"simrun:{name}", low=0.0) for name in OVERRIDES}
    return {name: value for name, value in values.items() if value is not None}


def _note_collision(reading: Reading, found: PhysicsPrims, body: Usd.Prim, sim: Usd.Prim) -> None:
    path, below = sim.GetPath().pathString, body.GetPath().pathString + "/"
    marked = found.has(path, traversal.COLLISION) or any(
        c.GetPath().pathString.startswith(below) for c in found.colliders
    )
    if not marked:
        reading.log.add(
            path, "no PhysicsCollisionAPI on it, but its points collide all the same", kind="collides anyway"
        )


def _note_followers(reading: Reading, body: Usd.Prim, sim: Usd.Prim) -> None:
    """Other point-based geometry of the body should follow the simulation; that is not done yet."""
    if body == sim:
        return
    for prim in Usd.PrimRange(body, Usd.TraverseInstanceProxies()):
        if prim != sim and prim.IsA(UsdGeom.PointBased):
            reading.log.add(
                prim.GetPath().pathString,
                f"does not follow its deformable body {body.GetPath()} yet (no embedding)",
                kind="embedding",
            )

"""Mass of bodies by the precedence of UsdPhysicsMassAPI.

Mass: the body's own ``mass``, else the sum over its colliders. A collider's mass: its own ``mass``, else volume times
its own ``density``, else the body's ``density``, else the bound material's, else 1000 kg/m^3. ("Unlike mass, child's
density overrides parent's; the material density has the weakest precedence.") Centre of mass and inertia given on the
body, or on a collider for that collider's part, replace the computed ones.
"""

from __future__ import annotations

import numpy as np
from pxr import Usd

from usd_io.errors import SceneError
from usd_io.read import traversal
from usd_io.read.frames import matrix_from_quaternion
from usd_io.read.reading import Reading
from usd_io.read.shape_mass import MassProperties, combine, steiner, unit_density_mass
from usd_io.read.traversal import PhysicsPrims
from usd_io.read.values import quaternion, scalar, vector
from usd_io.records import BodyRecord, ColliderRecord

DEFAULT_DENSITY = 1000.0
"""[kg/m^3], water, as UsdPhysics."""
SMALLEST = 1e-30
"""Below this mass [kg] or moment [kg m^2], single precision has no inverse."""
LONE_MASS, LONE_RADIUS = 1.0, 0.1
"""A body without colliders weighs 1 kg, spread like a ball of 0.1 m."""


def resolve_masses(
    reading: Reading, found: PhysicsPrims, bodies: dict[str, BodyRecord], colliders: list[ColliderRecord]
) -> None:
    """Fills in mass, com and inertia of the bodies (keyed by prim path)."""
    by_record = {record.path: prim_path for prim_path, record in bodies.items()}
    carried: dict[str, list[ColliderRecord]] = {}
    for collider in colliders:
        if collider.body_path is not None:
            carried.setdefault(by_record[collider.body_path], []).append(collider)
    cache: dict[int, MassProperties | None] = {}
    for prim_path, body in bodies.items():
        prim = reading.stage.GetPrimAtPath(prim_path)
        has_mass = found.has(prim_path, traversal.MASS)
        density = _density(reading, prim) if has_mass else None
        parts = [
            p
            for c in carried.get(prim_path, [])
            if (p := _collider_mass(reading, found, c, density, cache)) is not None
        ]
        computed = combine(parts) if parts else None
        result = _with_body_overrides(reading, prim, body, computed) if has_mass else computed
        if result is None:
            result = _lone_ball(reading, body, LONE_MASS)
        _require_valid(reading, prim, result, body.kinematic)
        body.mass, body.com, body.inertia = result.mass, result.com, result.inertia


def _density(reading: Reading, prim: Usd.Prim) -> float | None:
    return (scalar(reading, prim, "physics:density", 0.0, low=0.0) * reading.density_unit) or None


def _mass(reading: Reading, prim: Usd.Prim) -> float | None:
    return (scalar(reading, prim, "physics:mass", 0.0, low=0.0) * reading.kilograms) or None


def _collider_mass(
    reading: Reading, found: PhysicsPrims, collider: ColliderRecord, body_density: float | None, cache: dict
) -> MassProperties | None:
    """A collider's part of its body, in the body frame."""
    key = id(collider.shape)
    if key not in cache:
        cache[key] = unit_density_mass(collider.shape)
    unit = cache[key]
    if unit is None:
        return None
    prim = reading.stage.GetPrimAtPath(collider.prim_path)
    # On a prim that is body and collider in one, the MassAPI speaks for the body (its mass and com), not twice.
    own = found.has(collider.prim_path, traversal.MASS) and not found.has(collider.prim_path, traversal.BODY)
    mass = _mass(reading, prim) if own else None
    density = (_density(reading, prim) if own else None) or body_density or collider.material.density
    factor = mass / unit.mass if mass else density or DEFAULT_DENSITY
    part = unit.scaled(factor)
    R, position = matrix_from_quaternion(collider.X_bs[3:]), collider.X_bs[:3]
    if own:
        com = vector(reading, prim, "physics:centerOfMass")
        inertia = _authored_inertia(reading, prim)
        part = MassProperties(
            part.mass,
            part.com if com is None else com * reading.meters,
            part.inertia if inertia is None else inertia,
        )
    return part.moved(R, position)


def _with_body_overrides(
    reading: Reading, prim: Usd.Prim, body: BodyRecord, computed: MassProperties | None
) -> MassProperties:
    mass = _mass(reading, prim)
    base = computed or _lone_ball(reading, body, mass or LONE_MASS, noted=mass is None)
    if mass:
        base = base.scaled(mass / base.mass)
    com = vector(reading, prim, "physics:centerOfMass")
    inertia = _authored_inertia(reading, prim)
    if com is not None:
        com = body.stretch @ com * reading.meters
        shifted = base.inertia + steiner(base.mass, com - base.com)
        base = MassProperties(base.mass, com, shifted)
    return base if inertia is None else MassProperties(base.mass, base.com, inertia)


def _authored_inertia(reading: Reading, prim: Usd.Prim) -> np.ndarray | None:
    diagonal = vector(reading, prim, "physics:diagonalInertia")
    if diagonal is None or not diagonal.any():
        return None
    if (diagonal < 0.0).any():
        raise SceneError(
            f"{reading.at(prim)} physics:diagonalInertia",
            f"got {tuple(float(x) for x in diagonal)}",
            expected="three numbers greater than 0 (or all 0 for 'compute it')",
            next_step="correct or remove it",
        )
    axes = quaternion(reading, prim, "physics:principalAxes")
    Q = np.eye(3) if axes is None else matrix_from_quaternion(axes)
    return Q @ np.diag(diagonal) @ Q.T * reading.inertia_unit


def _lone_ball(reading: Reading, body: BodyRecord, mass: float, *, noted: bool = True) -> MassProperties:
    if noted and not body.kinematic:
        reading.log.add(
            body.path,
            f"a body without colliders and mass; {mass:g} kg is assumed",
            kind="no mass",
        )
    return MassProperties(mass, np.zeros(3), 0.4 * mass * LONE_RADIUS**2 * np.eye(3))


def _require_valid(reading: Reading, prim: Usd.Prim, result: MassProperties, kinematic: bool) -> None:
    moments = np.linalg.eigvalsh(result.inertia)
    finite = np.isfinite(result.mass) and np.isfinite(result.com).all() and np.isfinite(moments).all()
    if kinematic or (finite and result.mass > SMALLEST and moments.min() > SMALLEST):
        return
    raise SceneError(
        reading.at(prim),
        f"mass {result.mass:g} kg with principal moments {', '.join(f'{m:.3g}' for m in moments)} kg m^2",
        expected="a positive mass and positive moments of inertia",
        next_step="check mass, density and diagonalInertia, and the size of the colliders",
    )

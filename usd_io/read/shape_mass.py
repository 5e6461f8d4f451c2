"""Volume, centre of mass and inertia of collision shapes at unit density."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sim.geometry.hull import convex_hull
from usd_io.shape_records import (
    Box,
    Capsule,
    Cone,
    Cylinder,
    MeshShape,
    Plane,
    Shape,
    Sphere,
)


@dataclass(frozen=True)
class MassProperties:
    """Mass (or volume at unit density), centre of mass, and inertia about it, in one frame."""

    mass: float
    com: np.ndarray
    inertia: np.ndarray

    def scaled(self, factor: float) -> MassProperties:
        """Same distribution, other density."""
        return MassProperties(self.mass * factor, self.com, self.inertia * factor)

    def moved(self, R: np.ndarray, position: np.ndarray) -> MassProperties:
        """The same body seen from a frame in which its own frame is rotated by R and placed at ``position``."""
        return MassProperties(self.mass, R @ self.com + position, R @ self.inertia @ R.T)


def steiner(mass: float, offset: np.ndarray) -> np.ndarray:
    """Inertia that ``mass`` at ``offset`` adds (parallel axis theorem)."""
    return mass * (offset @ offset * np.eye(3) - np.outer(offset, offset))


def combine(parts: list[MassProperties]) -> MassProperties:
    """Mass properties of several rigidly joined parts, all given in one frame."""
    mass = sum(p.mass for p in parts)
    com = sum(p.mass * p.com for p in parts) / mass
    inertia = sum(p.inertia + steiner(p.mass, p.com - com) for p in parts)
    return MassProperties(mass, com, inertia)


def unit_density_mass(shape: Shape) -> MassProperties | None:
    """Mass properties of a solid shape of 1 kg/m^3 in its own frame; None for a plane."""
    return _TABLE[type(shape)](shape)


def _axial(axis: str, mass: float, lateral: float, axial: float, centre: float = 0.0) -> MassProperties:
    k = "XYZ".index(axis)
    moments = np.full(3, lateral)
    moments[k] = axial
    return MassProperties(mass, centre * np.eye(3)[k], np.diag(moments))


def _sphere(s: Sphere) -> MassProperties:
    mass = 4.0 / 3.0 * np.pi * s.radius**3
    return MassProperties(mass, np.zeros(3), np.eye(3) * 0.4 * mass * s.radius**2)


def _box(s: Box) -> MassProperties:
    h = np.array(s.half_extents)
    mass = 8.0 * h.prod()
    return MassProperties(mass, np.zeros(3), np.diag(mass / 3.0 * ((h**2).sum() - h**2)))


def _cylinder(s: Cylinder) -> MassProperties:
    r, h = s.radius, s.half_height
    mass = 2.0 * np.pi * r * r * h
    return _axial(s.axis, mass, mass * (r * r / 4.0 + h * h / 3.0), mass * r * r / 2.0)


def _capsule(s: Capsule) -> MassProperties:
    r, h = s.radius, s.half_height
    body, caps = 2.0 * np.pi * r * r * h, 4.0 / 3.0 * np.pi * r**3
    # Two half spheres: centre of mass 3r/8 off the flat side.
    lateral = body * (r * r / 4.0 + h * h / 3.0) + caps * (0.4 * r * r + h * h + 0.75 * h * r)
    return _axial(s.axis, body + caps, lateral, body * r * r / 2.0 + caps * 0.4 * r * r)


def _cone(s: Cone) -> MassProperties:
    r, height = s.radius, 2.0 * s.half_height
    mass = np.pi * r * r * height / 3.0
    lateral = mass * (3.0 / 20.0 * r * r + 3.0 / 80.0 * height * height)
    return _axial(s.axis, mass, lateral, 0.3 * mass * r * r, -0.25 * height)


def _mesh(s: MeshShape) -> MassProperties:
    points = s.points.astype(np.float64)
    result = closed_mesh_mass(points, s.triangles)
    size = float(np.ptp(points, axis=0).max())
    if result is not None and result.mass > 1e-6 * size**3 and _plausible(result, points):
        return result
    # An open or inside-out mesh encloses no volume: its hull does.
    hull = convex_hull(points)
    result = closed_mesh_mass(*hull) if hull else None
    if result is not None and result.mass > 1e-9 * size**3:
        return result
    low, high = points.min(axis=0), points.max(axis=0)
    half = np.maximum(0.5 * (high - low), 0.005 * size)
    return _box(Box(tuple(half))).moved(np.eye(3), 0.5 * (low + high))


def _plausible(result: MassProperties, points: np.ndarray) -> bool:
    low, high = points.min(axis=0), points.max(axis=0)
    slack = 1e-3 * (high - low).max()
    moments = np.linalg.eigvalsh(result.inertia)
    inside = bool(((result.com >= low - slack) & (result.com <= high + slack)).all())
    return inside and moments[0] > 0.0 and moments[0] + moments[1] >= 0.999 * moments[2]


def closed_mesh_mass(points: np.ndarray, triangles: np.ndarray) -> MassProperties | None:
    """Mass properties of the solid inside a closed mesh of 1 kg/m^3: sum over the tetrahedra from a point inside to
    each triangle (Tonon 2004, exact integrals of second moments). None when the volume is not positive."""
    centre = points.mean(axis=0)
    a, b, c = (points[triangles[:, k]] - centre for k in range(3))
    six = np.einsum("ij,ij->i", a, np.cross(b, c))
    volume = six.sum() / 6.0
    if not volume > 0.0:
        return None
    total = a + b + c
    com = (six[:, None] * total).sum(axis=0) / (24.0 * volume)
    second = sum(np.einsum("i,ij,ik->jk", six, u, u) for u in (a, b, c, total)) / 120.0
    second -= volume * np.outer(com, com)
    inertia = np.trace(second) * np.eye(3) - second
    return MassProperties(float(volume), com + centre, inertia)


_TABLE: dict[type, Callable[..., MassProperties | None]] = {
    Sphere: _sphere,
    Box: _box,
    Capsule: _capsule,
    Cylinder: _cylinder,
    Cone: _cone,
    MeshShape: _mesh,
    Plane: lambda _: None,
}

"""Mass, centre of mass and inertia of primitive shapes, of shells, and of bodies composed of them.

Frames are those of the shapes: origin at the middle, capsules, cylinders and cones along y, a cone's apex at +y.
Hollow shapes are a wall of the given thickness inside the outer surface (outer minus inner solid).
"""

import math
from dataclasses import dataclass, field

import numpy as np

from sim.geometry.rotation import rotation_matrix, transform_points


@dataclass(frozen=True)
class MassProperties:
    """Mass [kg], centre of mass [m] shape [3], inertia [kg m^2] about the centre of mass, shape [3, 3]."""

    mass: float = 0.0
    com: np.ndarray = field(default_factory=lambda: np.zeros(3))
    inertia: np.ndarray = field(default_factory=lambda: np.zeros((3, 3)))

    def scaled(self, factor: float) -> "MassProperties":
        """The same shape at ``factor`` times the density."""
        return MassProperties(self.mass * factor, self.com, self.inertia * factor)

    def moved(self, transform: np.ndarray) -> "MassProperties":
        """Seen from a parent frame, in which the shape stands at ``transform`` [7]."""
        r = rotation_matrix(transform[3:])
        return MassProperties(self.mass, transform_points(transform, self.com), r @ self.inertia @ r.T)


def point_inertia(mass: float, offset: np.ndarray) -> np.ndarray:
    """Inertia [3, 3] of a point mass at ``offset`` [3] from the axis origin (the parallel-axis term)."""
    return mass * (np.dot(offset, offset) * np.eye(3) - np.outer(offset, offset))


def combine(a: MassProperties, b: MassProperties, sign: float = 1.0) -> MassProperties:
    """Adds (or with ``sign=-1`` subtracts) two solids given in one frame, by the parallel-axis theorem."""
    mass = a.mass + sign * b.mass
    if mass <= 0.0:
        return MassProperties(0.0, a.com if a.mass > 0.0 else b.com, a.inertia + sign * b.inertia)
    com = (a.mass * a.com + sign * b.mass * b.com) / mass
    inertia = a.inertia + point_inertia(a.mass, a.com - com)
    inertia = inertia + sign * (b.inertia + point_inertia(b.mass, b.com - com))
    return MassProperties(mass, com, inertia)


def sphere(density: float, radius: float) -> MassProperties:
    """Solid ball."""
    mass = density * 4.0 / 3.0 * math.pi * radius**3
    return MassProperties(mass, np.zeros(3), 0.4 * mass * radius**2 * np.eye(3))


def box(density: float, hx: float, hy: float, hz: float) -> MassProperties:
    """Solid cuboid with half extents ``hx hy hz``."""
    mass = density * 8.0 * hx * hy * hz
    xx, yy, zz = hx * hx, hy * hy, hz * hz
    return MassProperties(mass, np.zeros(3), mass / 3.0 * np.diag([yy + zz, xx + zz, xx + yy]))


def cylinder(density: float, radius: float, half_height: float) -> MassProperties:
    """Solid cylinder along y."""
    mass = density * math.pi * radius**2 * 2.0 * half_height
    side = mass * (radius**2 / 4.0 + half_height**2 / 3.0)
    return MassProperties(mass, np.zeros(3), np.diag([side, 0.5 * mass * radius**2, side]))


def capsule(density: float, radius: float, half_height: float) -> MassProperties:
    """Solid capsule along y; ``half_height`` is that of the cylinder between the caps."""
    tube = cylinder(density, radius, half_height)
    caps = density * 4.0 / 3.0 * math.pi * radius**3
    side = caps * (0.4 * radius**2 + half_height**2 + 0.75 * half_height * radius)
    axial = 0.4 * caps * radius**2
    return MassProperties(tube.mass + caps, np.zeros(3), tube.inertia + np.diag([side, axial, side]))


def cone(density: float, radius: float, half_height: float) -> MassProperties:
    """Solid cone along y, base at -half_height; its centre of mass lies a quarter of the height above the base."""
    mass = density * math.pi * radius**2 * 2.0 * half_height / 3.0
    side = mass * (0.15 * radius**2 + 0.15 * half_height**2)
    com = np.array([0.0, -0.5 * half_height, 0.0])
    return MassProperties(mass, com, np.diag([side, 0.3 * mass * radius**2, side]))


def ellipsoid(density: float, rx: float, ry: float, rz: float) -> MassProperties:
    """Solid ellipsoid with semi-axes ``rx ry rz``."""
    mass = density * 4.0 / 3.0 * math.pi * rx * ry * rz
    xx, yy, zz = rx * rx, ry * ry, rz * rz
    return MassProperties(mass, np.zeros(3), mass / 5.0 * np.diag([yy + zz, xx + zz, xx + yy]))


def hollow_sphere(density: float, radius: float, thickness: float) -> MassProperties:
    """Spherical wall; solid once the thickness reaches the radius."""
    outer = sphere(density, radius)
    return combine(outer, sphere(density, radius - thickness), -1.0) if thickness < radius else outer


def hollow_box(density: float, hx: float, hy: float, hz: float, thickness: float) -> MassProperties:
    """Box wall."""
    outer = box(density, hx, hy, hz)
    if thickness >= min(hx, hy, hz):
        return outer
    return combine(outer, box(density, hx - thickness, hy - thickness, hz - thickness), -1.0)


def hollow_cylinder(density: float, radius: float, half_height: float, thickness: float) -> MassProperties:
    """Cylinder wall with both end discs."""
    outer = cylinder(density, radius, half_height)
    if thickness >= min(radius, half_height):
        return outer
    return combine(outer, cylinder(density, radius - thickness, half_height - thickness), -1.0)


def hollow_capsule(density: float, radius: float, half_height: float, thickness: float) -> MassProperties:
    """Capsule wall."""
    outer = capsule(density, radius, half_height)
    return combine(outer, capsule(density, radius - thickness, half_height), -1.0) if thickness < radius else outer


def hollow_cone(density: float, radius: float, half_height: float, thickness: float) -> MassProperties:
    """Cone wall with its base disc: the inner cone keeps the apex angle and lies ``thickness`` inside every face."""
    outer = cone(density, radius, half_height)
    height = 2.0 * half_height
    sin_apex = radius / math.hypot(radius, height)
    inner_height = height - thickness - thickness / sin_apex
    if inner_height <= 0.0:
        return outer
    inner = cone(density, radius * inner_height / height, 0.5 * inner_height)
    middle = -half_height + thickness + 0.5 * inner_height
    lifted = MassProperties(inner.mass, inner.com + np.array([0.0, middle, 0.0]), inner.inertia)
    return combine(outer, lifted, -1.0)


def inverse_inertia(inertia: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """Inverses of inertia tensors [n, 3, 3]; zero where the mass is zero, pseudo-inverse where an axis has no inertia.

    Raises nothing: a singular tensor just cannot be turned about its empty axis.
    """
    inertia = np.asarray(inertia, dtype=np.float64)
    result = np.zeros_like(inertia)
    scale = np.trace(inertia, axis1=-2, axis2=-1)
    active = (np.asarray(mass) > 0.0) & (scale > 0.0)
    if not active.any():
        return result
    unit = inertia[active] / scale[active, None, None]
    inverse = np.zeros_like(unit)
    regular = np.linalg.det(unit) > 1e-12
    inverse[regular] = np.linalg.inv(unit[regular])
    if not regular.all():
        inverse[~regular] = np.linalg.pinv(unit[~regular], rcond=1e-9, hermitian=True)
    result[active] = inverse / scale[active, None, None]
    return result

"""Mass properties of triangle meshes: solids by the divergence theorem, shells by surface integrals."""

import numpy as np

from sim.geometry.mass_properties import MassProperties
from sim.geometry.mesh_edges import mesh_edges
from sim.geometry.rotation import cross


def solid_mesh(vertices: np.ndarray, triangles: np.ndarray) -> MassProperties | None:
    """Mass properties at density 1 of the volume inside a mesh, or None if it encloses none.

    Every triangle spans a signed tetrahedron with the mean vertex; the volume is their sum (M. Kallay, "Computing the
    Moment of Inertia of a Solid Defined by a Triangle Mesh", 2006). Inward winding is accepted.
    """
    if len(triangles) == 0:
        return None
    middle = vertices.mean(axis=0)
    a, b, c = (vertices[triangles[:, i]] - middle for i in range(3))
    volumes = np.einsum("ij,ij->i", a, cross(b, c)) / 6.0
    volume = volumes.sum()
    extent = np.ptp(vertices, axis=0).max()
    if abs(volume) <= 1e-9 * extent**3:
        return None
    s = a + b + c
    com = np.einsum("i,ij->j", volumes, s) / (4.0 * volume)
    second = _second_moment(volumes / 20.0, a, b, c, s)
    mass = abs(volume)
    covariance = second * np.sign(volume) - mass * np.outer(com, com)
    inertia = np.trace(covariance) * np.eye(3) - covariance
    if np.linalg.eigvalsh(covariance).min() < -1e-9 * np.trace(np.abs(covariance)):
        return None  # an open or inconsistently wound surface: the signed sum is not a solid
    return MassProperties(float(mass), com + middle, inertia)


def shell_mesh(vertices: np.ndarray, triangles: np.ndarray) -> MassProperties:
    """Mass properties at surface density 1 [kg/m^2] of a thin shell."""
    if len(triangles) == 0:
        return MassProperties()
    middle = vertices.mean(axis=0)
    a, b, c = (vertices[triangles[:, i]] - middle for i in range(3))
    areas = 0.5 * np.linalg.norm(cross(b - a, c - a), axis=1)
    area = areas.sum()
    if area <= 0.0:
        return MassProperties()
    s = a + b + c
    com = np.einsum("i,ij->j", areas, s) / (3.0 * area)
    covariance = _second_moment(areas / 12.0, a, b, c, s) - area * np.outer(com, com)
    return MassProperties(float(area), com + middle, np.trace(covariance) * np.eye(3) - covariance)


def is_watertight(triangles: np.ndarray) -> bool:
    """Whether every edge is shared by exactly two triangles."""
    return len(triangles) > 0 and bool(np.all(mesh_edges(triangles).triangle_count == 2))


def _second_moment(weights: np.ndarray, a: np.ndarray, b: np.ndarray, c: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Sum of weights * (a a^T + b b^T + c c^T + s s^T): the integral of x x^T over simplices with a corner at 0."""
    return sum(np.einsum("i,ij,ik->jk", weights, v, v) for v in (a, b, c, s))

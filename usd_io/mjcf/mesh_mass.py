"""Mass of meshes the way MJCF asks for it: exact, of the hull, of a shell, or by MuJoCo's older rule."""

from __future__ import annotations

import numpy as np

from usd_io.read.shape_mass import MassProperties, closed_mesh_mass

KINDS = ("legacy", "exact", "convex", "shell")


def mesh_mass(points: np.ndarray, triangles: np.ndarray, hull, kind: str) -> MassProperties | None:
    """Mass properties of a mesh at 1 kg/m^3 (of a shell at 1 kg/m^2); None where there is no volume."""
    if kind == "convex" and hull is not None:
        return closed_mesh_mass(*hull)
    if kind == "shell":
        return shell_mass(points, triangles)
    if kind == "exact":
        return closed_mesh_mass(points, triangles) or (closed_mesh_mass(*hull) if hull else None)
    return counted_mass(points, triangles)


def counted_mass(points: np.ndarray, triangles: np.ndarray) -> MassProperties | None:
    """Every tetrahedron from a point inside to a triangle counts as positive, whichever way the triangle faces.

    The same as the exact volume where all triangles can be seen from that point. Open meshes get a mass as well, and
    hollows are counted twice: it is what models were tuned with, so it is kept as MuJoCo has it.
    """
    corners = points[triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas = np.linalg.norm(normals, axis=1)
    if not areas.sum() > 0.0:
        return None
    middle = (areas[:, None] * corners.mean(axis=1)).sum(axis=0) / areas.sum()
    volume, com, _ = _tetrahedra(corners - middle)
    if not volume > 0.0:
        return None
    centre = middle + com
    volume, _, second = _tetrahedra(corners - centre)
    return MassProperties(volume, centre, np.trace(second) * np.eye(3) - second)


def _tetrahedra(corners: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Volume, centroid and second moments of the tetrahedra from the origin to triangles [m, 3, 3]."""
    six = np.abs(np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])))
    total = corners.sum(axis=1)
    volume = six.sum() / 6.0
    com = (six[:, None] * total).sum(axis=0) / (24.0 * volume) if volume > 0.0 else np.zeros(3)
    four = [corners[:, 0], corners[:, 1], corners[:, 2], total]
    second = sum(np.einsum("i,ij,ik->jk", six, u, u) for u in four) / 120.0
    return float(volume), com, second


def shell_mass(points: np.ndarray, triangles: np.ndarray) -> MassProperties | None:
    """Mass properties of the surface."""
    corners = points[triangles]
    areas = 0.5 * np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    mass = float(areas.sum())
    if not mass > 0.0:
        return None
    com = (areas[:, None] * corners.mean(axis=1)).sum(axis=0) / mass
    at = corners - com
    # A triangle's second moments: its corners and their sum, each with weight 1/12 of the area.
    four = [at[:, 0], at[:, 1], at[:, 2], at.sum(axis=1)]
    second = sum(np.einsum("i,ij,ik->jk", areas, u, u) for u in four) / 12.0
    return MassProperties(mass, com, np.trace(second) * np.eye(3) - second)

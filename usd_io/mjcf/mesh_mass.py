"""Mass of meshes the way MJCF asks for it: exact, of the hull, of a shell, or by MuJoCo's older rule."""

from __future__ import annotations

import numpy as np

from usd_io.read.shape_mass import MassProperties, closed_mesh_mass

KINDS = ("legacy", "exact", "convex", "shell")


def mesh_mass(points: np.ndarray, triangles: np.ndarray, hull, kind: str) -> MassProperties | None:
    """Mass properties of a mesh at 1 kg/m^3 (of a shell at 1 kg/m^2); None where there is no volume.

    ``hull()`` gives the convex hull, or None for a flat mesh.
    """
    if kind == "convex" and hull() is not None:
        return closed_mesh_mass(*hull())
    if kind == "shell":
        return shell_mass(points, triangles)
    if kind == "exact":
        return closed_mesh_mass(points, triangles) or (closed_mesh_mass(*hull()) if hull() else None)
    return counted_mass(points, triangles)


def counted_mass(points: np.ndarray, triangles: np.ndarray) -> MassProperties | None:
    """Every tetrahedron from a point inside to a triangle counts as positive, whichever way the triangle faces.

    The same as the exact volume where all triangles can be seen from that point. Open meshes get a mass as well, and
    hollows are counted twice: it is what models were tuned with, so it is kept as MuJoCo has it.
    """
    corners = np.ascontiguousarray(points.T[:, triangles.T])  # coordinate, corner, triangle
    areas = np.sqrt((_cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]) ** 2).sum(axis=0))
    if not areas.sum() > 0.0:
        return None
    middle = corners.sum(axis=1) @ areas / (3.0 * areas.sum())
    six, total = _volumes(corners - middle[:, None, None])
    volume = six.sum() / 6.0
    if not volume > 0.0:
        return None
    centre = middle + total @ six / (24.0 * volume)
    corners -= centre[:, None, None]
    six, total = _volumes(corners)
    second = sum((u * six) @ u.T for u in (corners[:, 0], corners[:, 1], corners[:, 2], total)) / 120.0
    return MassProperties(float(six.sum() / 6.0), centre, np.trace(second) * np.eye(3) - second)


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cross products of vectors that stand in columns."""
    return np.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


def _volumes(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Six times the volume of each tetrahedron from the origin to a triangle, and the sum of its corners."""
    six = np.abs((corners[:, 0] * _cross(corners[:, 1], corners[:, 2])).sum(axis=0))
    return six, corners.sum(axis=1)


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

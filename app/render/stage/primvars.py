"""Values that vary over a prim: colours, texture coordinates, normals, spread to the corners of its triangles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pxr import Usd, UsdGeom


@dataclass(frozen=True)
class Topology:
    """Triangles of a polygon mesh: fans from each polygon's first corner.

    Attributes:
        triangles: [m, 3] points.
        corners: [m, 3] face-varying index of each.
        faces: [m] polygon of each triangle.
        point_count, face_count, corner_count: of the mesh.
    """

    triangles: np.ndarray
    corners: np.ndarray
    faces: np.ndarray
    point_count: int
    face_count: int
    corner_count: int

    @classmethod
    def fanned(
        cls, counts: np.ndarray, indices: np.ndarray, point_count: int, *, flip: bool, holes: np.ndarray
    ) -> Topology:
        """From faceVertexCounts and faceVertexIndices; `flip` for left-handed meshes.

        Raises:
            ValueError: if the numbers do not fit together; the message says which.
        """
        if counts.sum() != len(indices):
            raise ValueError(
                f"faceVertexCounts add up to {counts.sum()}, but there are {len(indices)} faceVertexIndices"
            )
        if len(indices) and (indices.min() < 0 or indices.max() >= point_count):
            raise ValueError(f"faceVertexIndices reach {indices.max()}, but there are {point_count} points")
        inner = np.maximum(counts - 2, 0)
        inner[holes[(holes >= 0) & (holes < len(counts))]] = 0
        face = np.repeat(np.arange(len(counts)), inner)
        start = (np.cumsum(counts) - counts)[face]
        step = np.arange(inner.sum()) - np.repeat(np.cumsum(inner) - inner, inner) + 1
        corners = np.stack([start, start + step, start + step + 1], axis=1)
        if flip:
            corners = corners[:, ::-1]
        return cls(indices[corners], corners, face, point_count, len(counts), len(indices))

    def spread(self, values: np.ndarray, interpolation: str) -> np.ndarray | None:
        """Values [k, w] at every corner of every triangle [3 m, w]; None if there are not as many as there must be."""
        index, expected = {
            "constant": (None, 1),
            "uniform": (np.repeat(self.faces, 3), self.face_count),
            "vertex": (self.triangles.ravel(), self.point_count),
            "varying": (self.triangles.ravel(), self.point_count),
            "faceVarying": (self.corners.ravel(), self.corner_count),
        }.get(interpolation, (None, -1))
        if len(values) < expected or expected < 0 or not len(values):
            return None
        if index is None:
            return np.broadcast_to(values[:1], (self.triangles.size, values.shape[1]))
        return values[index]


def at_corners(
    values: np.ndarray, interpolation: str, counts: np.ndarray, indices: np.ndarray, point_count: int
) -> np.ndarray | None:
    """Values [k, w] at every corner of every polygon [corners, w]; None if there are not as many as there must be."""
    index, expected = {
        "constant": (np.zeros(len(indices), np.int64), 1),
        "uniform": (np.repeat(np.arange(len(counts)), counts), len(counts)),
        "vertex": (indices, point_count),
        "varying": (indices, point_count),
        "faceVarying": (np.arange(len(indices)), len(indices)),
    }.get(interpolation, (None, 0))
    return None if index is None or len(values) < max(expected, 1) else values[index]


def primvar(prim: Usd.Prim, name: str, time: Usd.TimeCode, width: int) -> tuple[np.ndarray, str] | None:
    """Values [k, width] and interpolation of a primvar, inherited ones included; indices are resolved."""
    found = UsdGeom.PrimvarsAPI(prim).FindPrimvarWithInheritance(name)
    if not found or not found.HasValue():
        return None
    values = found.ComputeFlattened(time)
    if values is None:
        return None
    values = np.asarray(values, np.float32)
    if values.size == 0 or (width > 1 and values.shape[-1] != width):
        return None
    return values.reshape(-1, width), found.GetInterpolation()


def mesh_normals(prim: Usd.Prim, time: Usd.TimeCode) -> tuple[np.ndarray, str] | None:
    """Authored normals [k, 3] with their interpolation: the primvar before the attribute."""
    found = primvar(prim, "normals", time, 3)
    if found:
        return found
    mesh = UsdGeom.PointBased(prim)
    values = mesh.GetNormalsAttr().Get(time)
    if values is None or not len(values):
        return None
    return np.asarray(values, np.float32), mesh.GetNormalsInterpolation()


def display_color(prim: Usd.Prim, time: Usd.TimeCode) -> tuple[np.ndarray, str] | None:
    """displayColor with displayOpacity [k, 4] and their interpolation."""
    color, opacity = primvar(prim, "displayColor", time, 3), primvar(prim, "displayOpacity", time, 1)
    if color is None and opacity is None:
        return None
    from app.render.scene import DEFAULT_GREY

    values, interpolation = color or (np.array([DEFAULT_GREY], np.float32), "constant")
    alpha = np.ones((len(values), 1), np.float32)
    if opacity is not None:
        if len(opacity[0]) == len(values):
            alpha = opacity[0]
        elif len(opacity[0]) == 1:
            alpha = np.full((len(values), 1), opacity[0][0, 0])
        elif len(values) == 1:
            values, alpha, interpolation = np.repeat(values, len(opacity[0]), axis=0), opacity[0], opacity[1]
    return np.concatenate([values, alpha], axis=1).astype(np.float32), interpolation

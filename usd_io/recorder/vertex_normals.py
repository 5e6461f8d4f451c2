"""Shading normals of a deforming mesh."""

from __future__ import annotations

import numpy as np
from pxr import Usd, UsdGeom


class VertexNormals:
    """Area-weighted vertex normals over a fixed topology.

    Faces are fanned into triangles once; a frame is then a handful of whole-array operations.
    """

    def __init__(self, triangles: np.ndarray, *, left_handed: bool = False):
        self._triangles = triangles[:, ::-1] if left_handed else triangles

    @classmethod
    def of(cls, prim: Usd.Prim, time: Usd.TimeCode) -> VertexNormals | None:
        """For a polygon mesh with authored normals; None where the prim needs no normals from us.

        Subdivision surfaces take their normals from the limit surface, so they need none.
        """
        mesh = UsdGeom.Mesh(prim)
        if not mesh or mesh.GetSubdivisionSchemeAttr().Get(time) != UsdGeom.Tokens.none:
            return None
        authored = (mesh.GetNormalsAttr(), prim.GetAttribute("primvars:normals"))
        if not any(attribute and attribute.HasAuthoredValue() for attribute in authored):
            return None
        counts = np.array(mesh.GetFaceVertexCountsAttr().Get(time), int)
        corners = np.array(mesh.GetFaceVertexIndicesAttr().Get(time), int)
        left_handed = mesh.GetOrientationAttr().Get(time) == UsdGeom.Tokens.leftHanded
        return cls(_fanned(counts, corners), left_handed=left_handed)

    def normals(self, points: np.ndarray) -> np.ndarray:
        """Unit normals [n, 3] float32 of points [n, 3]; a point of no face gets +Z."""
        a, b, c = (points[self._triangles[:, k]].astype(np.float64) for k in range(3))
        faces = np.cross(b - a, c - a)
        corners = self._triangles.ravel()
        weights = np.repeat(faces, 3, axis=0)
        total = [np.bincount(corners, weights[:, axis], minlength=len(points)) for axis in range(3)]
        normals = np.stack(total, axis=1)
        lengths = np.linalg.norm(normals, axis=1, keepdims=True)
        flat = lengths[:, 0] <= 1e-30
        normals[flat], lengths[flat] = (0.0, 0.0, 1.0), 1.0
        return np.ascontiguousarray(normals / lengths, np.float32)


def _fanned(counts: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Triangles [m, 3] of polygons, each fanned from its first corner."""
    inner = np.maximum(counts - 2, 0)
    face = np.repeat(np.arange(len(counts)), inner)
    first = (np.cumsum(counts) - counts)[face]
    step = np.arange(inner.sum()) - np.repeat(np.cumsum(inner) - inner, inner) + 1
    return np.stack([corners[first], corners[first + step], corners[first + step + 1]], axis=1)

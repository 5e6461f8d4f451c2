"""Shapes as gprims: one entry of the table a shape type."""

from __future__ import annotations

import numpy as np
from pxr import Gf, Usd, UsdGeom, Vt

from usd_io.records import ColliderRecord, VisualRecord
from usd_io.shape_records import (
    Box,
    Capsule,
    Cone,
    Cylinder,
    EllipsoidShape,
    HeightFieldShape,
    MeshShape,
    Plane,
    Sphere,
)

PLANE_HALF_SIZE = 10.0
"""[m]; an infinite plane is drawn this large, since renderers and bounds know no infinite one."""


def author_shape(stage: Usd.Stage, geometry: ColliderRecord | VisualRecord) -> UsdGeom.Gprim:
    """Defines the gprim of a collider or visual at its path and in its place, with its color."""
    gprim, scale = _TABLE[type(geometry.shape)](stage, geometry.path, geometry.shape)
    gprim.AddTranslateOp().Set(Gf.Vec3d(*np.asarray(geometry.X_bs[:3]).tolist()))
    x, y, z, w = np.asarray(geometry.X_bs[3:]).tolist()
    gprim.AddOrientOp(UsdGeom.XformOp.PrecisionDouble).Set(Gf.Quatd(w, x, y, z))
    if scale is not None:
        gprim.AddScaleOp().Set(Gf.Vec3f(*scale))
    extent = UsdGeom.Boundable.ComputeExtentFromPlugins(gprim, Usd.TimeCode.Default())
    if extent:
        gprim.CreateExtentAttr(extent)
    if geometry.color is not None:
        red, green, blue, opacity = geometry.color
        gprim.CreateDisplayColorAttr([Gf.Vec3f(red, green, blue)])
        if opacity < 1.0:
            gprim.CreateDisplayOpacityAttr([opacity])
    return gprim


def _sphere(stage: Usd.Stage, path: str, shape: Sphere):
    gprim = UsdGeom.Sphere.Define(stage, path)
    gprim.CreateRadiusAttr(shape.radius)
    return gprim, None


def _box(stage: Usd.Stage, path: str, shape: Box):
    gprim = UsdGeom.Cube.Define(stage, path)
    gprim.CreateSizeAttr(2.0)
    return gprim, shape.half_extents


def _axial(schema):
    def author(stage: Usd.Stage, path: str, shape: Capsule | Cylinder | Cone):
        gprim = schema.Define(stage, path)
        gprim.CreateRadiusAttr(shape.radius)
        gprim.CreateHeightAttr(2.0 * shape.half_height)
        gprim.CreateAxisAttr(shape.axis)
        return gprim, None

    return author


def _plane(stage: Usd.Stage, path: str, shape: Plane):
    normal = np.eye(3)["XYZ".index(shape.axis)]
    a = np.roll(normal, 1)
    b = np.cross(normal, a)
    corners = PLANE_HALF_SIZE * np.array([-a - b, a - b, a + b, -a + b])
    return _mesh(stage, path, MeshShape(corners, np.array([[0, 1, 2], [0, 2, 3]], np.int32)))


def _mesh(stage: Usd.Stage, path: str, shape: MeshShape):
    mesh = UsdGeom.Mesh.Define(stage, path)
    corners = np.asarray(shape.points, np.float64)[shape.triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)
    mesh.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(shape.points, np.float32)))
    mesh.CreateFaceVertexCountsAttr(Vt.IntArray.FromNumpy(np.full(len(shape.triangles), 3, np.int32)))
    mesh.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(np.ascontiguousarray(shape.triangles.ravel(), np.int32)))
    mesh.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    mesh.CreateNormalsAttr(Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(normals, np.float32)))
    mesh.SetNormalsInterpolation(UsdGeom.Tokens.uniform)
    return mesh, None


_TABLE = {
    Sphere: _sphere,
    Box: _box,
    Capsule: _axial(UsdGeom.Capsule),
    Cylinder: _axial(UsdGeom.Cylinder),
    Cone: _axial(UsdGeom.Cone),
    Plane: _plane,
    MeshShape: _mesh,
    HeightFieldShape: _mesh,
    EllipsoidShape: _mesh,
}

"""Prims the source does not have: a drawable surface for a TetMesh, and everything when there is no source at all."""

from __future__ import annotations

import numpy as np
from pxr import Gf, Sdf, Usd, UsdGeom, UsdShade, Vt

from usd_io.recorder.errors import RecorderError
from usd_io.recorder.targets import BodyTarget, PointsTarget, SurfaceMeshTarget


def define_surface_mesh(stage: Usd.Stage, target: SurfaceMeshTarget, start: float) -> PointsTarget:
    """Defines the surface Mesh beside its TetMesh and says which particles move it.

    The Mesh has the TetMesh's parent, look (material binding, display colour) and only the points on the surface.
    """
    tetmesh = stage.GetPrimAtPath(target.tetmesh_path)
    if not tetmesh:
        raise RecorderError(target.tetmesh_path, "no such prim in the source", expected="a TetMesh")
    triangles = np.asarray(target.triangles)
    used, compact = np.unique(triangles, return_inverse=True)
    mesh = _define_mesh(stage, _free_path(stage, target.path), compact.reshape(-1, 3))
    _copy_points(tetmesh, mesh, used, start)
    _copy_look(tetmesh, mesh.GetPrim(), used)
    UsdGeom.Imageable(tetmesh).CreatePurposeAttr(UsdGeom.Tokens.guide)
    return PointsTarget(str(mesh.GetPath()), target.rows[used])


def define_missing(stage: Usd.Stage, target: BodyTarget | PointsTarget) -> None:
    """Defines the prim of a target in a recording without source: an Xform, a Mesh or a Points prim."""
    if stage.GetPrimAtPath(target.path):
        return
    for parent in Sdf.Path(target.path).GetParentPath().GetPrefixes():
        if not stage.GetPrimAtPath(parent):
            UsdGeom.Xform.Define(stage, parent)
    if isinstance(target, BodyTarget):
        UsdGeom.Xform.Define(stage, target.path)
    elif target.triangles is not None:
        _define_mesh(stage, target.path, np.asarray(target.triangles))
    else:
        UsdGeom.Points.Define(stage, target.path)


def _define_mesh(stage: Usd.Stage, path: str, triangles: np.ndarray) -> UsdGeom.Mesh:
    mesh = UsdGeom.Mesh.Define(stage, path)
    mesh.CreateFaceVertexCountsAttr(Vt.IntArray.FromNumpy(np.full(len(triangles), 3, np.int32)))
    mesh.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(np.ascontiguousarray(triangles.ravel(), np.int32)))
    mesh.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    count = int(np.max(triangles, initial=-1)) + 1
    # A polygon mesh needs normals to be valid; being authored, they are then written with every frame.
    mesh.CreateNormalsAttr(Vt.Vec3fArray(count, Gf.Vec3f(0, 0, 1)))
    mesh.SetNormalsInterpolation(UsdGeom.Tokens.vertex)
    return mesh


def _copy_points(tetmesh: Usd.Prim, mesh: UsdGeom.Mesh, used: np.ndarray, start: float) -> None:
    """The surface as the source has it, for readers of the default time; in the parent's coordinates."""
    source = UsdGeom.PointBased(tetmesh).GetPointsAttr().Get(start)
    if source is None or len(source) <= used.max(initial=-1):
        return
    local = np.array(UsdGeom.Xformable(tetmesh).GetLocalTransformation(Usd.TimeCode(start)))
    points = np.array(source, float)[used] @ local[:3, :3] + local[3, :3]
    values = Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(points, np.float32))
    mesh.CreatePointsAttr(values)
    mesh.CreateExtentAttr(UsdGeom.PointBased.ComputeExtent(values))


def _free_path(stage: Usd.Stage, path: str) -> str:
    free, number = path, 1
    while stage.GetPrimAtPath(free):
        free, number = f"{path}{number}", number + 1
    return free


def _copy_look(source: Usd.Prim, mesh: Usd.Prim, used: np.ndarray) -> None:
    direct = UsdShade.MaterialBindingAPI(source).GetDirectBinding()
    if direct.GetMaterial():
        UsdShade.MaterialBindingAPI.Apply(mesh).Bind(direct.GetMaterial())
    color = UsdGeom.PrimvarsAPI(source).GetPrimvar("displayColor")
    values = color.ComputeFlattened() if color and color.HasAuthoredValue() else None
    if values is None or not len(values):
        return
    per_point = color.GetInterpolation() in (UsdGeom.Tokens.vertex, UsdGeom.Tokens.varying)
    if per_point and len(values) > used.max():
        values = Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(np.array(values)[used], np.float32))
    elif color.GetInterpolation() != UsdGeom.Tokens.constant:
        return
    api = UsdGeom.PrimvarsAPI(mesh)
    api.CreatePrimvar("displayColor", Sdf.ValueTypeNames.Color3fArray, color.GetInterpolation()).Set(values)

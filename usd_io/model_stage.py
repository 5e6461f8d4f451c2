"""A USD stage of what a `sim.Model` holds, for models that were built in Python and have no scene file.

/root                      Xform, default prim
/root/body_<i>             Xform that a recording moves; its shapes are gprims below it
/root/shape_<i>            static shapes; the ground plane is /root/ground
/root/cloth_<i>, soft_<i>  Meshes: one for each `ParticleRange` that has triangles or tetrahedra
/root/particles            Points: particles that no mesh shows
/root/springs              linear BasisCurves
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from pxr import Gf, Sdf, Usd, UsdGeom, Vt

from sim import Model
from sim.builder.soft import surface_triangles
from sim.geometry.shape_types import (
    GEO_BOX,
    GEO_CAPSULE,
    GEO_CONE,
    GEO_CYLINDER,
    GEO_ELLIPSOID,
    GEO_MESH,
    GEO_PLANE,
    GEO_SPHERE,
)
from usd_io.recorder.targets import BodyTarget, PointsTarget, Target
from usd_io.xml.ellipsoid import SEEN, ellipsoid_mesh

ROOT = "/root"
GROUND_SIZE = 20.0
"""Half width of the drawn part of an unbounded plane [m]."""

# Blue, orange, green, red, violet, brown, pink, olive: neighbours differ in hue and in lightness.
PALETTE = np.array(
    [[0.27, 0.45, 0.70], [0.90, 0.57, 0.24], [0.42, 0.66, 0.42], [0.80, 0.34, 0.34],
     [0.55, 0.45, 0.70], [0.60, 0.46, 0.38], [0.84, 0.55, 0.73], [0.65, 0.66, 0.30]]
)  # fmt: skip
GROUND_COLOR = np.array([0.42, 0.44, 0.47])


@dataclass
class ModelStage:
    """A stage under construction, and what a recording of the model moves on it."""

    stage: Usd.Stage
    unit: float
    """Metres of one unit."""
    targets: list[Target] = field(default_factory=list)


def author_model(
    model: Model, *, meters_per_unit: float = 1.0, up_axis: str | None = None, springs: bool = False
) -> ModelStage:
    """Authors the initial state of a model.

    Args:
        model: What to show.
        meters_per_unit: Length unit of the stage [m].
        up_axis: "Y" or "Z"; None takes the model's.
        springs: Whether to draw springs as lines.

    Returns:
        The stage (in memory) with the targets for a `UsdRecorder`.
    """
    stage = Usd.Stage.CreateInMemory()
    UsdGeom.SetStageMetersPerUnit(stage, meters_per_unit)
    UsdGeom.SetStageUpAxis(stage, up_axis or "XYZ"[model.up_axis])
    stage.SetDefaultPrim(UsdGeom.Xform.Define(stage, ROOT).GetPrim())
    out = ModelStage(stage, meters_per_unit)
    bodies = _author_bodies(out, model)
    _author_shapes(out, model, bodies)
    drawn = _author_surfaces(out, model)
    _author_particles(out, model, drawn)
    if springs and model.spring_count:
        _author_springs(out, model)
    return out


def prim_name(text: str) -> str:
    """`text` as the name of a prim: other characters than letters, digits and underscores become underscores."""
    name = re.sub(r"\W", "_", text, flags=re.ASCII) or "_"
    return f"_{name}" if name[0].isdigit() else name


# bodies and shapes -------------------------------------------------------------------------------------------------
def _author_bodies(out: ModelStage, model: Model) -> list[str]:
    """Xforms of the bodies at their initial poses; returns their paths."""
    poses = model.body_q.numpy().reshape(-1, 7) if model.body_count else np.zeros((0, 7))
    paths = []
    for i, pose in enumerate(poses):
        name = model.body_name[i] or ""
        path = f"{ROOT}/body_{i}" + (f"_{prim_name(name)}" if name and name != f"body_{i}" else "")
        _place(UsdGeom.Xform.Define(out.stage, path), pose, out.unit)
        out.targets.append(BodyTarget(path, i, np.eye(3)))
        paths.append(path)
    return paths


def _author_shapes(out: ModelStage, model: Model, bodies: list[str]) -> None:
    if not model.shape_count:
        return
    geo = model.shape_geo
    kinds, scales = geo.type.numpy(), geo.scale.numpy().reshape(-1, 3).astype(float)
    owners, poses = model.shape_body.numpy(), model.shape_transform.numpy().reshape(-1, 7)
    visible = np.asarray(model.shape_visible.numpy() if hasattr(model.shape_visible, "numpy") else model.shape_visible)
    for s in range(model.shape_count):
        is_ground = s == model.ground_shape
        if (is_ground and not model.ground) or not visible[s]:
            continue
        define = _SHAPES.get(int(kinds[s]))
        if define is None:
            continue
        parent = bodies[owners[s]] if owners[s] >= 0 else ROOT
        path = f"{ROOT}/ground" if is_ground else f"{parent}/shape_{s}"
        prim = define(out, path, scales[s], model.shape_geo_src[s])
        _place(prim, poses[s], out.unit)
        _color(prim, GROUND_COLOR if is_ground or kinds[s] == GEO_PLANE else PALETTE[max(owners[s], 0) % len(PALETTE)])


def _sphere(out: ModelStage, path: str, scale, _source) -> UsdGeom.Gprim:
    prim = UsdGeom.Sphere.Define(out.stage, path)
    prim.CreateRadiusAttr(scale[0] / out.unit)
    return prim


def _box(out: ModelStage, path: str, scale, _source) -> UsdGeom.Gprim:
    x, y, z = scale / out.unit
    corners = [(i, j, k) for k in (-z, z) for j in (-y, y) for i in (-x, x)]
    faces = [[0, 2, 3, 1], [4, 5, 7, 6], [0, 1, 5, 4], [2, 6, 7, 3], [0, 4, 6, 2], [1, 3, 7, 5]]
    return _mesh(out, path, np.array(corners), np.array(faces))


def _ellipsoid(out: ModelStage, path: str, scale, _source) -> UsdGeom.Gprim:
    shape = ellipsoid_mesh(scale / out.unit, *SEEN)
    return _mesh(out, path, shape.points, shape.triangles)


def _along_y(schema: type) -> Callable:
    def define(out: ModelStage, path: str, scale, _source) -> UsdGeom.Gprim:
        prim = schema.Define(out.stage, path)
        prim.CreateRadiusAttr(scale[0] / out.unit)
        prim.CreateHeightAttr(2.0 * scale[1] / out.unit)
        prim.CreateAxisAttr(UsdGeom.Tokens.y)
        return prim

    return define


def _plane(out: ModelStage, path: str, scale, _source) -> UsdGeom.Gprim:
    x, z = (0.5 * scale[:2] if scale[0] > 0.0 and scale[1] > 0.0 else np.full(2, GROUND_SIZE)) / out.unit
    corners = np.array([[-x, 0, -z], [-x, 0, z], [x, 0, z], [x, 0, -z]])
    return _mesh(out, path, corners, np.array([[0, 1, 2, 3]]))


def _triangles(out: ModelStage, path: str, scale, source) -> UsdGeom.Gprim:
    return _mesh(out, path, source.vertices * scale / out.unit, source.indices.reshape(-1, 3))


_SHAPES: dict[int, Callable] = {
    GEO_SPHERE: _sphere,
    GEO_BOX: _box,
    GEO_CAPSULE: _along_y(UsdGeom.Capsule),
    GEO_CYLINDER: _along_y(UsdGeom.Cylinder),
    GEO_CONE: _along_y(UsdGeom.Cone),
    GEO_PLANE: _plane,
    GEO_MESH: _triangles,
    GEO_ELLIPSOID: _ellipsoid,
}


# particles ---------------------------------------------------------------------------------------------------------
def _author_surfaces(out: ModelStage, model: Model) -> np.ndarray:
    """Meshes of cloth and soft bodies; returns which particles they show."""
    drawn = np.zeros(model.particle_count, bool)
    if not model.particle_count:
        return drawn
    faces = [model.tri_indices.numpy().reshape(-1, 3)] if model.tri_count else []
    if model.tet_count:
        tets = model.tet_indices.numpy().reshape(-1, 4)
        drawn[tets.ravel()] = True  # those inside are hidden by the surface
        boundary = surface_triangles(tets)
        faces = [np.concatenate([boundary, *_without(faces, boundary)])]
    if not faces:
        return drawn
    for name, triangles in _by_range(model, faces[0]):
        used, compact = np.unique(triangles, return_inverse=True)
        path = f"{ROOT}/{name}"
        points = model.particle_q.numpy().reshape(-1, 3)[used] / out.unit
        mesh = _mesh(out, path, points, compact.reshape(-1, 3))
        mesh.GetNormalsAttr().Set(Vt.Vec3fArray(len(used), Gf.Vec3f(0, 0, 1)))  # written anew with every frame
        mesh.SetNormalsInterpolation(UsdGeom.Tokens.vertex)
        mesh.CreateDoubleSidedAttr(True)
        _color(mesh, PALETTE[len(out.targets) % len(PALETTE)])
        out.targets.append(PointsTarget(path, used))
        drawn[used] = True
    return drawn


def _without(faces: list[np.ndarray], boundary: np.ndarray) -> list[np.ndarray]:
    """Triangles that are not also faces of the boundary: soft bodies may carry theirs as membrane elements."""
    known = {tuple(row) for row in np.sort(boundary, axis=1).tolist()}
    kept = [rows[[tuple(row) not in known for row in np.sort(rows, axis=1).tolist()]] for rows in faces]
    return [rows for rows in kept if len(rows)]


def _by_range(model: Model, triangles: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Triangles of each particle range, with a name for its mesh; what belongs to none comes last."""
    out, left = [], np.ones(len(triangles), bool)
    for k, each in enumerate(model.particle_ranges):
        inside = ((triangles >= each.start) & (triangles < each.start + each.count)).all(axis=1) & left
        if inside.any():
            given = prim_name(each.name.rsplit("/", 1)[-1]) if each.name else ""
            out.append((f"{each.kind}_{k}" + (f"_{given}" if given else ""), triangles[inside]))
            left &= ~inside
    if left.any():
        out.append(("surface", triangles[left]))
    return out


def _author_particles(out: ModelStage, model: Model, drawn: np.ndarray) -> None:
    loose = np.flatnonzero(~drawn)
    if not len(loose):
        return
    path = f"{ROOT}/particles"
    radius = np.maximum(model.particle_radius.numpy()[loose], 1e-4)
    points = UsdGeom.Points.Define(out.stage, path)
    at_rest = model.particle_q.numpy().reshape(-1, 3)[loose] / out.unit
    points.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(at_rest.astype(np.float32)))
    points.CreateWidthsAttr(Vt.FloatArray.FromNumpy((2.0 * radius / out.unit).astype(np.float32)))
    points.SetWidthsInterpolation(UsdGeom.Tokens.vertex)
    _color(points, PALETTE[0])
    out.targets.append(PointsTarget(path, loose, widths=2.0 * radius))


def _author_springs(out: ModelStage, model: Model) -> None:
    ends = model.spring_indices.numpy().reshape(-1)
    width = 0.1 * float(np.median(model.spring_rest_length.numpy()))
    curves = UsdGeom.BasisCurves.Define(out.stage, f"{ROOT}/springs")
    curves.CreateTypeAttr(UsdGeom.Tokens.linear)
    curves.CreateCurveVertexCountsAttr(Vt.IntArray.FromNumpy(np.full(len(ends) // 2, 2, np.int32)))
    at_rest = model.particle_q.numpy().reshape(-1, 3)[ends] / out.unit
    curves.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(at_rest.astype(np.float32)))
    curves.CreateWidthsAttr(Vt.FloatArray([max(width, 1e-4) / out.unit]))
    curves.SetWidthsInterpolation(UsdGeom.Tokens.constant)
    _color(curves, PALETTE[5])
    out.targets.append(PointsTarget(f"{ROOT}/springs", ends, widths=np.array([max(width, 1e-4)])))


# pieces ------------------------------------------------------------------------------------------------------------
def _mesh(out: ModelStage, path: str, points: np.ndarray, faces: np.ndarray) -> UsdGeom.Mesh:
    mesh = UsdGeom.Mesh.Define(out.stage, path)
    values = Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(points, np.float32))
    mesh.CreatePointsAttr(values)
    mesh.CreateFaceVertexCountsAttr(Vt.IntArray.FromNumpy(np.full(len(faces), faces.shape[1], np.int32)))
    mesh.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(np.ascontiguousarray(faces.ravel(), np.int32)))
    mesh.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    mesh.CreateExtentAttr(UsdGeom.PointBased.ComputeExtent(values))
    mesh.CreateNormalsAttr(Vt.Vec3fArray.FromNumpy(_face_normals(points, faces)))
    mesh.SetNormalsInterpolation(UsdGeom.Tokens.uniform)
    return mesh


def _face_normals(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Unit normals of flat faces, shape [face_count, 3]; +y where a face has no area."""
    a, b, c = (points[faces[:, k]] for k in range(3))
    normals = np.cross(b - a, c - a)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.where(length > 0.0, normals / np.where(length > 0.0, length, 1.0), (0.0, 1.0, 0.0)).astype(np.float32)


def _place(prim: UsdGeom.Xformable, pose: np.ndarray, unit: float) -> None:
    x, y, z, w = (float(v) for v in pose[3:])
    prim.AddTranslateOp().Set(Gf.Vec3d(*(float(v) / unit for v in pose[:3])))
    prim.AddOrientOp().Set(Gf.Quatf(w, x, y, z))


def _color(prim: UsdGeom.Gprim, color: np.ndarray) -> None:
    prim.CreateDisplayColorAttr(Vt.Vec3fArray([Gf.Vec3f(*map(float, color))]))
    extent = UsdGeom.Boundable.ComputeExtentFromPlugins(prim, Usd.TimeCode.Default())
    if extent:
        prim.CreateExtentAttr(extent)


def write_stage(stage: Usd.Stage, path: str) -> None:
    """Writes an in-memory stage to a file."""
    layer = Sdf.Layer.CreateNew(path)
    layer.TransferContent(stage.GetRootLayer())
    layer.Save()

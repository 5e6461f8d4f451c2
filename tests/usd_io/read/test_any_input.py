"""Whatever a file says: a record of finite values or a SceneError, never another exception."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pxr import Gf, Sdf, Usd, UsdGeom, UsdPhysics, Vt

from usd_io import SceneError, SceneRecord
from usd_io.read import read_stage

number = st.one_of(
    st.floats(-1e3, 1e3, width=32),
    st.sampled_from([0.0, -0.0, 1.0, -1.0, 1e-30, 1e30, 3e38, math.nan, math.inf, -math.inf]),
)
mostly_fine = st.one_of(st.floats(0.125, 8.0, width=32), number)
triple = st.tuples(number, number, number)
fine_triple = st.tuples(mostly_fine, mostly_fine, mostly_fine)
quick = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def assert_finite(value, where="scene"):
    if dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            assert_finite(getattr(value, field.name), f"{where}.{field.name}")
    elif isinstance(value, (list, tuple)):
        for item in value:
            assert_finite(item, where)
    elif isinstance(value, dict):
        assert_finite(list(value.values()), where)
    elif isinstance(value, np.ndarray) and np.issubdtype(value.dtype, np.floating):
        assert np.isfinite(value).all(), where
    elif isinstance(value, float):
        assert math.isfinite(value), where


def read_or_refuse(stage: Usd.Stage) -> SceneRecord | None:
    try:
        scene = read_stage(stage, source="generated", allow_empty=True)
    except SceneError as error:
        assert "generated" in str(error)
        return None
    assert_finite(scene)
    for body in scene.bodies:
        assert math.isclose(np.linalg.norm(body.X_wb[3:]), 1.0, rel_tol=1e-6)
        assert body.kinematic or (body.mass > 0 and np.linalg.eigvalsh(body.inertia).min() > 0)
    return scene


def set_all(prim: Usd.Prim, values: dict) -> None:
    for name, (kind, value) in values.items():
        prim.CreateAttribute(name, kind).Set(value)


OPS = {
    UsdGeom.XformOp.TypeTranslate: lambda v: Gf.Vec3d(*v),
    UsdGeom.XformOp.TypeScale: lambda v: Gf.Vec3d(*v),
    UsdGeom.XformOp.TypeRotateXYZ: lambda v: Gf.Vec3d(*v),
    UsdGeom.XformOp.TypeOrient: lambda v: Gf.Quatd(v[0], Gf.Vec3d(v[1], v[2], 0.5)),
}


@given(
    stack=st.lists(st.tuples(st.sampled_from(list(OPS)), fine_triple), max_size=3, unique_by=lambda t: t[0]),
    below=st.lists(st.tuples(st.sampled_from(list(OPS)), fine_triple), max_size=3, unique_by=lambda t: t[0]),
    kind=st.sampled_from(["Sphere", "Cube", "Capsule", "Cone", "Cylinder", "Plane", "Capsule_1", "Cylinder_1"]),
    resets=st.booleans(),
    size=mostly_fine,
    velocity=triple,
    meters=st.sampled_from([1.0, 0.01, 1e-6, 1000.0]),
)
@quick
def test_any_transforms(stack, below, kind, resets, size, velocity, meters):
    stage = Usd.Stage.CreateInMemory()
    UsdGeom.SetStageMetersPerUnit(stage, meters)
    parent = UsdGeom.Xform.Define(stage, "/P")
    prim = stage.DefinePrim("/P/B", kind)
    for xformable, ops in ((parent, stack), (UsdGeom.Xformable(prim), below)):
        for op, value in ops:
            xformable.AddXformOp(op, UsdGeom.XformOp.PrecisionDouble).Set(OPS[op](value))
    UsdGeom.Xformable(prim).SetResetXformStack(resets)
    UsdPhysics.RigidBodyAPI.Apply(prim).CreateVelocityAttr(Gf.Vec3f(*velocity))
    UsdPhysics.CollisionAPI.Apply(prim)
    for name in ("radius", "height", "size", "radiusTop", "radiusBottom"):
        if prim.HasAttribute(name):
            prim.GetAttribute(name).Set(size)
    read_or_refuse(stage)


@given(mass=number, density=number, com=triple, inertia=triple, axes=st.tuples(number, number, number, number))
@quick
def test_any_mass(mass, density, com, inertia, axes):
    stage = Usd.Stage.CreateInMemory()
    prim = UsdGeom.Cube.Define(stage, "/B").GetPrim()
    UsdPhysics.RigidBodyAPI.Apply(prim)
    UsdPhysics.CollisionAPI.Apply(prim)
    api = UsdPhysics.MassAPI.Apply(prim)
    api.CreateMassAttr(mass)
    api.CreateDensityAttr(density)
    api.CreateCenterOfMassAttr(Gf.Vec3f(*com))
    api.CreateDiagonalInertiaAttr(Gf.Vec3f(*inertia))
    api.CreatePrincipalAxesAttr(Gf.Quatf(*axes))
    read_or_refuse(stage)


@given(direction=triple, magnitude=number, meters=number, kilograms=number, substeps=st.integers(-2, 100))
@quick
def test_any_scene_settings(direction, magnitude, meters, kilograms, substeps):
    stage = Usd.Stage.CreateInMemory()
    stage.SetMetadata("metersPerUnit", float(meters))
    stage.SetMetadata("kilogramsPerUnit", float(kilograms))
    scene = UsdPhysics.Scene.Define(stage, "/S")
    scene.CreateGravityDirectionAttr(Gf.Vec3f(*direction))
    scene.CreateGravityMagnitudeAttr(magnitude)
    scene.GetPrim().CreateAttribute("simrun:substeps", Sdf.ValueTypeNames.Int).Set(substeps)
    prim = UsdGeom.Sphere.Define(stage, "/B").GetPrim()
    UsdPhysics.RigidBodyAPI.Apply(prim)
    UsdPhysics.CollisionAPI.Apply(prim)
    read_or_refuse(stage)


@given(
    points=st.lists(st.one_of(st.tuples(*[st.integers(-3, 3)] * 3), triple), max_size=8),
    faces=st.lists(st.lists(st.integers(-1, 8), max_size=6), max_size=8),
    approximation=st.sampled_from(["none", "convexHull", "boundingCube", "boundingSphere", "sdf", "x"]),
    cloth=st.booleans(),
    holes=st.lists(st.integers(-1, 3), max_size=2),
    masses=st.lists(number, max_size=8),
)
@quick
def test_any_mesh(points, faces, approximation, cloth, holes, masses):
    stage = Usd.Stage.CreateInMemory()
    mesh = UsdGeom.Mesh.Define(stage, "/M")
    mesh.CreatePointsAttr(Vt.Vec3fArray([Gf.Vec3f(*p) for p in points]))
    mesh.CreateFaceVertexCountsAttr(Vt.IntArray([len(f) for f in faces]))
    mesh.CreateFaceVertexIndicesAttr(Vt.IntArray([i for f in faces for i in f]))
    mesh.CreateHoleIndicesAttr(Vt.IntArray(holes))
    prim = mesh.GetPrim()
    if cloth:
        prim.SetMetadata(
            "apiSchemas", Sdf.TokenListOp.CreateExplicit(["PhysicsDeformableBodyAPI", "PhysicsSurfaceDeformableSimAPI"])
        )
        set_all(prim, {"physics:masses": (Sdf.ValueTypeNames.FloatArray, Vt.FloatArray(masses))})
    else:
        UsdPhysics.RigidBodyAPI.Apply(prim)
        UsdPhysics.CollisionAPI.Apply(prim)
        UsdPhysics.MeshCollisionAPI.Apply(prim).CreateApproximationAttr(approximation)
    read_or_refuse(stage)


@given(
    points=st.lists(st.one_of(st.tuples(*[st.integers(-2, 2)] * 3), triple), max_size=8),
    tets=st.lists(st.tuples(*[st.integers(-1, 8)] * 4), max_size=5),
    kind=st.sampled_from(["TetMesh", "BasisCurves", "Points"]),
    counts=st.lists(st.integers(-1, 5), max_size=3),
    widths=st.lists(number, max_size=8),
    rest=st.lists(triple, max_size=8),
)
@quick
def test_any_deformable(points, tets, kind, counts, widths, rest):
    stage = Usd.Stage.CreateInMemory()
    prim = stage.DefinePrim("/D", kind)
    prim.SetMetadata("apiSchemas", Sdf.TokenListOp.CreateExplicit(["PhysicsDeformableBodyAPI"]))
    kinds = Sdf.ValueTypeNames
    vectors = Vt.Vec3fArray([Gf.Vec3f(*p) for p in points])
    set_all(
        prim,
        {
            "points": (kinds.Point3fArray, vectors),
            "tetVertexIndices": (kinds.Int4Array, Vt.Vec4iArray([Gf.Vec4i(*t) for t in tets])),
            "curveVertexCounts": (kinds.IntArray, Vt.IntArray(counts)),
            "widths": (kinds.FloatArray, Vt.FloatArray(widths)),
            "physics:restShapePoints": (kinds.Point3fArray, Vt.Vec3fArray([Gf.Vec3f(*p) for p in rest])),
        },
    )
    read_or_refuse(stage)


VALUES = st.one_of(number, st.text(max_size=3), st.booleans(), triple)


@given(
    name=st.sampled_from(["physics:velocity", "physics:mass", "physics:kinematicEnabled", "simrun:ke", "radius"]),
    value=VALUES,
)
@quick
def test_any_attribute_type(name, value):
    layer = Sdf.Layer.CreateAnonymous(".usda")
    spec = Sdf.PrimSpec(layer, "B", Sdf.SpecifierDef, "Sphere")
    spec.SetInfo(
        "apiSchemas", Sdf.TokenListOp.CreateExplicit(["PhysicsRigidBodyAPI", "PhysicsCollisionAPI", "PhysicsMassAPI"])
    )
    kinds = Sdf.ValueTypeNames
    kind = {float: kinds.Double, str: kinds.String, bool: kinds.Bool, tuple: kinds.Double3}[type(value)]
    attribute = Sdf.AttributeSpec(spec, name, kind)
    attribute.default = Gf.Vec3d(*value) if isinstance(value, tuple) else value
    read_or_refuse(Usd.Stage.Open(layer))

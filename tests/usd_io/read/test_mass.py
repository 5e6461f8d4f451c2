"""Mass properties follow UsdPhysics precedence; USD's own computation is the oracle."""

from __future__ import annotations

import numpy as np
import pytest
from pxr import Gf, Usd, UsdPhysics
from scipy.spatial.transform import Rotation

from usd_io import SceneError
from usd_io.read.shape_mass import closed_mesh_mass, unit_density_mass
from usd_io.shape_records import Box, Capsule, Cone, Cylinder, MeshShape, Sphere

TWO = """
def Xform "B" (prepend apiSchemas = [{body}"PhysicsRigidBodyAPI"]) {{
    {body_values}
    def Cube "One" (prepend apiSchemas = [{one}"PhysicsCollisionAPI"]) {{
        {one_values}
        double size = 1
        double3 xformOp:translate = (2, 0, 0)
        float xformOp:rotateZ = 30
        uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateZ"]
    }}
    def Sphere "Two" (prepend apiSchemas = ["PhysicsCollisionAPI", "MaterialBindingAPI"]) {{
        rel material:binding:physics = </M>
        double radius = 0.5
        double3 xformOp:translate = (0, 1, 0)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }}
}}
def Material "M" (prepend apiSchemas = ["PhysicsMaterialAPI"]) {{ float physics:density = 50 }}
"""
MASS = '"PhysicsMassAPI", '
CASES = {
    "materials and the default density": ("", "", "", ""),
    "body mass": (MASS, "float physics:mass = 7", "", ""),
    "body density beats material density": (MASS, "float physics:density = 20", "", ""),
    "collider density beats body density": (MASS, "float physics:density = 20", MASS, "float physics:density = 30"),
    "collider mass": ("", "", MASS, "float physics:mass = 3"),
    "body mass beats collider mass": (MASS, "float physics:mass = 7", MASS, "float physics:mass = 3"),
    "body inertia": (
        MASS,
        "float physics:mass = 7\n float3 physics:diagonalInertia = (1, 2, 3)\n"
        "quatf physics:principalAxes = (0.8, 0.6, 0, 0)",
        "",
        "",
    ),
    "body centre of mass": (MASS, "float physics:mass = 7\n point3f physics:centerOfMass = (0.3, 0.2, 0.1)", "", ""),
}


def usd_mass(path: str, shapes: dict) -> tuple:
    """(mass, inertia 3x3, com) by UsdPhysicsRigidBodyAPI::ComputeMassProperties."""
    stage = Usd.Stage.Open(path)

    def info(prim):
        collider = shapes[prim.GetPath().pathString]
        unit = unit_density_mass(collider.shape)
        result = UsdPhysics.RigidBodyAPI.MassInformation()
        result.volume = unit.mass
        result.inertia = Gf.Matrix3f(*[float(x) for x in unit.inertia.ravel()])
        result.centerOfMass = Gf.Vec3f(*[float(x) for x in unit.com])
        result.localPos = Gf.Vec3f(*[float(x) for x in collider.X_bs[:3]])
        x, y, z, w = (float(v) for v in collider.X_bs[3:])
        result.localRot = Gf.Quatf(w, x, y, z)
        return result

    mass, inertia, com, axes = UsdPhysics.RigidBodyAPI(stage.GetPrimAtPath("/B")).ComputeMassProperties(info)
    Q = Rotation.from_quat([*axes.GetImaginary(), axes.GetReal()]).as_matrix()
    return mass, Q @ np.diag(np.array(inertia)) @ Q.T, np.array(com)


@pytest.mark.parametrize("case", CASES, ids=CASES.keys())
def test_precedence_agrees_with_usd(read_text, case):
    body, body_values, one, one_values = CASES[case]
    scene = read_text(TWO.format(body=body, body_values=body_values, one=one, one_values=one_values))
    record = scene.bodies[0]
    mass, inertia, com = usd_mass(scene.source_path, {c.path: c for c in scene.colliders})
    assert record.mass == pytest.approx(mass, rel=1e-5)
    np.testing.assert_allclose(record.com, com, atol=1e-5)
    np.testing.assert_allclose(record.inertia, inertia, rtol=1e-4, atol=1e-4 * np.abs(inertia).max())


def test_units_of_mass_and_length(read_text):
    scene = read_text(
        """def Sphere "B" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsCollisionAPI", "PhysicsMassAPI"]) {
    double radius = 10
    float physics:density = 2
    point3f physics:centerOfMass = (5, 0, 0)
    float3 physics:diagonalInertia = (100, 100, 100)
}""",
        meters=0.01,
        more="kilogramsPerUnit = 0.001",
    )
    body = scene.bodies[0]
    assert body.mass == pytest.approx(2000.0 * 4 / 3 * np.pi * 0.1**3, rel=1e-6)  # 2 g/cm^3
    np.testing.assert_allclose(body.com, [0.05, 0.0, 0.0], rtol=1e-6)
    np.testing.assert_allclose(body.inertia, np.eye(3) * 100 * 1e-3 * 1e-4, rtol=1e-6)


@pytest.mark.parametrize(
    "value",
    [
        "float physics:mass = -1",
        "float physics:density = -5",
        "float physics:mass = nan",
        "float physics:mass = inf",
        "float3 physics:diagonalInertia = (-1, 1, 1)",
        "point3f physics:centerOfMass = (nan, 0, 0)",
    ],
)
def test_impossible_mass_is_refused_with_its_prim(read_text, value):
    with pytest.raises(SceneError, match="</B>"):
        read_text(
            'def Sphere "B" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsCollisionAPI", "PhysicsMassAPI"])'
            f"{{ {value} }}"
        )


SHAPES = [Sphere(0.7), Box((0.2, 0.5, 1.0)), Capsule(0.4, 0.9, "X"), Cylinder(0.5, 0.8, "Y"), Cone(0.6, 1.1, "Z")]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: type(s).__name__)
def test_analytic_mass_agrees_with_random_sampling(shape):
    rng = np.random.default_rng(0)
    points = rng.uniform(-2.0, 2.0, size=(400_000, 3))
    inside = points[_contains(shape, points)]
    volume = 64.0 * len(inside) / len(points)
    unit = unit_density_mass(shape)
    assert unit.mass == pytest.approx(volume, rel=0.03)
    np.testing.assert_allclose(unit.com, inside.mean(axis=0), atol=0.02)
    centred = inside - inside.mean(axis=0)
    second = centred.T @ centred / len(inside) * volume
    np.testing.assert_allclose(unit.inertia, np.trace(second) * np.eye(3) - second, atol=0.05 * unit.inertia.max())


def _contains(shape, points):
    if isinstance(shape, Box):
        return (np.abs(points) <= shape.half_extents).all(axis=1)
    if isinstance(shape, Sphere):
        return np.linalg.norm(points, axis=1) <= shape.radius
    axis = "XYZ".index(shape.axis)
    z = points[:, axis]
    r = np.linalg.norm(np.delete(points, axis, axis=1), axis=1)
    if isinstance(shape, Capsule):
        return np.hypot(r, np.maximum(np.abs(z) - shape.half_height, 0.0)) <= shape.radius
    limit = (
        shape.radius
        if isinstance(shape, Cylinder)
        else shape.radius * (shape.half_height - z) / (2 * shape.half_height)
    )
    return (np.abs(z) <= shape.half_height) & (r <= limit)


def test_box_as_mesh_has_the_mass_of_the_box():
    from usd_io.read.tessellation import box_mesh

    half = np.array([0.2, 0.5, 1.0])
    points, triangles = box_mesh(half)
    mesh, box = closed_mesh_mass(points + 3.0, triangles), unit_density_mass(Box(tuple(half)))
    assert mesh.mass == pytest.approx(box.mass)
    np.testing.assert_allclose(mesh.com, [3.0, 3.0, 3.0])
    np.testing.assert_allclose(mesh.inertia, box.inertia, atol=1e-9)


def test_open_mesh_weighs_what_its_hull_or_box_does():
    quad = MeshShape(
        np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32), np.array([[0, 1, 2], [0, 2, 3]])
    )
    unit = unit_density_mass(quad)
    assert unit.mass > 0.0 and np.linalg.eigvalsh(unit.inertia).min() > 0.0

"""Rigid body frames, velocities and states come out in SI units and world axes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from usd_io import SceneError, read_usd

BODY = 'prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsCollisionAPI"]'


def test_frame_under_scaled_and_rotated_parents(read_text):
    scene = read_text(
        f"""
def Xform "P" {{
    double3 xformOp:translate = (100, 0, 0)
    float xformOp:rotateZ = 90
    float3 xformOp:scale = (2, 2, 2)
    uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateZ", "xformOp:scale"]
    def Cube "B" ({BODY}) {{
        double size = 10
        double3 xformOp:translate = (50, 0, 0)
        float xformOp:rotateX = 30
        float3 xformOp:scale = (1, 3, 1)
        uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateX", "xformOp:scale"]
    }}
}}""",
        meters=0.01,
        up="Z",
    )
    body, collider = scene.bodies[0], scene.colliders[0]
    np.testing.assert_allclose(body.X_wb[:3], [1.0, 1.0, 0.0], atol=1e-9)
    expected = Rotation.from_euler("z", 90, degrees=True) * Rotation.from_euler("x", 30, degrees=True)
    assert (expected.inv() * Rotation.from_quat(body.X_wb[3:])).magnitude() < 1e-6
    np.testing.assert_allclose(body.stretch, np.diag([2.0, 6.0, 2.0]), atol=1e-6)
    np.testing.assert_allclose(collider.shape.half_extents, [0.1, 0.3, 0.1], rtol=1e-6)
    np.testing.assert_allclose(collider.X_bs, [0, 0, 0, 0, 0, 0, 1], atol=1e-7)
    assert body.mass == pytest.approx(1000.0 * 0.2 * 0.6 * 0.2, rel=1e-5)
    assert scene.gravity == pytest.approx([0.0, 0.0, -9.80665])


def test_stretch_and_frame_rebuild_the_authored_matrix(read_text):
    from pxr import Usd, UsdGeom

    scene = read_text(
        f"""
def Xform "P" {{
    float3 xformOp:scale = (1, 2, 3)
    uniform token[] xformOpOrder = ["xformOp:scale"]
    def Cube "B" ({BODY}) {{
        float xformOp:rotateZ = 25
        float3 xformOp:scale = (1, -1, 1)
        uniform token[] xformOpOrder = ["xformOp:rotateZ", "xformOp:scale"]
    }}
}}"""
    )
    body = scene.bodies[0]
    stage = Usd.Stage.Open(scene.source_path)
    world = np.array(UsdGeom.XformCache().GetLocalToWorldTransform(stage.GetPrimAtPath("/P/B"))).T
    R = Rotation.from_quat(body.X_wb[3:]).as_matrix()
    np.testing.assert_allclose(R @ body.stretch, world[:3, :3], atol=1e-9)


def test_velocities_are_in_the_parents_space_and_degrees(read_text):
    scene = read_text(
        f"""
def Xform "P" {{
    float xformOp:rotateZ = 90
    uniform token[] xformOpOrder = ["xformOp:rotateZ"]
    def Sphere "B" ({BODY}) {{
        vector3f physics:velocity = (200, 0, 0)
        vector3f physics:angularVelocity = (180, 0, 0)
        float xformOp:rotateY = 45
        uniform token[] xformOpOrder = ["xformOp:rotateY"]
    }}
}}""",
        meters=0.01,
    )
    np.testing.assert_allclose(scene.bodies[0].linear_velocity, [0.0, 2.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(scene.bodies[0].angular_velocity, [0.0, np.pi, 0.0], atol=1e-6)


def test_disabled_body_makes_its_colliders_static(read_text):
    scene = read_text(
        f"""
def Sphere "Off" ({BODY}) {{ bool physics:rigidBodyEnabled = 0 }}
def Sphere "On" ({BODY}) {{ bool physics:kinematicEnabled = 1 }}
def Sphere "Free" ({BODY}) {{}}"""
    )
    assert [(b.path, b.kinematic) for b in scene.bodies] == [("/On", True), ("/Free", False)]
    assert {c.path: c.body_path for c in scene.colliders} == {"/Off": None, "/On": "/On", "/Free": "/Free"}


def test_collider_belongs_to_nearest_body_and_not_beyond_a_reset(read_text):
    scene = read_text(
        """
def Xform "A" (prepend apiSchemas = ["PhysicsRigidBodyAPI"]) {
    double3 xformOp:translate = (0, 5, 0)
    uniform token[] xformOpOrder = ["xformOp:translate"]
    def Sphere "Mine" (prepend apiSchemas = ["PhysicsCollisionAPI"]) {}
    def Sphere "Apart" (prepend apiSchemas = ["PhysicsCollisionAPI"]) {
        double3 xformOp:translate = (1, 0, 0)
        uniform token[] xformOpOrder = ["!resetXformStack!", "xformOp:translate"]
    }
    def Sphere "Nested" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsCollisionAPI"]) {}
}"""
    )
    owners = {c.path: c.body_path for c in scene.colliders}
    assert owners == {"/A/Mine": "/A", "/A/Apart": None, "/A/Nested": "/A/Nested"}
    apart = next(c for c in scene.colliders if c.path == "/A/Apart")
    np.testing.assert_allclose(apart.X_bs[:3], [1.0, 0.0, 0.0])
    assert any(w.path == "/A/Nested" and "inside the body /A" in w.message for w in scene.warnings)


@pytest.mark.parametrize("scale", ["(0, 1, 1)", "(0, 0, 0)", "(nan, 1, 1)", "(inf, 1, 1)"])
def test_unusable_scale_is_refused_with_its_prim(read_text, scale):
    with pytest.raises(SceneError, match="</B>"):
        read_text(
            f"""def Sphere "B" ({BODY}) {{
    double3 xformOp:scale = {scale}
    uniform token[] xformOpOrder = ["xformOp:scale"]
}}"""
        )


def test_instanced_bodies_know_what_to_make_uninstanceable(read_text):
    scene = read_text(
        """
class Xform "Proto" { def Sphere "Ball" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsCollisionAPI"]) {} }
def Xform "One" (instanceable = true
    prepend inherits = </Proto>) {}
def Xform "Two" (instanceable = true
    prepend inherits = </Proto>) {
    double3 xformOp:translate = (0, 7, 0)
    uniform token[] xformOpOrder = ["xformOp:translate"]
}"""
    )
    assert [(b.path, b.instance_roots) for b in scene.bodies] == [
        ("/One/Ball", ("/One",)),
        ("/Two/Ball", ("/Two",)),
    ]
    assert scene.bodies[1].X_wb[1] == pytest.approx(7.0)


def test_point_instances_become_bodies(read_text):
    scene = read_text(
        """
def PointInstancer "I" {
    rel prototypes = [</I/Protos/Box>]
    int[] protoIndices = [0, 0, 0]
    point3f[] positions = [(0, 1, 0), (0, 2, 0), (0, 3, 0)]
    float3[] scales = [(1, 1, 1), (2, 2, 2), (1, 1, 1)]
    int64[] invisibleIds = [2]
    double3 xformOp:translate = (10, 0, 0)
    uniform token[] xformOpOrder = ["xformOp:translate"]
    def Scope "Protos" {
        def Cube "Box" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsCollisionAPI"]) { double size = 1 }
    }
}"""
    )
    assert [(b.path, b.instancer, b.instance_index) for b in scene.bodies] == [("/I[0]", "/I", 0), ("/I[1]", "/I", 1)]
    np.testing.assert_allclose(scene.bodies[1].X_wb[:3], [10.0, 2.0, 0.0])
    assert [c.shape.half_extents[0] for c in scene.colliders] == pytest.approx([0.5, 1.0])
    assert scene.bodies[1].mass == pytest.approx(8000.0)


def test_composition_arcs_and_activation(tmp_path, write_stage):
    write_stage(f'def Sphere "S" ({BODY}) {{}}', name="part.usda", more='defaultPrim = "S"')
    path = write_stage(
        """
def "Referenced" (prepend references = @part.usda@) {}
def "Loaded" (prepend payload = @part.usda@) {}
def "Off" (active = false
    prepend references = @part.usda@) {}
def "Choice" (variants = { string kind = "ball" }
    prepend variantSets = "kind") {
    variantSet "kind" = {
        "none" {}
        "ball" (prepend references = @part.usda@) {}
    }
}
def "Hidden" (prepend references = @part.usda@) {
    token visibility = "invisible"
    uniform token purpose = "guide"
}
over "Nowhere" (prepend references = @part.usda@) {}""",
        more="subLayers = [@part.usda@]",
    )
    scene = read_usd(path)
    assert {b.path for b in scene.bodies} == {"/S", "/Referenced", "/Loaded", "/Choice", "/Hidden", "/Nowhere"}

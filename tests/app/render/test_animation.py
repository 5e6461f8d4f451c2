"""Prims that the stage itself animates move, show and deform while it plays."""

import numpy as np
import pytest
from pxr import Usd, UsdGeom

from app.render.stage import from_stage
from tests.app.render.test_stage import stage_of

STAGE = """
def Xform "arm" {
    double3 xformOp:translate.timeSamples = { 0: (0, 0, 0), 10: (4, 0, 0) }
    uniform token[] xformOpOrder = ["xformOp:translate"]
    def Cylinder "hand" {
        double radius = 0.2
        double height = 1
        token axis = "X"
        double3 xformOp:translate = (0, 1, 0)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
    def Mesh "part" { point3f[] points = [(0,0,0),(1,0,0),(0,1,0)]
        int[] faceVertexCounts = [3]
        int[] faceVertexIndices = [0,1,2] }
    def Points "dust" { point3f[] points = [(0,0,0),(0,0,1)]
        float[] widths = [0.1, 0.1] }
    def DistantLight "lamp" { float inputs:intensity = 2
        float3 xformOp:rotateXYZ.timeSamples = { 0: (-90, 0, 0), 10: (0, 0, 0) }
        uniform token[] xformOpOrder = ["xformOp:rotateXYZ"] }
}
def Cube "blink" { token visibility.timeSamples = { 0: "inherited", 5: "invisible" } }
def Mesh "flag" { point3f[] points.timeSamples = { 0: [(0,0,0),(1,0,0),(0,1,0)], 10: [(0,0,2),(1,0,2),(0,0,3)] }
    int[] faceVertexCounts = [3]
    int[] faceVertexIndices = [0,1,2]
    uniform token subdivisionScheme = "none" }
def PointInstancer "many" {
    rel prototypes = </many/p>
    int[] protoIndices = [0, 0]
    point3f[] positions.timeSamples = { 0: [(0,0,0),(5,0,0)], 10: [(0,8,0),(5,0,0)] }
    def Cube "p" { double size = 1 }
}
def Cube "still" {}
"""


@pytest.fixture(params=[1.0, 0.01])
def stage(request):
    return stage_of(STAGE, meters=request.param)


def by_path(changes):
    return {change.item.path: change for change in changes}


def test_only_what_changes_is_followed(stage):
    scene = from_stage(stage)
    animated = {item.path for item in scene.items if item.animated}
    assert animated == {"/arm/hand", "/arm/part", "/arm/dust", "/blink", "/flag", "/many/p"}
    assert from_stage(stage_of('def Cube "still" {}')).animation is None


@pytest.mark.parametrize("time", [0.0, 2.5, 10.0, 99.0])
def test_places_are_those_of_usd(stage, time):
    scene = from_stage(stage)
    meters = scene.meters_per_unit
    changes = by_path(scene.animation.at(time))
    cache = UsdGeom.XformCache(Usd.TimeCode(time))
    for path in ("/arm/part",):
        world = np.array(cache.GetLocalToWorldTransform(stage.GetPrimAtPath(path))).T
        world[:3] *= meters
        np.testing.assert_allclose(changes[path].transforms[0], world, atol=1e-5)
    begin = next(m for m in scene.meshes if m.path == "/arm/hand").transforms[0]
    shift = changes["/arm/hand"].transforms[0] - begin
    np.testing.assert_allclose(shift[:3, 3], (meters * min(4.0, 0.4 * time), 0, 0), atol=1e-5)
    assert np.abs(shift[:, :3]).max() < 1e-6
    np.testing.assert_allclose(
        changes["/arm/dust"].points[1], meters * np.array([min(4.0, 0.4 * time), 0, 1]), atol=1e-5
    )
    np.testing.assert_allclose(
        changes["/many/p"].transforms[:, :3, 3], meters * np.array([[0, min(8, 0.8 * time), 0], [5, 0, 0]]), atol=1e-5
    )


def test_visibility_and_points_follow(stage):
    scene = from_stage(stage)
    early, late = by_path(scene.animation.at(4.0)), by_path(scene.animation.at(10.0))
    assert early["/blink"].visible and not late["/blink"].visible
    assert late["/flag"].visible is None
    np.testing.assert_allclose(late["/flag"].points, [(0, 0, 2), (1, 0, 2), (0, 0, 3)])


def test_lights_are_moved_in_place(stage):
    scene = from_stage(stage)
    scene.animation.at(0.0)
    np.testing.assert_allclose(-scene.lights[0].transform[:3, 2], (0, -1, 0), atol=1e-6)
    scene.animation.at(10.0)
    np.testing.assert_allclose(-scene.lights[0].transform[:3, 2], (0, 0, -1), atol=1e-6)


def test_the_picture_at_a_time_is_that_of_the_stage_opened_then(renderer, plain):
    from app.render.camera import Bounds, Camera

    stage = stage_of(STAGE)
    camera = Camera.framing(Bounds(np.array([-2.0, -2, -2]), np.array([6.0, 9, 3])), aspect=1.5)

    def draw():
        renderer.draw(camera, plain, (150, 100))
        return renderer.read_pixels().astype(int)

    renderer.set_scene(from_stage(stage))
    start = draw()
    for time in (3.0, 10.0, 0.0):
        renderer.update(time_code=time)
        played = draw()
        renderer.set_scene(from_stage(stage, time=Usd.TimeCode(time)))
        opened = draw()
        assert (np.abs(played - opened).max(axis=2) > 4).mean() < 2e-3, time
        renderer.set_scene(from_stage(stage))
    assert (np.abs(played - start).max(axis=2) > 4).mean() < 2e-3
    renderer.update(time_code=10.0)
    assert (np.abs(draw() - start).max(axis=2) > 30).mean() > 0.02


def test_what_is_simulated_is_left_to_the_simulation():
    from sim import ModelBuilder
    from usd_io import emit, read_stage

    stage = stage_of("""
    def PhysicsScene "physics" {}
    def Cube "box" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsCollisionAPI"]) {
        double3 xformOp:translate.timeSamples = { 0: (0, 3, 0), 10: (9, 9, 9) }
        uniform token[] xformOpOrder = ["xformOp:translate"] }""")
    builder = ModelBuilder()
    bindings = emit(read_stage(stage), builder)
    assert from_stage(stage, bindings, builder.finalize()).animation is None

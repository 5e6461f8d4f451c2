"""Recorded points are, in world space, where the particles were."""

from __future__ import annotations

import numpy as np
import pytest
from pxr import Usd, UsdGeom

from tests.usd_io.recorder.playback import random_points, random_poses, record, world_matrix, world_points
from usd_io.recorder import BodyTarget, PointsTarget, SurfaceMeshTarget

PARENTS = {
    "identity": "",
    "turned and scaled": "double3 xformOp:translate = (1, 2, 3)\nfloat xformOp:rotateX = 40\n"
    "float3 xformOp:scale = (1, 2, 3)\n"
    'uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateX", "xformOp:scale"]',
    "spinning": "float xformOp:rotateZ.timeSamples = {0: 0, 10: 90}\n"
    'uniform token[] xformOpOrder = ["xformOp:rotateZ"]',
}


def cloth(parent: str, more: str = "") -> str:
    """A quad cloth with a transform of its own below one parent."""
    return f"""
def Xform "World"
{{
    {parent}
    def Mesh "cloth"
    {{
        float xformOp:rotateY = 30
        uniform token[] xformOpOrder = ["xformOp:rotateY"]
        int[] faceVertexCounts = [4]
        int[] faceVertexIndices = [0, 1, 2, 3]
        point3f[] points = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)]
        float3[] extent = [(0, 0, 0), (1, 1, 0)]
        {more}
    }}
}}
"""


@pytest.mark.parametrize("meters", [1.0, 0.01])
@pytest.mark.parametrize("parent", PARENTS)
def test_cloth_is_in_world_where_its_particles_are(write_stage, tmp_path, parent, meters):
    source = write_stage(cloth(PARENTS[parent]), meters=meters)
    points = random_points(4, 6)
    output = record(source, tmp_path / "out.usd", [PointsTarget("/World/cloth", slice(2, 6))], points=points)
    stage = Usd.Stage.Open(str(output))
    for time in range(4):
        np.testing.assert_allclose(world_points(stage, "/World/cloth", time), points[time, 2:], atol=1e-5)


def test_extent_holds_the_points_of_every_frame(write_stage, tmp_path):
    source = write_stage(cloth(PARENTS["spinning"]))
    output = record(
        source, tmp_path / "out.usd", [PointsTarget("/World/cloth", slice(0, 4))], points=random_points(5, 4)
    )
    stage = Usd.Stage.Open(str(output))
    mesh = UsdGeom.Mesh(stage.GetPrimAtPath("/World/cloth"))
    for time in range(5):
        computed = UsdGeom.PointBased.ComputeExtent(mesh.GetPointsAttr().Get(time))
        np.testing.assert_allclose(np.array(mesh.GetExtentAttr().Get(time)), np.array(computed), atol=1e-6)


def test_welded_points_follow_one_particle(write_stage, tmp_path):
    source = write_stage(cloth(""))
    points = random_points(2, 3)
    output = record(source, tmp_path / "out.usd", [PointsTarget("/World/cloth", np.array([0, 1, 2, 1]))], points=points)
    played = world_points(Usd.Stage.Open(str(output)), "/World/cloth", 1.0)
    np.testing.assert_allclose(played, points[1][[0, 1, 2, 1]], atol=1e-6)


def test_cloth_below_a_moving_body_stays_in_world(write_stage, tmp_path):
    source = write_stage(cloth('float3 xformOp:scale = (1, 2, 3)\nuniform token[] xformOpOrder = ["xformOp:scale"]'))
    points, poses = random_points(3, 4), random_poses(3, 1)
    targets = [BodyTarget("/World", 0), PointsTarget("/World/cloth", slice(0, 4))]
    stage = Usd.Stage.Open(str(record(source, tmp_path / "out.usd", targets, poses, points)))
    for time in range(3):
        np.testing.assert_allclose(world_points(stage, "/World/cloth", time), points[time], atol=1e-5)


def test_velocities_are_local_and_in_stage_units(write_stage, tmp_path):
    source = write_stage(cloth(PARENTS["turned and scaled"]), meters=0.01)
    points, velocities = random_points(2, 4), random_points(2, 4, seed=3)
    targets = [PointsTarget("/World/cloth", slice(0, 4))]
    stage = Usd.Stage.Open(str(record(source, tmp_path / "out.usd", targets, None, points, velocities)))
    local = np.array(stage.GetAttributeAtPath("/World/cloth.velocities").Get(1.0))
    world = local @ world_matrix(stage, "/World/cloth", 1.0)[:3, :3].T * 0.01
    np.testing.assert_allclose(world, velocities[1], atol=1e-5)


def test_values_that_described_the_shape_at_rest_are_blocked(write_stage, tmp_path):
    rest = """normal3f[] normals = [(0, 0, 1), (0, 0, 1), (0, 0, 1), (0, 0, 1)]
        vector3f[] velocities = [(1, 0, 0)]"""
    source = write_stage(cloth("", rest))
    targets = [PointsTarget("/World/cloth", slice(0, 4))]
    stage = Usd.Stage.Open(str(record(source, tmp_path / "out.usd", targets, points=random_points(2, 4))))
    for name in ("normals", "velocities"):
        assert stage.GetAttributeAtPath(f"/World/cloth.{name}").Get(0.0) is None


@pytest.mark.parametrize("orientation, sign", [("rightHanded", 1.0), ("leftHanded", -1.0)])
def test_polygon_mesh_with_normals_gets_them_for_every_frame(write_stage, tmp_path, orientation, sign):
    more = f"""uniform token subdivisionScheme = "none"
        uniform token orientation = "{orientation}"
        normal3f[] primvars:normals = [(0, 0, 1)] (
            interpolation = "uniform"
        )
        normal3f[] normals = [(0, 0, 1)] (
            interpolation = "constant"
        )"""
    source = write_stage(cloth("", more))
    flat = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
    upright = flat[:, [2, 0, 1]]  # The same square in the plane x = 0, its normal turned to +x.
    turn = np.array([[np.cos(np.pi / 6), 0, np.sin(np.pi / 6)], [0, 1, 0], [-np.sin(np.pi / 6), 0, np.cos(np.pi / 6)]])
    frames = np.stack([(flat @ turn.T), (upright @ turn.T)]).astype(np.float32)
    targets = [PointsTarget("/World/cloth", slice(0, 4))]
    stage = Usd.Stage.Open(str(record(source, tmp_path / "out.usd", targets, points=frames)))
    mesh = UsdGeom.Mesh(stage.GetPrimAtPath("/World/cloth"))
    assert mesh.GetNormalsInterpolation() == "vertex"
    np.testing.assert_allclose(np.array(mesh.GetNormalsAttr().Get(0.0)), np.tile([0, 0, sign], (4, 1)), atol=1e-6)
    np.testing.assert_allclose(np.array(mesh.GetNormalsAttr().Get(1.0)), np.tile([sign, 0, 0], (4, 1)), atol=1e-6)
    assert stage.GetAttributeAtPath("/World/cloth.primvars:normals").Get(1.0) is None


def test_tetmesh_gets_a_surface_mesh_and_becomes_guide(write_stage, tmp_path):
    source = write_stage("""
def Xform "World"
{
    double3 xformOp:translate = (0, 3, 0)
    uniform token[] xformOpOrder = ["xformOp:translate"]
    def TetMesh "jelly"
    {
        float xformOp:rotateX = 20
        uniform token[] xformOpOrder = ["xformOp:rotateX"]
        point3f[] points = [(9, 9, 9), (0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
        int4[] tetVertexIndices = [(1, 2, 3, 4)]
        color3f[] primvars:displayColor = [(1, 0, 0)]
    }
}
""")
    triangles = np.array([[1, 3, 2], [1, 2, 4], [1, 4, 3], [2, 3, 4]])
    targets = [
        PointsTarget("/World/jelly", slice(0, 5)),
        SurfaceMeshTarget("/World/jelly", slice(0, 5), triangles),
    ]
    points = random_points(3, 5)
    stage = Usd.Stage.Open(str(record(source, tmp_path / "out.usd", targets, points=points)))
    for time in range(3):
        np.testing.assert_allclose(world_points(stage, "/World/jelly", time), points[time], atol=1e-5)
        np.testing.assert_allclose(world_points(stage, "/World/jelly_surface", time), points[time, 1:], atol=1e-5)
    mesh = UsdGeom.Mesh(stage.GetPrimAtPath("/World/jelly_surface"))
    assert np.array_equal(np.array(mesh.GetFaceVertexIndicesAttr().Get()).reshape(-1, 3), triangles - 1)
    assert mesh.GetDisplayColorAttr().Get()[0] == (1, 0, 0) and mesh.ComputePurpose() == "default"
    assert UsdGeom.Imageable(stage.GetPrimAtPath("/World/jelly")).ComputePurpose() == "guide"


def test_particle_widths_widen_the_extent(write_stage, tmp_path):
    source = write_stage('def Points "drops"\n{\n    point3f[] points = [(0, 0, 0)]\n    float[] widths = [0.5]\n}\n')
    points = np.array([[[1.0, 2.0, 3.0]]], np.float32)
    output = record(source, tmp_path / "out.usd", [PointsTarget("/drops", slice(0, 1))], points=points)
    stage = Usd.Stage.Open(str(output))
    extent = np.array(stage.GetAttributeAtPath("/drops.extent").Get(0.0))
    np.testing.assert_allclose(extent, [[0.75, 1.75, 2.75], [1.25, 2.25, 3.25]])


def test_without_source_the_prims_are_defined(tmp_path):
    targets = [
        BodyTarget("/World/box", 0),
        PointsTarget("/World/sheet", slice(0, 3), triangles=np.array([[0, 1, 2]])),
        PointsTarget("/World/drops", slice(3, 5), widths=np.array([0.1, 0.2])),
    ]
    points = random_points(2, 5)
    output = record(None, tmp_path / "out.usda", targets, random_poses(2, 1), points, meters_per_unit=1.0, up_axis="Y")
    stage = Usd.Stage.Open(str(output))
    kinds = [stage.GetPrimAtPath(target.path).GetTypeName() for target in targets]
    assert kinds == ["Xform", "Mesh", "Points"]
    np.testing.assert_allclose(world_points(stage, "/World/drops", 1.0), points[1, 3:], atol=1e-6)

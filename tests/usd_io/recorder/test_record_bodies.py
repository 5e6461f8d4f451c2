"""Recorded bodies are, in world space, where the simulation put them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from pxr import Gf, Usd, UsdGeom

from tests.usd_io.recorder.playback import pose_matrix, random_poses, record, world_matrix
from tests.usd_io.validation import new_errors
from usd_io.recorder import BodyTarget, InstancerTarget

OPS = {
    "plain parent": "",
    "moved and turned parent": "double3 xformOp:translate = (1, 2, 3)\nfloat3 xformOp:rotateXYZ = (20, 30, 40)\n"
    'uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateXYZ"]',
    "uniformly scaled parent": "double3 xformOp:scale = (2, 2, 2)\nfloat xformOp:rotateY = 50\n"
    'uniform token[] xformOpOrder = ["xformOp:rotateY", "xformOp:scale"]',
    "unevenly scaled parent": "double3 xformOp:scale = (1, 2, 3)\nfloat xformOp:rotateY = 50\n"
    'uniform token[] xformOpOrder = ["xformOp:rotateY", "xformOp:scale"]',
    "mirrored parent": 'double3 xformOp:scale = (-1, 1, 1)\nuniform token[] xformOpOrder = ["xformOp:scale"]',
    "spinning parent": "float xformOp:rotateZ.timeSamples = {0: 0, 10: 90}\n"
    'uniform token[] xformOpOrder = ["xformOp:rotateZ"]',
    "breathing parent": "float3 xformOp:scale.timeSamples = {0: (1, 1, 1), 10: (2, 2, 2)}\n"
    'uniform token[] xformOpOrder = ["xformOp:scale"]',
}
BODY = "float3 xformOp:translate = (1, 0, 0)\nfloat3 xformOp:scale = (1, 2, 0.5)\n"
ORDER = 'uniform token[] xformOpOrder = [{reset}"xformOp:translate", "xformOp:scale"]'


def scene(parent: str, *, reset: bool = False, child: str = "") -> str:
    """One box below one parent."""
    order = ORDER.format(reset='"!resetXformStack!", ' if reset else "")
    return f'def Xform "World" {{\n{parent}\ndef Xform "box" {{\n{BODY}{order}\n{child}\n}}\n}}\n'


def assert_world_poses(stage: Usd.Stage, path: str, poses: np.ndarray, stretch: np.ndarray) -> None:
    """Every sample of a prim equals the pose, and so does the pose half way when read from ``poses``."""
    unit = UsdGeom.GetStageMetersPerUnit(stage)
    for time, pose in enumerate(poses):
        expected = pose_matrix(pose, unit, stretch)
        np.testing.assert_allclose(world_matrix(stage, path, time), expected, atol=2e-5 / unit, err_msg=f"time {time}")


@pytest.mark.parametrize("reset", [False, True], ids=["in stack", "reset stack"])
@pytest.mark.parametrize("parent", OPS)
def test_body_is_in_world_where_the_simulation_put_it(write_stage, tmp_path, parent, reset):
    source = write_stage(scene(OPS[parent], reset=reset))
    poses = random_poses(4, 1)
    targets = [BodyTarget("/World/box", 0, np.diag([1.0, 2.0, 0.5]))]
    stage = Usd.Stage.Open(str(record(source, tmp_path / "out.usd", targets, poses)))
    assert_world_poses(stage, "/World/box", poses[:, 0], np.diag([1.0, 2.0, 0.5]))


@pytest.mark.parametrize("meters, up", [(0.01, "Z"), (1.0, "Y"), (0.0254, "Z")])
def test_stage_units_and_axis_are_the_sources(write_stage, tmp_path, meters, up):
    source = write_stage(scene(OPS["moved and turned parent"]), meters=meters, up=up)
    poses = random_poses(3, 1)
    stage = Usd.Stage.Open(str(record(source, tmp_path / "out.usd", [BodyTarget("/World/box", 0)], poses)))
    assert UsdGeom.GetStageMetersPerUnit(stage) == meters and UsdGeom.GetStageUpAxis(stage) == up
    assert_world_poses(stage, "/World/box", poses[:, 0], np.diag([1.0, 2.0, 0.5]))


def test_stretch_left_out_is_taken_from_the_source(write_stage, tmp_path):
    source = write_stage(scene(OPS["unevenly scaled parent"]))
    before = world_matrix(Usd.Stage.Open(str(source)), "/World/box", 0.0)
    output = record(source, tmp_path / "out.usd", [BodyTarget("/World/box", 0)], random_poses(1, 1))
    after = world_matrix(Usd.Stage.Open(str(output)), "/World/box", 0.0)
    np.testing.assert_allclose(before[:3, :3].T @ before[:3, :3], after[:3, :3].T @ after[:3, :3], atol=1e-5)


def test_body_below_a_body_moves_on_its_own(write_stage, tmp_path):
    child = 'double3 xformOp:translate = (0, 1, 0)\nuniform token[] xformOpOrder = ["xformOp:translate"]'
    source = write_stage(scene("", child=f'def Xform "inner" {{\n{child}\n}}'))
    poses = random_poses(4, 2)
    targets = [BodyTarget("/World/box", 1), BodyTarget("/World/box/inner", 0)]
    stage = Usd.Stage.Open(str(record(source, tmp_path / "out.usd", targets, poses)))
    assert_world_poses(stage, "/World/box", poses[:, 1], np.diag([1.0, 2.0, 0.5]))
    assert_world_poses(stage, "/World/box/inner", poses[:, 0], np.diag([1.0, 2.0, 0.5]))


def test_quaternions_never_change_sign_between_samples(write_stage, tmp_path):
    source = write_stage(scene(""))
    angle = np.linspace(0.0, 4.0 * np.pi, 40)
    poses = np.zeros((40, 1, 7), np.float32)
    poses[:, 0, 5], poses[:, 0, 6] = np.sin(angle / 2), np.cos(angle / 2)
    poses[::3, :, 3:] *= -1.0
    output = record(source, tmp_path / "out.usd", [BodyTarget("/World/box", 0)], poses, chunk_frames=7)
    stage = Usd.Stage.Open(str(output))
    orient = stage.GetAttributeAtPath("/World/box.xformOp:orient")
    q = [orient.Get(t) for t in orient.GetTimeSamples()]
    assert len(q) == 40
    assert all(Gf.Dot(a.imaginary, b.imaginary) + a.real * b.real > 0.9 for a, b in pairwise(q))


def test_unmoved_pose_reproduces_the_source(write_stage, tmp_path):
    source = write_stage(scene(OPS["unevenly scaled parent"]))
    output = tmp_path / "out.usd"
    record(source, output, [BodyTarget("/World/box", 0)], random_poses(0, 1))
    before = world_matrix(Usd.Stage.Open(str(source)), "/World/box", 0.0)
    np.testing.assert_allclose(world_matrix(Usd.Stage.Open(str(output)), "/World/box", 0.0), before, atol=1e-5)


INSTANCES = """
def Xform "Proto"
{
    def Xform "box"
    {
        def Cube "geom" {
        }
    }
    def Xform "lid" (
        references = </Inner>
        instanceable = true
    )
    {
    }
}
def Xform "Inner"
{
    def Xform "knob"
    {
        def Sphere "geom" {
        }
    }
}
def Xform "World"
{
    def Xform "a" (
        references = </Proto>
        instanceable = true
    )
    {
        double3 xformOp:translate = (5, 0, 0)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
    def Xform "b" (
        references = </Proto>
        instanceable = true
    )
    {
    }
}
"""


@pytest.mark.parametrize("flatten", [False, True], ids=["override", "flatten"])
def test_bodies_inside_and_at_instances_move(write_stage, tmp_path, flatten):
    source = write_stage(INSTANCES)
    paths = ["/World/a/box", "/World/a/lid/knob", "/World/b"]
    poses = random_poses(3, 3)
    targets = [BodyTarget(path, i) for i, path in enumerate(paths)]
    output = record(source, tmp_path / "out.usd", targets, poses, flatten=flatten)
    assert new_errors(output, source) == []
    stage = Usd.Stage.Open(str(output))
    for i, path in enumerate(paths):
        assert_world_poses(stage, path, poses[:, i], np.eye(3))
    assert stage.GetPrimAtPath("/World/b").IsInstance(), "an instance that moves as a whole stays one"


INSTANCER = """
def Xform "World"
{
    float xformOp:rotateX = 30
    uniform token[] xformOpOrder = ["xformOp:rotateX"]
    def PointInstancer "pile"
    {
        int[] protoIndices = [0, 0, 0]
        point3f[] positions = [(1, 0, 0), (2, 0, 0), (3, 0, 0)]
        float3[] scales = [(1, 1, 1), (2, 1, 1), (1, 1, 3)]
        rel prototypes = </World/pile/protos/box>
        def Scope "protos"
        {
            def Xform "box"
            {
                double3 xformOp:translate = (0, 1, 0)
                uniform token[] xformOpOrder = ["xformOp:translate"]
                def Cube "geom" {
                }
            }
        }
    }
}
"""


def test_point_instances_follow_their_bodies(write_stage, tmp_path):
    source = write_stage(INSTANCER)
    offset = np.eye(4)
    offset[1, 3] = 1.0
    stretches = np.stack([np.diag([2.0, 1, 1]), np.diag([1.0, 1, 3])])
    target = InstancerTarget("/World/pile", np.array([1, 2]), np.array([1, 0]), stretches, np.stack([offset, offset]))
    poses = random_poses(3, 2)
    output = record(source, tmp_path / "out.usd", [target], poses)
    assert new_errors(output, source) == []
    stage = Usd.Stage.Open(str(output))
    instancer = UsdGeom.PointInstancer(stage.GetPrimAtPath("/World/pile"))
    for time in range(3):
        parent = world_matrix(stage, "/World/pile", time)
        local = np.array(instancer.ComputeInstanceTransformsAtTime(time, time)).swapaxes(-1, -2)
        for row, body, stretch in ((1, 1, stretches[0]), (2, 0, stretches[1])):
            np.testing.assert_allclose(parent @ local[row], pose_matrix(poses[time, body], 1.0, stretch), atol=1e-4)
        np.testing.assert_allclose(local[0][:3, 3], [1.0, 1.0, 0.0], atol=1e-6)

"""What the output file is: its layers, metadata, formats and validity; what is refused and how."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from pxr import Sdf, Usd, UsdGeom

from tests.usd_io.recorder.playback import random_points, random_poses, record, world_matrix, world_points
from tests.usd_io.validation import new_errors
from usd_io.recorder import BodyTarget, PointsTarget, RecorderError, UsdRecorder, atomic

SCENE = """
def Xform "World" (
    kind = "component"
)
{
    double3 xformOp:translate = (1, 2, 3)
    double3 xformOp:scale = (2, 2, 2)
    uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:scale"]
    float3[] extentsHint = [(-9, -9, -9), (9, 9, 9)]
    def Xform "box"
    {
        float3 xformOp:translate = (1, 0, 0)
        uniform token[] xformOpOrder = ["xformOp:translate"]
        def Cube "geom"
        {
            float3[] extent = [(-1, -1, -1), (1, 1, 1)]
        }
    }
    def Mesh "cloth" (
        prepend apiSchemas = ["MaterialBindingAPI"]
    )
    {
        uniform token subdivisionScheme = "none"
        int[] faceVertexCounts = [3, 3]
        int[] faceVertexIndices = [0, 1, 2, 0, 2, 3]
        point3f[] points = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)]
        float3[] extent = [(0, 0, 0), (1, 1, 0)]
        normal3f[] normals = [(0, 0, 1), (0, 0, 1), (0, 0, 1), (0, 0, 1)] (
            interpolation = "vertex"
        )
        rel material:binding = </World/look>
    }
    def Material "look"
    {
        token outputs:surface.connect = </World/look/shader.outputs:surface>
        def Shader "shader"
        {
            uniform token info:id = "UsdPreviewSurface"
            token outputs:surface
        }
    }
}
"""
TARGETS = [BodyTarget("/World/box", 0), PointsTarget("/World/cloth", slice(0, 4))]
MORE = 'defaultPrim = "World"\n    timeCodesPerSecond = 48\n    startTimeCode = 96\n    endTimeCode = 100'


@pytest.fixture
def source(write_stage) -> Path:
    return write_stage(SCENE, meters=0.01, up="Z", more=MORE, name="scene.usda")


def record_scene(source: Path, output: Path, frames: int = 5, **options: object) -> Path:
    return record(source, output, TARGETS, random_poses(frames, 1), random_points(frames, 4), **options)


@pytest.mark.parametrize("suffix", ["usd", "usda", "usdc"])
def test_override_layer_sublayers_the_untouched_source(source, tmp_path, suffix):
    before = source.read_bytes()
    output = record_scene(source, tmp_path / f"scene_sim.{suffix}")
    layer = Sdf.Layer.OpenAsAnonymous(str(output))
    assert list(layer.subLayerPaths) == ["./scene.usda"]
    assert source.read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["scene.usda", output.name]
    assert output.read_bytes().startswith(b"#usda" if suffix == "usda" else b"PXR-USDC")


def test_source_in_another_folder_is_named_by_a_relative_path(source, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    moved = Path(shutil.move(source, tmp_path / "in"))
    output = record_scene(moved, tmp_path / "out" / "result.usd")
    assert list(Sdf.Layer.OpenAsAnonymous(str(output)).subLayerPaths) == ["../in/scene.usda"]
    both = tmp_path / "elsewhere"
    both.mkdir()
    shutil.move(tmp_path / "in", both)
    shutil.move(tmp_path / "out", both)
    stage = Usd.Stage.Open(str(both / "out" / "result.usd"))
    assert stage.GetPrimAtPath("/World/box/geom"), "folders moved together still belong together"


@pytest.mark.parametrize("flatten", [False, True], ids=["override", "flatten"])
def test_stage_metadata_is_on_the_root_layer(source, tmp_path, flatten):
    output = record_scene(source, tmp_path / "out.usd", fps=30.0, start_time_code=None, flatten=flatten)
    stage = Usd.Stage.Open(str(output))
    root = stage.GetRootLayer()
    assert (root.timeCodesPerSecond, root.framesPerSecond) == (30.0, 30.0)
    assert (root.startTimeCode, root.endTimeCode) == (60.0, 64.0), "second 2 of the source, in 30ths"
    assert root.defaultPrim == "World"
    assert root.pseudoRoot.GetInfo("metersPerUnit") == 0.01 and root.pseudoRoot.GetInfo("upAxis") == "Z"


def test_flattened_and_layered_outputs_play_alike(source, tmp_path):
    layered = Usd.Stage.Open(str(record_scene(source, tmp_path / "layered.usd", chunk_frames=2)))
    flat = Usd.Stage.Open(str(record_scene(source, tmp_path / "flat.usd", chunk_frames=2, flatten=True)))
    assert [layer.realPath for layer in flat.GetUsedLayers() if not layer.anonymous] == [str(tmp_path / "flat.usd")]
    assert [p.GetPath() for p in flat.Traverse()] == [p.GetPath() for p in layered.Traverse()]
    for time in (0.0, 1.5, 4.0):
        for path in ("/World/box/geom", "/World/cloth"):
            np.testing.assert_array_equal(world_matrix(flat, path, time), world_matrix(layered, path, time))
        np.testing.assert_array_equal(
            world_points(flat, "/World/cloth", time), world_points(layered, "/World/cloth", time)
        )


def test_source_samples_do_not_mix_with_recorded_ones(write_stage, tmp_path):
    source = write_stage(
        'def Points "drops"\n{\n    point3f[] points.timeSamples = {0.5: [(9, 9, 9)], 1.5: [(8, 8, 8)]}\n}\n'
    )
    points = random_points(3, 1)
    for flatten in (False, True):
        output = tmp_path / f"out{flatten}.usd"
        record(source, output, [PointsTarget("/drops", slice(0, 1))], points=points, flatten=flatten)
        stage = Usd.Stage.Open(str(output))
        assert stage.GetAttributeAtPath("/drops.points").GetTimeSamples() == [0.0, 1.0, 2.0]


def test_flattened_asset_paths_lead_to_the_same_files(write_stage, tmp_path):
    (tmp_path / "textures").mkdir()
    (tmp_path / "textures" / "wood.png").write_bytes(b"png")
    (tmp_path / "out").mkdir()
    source = write_stage(SCENE + 'def Scope "look"\n{\n    asset file = @./textures/wood.png@\n}\n')
    output = record_scene(source, tmp_path / "out" / "flat.usd", flatten=True)
    stage = Usd.Stage.Open(str(output))
    asset = stage.GetAttributeAtPath("/look.file").Get()
    assert asset.path == "../textures/wood.png" and os.path.samefile(asset.resolvedPath, tmp_path / "textures/wood.png")


def test_bounds_of_the_scene_at_rest_are_blocked(source, tmp_path):
    stage = Usd.Stage.Open(str(record_scene(source, tmp_path / "out.usd")))
    assert stage.GetAttributeAtPath("/World.extentsHint").Get() is None


@pytest.mark.parametrize("options", [{}, {"flatten": True}, {"format": "usda"}], ids=str)
def test_output_passes_both_validators(source, tmp_path, options):
    output = record_scene(source, tmp_path / "out.usd", **options)
    assert new_errors(output, source) == []


def test_unfinished_output_passes_both_validators(source, tmp_path):
    output = tmp_path / "out.usd"
    recorder = UsdRecorder(source, output, TARGETS, fps=24.0, chunk_frames=2)
    for pose, points in zip(random_poses(5, 1), random_points(5, 4), strict=True):
        recorder.write_frame(None, pose, points)
    assert new_errors(output, source) == []
    recorder.close()


def test_leaving_by_an_exception_keeps_the_frames(source, tmp_path):
    output = tmp_path / "out.usd"
    with pytest.raises(KeyboardInterrupt), UsdRecorder(source, output, TARGETS, fps=24.0) as recorder:
        recorder.write_frame(None, random_poses(1, 1)[0], random_points(1, 4)[0])
        raise KeyboardInterrupt
    stage = Usd.Stage.Open(str(output))
    assert len(stage.GetAttributeAtPath("/World/cloth.points").GetTimeSamples()) == 1
    assert stage.GetRootLayer().customLayerData["simrun"] == {"complete": True, "frames": 1}


def test_output_has_the_permissions_of_any_new_file(source, tmp_path):
    ordinary = tmp_path / "ordinary.txt"
    ordinary.write_text("")
    assert record_scene(source, tmp_path / "out.usd").stat().st_mode == ordinary.stat().st_mode


def test_existing_output_needs_overwrite(source, tmp_path):
    output = record_scene(source, tmp_path / "out.usd")
    before = output.read_bytes()
    with pytest.raises(RecorderError, match=r"exists already.*--overwrite"):
        record_scene(source, output)
    assert output.read_bytes() == before
    record_scene(source, output, frames=2, overwrite=True)
    assert Usd.Stage.Open(str(output)).GetEndTimeCode() == 1.0


def test_output_never_replaces_what_the_scene_is_made_of(source, tmp_path):
    with pytest.raises(RecorderError, match="is the source scene itself"):
        record_scene(source, source, overwrite=True)
    top = tmp_path / "top.usda"
    top.write_text("#usda 1.0\n(\n    subLayers = [@./scene.usda@]\n)\n")
    with pytest.raises(RecorderError, match="composed from this file"):
        record_scene(top, source, overwrite=True)


@pytest.mark.parametrize(
    "name, options, message",
    [
        ("missing/out.usd", {}, "there is no folder"),
        ("out.txt", {}, "suffix .txt; expected an output ending in .usd, .usdc, .usda"),
        ("out.usda", {"format": "usdc"}, "format usdc with suffix .usda"),
        ("out.usd", {"fps": 0.0}, "fps = 0.0"),
        ("folder.usd", {}, "is a folder"),
    ],
)
def test_impossible_output_is_refused_at_once(source, tmp_path, name, options, message):
    (tmp_path / "folder.usd").mkdir()
    with pytest.raises(RecorderError, match=message):
        record_scene(source, tmp_path / name, **options)
    assert not (tmp_path / f"{name}.frames").exists()


def test_unwritable_folder_is_refused_at_once(source, tmp_path, monkeypatch):
    def refuse(self, *args, **options):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(RecorderError, match="cannot write: Permission denied"):
        record_scene(source, tmp_path / "out.usd")


@pytest.mark.parametrize(
    "target, message",
    [
        (BodyTarget("/World/nobody", 0), "no such prim"),
        (PointsTarget("/World/box", slice(0, 4)), "/World/box: a Xform; expected a Mesh"),
        (PointsTarget("/World/cloth", slice(0, 3)), "3 particles; expected one for each of its 4 points"),
    ],
)
def test_target_that_does_not_fit_the_source_is_named(source, tmp_path, target, message):
    with pytest.raises(RecorderError, match=message):
        UsdRecorder(source, tmp_path / "out.usd", [target], fps=24.0)
    assert os.listdir(tmp_path) == ["scene.usda"]


def test_bad_frames_are_named(source, tmp_path):
    poses, points = random_poses(1, 1)[0], random_points(1, 4)[0]
    with UsdRecorder(source, tmp_path / "out.usd", TARGETS, fps=24.0) as recorder:
        recorder.write_frame(3.0, poses, points)
        with pytest.raises(RecorderError, match="time code 2; expected a time code after 3"):
            recorder.write_frame(2.0, poses, points)
        with pytest.raises(RecorderError, match=r"particle_q of shape \[3, 3\]"):
            recorder.write_frame(None, poses, points[:3])
        with pytest.raises(RecorderError, match="no body_q"):
            recorder.write_frame(None, None, points)
        points[2, 1] = np.nan
        with pytest.raises(RecorderError, match=r"</World/cloth>: particle_q\[2\]"):
            recorder.write_frame(None, poses, points)
    with pytest.raises(RecorderError, match="after close"):
        recorder.write_frame(None, poses, points)


def test_failing_disk_keeps_what_was_flushed(source, tmp_path, monkeypatch):
    output = tmp_path / "out.usd"
    poses, points = random_poses(6, 1), random_points(6, 4)
    replace = os.replace
    recorder = UsdRecorder(source, output, TARGETS, fps=24.0, chunk_frames=2, start_time_code=0.0)
    for frame in range(4):
        recorder.write_frame(None, poses[frame], points[frame])

    def full(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(atomic.os, "replace", full)
    with pytest.raises(RecorderError, match=r"No space left on device.*Free space"), recorder:
        for frame in range(4, 6):
            recorder.write_frame(None, poses[frame], points[frame])
    monkeypatch.setattr(atomic.os, "replace", replace)
    stage = Usd.Stage.Open(str(output))
    assert recorder.flushed_count == 4
    for time in range(4):
        np.testing.assert_allclose(world_points(stage, "/World/cloth", time), points[time], atol=1e-5)
    record_scene(source, output, overwrite=True)
    assert not (tmp_path / "out.usd.frames").exists()


def test_full_disk_keeps_what_was_flushed(source, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if not shutil.which("mount") or os.geteuid() != 0:
        pytest.skip("needs root to mount a small file system")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("cannot mount a small file system here")
    try:
        output = disk / "out.usd"
        points = random_points(60, 4000)
        recorder = UsdRecorder(None, output, [PointsTarget("/drops", slice(0, 4000))], fps=24.0, chunk_frames=2)
        with pytest.raises(RecorderError, match="No space left on device"), recorder:
            for frame in points:
                recorder.write_frame(None, None, frame)
        assert recorder.flushed_count >= 2
        stage = Usd.Stage.Open(str(output))
        for time in range(recorder.flushed_count):
            np.testing.assert_allclose(world_points(stage, "/drops", time), points[time], atol=1e-5)
        del stage
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_folder_with_other_peoples_files_is_left_alone(source, tmp_path):
    folder = tmp_path / "out.usd.frames"
    folder.mkdir()
    (folder / "precious.txt").write_text("mine")
    with pytest.raises(RecorderError, match=r"holds precious.txt"):
        record_scene(source, tmp_path / "out.usd")
    assert (folder / "precious.txt").read_text() == "mine"


def test_unit_and_axis_can_be_said_without_source(tmp_path):
    output = record(
        None, tmp_path / "out.usd", [BodyTarget("/b", 0)], random_poses(1, 1), meters_per_unit=0.5, up_axis="Z"
    )
    stage = Usd.Stage.Open(str(output))
    assert UsdGeom.GetStageMetersPerUnit(stage) == 0.5 and UsdGeom.GetStageUpAxis(stage) == "Z"

"""Blender imports what we write and shows it where the simulation had it.

Needs a Python with ``bpy`` (``pip install bpy==4.5.15`` under Python 3.11): named by ``SIMRUN_BPY_PYTHON``, or the
virtual environment ``venv-bpy`` beside the repository.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from usd_io.recorder import BodyTarget, PointsTarget, SurfaceMeshTarget, UsdRecorder

PROBE = Path(__file__).with_name("blender_probe.py")
FRAMES, FRAME = 10, 7
SCENE = """
def Xform "World"
{
    double3 xformOp:translate = (1, 2, 3)
    float3 xformOp:rotateXYZ = (20, 30, 40)
    double3 xformOp:scale = (2, 2, 2)
    uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateXYZ", "xformOp:scale"]
    def Xform "Ops"
    {
        float3 xformOp:translate = (1, 1, 1)
        float3 xformOp:scale = (1, 2, 3)
        uniform token[] xformOpOrder = ["!resetXformStack!", "xformOp:translate", "xformOp:scale"]
        def Cube "a"
        {
        }
        def Sphere "b"
        {
        }
    }
    def Xform "Uneven"
    {
        float3 xformOp:scale = (1, 2, 3)
        uniform token[] xformOpOrder = ["xformOp:scale"]
        def Xform "Matrix"
        {
            def Cube "c"
            {
            }
            def Sphere "d"
            {
            }
        }
    }
    def Mesh "Cloth"
    {
        uniform token subdivisionScheme = "none"
        int[] faceVertexCounts = [4]
        int[] faceVertexIndices = [0, 1, 2, 3]
        point3f[] points = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)]
    }
    def TetMesh "Jelly"
    {
        point3f[] points = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
        int4[] tetVertexIndices = [(0, 1, 2, 3)]
    }
    def Points "Drops"
    {
        point3f[] points = [(0, 0, 0), (1, 0, 0)]
        float[] widths = [0.1, 0.1]
    }
}
"""
TETRAHEDRON = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
TARGETS = [
    BodyTarget("/World/Ops", 0),
    BodyTarget("/World/Uneven/Matrix", 1, np.eye(3)),
    PointsTarget("/World/Cloth", slice(0, 4)),
    PointsTarget("/World/Jelly", slice(4, 8)),
    SurfaceMeshTarget("/World/Jelly", slice(4, 8), TETRAHEDRON),
    PointsTarget("/World/Drops", slice(8, 10)),
]
TO_BLENDER = {"Z": np.eye(3), "Y": np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])}
"""Blender's world is Z-up; its importer turns Y-up stages by a quarter about X."""


def blender_python() -> str:
    """A Python that can import bpy; skips the test where there is none."""
    beside = Path(__file__).resolve().parents[3] / "venv-bpy" / "bin" / "python"
    python = os.environ.get("SIMRUN_BPY_PYTHON") or (str(beside) if beside.exists() else None)
    if python is None:
        try:
            import bpy  # noqa: F401
        except ImportError:
            pytest.skip("no Blender: set SIMRUN_BPY_PYTHON to a Python that has bpy (pip install bpy==4.5.15)")
        python = sys.executable
    return python


def imported(stage: Path, frame: float) -> dict:
    """What Blender shows at a frame: ``objects`` by name with ``matrix`` and ``points`` in world."""
    command = [blender_python(), str(PROBE), str(stage), str(frame)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("PROBE ")]
    assert lines, f"Blender did not get that far: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return json.loads(lines[0].removeprefix("PROBE "))


def rotation(q: np.ndarray) -> np.ndarray:
    """Rotation matrix of a quaternion xyzw."""
    x, y, z, w = q.astype(float)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + 2 * w * cross + 2 * cross @ cross


@pytest.mark.parametrize(
    "up, meters, flatten", [("Z", 0.01, False), ("Y", 1.0, True)], ids=["layered Z-up cm", "flat Y-up m"]
)
def test_blender_shows_bodies_and_points_where_they_were(write_stage, tmp_path, up, meters, flatten):
    source = write_stage(SCENE, up=up, meters=meters, more='defaultPrim = "World"')
    rng = np.random.default_rng(3)
    poses = rng.normal(size=(FRAMES, 2, 7)).astype(np.float32)
    poses[..., 3:] /= np.linalg.norm(poses[..., 3:], axis=-1, keepdims=True)
    points = rng.normal(size=(FRAMES, 10, 3)).astype(np.float32)
    output = tmp_path / "out.usd"
    with UsdRecorder(source, output, TARGETS, fps=60.0, flatten=flatten, chunk_frames=4) as recorder:
        for frame in range(FRAMES):
            recorder.write_frame(None, poses[frame], points[frame])

    shown = imported(output, FRAME)
    objects, turn = shown["objects"], TO_BLENDER[up]
    assert (shown["frame_start"], shown["frame_end"]) == (0, FRAMES - 1)
    for name, rows in (("Cloth", slice(0, 4)), ("Jelly_surface", slice(4, 8)), ("Drops", slice(8, 10))):
        np.testing.assert_allclose(objects[name]["points"], points[FRAME, rows] @ turn.T, atol=2e-5, err_msg=name)
    for name, body, stretch in (("Ops", 0, np.diag([1.0, 2.0, 3.0])), ("Matrix", 1, np.eye(3))):
        matrix, pose = np.array(objects[name]["matrix"]), poses[FRAME, body]
        np.testing.assert_allclose(matrix[:3, 3], turn @ pose[:3], atol=2e-5, err_msg=name)
        linear = turn @ rotation(pose[3:]) @ stretch * meters
        np.testing.assert_allclose(matrix[:3, :3], linear, atol=1e-4 * meters, err_msg=name)

"""`simrun --device cuda --render`: positions go from the simulation into GL buffers; the pictures are those of the host's way.

Runs on a GPU with EGL, and on the stand-in for the driver (`SIMRUN_TEST_DEVICE=stand-in`) with any OpenGL.
"""

import json
import os

import numpy as np
import pytest

import engine as en
from app.render import cuda_buffers
from engine.cuda.memory import CudaMemory
from engine.interop import opengl

STAND_IN = os.environ.get("SIMRUN_TEST_DEVICE") == "stand-in"
pytestmark = pytest.mark.skipif(not en.is_cuda_available(), reason="needs a GPU, or the stand-in for its driver")
FRAMES = 4
SCENE = """#usda 1.0
(
    metersPerUnit = 1
    upAxis = "Y"
)
def PhysicsScene "physics" {}
def Cube "box" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsCollisionAPI"])
{
    double size = 0.4
    double3 xformOp:translate = (0.3, 1, 0)
    uniform token[] xformOpOrder = ["xformOp:translate"]
}
def Sphere "ball" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsCollisionAPI"])
{
    double radius = 0.25
    double3 xformOp:translate = (-0.4, 1.2, 0)
    uniform token[] xformOpOrder = ["xformOp:translate"]
}
"""


@pytest.fixture
def scene(tmp_path):
    pytest.importorskip("pxr")
    path = tmp_path / "scene.usda"
    path.write_text(SCENE)
    return path


@pytest.fixture
def any_vendor(monkeypatch):
    """The stand-in works with the OpenGL that is there."""
    pytest.importorskip("moderngl")
    if STAND_IN:
        monkeypatch.setattr(cuda_buffers, "why_not", lambda context, device: opengl.why_not_shared(device))


def run(scene, folder):
    """Pictures [frames + 1, h, w, 4] of a short run, and the recording that drew them."""
    from PIL import Image

    from app.errors import AppError
    from app.render.pictures import PictureRecording, PictureSettings
    from app.render.stage import from_stage
    from app.session import Session
    from app.settings import RunOptions
    from usd_io.read.opening import open_stage

    session = Session.open(scene, RunOptions(device="cuda", frames=FRAMES, substeps=4))
    settings = PictureSettings(path=folder / "%02d.png", size=(160, 120))
    try:
        recording = PictureRecording(from_stage(open_stage(scene), session.bindings, session.model), settings, 24.0)
    except AppError as missing:
        pytest.skip(str(missing))
    session.start_recording(recording)
    for _ in range(FRAMES):
        session.step()
    session.stop_recording()
    pictures = [np.asarray(Image.open(p)).astype(int) for p in sorted(folder.glob("*.png"))]
    return np.stack(pictures), recording


def test_every_frame_is_drawn_from_where_it_lies(scene, tmp_path, any_vendor, monkeypatch):
    monkeypatch.setattr(CudaMemory, "upload", counted(CudaMemory.upload, uploads := []))
    (tmp_path / "a").mkdir()
    direct, recording = run(scene, tmp_path / "a")
    assert recording.direct_count == FRAMES  # the start is shown as the file has it
    assert len(direct) == recording.frame_count == FRAMES + 1
    before = len(uploads)
    monkeypatch.setattr(cuda_buffers, "why_not", lambda context, device: "the test says so")
    (tmp_path / "b").mkdir()
    host, recording = run(scene, tmp_path / "b")
    assert recording.direct_count == 0 and before
    moved = (np.abs(direct[0] - direct[-1]).max(axis=2) > 8).mean()
    assert moved > 0.003
    for one, other in zip(direct, host, strict=True):
        assert (np.abs(one - other).max(axis=2) > 3).mean() < 2e-3


def counted(method, sizes):
    """A method of `CudaMemory` that notes how many bytes it moves."""

    def wrapped(self, data, *more):
        sizes.append(data.nbytes)
        return method(self, data, *more)

    return wrapped


def test_a_frame_reads_back_boxes_and_nothing_else(scene, tmp_path, any_vendor, monkeypatch):
    from app.render.pictures import PictureRecording

    sizes: list[int] = []
    real = PictureRecording.show_state

    def watched(self, time_code, state):
        with monkeypatch.context() as inside:
            inside.setattr(CudaMemory, "read", counted(CudaMemory.read, sizes))
            inside.setattr(CudaMemory, "upload", counted(CudaMemory.upload, uploads))
            real(self, time_code, state)

    uploads: list[int] = []
    monkeypatch.setattr(PictureRecording, "show_state", watched)
    (tmp_path / "a").mkdir()
    run(scene, tmp_path / "a")
    assert len(sizes) == FRAMES and max(sizes) <= 24 * 2  # a box for each of the two bodies
    first = len(uploads)
    assert first  # tables of the scene, once
    session_uploads = sum(uploads)
    uploads.clear()
    sizes.clear()
    (tmp_path / "b").mkdir()
    run(scene, tmp_path / "b")
    assert sum(uploads) == session_uploads and len(sizes) == FRAMES


def test_the_command_says_once_that_positions_go_by_way_of_the_host(scene, tmp_path, monkeypatch, capfd, caplog):
    pytest.importorskip("moderngl")
    from app.cli import main

    monkeypatch.setattr(cuda_buffers, "why_not", lambda context, device: "OpenGL draws elsewhere")
    cuda_buffers._told.clear()
    place = tmp_path / "p%02d.png"
    code = main(
        [
            str(scene),
            "--device",
            "cuda",
            "--frames",
            "3",
            "-o",
            str(tmp_path / "o.usdc"),
            "--render",
            str(place),
            "--json",
        ]
    )
    out = capfd.readouterr()
    assert code == 0 and json.loads(out.out)["status"] == "done"
    assert sum("OpenGL draws elsewhere" in record.getMessage() for record in caplog.records) == 1

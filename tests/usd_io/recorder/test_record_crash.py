"""A recording killed at any moment opens and holds every flushed frame."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from pxr import Usd

from tests.usd_io.recorder.playback import random_poses, record, world_matrix
from usd_io.recorder import BodyTarget, UsdRecorder

BODIES = 20
TARGETS = [BodyTarget(f"/World/b{i}", i) for i in range(BODIES)]
WRITER = """
import sys
import numpy as np
from usd_io.recorder import BodyTarget, UsdRecorder
targets = [BodyTarget(f"/World/b{i}", i) for i in range(20)]
recorder = UsdRecorder(sys.argv[1], sys.argv[2], targets, fps=24.0, chunk_frames=3, overwrite=True)
poses = np.zeros((20, 7), np.float32)
poses[:, 6] = 1.0
print("ready", flush=True)
for frame in range(40):
    poses[:, 0] = frame
    recorder.write_frame(float(frame), poses)
    print(recorder.flushed_count, flush=True)
recorder.close()
print("closed", flush=True)
"""


@pytest.fixture
def source(write_stage) -> Path:
    bodies = "".join(f'    def Xform "b{i}"\n    {{\n    }}\n' for i in range(BODIES))
    return write_stage(f'def Xform "World"\n{{\n{bodies}}}\n', name="scene.usda")


def run_and_kill(source: Path, output: Path, delay: float) -> tuple[int, bool]:
    """Frames the writer said were flushed before SIGKILL, and whether it had finished."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(source), str(output)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert process.stdout.readline() == "ready\n", "the writer did not start over the leftovers of the one before"
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    said = process.communicate()[0].split()
    counts = [int(word) for word in said if word.isdigit()]
    return (counts[-1] if counts else 0), "closed" in said


def assert_frames_are_whole(output: Path, flushed: int) -> None:
    """The output opens, its frames are consecutive and right, and the flushed ones are among them."""
    stage = Usd.Stage.Open(str(output))
    times = stage.GetAttributeAtPath("/World/b3.xformOp:translate").GetTimeSamples()
    assert times == [float(i) for i in range(len(times))] and len(times) >= flushed
    assert stage.GetEndTimeCode() == max(0, len(times) - 1)
    np.testing.assert_allclose([world_matrix(stage, "/World/b3", t)[0, 3] for t in times], times, atol=1e-6)


def test_killed_recording_opens_and_holds_every_flushed_frame(source, tmp_path):
    output = tmp_path / "out.usd"
    rng = random.Random(7)
    unfinished = 0
    for _ in range(6):
        # A killed run's leftovers are replaced by the next run (overwrite), so the attempts also test that.
        flushed, finished = run_and_kill(source, output, rng.uniform(0.0, 0.25))
        unfinished += not finished
        assert_frames_are_whole(output, flushed)
    assert unfinished, "every run finished before it was killed: the test did not test"


def test_leftovers_of_a_killed_run_are_replaced(source, tmp_path):
    output = tmp_path / "out.usd"
    run_and_kill(source, output, 0.05)
    poses = random_poses(3, BODIES)
    record(source, output, TARGETS, poses, overwrite=True)
    assert sorted(os.listdir(tmp_path)) == ["out.usd", "scene.usda"]
    stage = Usd.Stage.Open(str(output))
    np.testing.assert_allclose(world_matrix(stage, "/World/b5", 2.0)[:3, 3], poses[2, 5, :3], atol=1e-6)


def test_playback_interpolates_across_chunks_before_and_after_closing(source, tmp_path):
    output = tmp_path / "out.usd"
    recorder = UsdRecorder(source, output, TARGETS, fps=24.0, chunk_frames=2)
    poses = np.zeros((BODIES, 7), np.float32)
    poses[:, 6] = 1.0
    for frame in range(6):
        poses[:, 0] = frame
        recorder.write_frame(None, poses)
    stage = Usd.Stage.Open(str(output))
    halves = [world_matrix(stage, "/World/b0", t + 0.5)[0, 3] for t in range(5)]
    np.testing.assert_allclose(halves, np.arange(5) + 0.5)
    recorder.close()
    halves = [world_matrix(stage, "/World/b0", t + 0.5)[0, 3] for t in range(5)]
    np.testing.assert_allclose(halves, np.arange(5) + 0.5, err_msg="a stage that was open when the recording closed")

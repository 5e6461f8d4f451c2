"""What the host does with a GPU, tested without one: the engine's own tests on a stand-in for the driver."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "files",
    [
        ["test_arrays.py", "test_launch.py", "test_structs.py", "test_indexed_arrays.py", "test_debug.py"],
        [
            "test_capture.py",
            "test_sequence.py",
            "test_streams.py",
            "autodiff/test_tape.py",
            "autodiff/test_tape_changes.py",
            "autodiff/test_forward_mode.py",
        ],
        ["../cuda/test_gl_interop.py"],
    ],
    ids=["arrays and launches", "streams, captures and tapes", "positions into GL buffers"],
)
def test_engine_tests_pass_on_a_stand_in(files):
    env = {**os.environ, "SIMRUN_TEST_DEVICE": "stand-in", "PYTHONPATH": str(ROOT)}
    paths = [str(ROOT / "tests" / "engine" / f) for f in files]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *paths]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]

"""Small scenes and a way to run the command, for the tests of the app."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

BALL = """#usda 1.0
(
    defaultPrim = "World"
    metersPerUnit = 1
    upAxis = "Y"
    startTimeCode = 0
    endTimeCode = 10
    timeCodesPerSecond = 60
)
def Xform "World"
{
    def PhysicsScene "Physics"
    {
        vector3f physics:gravityDirection = (0, -1, 0)
        float physics:gravityMagnitude = 10
        custom token simrun:solver = "%(solver)s"
        custom int simrun:substeps = %(substeps)d
    }
    def Sphere "Ball" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsCollisionAPI"])
    {
        double radius = 0.5
        double3 xformOp:translate = (0, 5, 0)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
}
"""

# Far too stiff for its step: the points leave for infinity within a few frames.
EXPLODING_CLOTH = """#usda 1.0
(
    defaultPrim = "World"
    metersPerUnit = 1
    upAxis = "Y"
    endTimeCode = 200
    startTimeCode = 0
    timeCodesPerSecond = 60
)
def Xform "World"
{
    def PhysicsScene "Physics"
    {
        custom token simrun:solver = "semi-implicit"
        custom int simrun:substeps = 1
    }
    def Mesh "Flag" (prepend apiSchemas = ["PhysicsDeformableBodyAPI", "PhysicsSurfaceDeformableSimAPI"])
    {
        point3f[] points = [(0, 5, 0), (1, 5, 0), (1, 5, 1), (0, 5, 1), (0.4, 5.3, 0.4)]
        int[] faceVertexCounts = [3, 3, 3, 3]
        int[] faceVertexIndices = [0, 1, 4, 1, 2, 4, 2, 3, 4, 3, 0, 4]
        vector3f[] velocities = [(0, 0, 0), (9, 0, 0), (0, 0, 5), (0, 0, 0), (0, 20, 0)]
        float[] physics:masses = [0.001]
        custom float simrun:triKe = 1e9
        custom float simrun:triKa = 1e9
        custom float simrun:triKd = 1
    }
}
"""


@pytest.fixture
def ball(tmp_path: Path) -> Path:
    """A scene with one falling ball: 10 frames at 60 a second."""
    return write_ball(tmp_path)


def write_ball(folder: Path, *, solver: str = "semi-implicit", substeps: int = 4) -> Path:
    path = folder / "ball.usda"
    path.write_text(BALL % {"solver": solver, "substeps": substeps})
    return path


@pytest.fixture
def exploding(tmp_path: Path) -> Path:
    """A scene that blows up."""
    path = tmp_path / "exploding.usda"
    path.write_text(EXPLODING_CLOTH)
    return path


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess]:
    """Run `simrun` as its own process, in the test's folder."""

    def run(*arguments: object, **options: object) -> subprocess.CompletedProcess:
        return subprocess.run(
            command_line(*arguments),
            cwd=options.pop("cwd", tmp_path),
            env=command_environment(),
            capture_output=True,
            text=True,
            timeout=120,
            **options,
        )

    return run


def command_line(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "app.cli", *map(str, arguments)]


def command_environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def json_of(result: subprocess.CompletedProcess) -> dict:
    """The one JSON object a run printed."""
    return json.loads(result.stdout)


@pytest.fixture
def in_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> Callable[..., dict]:
    """Run `simrun --json` in this process; returns the report, with what was said on stderr under "stderr"."""
    from app.cli import main

    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> dict:
        code = main([*map(str, arguments), "--json"])
        said = capsys.readouterr()
        report = json.loads(said.out)
        assert report["exit_code"] == code
        return {**report, "stderr": said.err}

    return run

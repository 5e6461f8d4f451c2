"""The project's own scenes, read, emitted, recorded and validated."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim import ModelBuilder
from tests.usd_io.validation import new_errors
from usd_io import emit, read_usd
from usd_io.recorder import UsdRecorder, targets_from_bindings

SCENES = sorted((Path(__file__).parents[3] / "scenes").glob("*.usda"))


@pytest.mark.parametrize("flatten", [False, True], ids=["override", "flatten"])
@pytest.mark.parametrize("path", SCENES, ids=lambda p: p.stem)
def test_recorded_scene_is_valid(path, tmp_path, flatten):
    scene = read_usd(path)
    builder = ModelBuilder()
    bindings = emit(scene, builder)
    state = builder.finalize().state()
    output = tmp_path / "out.usd"
    targets = targets_from_bindings(bindings)
    with UsdRecorder(path, output, targets, fps=scene.fps, velocities=True, flatten=flatten) as recorder:
        for _ in range(2):
            recorder.write_frame(None, state.body_q, state.particle_q, state.particle_qd)
    assert new_errors(output, path) == []

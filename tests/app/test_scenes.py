"""The scenes that come with the project run, move, and stay above the ground."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pxr import Usd, UsdValidation

from app.session import Session
from tests.app.conftest import ROOT

SCENES = sorted((ROOT / "scenes").glob("*.usda"))
NAMES = [path.stem for path in SCENES]


def test_there_are_the_six_scenes():
    wanted = "cloth_over_sphere cloth_over_statue dominoes particle_fountain rigid_pile soft_body_drop"
    assert set(NAMES) >= set(wanted.split())


@pytest.mark.parametrize("path", SCENES, ids=NAMES)
def test_scene_moves_without_warnings(path: Path):
    session = Session.open(path)
    assert session.scene.warnings == []
    points = session.state.particle_q if session.model.particle_count else session.state.body_q
    before = points.numpy().copy()
    for _ in range(4):
        session.step()
    after = points.numpy()
    assert np.isfinite(after).all() and not np.array_equal(before, after)


@pytest.mark.parametrize("path", SCENES, ids=NAMES)
def test_scene_file_stays_readable(path: Path):
    text = path.read_text()
    assert max(map(len, text.splitlines())) <= 140
    assert text.startswith("#usda 1.0") and 'doc = """' in text


@pytest.mark.parametrize("path", SCENES, ids=NAMES)
def test_result_passes_every_validator_of_usd(path: Path, in_process):
    report = in_process(path, "--frames", 2)
    assert report["status"] == "done"
    stage = Usd.Stage.Open(report["output"])
    validators = UsdValidation.ValidationRegistry().GetOrLoadAllValidators()
    assert [error.GetMessage() for error in UsdValidation.ValidationContext(validators).Validate(stage)] == []

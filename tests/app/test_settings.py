"""Options over stage settings over fallbacks."""

from __future__ import annotations

import pytest

from app.errors import UsageError
from app.settings import RunOptions, decide_settings
from usd_io.records import SceneRecord, SceneSettings


def scene(**changes: object) -> SceneRecord:
    stored = SceneSettings(substeps=8, solver="xpbd", iterations=3)
    return SceneRecord(**{"source_path": "s.usda", "fps": 24.0, "settings": stored, **changes})


def test_stage_settings_are_the_defaults():
    settings = decide_settings(RunOptions(), scene(start_time_code=10.0, end_time_code=58.0))
    assert (settings.frames, settings.fps, settings.substeps) == (48, 24.0, 8)
    assert (settings.solver, settings.iterations, settings.start_time_code) == ("xpbd", 3, 10.0)


def test_options_override_the_stage():
    options = RunOptions(frames=7, fps=60.0, substeps=5, solver="semi-implicit", iterations=9)
    settings = decide_settings(options, scene())
    assert (settings.frames, settings.fps, settings.substeps) == (7, 60.0, 5)
    assert (settings.solver, settings.iterations) == ("semi-implicit", 9)


def test_another_rate_keeps_the_duration_and_the_start_in_seconds():
    settings = decide_settings(RunOptions(fps=48.0), scene(start_time_code=24.0, end_time_code=72.0))
    assert settings.frames == 96 and settings.start_time_code == 48.0


def test_seconds_become_frames():
    assert decide_settings(RunOptions(seconds=1.5), scene()).frames == 36


def test_stored_frame_count_comes_before_the_time_range():
    stored = SceneSettings(frames=5)
    assert decide_settings(RunOptions(), scene(settings=stored, start_time_code=0.0, end_time_code=99.0)).frames == 5


@pytest.mark.parametrize("fps", [24.0, 60.0, 1000.0])
def test_without_a_word_steps_are_short_enough_for_explicit_forces(fps):
    settings = decide_settings(RunOptions(), scene(fps=fps, settings=SceneSettings()))
    assert settings.solver == "semi-implicit" and settings.step_dt <= 1.0 / 1900.0


def test_absurd_rates_are_refused():
    with pytest.raises(UsageError, match="substeps"):
        decide_settings(RunOptions(fps=1e-6), scene(settings=SceneSettings()))

"""Published stages of others load, or are refused with one clear message."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from usd_io import NothingToSimulateError, SceneError, read_usd

MODELS = Path("/work/shared/models/usd")
PHYSICS = sorted(p for d in ("openusd_physics_examples", "ovphysx") for p in (MODELS / d).glob("**/*.usd*"))
OTHERS = sorted((MODELS / "usd_wg").glob("**/*.usd*"))


@pytest.mark.parametrize("path", PHYSICS or [None], ids=lambda p: p.stem if p else "absent")
def test_physics_example_loads_with_finite_values(path, capfd):
    if path is None:
        pytest.skip(f"{MODELS} is not here")
    scene = read_usd(path)
    assert scene.bodies
    for body in scene.bodies:
        assert np.isfinite(np.concatenate([body.X_wb, body.com, body.inertia.ravel()])).all() and body.mass > 0.0
    assert np.linalg.norm(scene.gravity) == pytest.approx(9.81, abs=0.01)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("path", OTHERS or [None], ids=lambda p: p.stem if p else "absent")
def test_stage_without_physics_is_refused_with_one_message(path, capfd):
    if path is None:
        pytest.skip(f"{MODELS} is not here")
    with pytest.raises(SceneError) as caught:
        read_usd(path)
    assert str(path) in str(caught.value)
    assert isinstance(caught.value, NothingToSimulateError) or "not a USD file" in str(caught.value)
    assert capfd.readouterr().err == ""

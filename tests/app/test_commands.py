"""Changes of a session as data: done, undone, done again."""

from __future__ import annotations

import re
from functools import reduce

import numpy as np
import pytest

from app.commands import CommandHistory, SetElements, SetModelNumber, SetSetting
from app.errors import UsageError
from app.session import Session
from app.settings import RunOptions
from tests.app.conftest import ROOT


@pytest.fixture
def session(ball) -> Session:
    return Session.open(ball, interactive=True)


@pytest.fixture
def history(session) -> CommandHistory:
    return CommandHistory(session)


def speed_gained(session) -> float:
    before = float(session.state.body_qd.numpy()[0, 4])
    session.step()
    return float(session.state.body_qd.numpy()[0, 4]) - before


def test_gravity_changes_at_the_next_step_and_back_again(session, history):
    assert speed_gained(session) == pytest.approx(-10.0 / 60.0, rel=1e-3)
    history.do(SetModelNumber("gravity", (0.0, 4.0, 0.0)))
    assert speed_gained(session) == pytest.approx(4.0 / 60.0, rel=1e-3)
    assert history.undo_label == "gravity" and history.undo()
    assert speed_gained(session) == pytest.approx(-10.0 / 60.0, rel=1e-3)
    assert history.redo() and not history.redo()
    assert speed_gained(session) == pytest.approx(4.0 / 60.0, rel=1e-3)


def test_solver_and_substeps_change_while_it_runs(session, history):
    session.step()
    history.do(SetSetting("solver", "xpbd"))
    assert session.settings.solver == "xpbd" and session.settings.substeps >= 16
    session.step()
    history.do(SetSetting("substeps", 5))
    session.step()
    history.undo(), history.undo()
    assert session.settings.solver == "semi-implicit" and session.settings.substeps == 4
    session.step()
    assert session.frame == 4


DERIVED = ("tri_materials", "edge_bending_properties", "tet_materials", "shape_materials.ke", "shape_materials.kd")


def open_scene_with(tmp_path, scene: str, **options) -> Session:
    """A bundled scene without the stiffnesses that it states, so that they follow from the solver's step."""
    text = (ROOT / "scenes" / f"{scene}.usda").read_text().replace("@../", f"@{ROOT}/")
    stated = re.compile(r"custom float simrun:\w*K[edf]\b|custom float simrun:k[edf]\b|physics:youngsModulus")
    file = tmp_path / f"{scene}.usda"
    file.write_text("\n".join(line for line in text.splitlines() if not stated.search(line)))
    return Session.open(file, RunOptions(**options), interactive=True)


def materials(session) -> dict[str, np.ndarray]:
    arrays = {path: reduce(getattr, path.split("."), session.model) for path in DERIVED}
    return {path: np.array(array.numpy()) for path, array in arrays.items() if array is not None}


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[path], b[path]) for path in a)


@pytest.mark.parametrize("scene, path", [
    ("cloth_over_sphere", "tri_materials"), ("soft_body_drop", "tet_materials"), ("rigid_pile", "shape_materials.ke"),
])  # fmt: skip
def test_another_solver_has_the_materials_that_a_scene_opened_with_it_has(scene, path, tmp_path):
    session = open_scene_with(tmp_path, scene, solver="xpbd", substeps=2)
    before, history = materials(session), CommandHistory(session)
    history.do(SetSetting("solver", "semi-implicit"))
    assert session.settings.substeps > 2
    fresh = open_scene_with(tmp_path, scene, solver="semi-implicit", substeps=session.settings.substeps)
    after = materials(session)
    assert same(after, materials(fresh)) and not np.array_equal(after[path], before[path])
    history.undo()
    assert same(materials(session), before)


def test_a_material_that_was_set_by_hand_survives_another_solver(tmp_path):
    session = open_scene_with(tmp_path, "cloth_over_sphere", solver="xpbd", substeps=2)
    before, history = materials(session)["tri_materials"], CommandHistory(session)
    history.do(SetElements("tri_materials", range(3, 10), 123.0, column=0))
    history.do(SetSetting("solver", "semi-implicit"))
    after = materials(session)["tri_materials"]
    assert (after[3:10, 0] == 123.0).all() and (after[10:, 0] != before[10:, 0]).all()
    history.undo(), history.undo()
    assert np.array_equal(materials(session)["tri_materials"], before)


@pytest.mark.parametrize("name, value", [
    ("substeps", 0), ("substeps", 2.5), ("iterations", 10**9), ("solver", "magic"), ("fps", float("nan")), ("device", "x"),
])  # fmt: skip
def test_what_cannot_be_simulated_is_refused_and_changes_nothing(session, history, name, value):
    before = session.settings
    with pytest.raises(UsageError, match=name):
        history.do(SetSetting(name, value))
    assert session.settings == before and history.undo_label is None


def test_a_material_changes_without_recording_the_frame_anew(session, history):
    session.step()
    graph = session._graph
    old = float(session.model.shape_materials.mu.numpy()[0])
    history.do(SetElements("shape_materials.mu", (0,), 0.9))
    session.step()
    assert session._graph is graph and session.model.shape_materials.mu.numpy()[0] == pytest.approx(0.9)
    history.undo()
    assert session.model.shape_materials.mu.numpy()[0] == pytest.approx(old)


def test_one_column_of_some_rows_changes():
    session = Session.open(ROOT / "scenes" / "cloth_over_sphere.usda", interactive=True)
    before = session.model.tri_materials.numpy().copy()
    history = CommandHistory(session)
    history.do(SetElements("tri_materials", range(3, 10), 123.0, column=0))
    changed = session.model.tri_materials.numpy() != before
    assert changed[3:10, 0].all() and changed.sum() == 7
    history.undo()
    assert session.model.tri_materials.numpy().tobytes() == before.tobytes()


def test_one_gesture_is_undone_at_once(session, history):
    for value in (1.0, 2.0, 3.0):
        history.do(SetModelNumber("particle_mu", value), gesture="drag 1")
    history.do(SetModelNumber("particle_mu", 9.0), gesture="drag 2")
    history.undo()
    assert session.model.particle_mu == 3.0
    history.undo()
    assert session.model.particle_mu == 0.5 and history.undo_label is None


def test_a_new_change_forgets_what_was_undone(session, history):
    history.do(SetModelNumber("particle_mu", 1.0))
    history.undo()
    history.do(SetModelNumber("particle_mu", 2.0))
    assert history.redo_label is None and not history.redo()


def test_a_drive_target_moves_the_joint():
    session = Session.open(ROOT / "tests" / "app" / "pendulum.xml", interactive=True)
    history = CommandHistory(session)
    history.do(SetElements("joint_act", (1,), 0.8, owner="control"))
    for _ in range(240):
        session.step()
    assert abs(float(session.state.joint_q.numpy()[1])) > 0.3
    assert np.isfinite(session.state.joint_q.numpy()).all()

"""Solver, gravity and materials changed live in the real window, and taken back; what reading anew keeps."""

from __future__ import annotations

import numpy as np
import pytest

from app.settings import SOLVERS
from tests.app.conftest import write_ball
from tests.app.view.conftest import SCENES, tab


@pytest.fixture
def ball(desk, tmp_path):
    desk.open(write_ball(tmp_path))
    desk.click(*tab(desk, "Simulation"))
    return desk


@pytest.mark.parametrize("solver", ["xpbd", "featherstone"])
def test_the_solver_is_switched_in_the_panel_while_it_runs(ball, solver):
    ball.app.toggle_play()
    ball.until(lambda: ball.app.session.frame > 2)
    ball.press("##solver")
    ball.key(*["Down"] * (SOLVERS.index(solver) - SOLVERS.index("semi-implicit")), "Return")
    ball.until(lambda: ball.app.session.settings.solver == solver)
    frame = ball.app.session.frame
    ball.until(lambda: ball.app.session.frame > frame + 3)
    ball.key("ctrl+z")
    ball.until(lambda: ball.app.session.settings.solver == "semi-implicit")
    frame = ball.app.session.frame
    ball.until(lambda: ball.app.session.frame > frame + 3)
    ball.app.toggle_play()
    assert [e.message for e in ball.app.log.entries if e.level == "error"] == []


def test_gravity_of_the_moon_and_undo(ball):
    ball.press("Moon")
    ball.app.runner.drain()
    assert ball.app.session.model.gravity == pytest.approx([0, -1.62, 0])
    ball.simulate(60)
    assert float(ball.app.frame.rows("body_qd")[0, 4]) == pytest.approx(-1.62, rel=0.02)
    ball.key("ctrl+z")
    ball.app.runner.drain()
    assert ball.app.session.model.gravity == pytest.approx([0, -10, 0])


def test_the_friction_of_a_body_is_dragged_and_one_undo_takes_all_of_it_back(ball):
    ball.app.selection.set("/World/Ball")
    ball.click(*tab(ball, "Properties"))
    before = float(ball.app.session.model.shape_materials.mu.numpy()[0])
    x, y = ball.middle("##friction")
    ball.drag((x, y), (x + 60, y), steps=12)
    ball.app.runner.drain()
    assert float(ball.app.session.model.shape_materials.mu.numpy()[0]) > before + 0.1
    ball.key("ctrl+z")
    ball.app.runner.drain()
    assert float(ball.app.session.model.shape_materials.mu.numpy()[0]) == before


def test_the_stiffness_of_cloth_is_typed(desk):
    desk.open(SCENES / "cloth_over_sphere.usda")
    desk.app.selection.set("/World/Cloth")
    desk.settle()
    x, y = desk.middle("##stretch stiffness")
    desk.tool("keydown", "ctrl")
    desk.click(x, y)  # as everywhere in these panels: Ctrl+click types
    desk.tool("keyup", "ctrl")
    desk.key("ctrl+a")
    desk.type("1234")
    desk.key("Return")
    desk.app.runner.drain()
    assert np.all(desk.app.session.model.tri_materials.numpy()[:, 0] == 1234.0)


def test_reading_a_changed_file_anew_keeps_what_was_changed_by_hand(ball, tmp_path):
    from app.commands import SetElements, SetModelNumber, SetSetting

    for command in (
        SetSetting("substeps", 9), SetModelNumber("gravity", (0.0, -3.0, 0.0)),
        SetElements("shape_materials.mu", (0,), 0.77), SetSetting("solver", "xpbd"), SetSetting("fps", 120.0),
    ):  # fmt: skip
        ball.app.do(command)
    ball.app.undo()  # what was taken back is not done again
    ball.app.runner.drain()
    before, session = ball.app.view, ball.app.session
    path = tmp_path / "ball.usda"
    path.write_text(path.read_text().replace("(0, 5, 0)", "(0, 7, 0)"))
    ball.until(lambda: ball.app.view is not before, "it is read again")
    ball.app.runner.drain()
    now = ball.app.session
    assert now is not session and float(now.state.body_q.numpy()[0, 1]) == 7.0
    assert now.settings == session.settings and now.settings.fps == 60.0
    assert now.model.gravity == pytest.approx([0, -3, 0])
    assert float(now.model.shape_materials.mu.numpy()[0]) == pytest.approx(0.77)
    ball.key("ctrl+z")
    ball.app.runner.drain()
    assert now.settings.solver == "semi-implicit"


def test_what_does_not_fit_a_changed_file_any_more_is_told(ball, tmp_path):
    from app.commands import SetElements

    ball.app.do(SetElements("shape_materials.mu", (0,), 0.77))
    ball.app.runner.drain()
    before, path = ball.app.view, tmp_path / "ball.usda"
    text = path.read_text()
    sphere = text[text.index("    def Sphere") : text.rindex("}")]
    path.write_text(
        text.replace(sphere, sphere + sphere.replace('"Ball"', '"Other"').replace("(0, 5, 0)", "(3, 5, 0)"))
    )
    ball.until(lambda: ball.app.view is not before, "it is read again")
    ball.until(lambda: any("does not fit" in e.message for e in ball.app.log.entries))
    assert ball.app.session.model.body_count == 2

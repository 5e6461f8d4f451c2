"""The session without a command around it: clock, stepping, observers, settings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.errors import SimulationFailed
from app.session import Session, SessionEvent
from app.settings import RunOptions
from tests.app.conftest import ROOT, write_ball


class Frames:
    """A recording that keeps what it is given."""

    def __init__(self):
        self.codes, self.heights, self.closed = [], [], False

    def write_frame(self, time_code, body_q, particle_q, particle_qd=None):
        self.codes.append(time_code)
        self.heights.append(float(body_q[0, 1]))

    def close(self):
        self.closed = True


def fall(scene, frames: int, **options) -> np.ndarray:
    """Body transform after some frames."""
    session = Session.open(scene, RunOptions(**options))
    for _ in range(frames):
        session.step()
    return session.state.body_q.numpy().copy()


@pytest.mark.parametrize("solver", ["semi-implicit", "xpbd"])
@pytest.mark.parametrize("substeps", [1, 2, 3, 4, 7])
def test_free_fall_is_the_symplectic_euler_sum_for_odd_and_even_substeps(tmp_path, solver, substeps):
    height = fall(write_ball(tmp_path), 6, solver=solver, substeps=substeps)[0, 1]
    steps, dt = 6 * substeps, 1.0 / (60 * substeps)
    assert height == pytest.approx(5.0 - 10.0 * dt * dt * steps * (steps + 1) / 2, abs=2e-4)


@pytest.mark.parametrize("solver", ["semi-implicit", "xpbd"])
def test_two_runs_give_the_same_bits(tmp_path, solver):
    scene = write_ball(tmp_path)
    first, second = (fall(scene, 50, solver=solver, substeps=5) for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_recording_gets_the_initial_state_and_every_frame(ball):
    session, frames = Session.open(ball), Frames()
    session.start_recording(frames)
    for _ in range(3):
        session.step()
    session.stop_recording()
    assert frames.codes == [0.0, 1.0, 2.0, 3.0] and frames.closed
    assert frames.heights[0] == 5.0 and np.all(np.diff(frames.heights) < 0)


def test_reset_goes_back_to_the_start(ball):
    session = Session.open(ball)
    before = session.state.body_q.numpy().copy()
    session.step()
    first = session.state.body_q.numpy().copy()
    session.reset()
    assert session.frame == 0 and session.time == 0.0
    assert session.state.body_q.numpy().tobytes() == before.tobytes()
    session.step()
    assert session.state.body_q.numpy().tobytes() == first.tobytes()


@pytest.mark.parametrize("solver", ["semi-implicit", "xpbd"])
def test_replay_after_reset_gives_the_same_bits_with_contacts(solver):
    session = Session.open(ROOT / "scenes" / "dominoes.usda", RunOptions(solver=solver, substeps=4))
    ends = []
    for _ in range(2):
        for _ in range(12):
            session.step()
        ends.append(session.state.body_q.numpy().tobytes())
        session.reset()
    assert ends[0] == ends[1]


@pytest.mark.parametrize("name", ["cloth_over_sphere", "soft_body_drop"])
def test_deformable_scenes_run_with_the_other_solver(name):
    session = Session.open(ROOT / "scenes" / f"{name}.usda", RunOptions(solver="xpbd", substeps=8))
    for _ in range(3):
        session.step()
    assert np.isfinite(session.state.particle_q.numpy()).all()


def test_subscribers_hear_every_change_until_they_leave(ball):
    session, heard = Session.open(ball), []
    leave = session.subscribe(heard.append)
    session.step()
    session.change_settings(replace(session.settings, substeps=2))
    session.reset()
    leave()
    session.step()
    assert heard == [SessionEvent.STEPPED, SessionEvent.SETTINGS_CHANGED, SessionEvent.RESET]


def test_failure_is_told_and_names_the_prim(exploding):
    session, heard = Session.open(exploding), []
    session.subscribe(heard.append)
    with pytest.raises(SimulationFailed) as failure:
        for _ in range(200):
            session.step()
    assert heard[-1] is SessionEvent.FAILED
    assert failure.value.prim_path == "/World/Flag" and failure.value.time == session.time

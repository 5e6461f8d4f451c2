"""Taking hold: a spring in the recorded frame moves bodies, robots, cloth and soft bodies, and lets go again."""

from __future__ import annotations

import numpy as np
import pytest

from app.pull import MOST_PARTICLES, hold_body, hold_particles
from app.session import Session
from app.settings import RunOptions
from tests.app.conftest import ROOT, write_ball


def open_scene(name: str, **options) -> Session:
    return Session.open(ROOT / "scenes" / f"{name}.usda", RunOptions(**options), interactive=True)


def run(session: Session, frames: int) -> None:
    for _ in range(frames):
        session.step()


@pytest.mark.parametrize("solver", ["semi-implicit", "xpbd"])
def test_a_held_body_hangs_below_the_hand_by_its_weight_over_the_stiffness(tmp_path, solver):
    session = Session.open(write_ball(tmp_path, solver=solver, substeps=16), interactive=True)
    held = hold_body(session.state.body_q.numpy(), 0, np.array([0.0, 5.0, 0.0]))
    session.pull.take(held, np.array([0.0, 5.0, 0.0]), session.settings.step_dt)
    run(session, 240)
    stiffness = float(session.pull._gains.numpy()[0])
    mass = float(session.model.body_mass.numpy()[0])
    height = session.state.body_q.numpy()[0, 1]
    assert height == pytest.approx(5.0 - mass * 10.0 / stiffness, abs=2e-3)
    assert np.abs(session.state.body_qd.numpy()[0]).max() < 1e-2


def test_letting_go_lets_it_fall_with_the_same_graph(ball):
    session = Session.open(ball, interactive=True)
    session.pull.take(
        hold_body(session.state.body_q.numpy(), 0, np.array([0.0, 5.0, 0.0])), np.array([0, 5.0, 0]), 1e-3
    )
    session.step()
    graph = session._graph
    before = float(session.state.body_qd.numpy()[0, 4])
    session.pull.release()
    session.step()
    assert session._graph is graph
    assert float(session.state.body_qd.numpy()[0, 4]) - before == pytest.approx(-10.0 / 60.0, rel=1e-3)


def test_a_pull_beside_the_centre_turns_the_body(ball):
    session = Session.open(ball, interactive=True)
    point = np.array([0.5, 5.0, 0.0])
    session.pull.take(
        hold_body(session.state.body_q.numpy(), 0, point), point + np.array([0, 0, 1.0]), session.settings.step_dt
    )
    run(session, 3)
    spin = session.state.body_qd.numpy()[0, :3]
    assert spin[1] < -0.1 and abs(spin[0]) < 0.05  # the torque of x cross z is -y


@pytest.mark.parametrize("name, solver", [
    ("cloth_over_sphere", "semi-implicit"), ("cloth_over_sphere", "xpbd"), ("soft_body_drop", "semi-implicit"),
    ("soft_body_drop", "xpbd"),
])  # fmt: skip
def test_cloth_and_soft_bodies_follow_the_hand_and_stay_whole(name, solver):
    session = open_scene(name, solver=solver)
    q = session.state.particle_q.numpy().copy()
    members = session.bindings.particles[0]
    point = q[members.start]
    held = hold_particles(q, point, range(members.start, members.start + members.count))
    start = held.point(np.zeros((0, 7)), q)
    session.pull.take(held, start + np.array([0.3, 0.8, 0.0]), session.settings.step_dt)
    free = open_scene(name, solver=solver)
    for each in (session, free):
        run(each, 40)
    pulled, fell = (held.point(np.zeros((0, 7)), s.state.particle_q.numpy()) for s in (session, free))
    assert pulled[1] > fell[1] + 0.15 and np.isfinite(session.state.particle_q.numpy()).all()


def test_a_held_robot_follows_the_hand():
    session = Session.open(ROOT / "tests" / "app" / "pendulum.xml", interactive=True)
    q = session.state.body_q.numpy().copy()
    tip = q[-1, :3].astype(float)
    session.pull.take(
        hold_body(q, len(q) - 1, tip), tip + np.array([0.4, 0.0, 0.2]), session.settings.step_dt, strength=4.0
    )
    run(session, 120)
    moved = session.state.body_q.numpy()[-1, :3] - tip
    assert moved[0] > 0.1


def test_a_hand_holds_at_least_three_particles_with_shares_that_add_up():
    q = np.random.default_rng(1).uniform(size=(500, 3)).astype(np.float32)
    few = hold_particles(q, q[7], range(500), 1e-6)
    many = hold_particles(q, q[7], range(500), 10.0)
    assert len(few.particles) == 3 and 7 in few.particles and MOST_PARTICLES / 2 < len(many.particles) <= MOST_PARTICLES
    for held in (few, many):
        assert sum(held.weights) == pytest.approx(1.0) and min(held.weights) > 0.0


def test_a_session_that_holds_nothing_moves_like_one_without_a_hand(tmp_path):
    scene = write_ball(tmp_path, substeps=5)
    ends = []
    for interactive in (True, False):
        session = Session.open(scene, interactive=interactive)
        run(session, 20)
        ends.append(session.state.body_q.numpy().tobytes())
    assert ends[0] == ends[1]

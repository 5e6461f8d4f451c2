"""Limits, drives, friction and springs of joints in maximal coordinates against what statics and dynamics say."""

import numpy as np
import pytest

import sim
from tests.sim.featherstone.robots import G, chain
from tests.sim.maximal.robots import INTEGRATORS, walk

MAXIMAL = ["semi-implicit", "xpbd"]


@pytest.mark.parametrize(
    ("name", "friction", "holds"),
    [
        ("xpbd", 5.2, True),
        ("xpbd", 4.6, False),
        ("semi-implicit", 10.2, True),  # a load that comes at once stretches springs by twice what they bear
        ("semi-implicit", 4.6, False),
    ],
)
def test_dry_friction_holds_a_rod_up_to_its_weight(name, friction, holds):
    """A level rod pulls with G / 2 = 4.905 N m at its hinge."""
    builder = chain(1, friction=friction)
    builder.joint_q[0] = np.pi / 2
    state = walk(builder.finalize(), INTEGRATORS[name](), 1.0, 2e-3)
    moved = float(np.pi / 2 - state.joint_q.numpy()[0])
    assert (abs(moved) < 1e-3) if holds else (moved > 0.3)


@pytest.mark.parametrize("name", MAXIMAL)
def test_a_wheel_slows_down_by_its_friction_and_stops(name):
    builder = chain(1, friction=1.0)
    builder.gravity = 0.0
    builder.joint_qd[0] = 2.0
    inertia = 1.0 / 12.0 + 0.25
    speed = []
    walk(builder.finalize(), INTEGRATORS[name](), 1.0, 2e-3, each=lambda t, s: speed.append(s.joint_qd.numpy()[0]))
    assert speed[149] == pytest.approx(2.0 - 0.3 / inertia, rel=0.02)
    assert abs(speed[-1]) < 1e-4  # stops after 2 inertia / 1 N m = 0.67 s


@pytest.mark.parametrize("name", MAXIMAL)
def test_a_position_drive_settles_where_its_spring_balances_the_weight(name):
    mode = sim.JOINT_MODE_TARGET_POSITION
    builder = chain(2, target=0.5, target_ke=200.0, target_kd=20.0, mode=mode)
    state = walk(builder.finalize(), INTEGRATORS[name](), 4.0, 2e-3)
    q = state.joint_q.numpy().astype(float)
    a, b = q[0], q[0] + q[1]
    lower = G * 0.5 * np.sin(b)
    torque = [lower + G * (0.5 + 1.0) * np.sin(a), lower]
    assert 200.0 * (0.5 - q) == pytest.approx(torque, abs=0.05)
    assert np.abs(state.joint_qd.numpy()).max() < 1e-3


@pytest.mark.parametrize("name", MAXIMAL)
def test_a_drive_gives_no_more_than_its_effort(name):
    builder = chain(1, target=1.0, target_ke=1e4, target_kd=10.0, mode=sim.JOINT_MODE_TARGET_POSITION, effort_limit=2.0)
    builder.gravity = 0.0
    seen = walk(builder.finalize(), INTEGRATORS[name](), 0.2, 2e-3)
    assert seen.joint_qd.numpy()[0] == pytest.approx(2.0 * 0.2 * 3.0, rel=0.02)  # over the inertia 1/3


@pytest.mark.parametrize("name", MAXIMAL)
def test_a_limit_carries_the_weight_by_its_stiffness(name):
    builder = chain(1)
    builder.joint_limit_lower[0], builder.joint_limit_ke[0], builder.joint_limit_kd[0] = 0.6, 2e3, 50.0
    builder.joint_q[0] = 1.0
    state = walk(builder.finalize(), INTEGRATORS[name](), 3.0, 2e-3)
    angle = float(state.joint_q.numpy()[0])
    assert 2e3 * (0.6 - angle) == pytest.approx(0.5 * G * np.sin(angle), rel=0.02)


@pytest.mark.parametrize("name", MAXIMAL)
def test_a_torsion_spring_swings_with_the_period_of_inertia_and_armature(name):
    builder = chain(1, stiffness=8.0, armature=0.1)
    builder.gravity = 0.0
    builder.joint_q[0] = 0.5
    crossings, last = [], [0.5]

    def watch(time, state):
        angle = float(state.joint_q.numpy()[0])
        if last[0] * angle < 0.0:
            crossings.append(time - 1e-3 * angle / (angle - last[0]))
        last[0] = angle

    walk(builder.finalize(), INTEGRATORS[name](), 4.0, 1e-3, each=watch)
    period = 2.0 * np.pi * np.sqrt((1.0 / 3.0 + 0.1) / 8.0)
    assert np.diff(crossings) == pytest.approx(period / 2.0, rel=3e-3)

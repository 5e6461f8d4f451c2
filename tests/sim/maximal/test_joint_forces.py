"""Limits, drives, friction and springs of joints in maximal coordinates against what statics and dynamics say."""

import numpy as np
import pytest

import sim
from sim.geometry.rotation import rotate
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


@pytest.mark.parametrize("name", MAXIMAL)
@pytest.mark.parametrize(("limits", "end"), [({"angle_limit": 0.6}, 0.6), ({"cone": (0.9, 0.4)}, 0.4)])
def test_the_range_of_a_ball_joint_holds(name, limits, end):
    """A pendulum on a ball joint starts sideways and comes to rest at the end of its range."""
    builder = sim.ModelBuilder(gravity=-G)
    builder.ground = False
    body = builder.add_body(m=1.0, com=(0.5, 0.0, 0.0), I_m=np.eye(3) * 0.05)
    builder.add_joint_ball(-1, body, armature=0.0, damping=0.3, **limits)
    swings = []

    def watch(_, state):
        axis = rotate(state.body_q.numpy()[0, 3:].astype(float), np.array([1.0, 0.0, 0.0]))
        swings.append(np.arctan2(-axis[1], axis[0]))

    walk(builder.finalize(), INTEGRATORS[name](), 3.0, 2e-3, each=watch)
    assert max(swings) < end + 5e-3
    assert swings[-1] == pytest.approx(end, abs=2e-3)


@pytest.mark.parametrize("name", MAXIMAL)
@pytest.mark.parametrize(("low", "high", "begin", "rests"), [(-1.0, 2.0, 1.0, 2.0), (0.7, 0.7, 0.7, 0.7)])
def test_a_rope_holds_a_weight_and_a_rod_stays_as_long(name, low, high, begin, rests):
    builder = sim.ModelBuilder(gravity=-G)
    builder.ground = False
    body = builder.add_body(((0, -begin, 0), (0.0, 0.0, 0.0, 1.0)), m=2.0, I_m=np.eye(3) * 0.1)
    builder.add_joint_distance(-1, body, min_distance=low, max_distance=high)
    lengths = []
    each = lambda t, s: lengths.append(np.linalg.norm(s.body_q.numpy()[0, :3]))  # noqa: E731
    walk(builder.finalize(), INTEGRATORS[name](), 3.0, 2e-3, each=each)
    give = {"xpbd": 1e-3, "semi-implicit": 0.03}[name]  # springs stretch when the falling weight is caught
    assert max(lengths) < rests + give
    assert lengths[-1] == pytest.approx(rests, abs=1e-3)


@pytest.mark.parametrize("name", MAXIMAL)
def test_a_compliant_joint_gives_way_by_force_times_compliance(name):
    """XPBD's joints have compliance; springs of the semi-implicit integrator have their own stiffness."""
    builder = sim.ModelBuilder(gravity=-G)
    builder.ground = False
    body = builder.add_body(m=2.0, I_m=np.eye(3) * 0.1)
    builder.add_joint_revolute(-1, body, axis=(0, 0, 1), linear_compliance=1e-3, damping=1.0)
    integrator = INTEGRATORS[name]()
    if name == "semi-implicit":
        integrator = sim.SemiImplicitIntegrator(joint_attach_ke=1e3, joint_attach_kd=20.0)
    state = walk(builder.finalize(), integrator, 8.0, 4e-3)
    assert -state.body_q.numpy()[0, 1] == pytest.approx(2.0 * G * 1e-3, rel=0.02)

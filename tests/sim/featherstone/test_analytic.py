"""Articulated motion against what is known in closed form."""

import numpy as np
import pytest
from scipy.special import ellipk

import engine as en
import sim
from sim.articulation.trees import KinematicTrees
from sim.geometry.rotation import rotate, rotation_matrix, transform_points
from tests.sim.featherstone.robots import G, chain, energy, run, start


@pytest.mark.parametrize("amplitude", [0.1, 1.0, 2.5])
def test_pendulum_period_at_any_amplitude(amplitude):
    builder = chain(1)
    builder.joint_q[0] = amplitude
    model = builder.finalize()
    crossings, last = [], [amplitude]

    def watch(time, state):
        angle = float(state.joint_q.numpy()[0])
        if last[0] * angle < 0.0:
            crossings.append(time - 1e-3 * angle / (angle - last[0]))
        last[0] = angle

    run(model, 6.0, 1e-3, each=watch)
    inertia = 1.0 / 12.0 + 0.25
    period = 4.0 * np.sqrt(inertia / (G * 0.5)) * ellipk(np.sin(amplitude / 2.0) ** 2)
    assert 2.0 * (crossings[1] - crossings[0]) == pytest.approx(period, rel=2e-4)


def test_double_pendulum_keeps_its_energy():
    builder = chain(2)
    builder.joint_q[:] = 2.0, 1.0
    model = builder.finalize()
    first, _ = start(model)
    begin, worst = energy(model, first), [0.0]
    lowest = -2.0 * G  # both rods hanging: energy above this is what moves
    run(model, 10.0, 1e-3, each=lambda t, s: worst.__setitem__(0, max(worst[0], abs(energy(model, s) - begin))))
    assert worst[0] < 0.005 * (begin - lowest)


def test_free_top_precesses_about_its_angular_momentum():
    """A symmetric body: its axis turns about the constant L at |L|/I1 (Goldstein, section 5.6)."""
    builder = sim.ModelBuilder(gravity=0.0)
    builder.ground = False
    body = builder.add_body(m=1.0, I_m=np.diag([1.0, 1.0, 2.0]))
    builder.add_joint_free(body)
    builder.joint_qd[:3] = 0.6, 0.0, 4.0
    model = builder.finalize()
    L = np.array([0.6, 0.0, 8.0])
    state = run(model, 5.0, 1e-3)
    turn = np.linalg.norm(L) / 1.0 * 5.0
    unit = L / np.linalg.norm(L)
    q = np.append(unit * np.sin(turn / 2.0), np.cos(turn / 2.0))
    axis = rotate(state.body_q.numpy()[0, 3:].astype(float), np.array([0.0, 0.0, 1.0]))
    assert np.linalg.norm(axis - rotate(q, np.array([0.0, 0.0, 1.0]))) < 1e-3
    w = state.body_qd.numpy()[0, :3].astype(float)
    spin = 1.0 * w + (2.0 - 1.0) * axis * (axis @ w)
    assert np.allclose(spin, L, atol=5e-3)


def test_gyroscope_precesses_slowly_under_gravity():
    """Fast top held at a point: the precession rate is m g r / (I3 w) to first order in 1/w^2."""
    builder = sim.ModelBuilder(up_vector=(0, 0, 1), gravity=-G)
    builder.ground = False
    body = builder.add_body(m=1.0, com=(0.2, 0.0, 0.0), I_m=np.diag([0.01, 0.005, 0.005]))
    builder.add_joint_ball(-1, body, armature=0.0)
    spin, rate = 200.0, G * 0.2 / (0.01 * 200.0)
    builder.joint_qd[:] = spin, 0.0, rate
    state = run(builder.finalize(), 0.5, 2e-4)
    axis = rotate(state.body_q.numpy()[0, 3:].astype(float), np.array([1.0, 0.0, 0.0]))
    assert np.arctan2(axis[1], axis[0]) == pytest.approx(rate * 0.5, rel=0.02)
    assert abs(axis[2]) < 0.03


def test_floating_robot_without_gravity_keeps_momentum():
    """Joint torques move a floating chain, and neither its linear nor its angular momentum."""
    builder = sim.ModelBuilder(gravity=0.0)
    builder.ground = False
    parent = builder.add_body(m=2.0, I_m=np.diag([0.2, 0.3, 0.4]))
    builder.add_joint_free(parent)
    for axis in ((1, 0, 0), (0, 1, 1)):
        child = builder.add_body(m=1.0, com=(0.3, 0.0, 0.1), I_m=np.diag([0.05, 0.1, 0.08]))
        builder.add_joint_revolute(parent, child, ((0.4, 0.1, 0.0), (0, 0, 0, 1)), axis=axis, armature=0.0)
        parent = child
    model = builder.finalize()
    control = model.control()
    control.joint_act.assign(np.array([1.0, -0.7], np.float32))
    state = run(model, 1.0, 1e-3, control=control)
    X, qd = state.body_q.numpy().astype(float), state.body_qd.numpy().astype(float)
    mass, inertia = model.body_mass.numpy(), model.body_inertia.numpy().astype(float)
    com, R = transform_points(X, model.body_com.numpy().astype(float)), rotation_matrix(X[:, 3:])
    linear = (mass[:, None] * qd[:, 3:]).sum(axis=0)
    spin = np.einsum("bij,bjk,blk,bl->bi", R, inertia, R, qd[:, :3])
    angular = (spin + np.cross(com, mass[:, None] * qd[:, 3:])).sum(axis=0)
    assert np.abs(qd).max() > 1.0
    assert np.abs(linear).max() < 5e-3
    assert np.abs(angular).max() < 5e-3


def test_external_wrench_accelerates_as_newton_says():
    builder = sim.ModelBuilder(gravity=0.0)
    builder.ground = False
    body = builder.add_body(m=2.0, com=(0.1, 0.2, 0.3), I_m=np.diag([0.2, 0.3, 0.4]))
    builder.add_joint_free(body)
    model = builder.finalize()
    now, after = start(model)
    now.body_f.assign(np.array([[0.4, 0.0, 0.0, 0.0, 6.0, 0.0]], np.float32))
    sim.FeatherstoneIntegrator().simulate(model, now, after, 1e-3)
    assert np.allclose(after.body_qd.numpy()[0] / 1e-3, [2.0, 0, 0, 0, 3.0, 0], atol=1e-3)


@pytest.mark.parametrize("dt", [1e-3, 1e-2])
def test_damped_hinge_slows_down_exponentially(dt):
    builder = chain(1, damping=0.5)
    builder.gravity = 0.0
    builder.joint_qd[0] = 2.0
    state = run(builder.finalize(), 1.0, dt)
    inertia = 1.0 / 12.0 + 0.25
    assert float(state.joint_qd.numpy()[0]) == pytest.approx(2.0 * np.exp(-0.5 / inertia), rel=2.0 * dt)


@pytest.mark.parametrize("stiffness", [10.0, 1e6])
def test_spring_swings_about_its_reference_without_losing_energy(stiffness):
    builder = chain(1, stiffness=stiffness, spring_ref=0.3)
    builder.gravity = 0.0
    swing = []
    run(builder.finalize(), 2.0, 1e-3, each=lambda t, s: swing.append(float(s.joint_q.numpy()[0])))
    half = len(swing) // 2
    for part in (swing[:half], swing[half:]):
        assert max(part) == pytest.approx(0.6, abs=0.01)
        assert min(part) == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize("dt", [1e-3, 2e-2])
@pytest.mark.parametrize("stiffness", [1e2, 1e5])
def test_position_drive_reaches_its_target(stiffness, dt):
    builder = chain(1, target=0.7, target_ke=stiffness, target_kd=0.05 * stiffness, mode=sim.JOINT_MODE_TARGET_POSITION)
    builder.gravity = 0.0
    state = run(builder.finalize(), 2.0, dt)
    assert float(state.joint_q.numpy()[0]) == pytest.approx(0.7, abs=1e-3)


def test_velocity_drive_holds_its_speed():
    builder = chain(1, target=3.0, target_ke=1e3, mode=sim.JOINT_MODE_TARGET_VELOCITY)
    state = run(builder.finalize(), 1.0, 1e-3)
    assert float(state.joint_qd.numpy()[0]) == pytest.approx(3.0, abs=0.01)


def test_effort_limit_caps_a_drive():
    builder = chain(1, target=1.0, target_ke=1e4, mode=sim.JOINT_MODE_TARGET_POSITION, effort_limit=0.5)
    builder.gravity = 0.0
    model = builder.finalize()
    now, after = start(model)
    sim.FeatherstoneIntegrator().simulate(model, now, after, 1e-3)
    assert float(after.joint_qdd.numpy()[0]) == pytest.approx(0.5 / (1.0 / 12.0 + 0.25), rel=1e-4)


def test_limit_holds_the_weight():
    builder = chain(1)
    builder.joint_limit_lower[0], builder.joint_limit_upper[0] = 0.5, 1.0
    builder.joint_limit_ke[0], builder.joint_limit_kd[0] = 1e4, 1e2
    builder.joint_q[0] = 0.9
    state = run(builder.finalize(), 3.0, 1e-3)
    sag = G * 0.5 * np.sin(0.5) / 1e4
    assert float(state.joint_q.numpy()[0]) == pytest.approx(0.5 - sag, abs=1e-5)


def test_dry_friction_sticks_below_its_limit_and_slides_above():
    weight = G * 0.5  # torque of the horizontal rod
    for friction, moves in ((1.1 * weight, False), (0.9 * weight, True)):
        builder = chain(1, friction=friction)
        builder.joint_q[0] = np.pi / 2.0
        state = run(builder.finalize(), 1.0, 1e-3)
        assert (abs(float(state.joint_q.numpy()[0]) - np.pi / 2.0) > 0.02) == moves


def test_armature_adds_to_the_inertia():
    builder = chain(1, armature=0.5)
    model = builder.finalize()
    assert sim.eval_mass_matrix(model, model.joint_q).numpy()[0, 0, 0] == pytest.approx(
        1.0 / 12.0 + 0.25 + 0.5, rel=1e-6
    )


def test_bodies_without_joints_fall_beside_the_robot():
    builder = chain(1)
    loose = builder.add_body(((5, 0, 0), (0, 0, 0, 1)), m=1.0, I_m=np.eye(3))
    state = run(builder.finalize(), 0.5, 1e-3)
    assert state.body_q.numpy()[loose, 1] == pytest.approx(-0.5 * G * 0.25, rel=0.01)


def test_replicas_move_as_one_robot_does_wherever_they_stand():
    one = chain(2)
    one.joint_q[:] = 1.0, 0.5
    many = sim.ModelBuilder(gravity=-G)
    many.ground = False
    many.replicate(one, 5, (300.0, 0.0, 0.0))
    alone, together = run(one.finalize(), 0.5, 1e-3), run(many.finalize(), 0.5, 1e-3)
    assert np.array_equal(together.joint_q.numpy().reshape(5, 2), np.repeat(alone.joint_q.numpy()[None], 5, axis=0))


def test_interleaved_scratch_gives_the_same_bits(monkeypatch):
    """The layout for GPUs, blocks of 32 trees, run on the CPU."""
    one = chain(3)
    one.joint_q[:] = 1.0, 0.5, -0.4
    many = sim.ModelBuilder(gravity=-G)
    many.ground = False
    many.replicate(one, 40)
    many.add_builder(chain(2))
    side_by_side = run(many.finalize(), 0.1, 1e-3)
    model = many.finalize()
    monkeypatch.setattr(KinematicTrees, "block_size", staticmethod(lambda device, in_lanes: 32))
    assert model.kinematic_trees.lanes == 32
    assert np.array_equal(run(model, 0.1, 1e-3).joint_q.numpy(), side_by_side.joint_q.numpy())


def test_a_body_that_only_carries_joints_is_named():
    builder = sim.ModelBuilder()
    base, child = builder.add_body(m=1.0, I_m=np.eye(3), name="base"), builder.add_body(m=1.0, I_m=np.eye(3))
    builder.add_joint_revolute(base, child)
    model = builder.finalize()
    with pytest.raises(sim.SimError, match=r"base.*add_joint_free"):
        sim.FeatherstoneIntegrator().simulate(model, model.state(), model.state(), 1e-3)


def test_a_step_can_be_captured():
    builder = chain(2)
    builder.joint_q[:] = 1.0, 0.5
    model = builder.finalize()
    integrator = sim.FeatherstoneIntegrator()
    now, after = start(model)
    with en.ScopedCapture(model.device) as capture:
        integrator.simulate(model, now, after, 1e-3)
        integrator.simulate(model, after, now, 1e-3)
    for _ in range(50):
        en.capture_launch(capture.graph)
    assert np.array_equal(now.joint_q.numpy(), run(model, 0.1, 1e-3).joint_q.numpy())

"""Jointed motion in maximal coordinates against what is known in closed form."""

import warnings

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.special import ellipk

import engine as en
import sim
from sim.geometry.rotation import rotate, transform_points
from tests.sim.featherstone.robots import G, chain, energy, start
from tests.sim.maximal.robots import INTEGRATORS, walk

MAXIMAL = ["semi-implicit", "xpbd"]


@pytest.mark.parametrize(("name", "tolerance"), [("xpbd", 1e-4), ("semi-implicit", 2e-3)])
@pytest.mark.parametrize("amplitude", [0.1, 1.0, 2.5])
def test_pendulum_period_at_any_amplitude(name, tolerance, amplitude):
    builder = chain(1)
    builder.joint_q[0] = amplitude
    crossings, last = [], [amplitude]

    def watch(time, state):
        angle = float(state.joint_q.numpy()[0])
        if last[0] * angle < 0.0:
            crossings.append(time - 1e-3 * angle / (angle - last[0]))
        last[0] = angle

    walk(builder.finalize(), INTEGRATORS[name](), 6.0, 1e-3, each=watch)
    inertia = 1.0 / 12.0 + 0.25
    period = 4.0 * np.sqrt(inertia / (G * 0.5)) * ellipk(np.sin(amplitude / 2.0) ** 2)
    assert 2.0 * (crossings[1] - crossings[0]) == pytest.approx(period, rel=tolerance)


def test_a_double_pendulum_keeps_its_energy_under_xpbd():
    builder = chain(2)
    builder.joint_q[:] = 2.0, 1.0
    model = builder.finalize()
    begin, worst = energy(model, start(model)[0]), [0.0]

    def watch(_, state):
        worst[0] = max(worst[0], abs(energy(model, state) - begin))

    walk(model, sim.XPBDIntegrator(), 10.0, 1e-3, each=watch)
    assert worst[0] < 0.003 * (begin + 2.0 * G)  # of what is above both rods hanging


@pytest.mark.parametrize("iterations", [1, 2])
def test_a_chain_of_ten_hinges_does_not_drift(iterations):
    """Ten seconds at 60 Hz and ten substeps, starting level, which whips the end of the chain about."""
    builder = chain(10)
    builder.joint_q[0] = 1.5
    model, worst = builder.finalize(), [0.0]
    ends = np.tile([0.0, -1.0, 0.0], (9, 1))

    def watch(_, state):
        X = state.body_q.numpy().astype(float)
        gaps = np.append(transform_points(X[:-1], ends) - X[1:, :3], X[:1, :3], axis=0)
        worst[0] = max(worst[0], float(np.linalg.norm(gaps, axis=1).max()))

    walk(model, sim.XPBDIntegrator(iterations=iterations), 10.0, 1.0 / 600.0, each=watch)
    assert worst[0] < {1: 5e-4, 2: 1e-4}[iterations]


@pytest.mark.parametrize("name", MAXIMAL)
def test_a_heavy_top_precesses_and_nods_as_euler_says(name):
    """A symmetric top on a ball joint, from rest apart from its spin; Goldstein, section 5.7, integrated closely."""
    m, d, I, I3, spin, tilt = 1.0, 0.5, 0.5, 0.1, 40.0, 0.8
    builder = sim.ModelBuilder(gravity=-G)
    builder.ground = False
    across = I - m * d * d
    body = builder.add_body(m=m, com=(0.0, d, 0.0), I_m=np.diag([across, I3, across]))
    builder.add_joint_ball(-1, body, armature=0.0)
    q = np.array([np.sin(tilt / 2), 0.0, 0.0, np.cos(tilt / 2)])
    builder.joint_q[:] = q
    builder.joint_qd[:] = spin * rotate(q, np.array([0.0, 1.0, 0.0]))
    p_psi, p_phi = I3 * spin, I3 * spin * np.cos(tilt)

    def slope(_, y):
        theta, rate, _phi = y
        turn = (p_phi - p_psi * np.cos(theta)) / (I * np.sin(theta) ** 2)
        return [rate, turn**2 * np.sin(theta) * np.cos(theta) - p_psi * turn * np.sin(theta) / I
                + m * G * d * np.sin(theta) / I, turn]  # fmt: skip

    exact = solve_ivp(slope, (0.0, 1.0), [tilt, 0.0, 0.0], rtol=1e-10, atol=1e-10)
    theta, phi = exact.y[0, -1], exact.y[2, -1]
    state = walk(builder.finalize(), INTEGRATORS[name](), 1.0, 2.5e-4)
    axis = rotate(state.body_q.numpy()[0, 3:].astype(float), np.array([0.0, 1.0, 0.0]))
    # precession about y, counted from z
    expected = np.array([np.sin(theta) * np.sin(phi), np.cos(theta), np.sin(theta) * np.cos(phi)])
    assert abs(phi) > 1.0
    assert np.linalg.norm(axis - expected) < 0.02


@pytest.mark.parametrize("name", MAXIMAL)
def test_a_floating_robot_keeps_its_momentum(name):
    """Springs and drives within a robot without gravity push bodies, never the whole."""
    from tests.sim.maximal.robots import every_joint

    builder = every_joint()
    builder.gravity = 0.0
    model = builder.finalize()
    mass = model.body_mass.numpy()[:, None].astype(float)
    linear = lambda s: (mass * s.body_qd.numpy()[:, 3:]).sum(axis=0)  # noqa: E731
    begin = linear(start(model)[0])
    assert np.abs(linear(walk(model, INTEGRATORS[name](), 1.0, 2e-3)) - begin).max() < 5e-4


def test_a_joint_too_stiff_for_the_step_is_named_once():
    model = chain(3).finalize()
    integrator = sim.SemiImplicitIntegrator(joint_attach_ke=1e6, joint_attach_kd=10.0)
    now, after = start(model)
    with pytest.warns(sim.SimWarning, match=r"joint 'joint_\d' and 2 more.*stable up to steps of .* dt = 0.002"):
        integrator.simulate(model, now, after, 2e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        integrator.simulate(model, now, after, 2e-3)


def test_the_estimated_step_bound_is_safe_and_not_far_from_true():
    """A chain is quiet in steps just below the bound of its stiffness, and flies apart in some times larger ones."""
    from sim.semi_implicit.attachment import explicit_springs

    def spread(factor: float) -> float:
        builder = sim.ModelBuilder(gravity=-G)
        builder.ground = False
        for i in range(4):
            child = builder.add_body(m=1.0, com=(0.0, -0.5, 0.0), I_m=np.eye(3) * 0.2)
            builder.add_joint_ball(
                i - 1, child, None if i == 0 else ((0.0, -1.0, 0.0), (0.0, 0.0, 0.0, 1.0)), armature=0.0
            )
        builder.joint_qd[:] = np.linspace(-0.5, 0.5, builder.joint_dof_count)
        model = builder.finalize()
        bound = float(explicit_springs(model, 2e4, 0.0).step_bound.min())
        integrator = sim.SemiImplicitIntegrator(0.0, joint_attach_ke=2e4, joint_attach_kd=0.0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            state = walk(model, integrator, 1.0, factor * bound)
        return float(np.abs(np.nan_to_num(state.body_q.numpy(), nan=1e9)).max())

    assert spread(0.95) < 5.0
    assert spread(2.5) > 100.0


@pytest.mark.parametrize("name", MAXIMAL)
def test_steps_can_be_captured_and_give_the_same_bits(name):
    builder = chain(5)
    builder.joint_q[:] = 0.3
    model, integrator = builder.finalize(), INTEGRATORS[name]()
    now, after = start(model)
    with en.ScopedCapture(model.device) as capture:
        integrator.simulate(model, now, after, 1e-3)
        integrator.simulate(model, after, now, 1e-3)
    for _ in range(50):
        en.capture_launch(capture.graph)
    assert np.array_equal(now.joint_q.numpy(), walk(model, INTEGRATORS[name](), 0.1, 1e-3).joint_q.numpy())


@pytest.mark.parametrize("name", MAXIMAL)
def test_a_kinematic_body_carries_what_hangs_on_it(name):
    """A hinge on a kinematic body that moves steadily: the same pendulum as on a fixed one."""
    builder = sim.ModelBuilder(gravity=-G)
    builder.ground = False
    cart = builder.add_body(m=1.0, I_m=np.eye(3))
    rod = builder.add_body(m=1.0, com=(0.0, -0.5, 0.0), I_m=np.diag([1.0, 0.01, 1.0]) / 12.0)
    builder.add_joint_revolute(cart, rod, axis=(0, 0, 1), armature=0.0)
    builder.body_flags[cart] = sim.BODY_FLAG_KINEMATIC
    builder.body_qd[cart] = builder.body_qd[rod] = 0.0, 0.0, 0.0, 2.0, 0.0, 0.0
    turn = np.array([0.0, 0.0, np.sin(0.25), np.cos(0.25)])
    builder.body_q[rod] = np.append(np.zeros(3), turn)
    model = builder.finalize()
    now, after = model.state(), model.state()
    for _ in range(500):
        INTEGRATORS[name]().simulate(model, now, after, 2e-3)
        now, after = after, now
    fixed = chain(1)
    fixed.joint_q[0] = 0.5
    expected = walk(fixed.finalize(), sim.FeatherstoneIntegrator(), 1.0, 1e-3)
    assert now.body_q.numpy()[cart, 0] == pytest.approx(2.0, abs=1e-3)
    assert now.joint_q.numpy()[0] == pytest.approx(expected.joint_q.numpy()[0], abs=5e-3)


@pytest.mark.parametrize("name", MAXIMAL)
def test_a_disabled_joint_lets_its_bodies_go(name):
    builder = chain(2)
    builder.joint_enabled[0] = 0
    state = walk(builder.finalize(), INTEGRATORS[name](), 0.5, 2e-3)
    assert state.body_q.numpy()[:, 1] == pytest.approx([-0.5 * G * 0.25, -1.0 - 0.5 * G * 0.25], abs=0.01)

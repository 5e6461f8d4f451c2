"""Free particles and springs against their discrete and analytic solutions."""

import numpy as np
import pytest

import engine as en
from sim import ModelBuilder, SemiImplicitIntegrator, XPBDIntegrator

G = 9.80665


def particle_model(q, qd, mass=1.0, ground=False, radius=0.01):
    builder = ModelBuilder()
    builder.add_particles(np.atleast_2d(q), np.atleast_2d(qd), mass, radius)
    model = builder.finalize()
    model.ground = ground
    return model


def test_free_fall_is_the_discrete_symplectic_solution(integrator, advance):
    dt, n = 1.0 / 512, 512
    s = advance(particle_model([0.0, 10.0, 0.0], [0.0, 0.0, 0.0]), integrator, n, dt)
    discrete = 10.0 - G * dt * dt * n * (n + 1) / 2
    assert s.particle_q.numpy()[0, 1] == pytest.approx(discrete, abs=2e-5)
    assert s.particle_qd.numpy()[0, 1] == pytest.approx(-G, rel=2e-5 if "Semi" in type(integrator).__name__ else 5e-4)


def test_projectile_converges_to_the_parabola_with_first_order(integrator, advance):
    v = np.array([3.0, 5.0, -1.0])
    errors = []
    for n in (64, 128):
        s = advance(particle_model([0.0, 10.0, 0.0], v), integrator, n, 1.0 / n)
        exact = np.array([0.0, 10.0, 0.0]) + v + [0.0, -0.5 * G, 0.0]
        errors.append(np.abs(s.particle_q.numpy()[0] - exact).max())
    assert errors[0] / errors[1] == pytest.approx(2.0, rel=0.05)


def test_pinned_and_inactive_particles_stay(integrator, advance):
    builder = ModelBuilder()
    builder.add_particles(np.array([[0.0, 1, 0], [0, 2, 0]]), np.zeros((2, 3)), np.array([0.0, 1.0]), 0.1)
    model = builder.finalize()
    model.particle_flags[1] = 0
    s = advance(model, integrator, 20, 0.01)
    np.testing.assert_array_equal(s.particle_q.numpy(), [[0, 1, 0], [0, 2, 0]])


@pytest.mark.parametrize("stiffness", [50.0, 400.0])
def test_spring_period_is_two_pi_root_m_over_k(integrator, advance, stiffness):
    builder = ModelBuilder(gravity=0.0)
    builder.add_particles(np.array([[0.0, 0, 0], [1.1, 0, 0]]), np.zeros((2, 3)), np.array([0.0, 2.0]), 0.01)
    builder.add_springs(np.array([[0, 1]]), stiffness, 0.0, 1.0)
    model = builder.finalize()
    model.ground = False
    period = 2 * np.pi * np.sqrt(2.0 / stiffness)
    dt = period / 2000
    crossings, last = [], [1.1]

    def watch(step, state):
        x = float(state.particle_q.numpy()[1, 0])
        if last[0] < 1.0 <= x:
            crossings.append((step - 2 * (x - 1.0) / (x - last[0])) * dt)
        last[0] = x

    advance(model, integrator, 8000, dt, watch)
    assert np.mean(np.diff(crossings)) == pytest.approx(period, rel=2e-3)


def test_spring_network_keeps_momentum(integrator, advance):
    rng = np.random.default_rng(0)
    builder = ModelBuilder(gravity=0.0)
    n = 40
    mass = rng.uniform(0.5, 2.0, n)
    v = rng.normal(size=(n, 3))
    builder.add_particles(rng.normal(size=(n, 3)), v, mass, 0.01)
    pairs = np.array([(i, j) for i in range(n) for j in range(i + 1, n) if rng.random() < 0.2])
    builder.add_springs(pairs, 30.0, 0.5)
    model = builder.finalize()
    model.ground = False
    x0 = model.particle_q.numpy().astype(np.float64)
    momentum = (mass[:, None] * v).sum(axis=0)
    spin = (mass[:, None] * np.cross(x0, v)).sum(axis=0)
    s = advance(model, integrator, 2000, 1.0 / 1000)
    x1, v1 = s.particle_q.numpy().astype(np.float64), s.particle_qd.numpy().astype(np.float64)
    size = (mass[:, None] * np.abs(v)).sum()
    # XPBD makes velocities from positions, so every correction is rounded to ulp(x)/dt = 2e-4 m/s
    tolerance = 3e-3 if isinstance(integrator, XPBDIntegrator) else 3e-5
    assert np.abs((mass[:, None] * v1).sum(axis=0) - momentum).max() < tolerance * size
    assert np.abs((mass[:, None] * np.cross(x1, v1)).sum(axis=0) - spin).max() < 10 * tolerance * size


def test_cloth_without_damping_keeps_linear_and_angular_momentum(advance):
    builder = ModelBuilder(gravity=0.0)
    builder.add_cloth_grid(
        pos=en.vec3(0.0, 0.0, 0.0), rot=en.quat_identity(), vel=en.vec3(0.0, 0.0, 0.0), dim_x=6, dim_y=5,
        cell_x=0.1, cell_y=0.1, mass=0.1, tri_ke=1e2, tri_ka=1e2, tri_kd=0.0, edge_ke=0.1, edge_kd=0.0,
    )  # fmt: skip
    model = builder.finalize()
    model.ground = False
    rng = np.random.default_rng(1)
    state = model.state()
    state.particle_qd.assign(rng.normal(size=(model.particle_count, 3)).astype(np.float32) * 0.3)
    x, v = state.particle_q.numpy().astype(np.float64), state.particle_qd.numpy().astype(np.float64)
    momentum, spin = v.sum(axis=0), np.cross(x, v).sum(axis=0)
    s = advance(model, SemiImplicitIntegrator(), 1000, 1e-3, state=state)
    x, v = s.particle_q.numpy().astype(np.float64), s.particle_qd.numpy().astype(np.float64)
    scale = np.abs(v).sum()
    assert np.abs(v.sum(axis=0) - momentum).max() < 1e-5 * scale
    assert np.abs(np.cross(x, v).sum(axis=0) - spin).max() < 1e-5 * scale


@pytest.mark.parametrize("e", [0.3, 0.5, 0.8])
@pytest.mark.parametrize("onto", ["ground", "sphere", "plane"])
def test_particle_rebounds_to_e_squared_h(integrator, advance, e, onto):
    # the penalty contact is v sqrt(m/ke) = 14 mm deep, over which gravity works too: the tolerance in height
    h, dt = 1.0, 1.0 / 10000
    builder = ModelBuilder()
    builder.add_particles(np.array([[0.0, h + 0.01, 0.0]]), np.zeros((1, 3)), 0.5, 0.01)
    if onto == "sphere":
        builder.add_shape_sphere(-1, pos=en.vec3(0.0, -1.0, 0.0), radius=1.0, ke=5e4, restitution=e, mu=0.0)
    if onto == "plane":
        builder.add_shape_plane(plane=None, pos=en.vec3(0.0, 0.0, 0.0), ke=5e4, restitution=e, width=0.0, length=0.0)
    model = builder.finalize()
    model.ground = onto == "ground"
    model.soft_contact_ke = 5e4
    model.soft_contact_restitution = e if onto == "ground" else 0.0
    heights = []
    advance(model, integrator, 2 * int(1.3 / dt / 2), dt, lambda step, s: heights.append(s.particle_q.numpy()[0, 1]))
    y = np.array(heights) - 0.01
    bounce = int(np.argmin(y[: int(0.6 / dt / 2)]))
    assert y[bounce:].max() == pytest.approx(e * e * h, abs=0.015 * h)


def test_penalty_rebound_follows_the_damping_formula(advance):
    """Without a restitution the dashpot decides: e = exp(-z acos(z)/sqrt(1-z^2)), z = kd/(2 sqrt(ke m))."""
    ke, kd, m, dt = 2e4, 60.0, 0.5, 1.0 / 10000
    z = kd / (2 * np.sqrt(ke * m))
    e = np.exp(-z * np.arccos(z) / np.sqrt(1 - z * z))
    model = particle_model([0.0, 1.01, 0.0], [0.0, 0.0, 0.0], m, ground=True)
    model.soft_contact_ke, model.soft_contact_kd = ke, kd
    heights = []
    advance(model, SemiImplicitIntegrator(), 12000, dt, lambda step, s: heights.append(s.particle_q.numpy()[0, 1]))
    y = np.array(heights) - 0.01
    assert y[int(np.argmin(y[:2500])) :].max() == pytest.approx(e * e, rel=0.04)


@pytest.mark.parametrize(
    "mu, angle, sticks", [(0.5, 24.5, True), (0.5, 28.6, False), (0.2, 9.3, True), (0.2, 13.3, False)]
)
def test_particle_on_a_ramp_sticks_below_and_slides_above_atan_mu(integrator, advance, mu, angle, sticks):
    a = np.radians(angle)
    builder = ModelBuilder()
    builder.add_particles(np.array([[-np.sin(a) * 0.1, np.cos(a) * 0.1, 0.0]]), np.zeros((1, 3)), 0.5, 0.1)
    builder.add_shape_plane(
        plane=None, pos=en.vec3(0.0, 0.0, 0.0), rot=en.quat_from_axis_angle(en.vec3(0.0, 0.0, 1.0), float(a)),
        width=0.0, length=0.0, mu=mu,
    )  # fmt: skip
    model = builder.finalize()
    model.ground = False
    model.soft_contact_mu = mu
    dt = 1.0 / 1000
    s = advance(model, integrator, 2000, dt)
    moved = np.linalg.norm(s.particle_q.numpy()[0] - model.particle_q.numpy()[0])
    if sticks:
        assert moved < 0.02
    else:
        expected = 0.5 * G * (np.sin(a) - mu * np.cos(a)) * 4.0
        assert moved == pytest.approx(expected, rel=0.1)


def test_same_bits_for_both_integrators_across_runs_and_thread_counts(advance):
    def run(integrator, threads):
        en.set_threads(threads)
        builder = ModelBuilder()
        builder.add_cloth_grid(
            pos=en.vec3(0.0, 1.2, 0.0), rot=en.quat_from_axis_angle(en.vec3(1.0, 0.0, 0.0), 1.5),
            vel=en.vec3(0.0, 0.0, 0.0),
            dim_x=24, dim_y=24, cell_x=0.05, cell_y=0.05, mass=0.02, tri_ke=1e3, tri_ka=1e3, tri_kd=1.0,
        )  # fmt: skip
        builder.add_shape_sphere(-1, pos=en.vec3(0.6, 0.0, 0.3), radius=0.6)
        s = advance(builder.finalize(), integrator, 400, 1.0 / 1000)
        return s.particle_q.numpy().tobytes() + s.particle_qd.numpy().tobytes()

    try:
        for make in (SemiImplicitIntegrator, XPBDIntegrator):
            assert run(make(), 1) == run(make(), 2) == run(make(), 1)
    finally:
        en.set_threads(2)

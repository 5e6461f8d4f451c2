"""XPBD with all elements at once, against the colored sweeps whose solution it shares, and against analysis."""

import itertools
import math

import numpy as np
import pytest

import engine as en
from sim import ModelBuilder, XPBDIntegrator, collide
from sim.xpbd.pulls import PullBatch
from sim.xpbd.sweeps import StiffnessAtRest, enough_sweeps, left_of_soft_motion, parts

ROT = en.quat_from_axis_angle(en.vec3(1.0, 0.0, 0.0), math.pi * 0.5)


def cloth(ke: float, cells: int = 8):
    builder = ModelBuilder()
    builder.add_cloth_grid(
        pos=en.vec3(0.0, 2.0, 0.0), rot=ROT, vel=en.vec3(0.0, 0.0, 0.0), dim_x=cells, dim_y=cells, cell_x=0.1,
        cell_y=0.1, mass=0.1, fix_left=True, tri_ke=ke, tri_ka=ke, tri_kd=1.0, edge_ke=1.0,
    )  # fmt: skip
    model = builder.finalize()
    model.ground = False
    return model


def drop(model, integrator, steps: int, dt: float):
    s0, s1 = model.state(), model.state()
    for _ in range(steps):
        integrator.simulate(model, s0, s1, dt)
        s0, s1 = s1, s0
    return s0.particle_q.numpy().copy()


def test_simultaneous_sweeps_reach_the_solution_of_colored_ones():
    exact = drop(cloth(1e3), XPBDIntegrator(iterations=200), 40, 1.0 / 240)
    errors = [
        np.abs(drop(cloth(1e3), XPBDIntegrator(iterations=n, sweep="simultaneous"), 40, 1.0 / 240) - exact).max()
        for n in (5, 40, 320)
    ]
    assert errors[1] < 0.5 * errors[0] and errors[2] < 0.1 * errors[0]
    assert errors[2] < 1e-3


def test_relaxation_saves_sweeps():
    exact = drop(cloth(1e3), XPBDIntegrator(iterations=400, sweep="simultaneous"), 40, 1.0 / 240)
    plain = XPBDIntegrator(iterations=2, sweep="simultaneous")
    relaxed = XPBDIntegrator(iterations=2, sweep="simultaneous", soft_body_relaxation=2.0)
    assert (
        np.abs(drop(cloth(1e3), relaxed, 40, 1.0 / 240) - exact).max()
        < 0.6 * np.abs(drop(cloth(1e3), plain, 40, 1.0 / 240) - exact).max()
    )


def test_two_simultaneous_sweeps_are_enough_where_the_step_resolves_the_stiffness():
    model, dt = cloth(1e3), 1.0 / 960
    assert StiffnessAtRest(model).largest(dt, 1.0) < 4.0
    exact = drop(model, XPBDIntegrator(iterations=100, sweep="simultaneous"), 480, dt)
    assert np.abs(exact - model.particle_q.numpy()).max() > 0.5, "it moves"
    assert np.abs(drop(model, XPBDIntegrator(iterations=2, sweep="simultaneous"), 480, dt) - exact).max() < 1e-3


def soft_block(k_mu: float):
    builder = ModelBuilder(gravity=0.0)
    builder.add_soft_grid(
        pos=en.vec3(0.0, 1.0, 0.0), rot=en.quat_identity(), vel=en.vec3(0.0, 0.0, 0.0), dim_x=3, dim_y=2, dim_z=2,
        cell_x=0.1, cell_y=0.1, cell_z=0.1, density=300.0, k_mu=k_mu, k_lambda=1.5 * k_mu, k_damp=5.0, fix_left=True,
    )  # fmt: skip
    model = builder.finalize()
    model.ground = False
    return model


def crumpled():
    """Only hinges, bent in all ways: the strains of triangles would count, too, where they are no longer at rest."""
    model = cloth(1e3)
    model.tri_materials.zero_()
    q = model.particle_q.numpy()
    model.particle_q.assign(q + np.random.default_rng(2).normal(0.0, 0.02, q.shape).astype(np.float32))
    return model


@pytest.mark.parametrize(
    "make", [lambda: cloth(1e3), crumpled, lambda: soft_block(2e4)], ids=["cloth", "crumpled", "soft block"]
)
def test_weights_at_rest_are_those_of_the_kernels(make):
    model = make()
    dt, integrator = 1.0 / 960, XPBDIntegrator(iterations=1, sweep="simultaneous")
    integrator.simulate(model, model.state(), model.state(), dt)
    rest = StiffnessAtRest(model)
    free = model.particle_inv_mass.numpy() > 0.0
    expected = (rest.elastic * dt**2 + rest.damping * dt)[free]
    np.testing.assert_allclose(model.xpbd_scratch.stiffness.numpy()[free], expected, rtol=1e-3)


def test_both_orders_swing_a_soft_block_alike():
    """Of the way a block's free end moves when released from a stretched start; the orders' solutions differ by O(dt)."""
    ends = []
    for sweep in ("colored", "simultaneous"):
        model = soft_block(2e4)
        q = model.particle_q.numpy()
        q[:, 0] *= 1.1
        q[:, 1] += 0.3 * q[:, 0] ** 2
        model.particle_q.assign(q)
        ends.append(drop(model, XPBDIntegrator(iterations=6, sweep=sweep), 300, 1.0 / 4000))
    assert np.abs(ends[0] - q).max() > 0.02
    assert np.abs(ends[0] - ends[1]).max() < 0.03 * np.abs(ends[0] - q).max()


@pytest.mark.parametrize("stiffness", [1.0, 10.0, 100.0, 1e4, 1e7])
def test_an_undamped_net_gains_no_energy_however_stiff(stiffness):
    """A net without damping or load, set moving at random: two sweeps overshoot at most by what oscillations bear."""
    builder, n, random = ModelBuilder(gravity=0.0), 7, np.random.default_rng(3)
    for a in range(n):
        for b in range(n):
            builder.add_particle(
                (0.1 * a, 1.0, 0.1 * b), random.normal(0.0, 0.2, 3), 0.01 * (1.0 + 3.0 * random.random())
            )
    for a in range(n):
        for b in range(n):
            for da, db in ((1, 0), (0, 1), (1, 1), (1, -1)):
                if a + da < n and 0 <= b + db < n:
                    builder.add_spring(
                        n * a + b, n * (a + da) + b + db, stiffness * (1.0 + 9.0 * random.random()), 0.0, 0
                    )
    model = builder.finalize()
    model.ground = False
    integrator = XPBDIntegrator(iterations=2, sweep="simultaneous")
    s0, s1 = model.state(), model.state()
    mass = model.particle_mass.numpy()[:, None]
    began = (mass * s0.particle_qd.numpy() ** 2).sum()  # all of the energy, for the springs are at rest
    for step in range(3000):
        integrator.simulate(model, s0, s1, 1.0 / 240)
        s0, s1 = s1, s0
        if step % 50 == 0:
            assert (mass * s0.particle_qd.numpy() ** 2).sum() < 1.02 * began


def test_a_hub_of_many_springs_moves_as_colored_sweeps_move_it():
    """More elements on one particle than a table has rows for."""
    random, spokes = np.random.default_rng(5), 90

    def make():
        builder = ModelBuilder(gravity=-2.0)
        builder.add_particle((0.0, 1.0, 0.0), (0.0, 0.0, 0.0), 1.0)
        for k in range(spokes):
            builder.add_particle(
                np.array([0.0, 1.0, 0.0]) + random.normal(0.0, 1.0, 3), (0.0, 0.0, 0.0), 0.05 * (k % 3)
            )
            builder.add_spring(0, k + 1, 20.0 + k, 0.1, 0)
        builder.spring_rest_length[:] = np.asarray(builder.spring_rest_length[:]) * 0.8
        model = builder.finalize()
        model.ground = False
        return model

    model = make()
    ends = [
        drop(model, XPBDIntegrator(iterations=12, sweep=sweep), 60, 1.0 / 960) for sweep in ("colored", "simultaneous")
    ]
    assert model.xpbd_scratch.batch.width == -1
    assert np.abs(ends[0] - model.particle_q.numpy()).max() > 0.1
    assert np.abs(ends[0] - ends[1]).max() < 1e-3


def test_triangles_with_edges_or_apart_move_a_cloth_alike():
    ends = []
    for hosting in (True, False):
        model, integrator = cloth(1e3), XPBDIntegrator(iterations=2, sweep="simultaneous")
        scratch = integrator._scratch(model)
        scratch.batch = PullBatch(model, 64, hosting)
        assert scratch.batch.width == (12 if hosting else 18)
        ends.append(drop(model, integrator, 40, 1.0 / 960))
        moved = np.abs(ends[-1] - model.particle_q.numpy()).max()
    assert np.abs(ends[0] - ends[1]).max() < 1e-3 * moved


@pytest.mark.parametrize(("dt", "sweeps"), [(1.0 / 1920, 2), (1.0 / 480, 3), (1.0 / 240, 4), (1.0 / 60, 0)])
def test_auto_takes_as_many_simultaneous_sweeps_as_are_exact_or_else_colors(dt, sweeps):
    model = cloth(1e3)
    assert enough_sweeps(StiffnessAtRest(model).largest(dt, 1.0), 2) == sweeps
    other = {"iterations": sweeps, "sweep": "simultaneous"} if sweeps else {"iterations": 2, "sweep": "colored"}
    ends = [drop(cloth(1e3), XPBDIntegrator(**kw), 5, dt) for kw in ({"iterations": 2}, other)]
    np.testing.assert_array_equal(*ends)
    colored = drop(cloth(1e3), XPBDIntegrator(iterations=2, sweep="colored"), 5, dt)
    assert (np.abs(ends[0] - colored).max() > 0.0) == bool(sweeps)


@pytest.mark.parametrize("sweeps", range(1, 10))
def test_sweeps_overshoot_by_a_third_at_most_and_end_exactly_for_single_elements(sweeps):
    for p in (1.0, 2.0, 3.0, 8.0, 50.0, 1e4):
        mu = np.linspace(1.0, p, 20001)
        left = np.prod([1.0 - mu / max(1.0, part * p) for part in parts(sweeps)], axis=0)
        assert left.min() >= -1.0 / 3.0 - 1e-6 and left.max() <= 1.0
        assert left[-1] == pytest.approx(0.0, abs=1e-9)
        assert left[0] == pytest.approx(left_of_soft_motion(p, sweeps), abs=1e-9)


def test_more_sweeps_are_exact_for_soft_motions_at_longer_steps():
    exact_up_to = [max(p for p in np.linspace(1.0, 20.0, 1901) if left_of_soft_motion(p, n) < 1e-9) for n in (2, 3, 4)]
    np.testing.assert_allclose(exact_up_to, [3.0, 6.56, 11.57], atol=0.02)


@pytest.mark.parametrize("ke", [1e5, 1e8])
def test_simultaneous_sweeps_are_stable_however_stiff(ke):
    q = drop(cloth(ke), XPBDIntegrator(iterations=2, sweep="simultaneous"), 200, 1.0 / 60)
    assert np.isfinite(q).all()
    # inextensible in the limit, softer with few sweeps; never farther than free fall or than the cloth is long, twice
    assert np.abs(q - [0.4, 2.0, 0.4]).max() < 2.5


def test_parallel_springs_do_not_overshoot():
    """64 stiff springs between the same two particles: unsplit masses would overshoot 64 times."""
    builder = ModelBuilder(gravity=0.0)
    builder.add_particle(en.vec3(0.0, 1.0, 0.0), en.vec3(0.0, 0.0, 0.0), 0.0)
    builder.add_particle(en.vec3(1.2, 1.0, 0.0), en.vec3(0.0, 0.0, 0.0), 1.0)
    for _ in range(64):
        builder.add_spring(0, 1, 1.0e7, 0.0, 0)
    builder.spring_rest_length[:] = [1.0] * 64
    model = builder.finalize()
    model.ground = False
    q = drop(model, XPBDIntegrator(iterations=4, sweep="simultaneous"), 1, 1.0 / 60)
    assert 0.95 < q[1, 0] <= 1.2


def test_static_spring_stretches_by_its_load():
    builder = ModelBuilder(gravity=-10.0)
    builder.add_particle(en.vec3(0.0, 5.0, 0.0), en.vec3(0.0, 0.0, 0.0), 0.0)
    builder.add_particle(en.vec3(0.0, 4.0, 0.0), en.vec3(0.0, 0.0, 0.0), 2.0)
    builder.add_spring(0, 1, 1.0e3, 30.0, 0)
    model = builder.finalize()
    model.ground = False
    q = drop(model, XPBDIntegrator(iterations=2, sweep="simultaneous"), 1200, 1.0 / 120)
    assert 5.0 - q[1, 1] == pytest.approx(1.0 + 2.0 * 10.0 / 1.0e3, abs=2e-4)


def test_contacts_hold_what_simultaneous_sweeps_move():
    builder = ModelBuilder()
    builder.add_cloth_grid(
        pos=en.vec3(-0.8, 1.2, -0.8), rot=ROT, vel=en.vec3(0.0, 0.0, 0.0), dim_x=16, dim_y=16, cell_x=0.1,
        cell_y=0.1, mass=0.1, tri_ke=1e3, tri_ka=1e3, tri_kd=1.0,
    )  # fmt: skip
    builder.add_shape_sphere(-1, pos=en.vec3(0.0, 0.5, 0.0), radius=0.5)
    model = builder.finalize()
    integrator = XPBDIntegrator(iterations=4, sweep="simultaneous")
    s0, s1 = model.state(), model.state()
    for k in range(600):
        if k % 4 == 0:
            collide(model, s0)
        integrator.simulate(model, s0, s1, 1.0 / 240)
        s0, s1 = s1, s0
    q, r = s0.particle_q.numpy(), model.particle_radius.numpy()
    assert np.isfinite(q).all()
    assert (np.linalg.norm(q - [0.0, 0.5, 0.0], axis=1) - 0.5 - r).min() > -0.01
    assert (q[:, 1] - r).min() > -0.01
    assert q[:, 1].max() < 1.25


@pytest.mark.parametrize("kw", [{"sweep": "random"}, {"soft_body_relaxation": 0.0}])
def test_wrong_sweep_is_refused(kw):
    with pytest.raises(ValueError, match="XPBDIntegrator"):
        XPBDIntegrator(**kw)


@en.kernel
def height(q: en.array(dtype=en.vec3), total: en.array(dtype=float)):
    p = en.tid()
    en.atomic_add(total, 0, q[p][1] * q[p][1])


def test_gradient_through_simultaneous_sweeps_matches_finite_differences():
    model = cloth(100.0, cells=4)
    integrator = XPBDIntegrator(iterations=3, sweep="simultaneous")
    states = [model.state() for _ in range(6)]
    total = en.zeros(1, dtype=float, requires_grad=True)
    v = states[0].particle_qd
    v.requires_grad = True

    def run():
        total.zero_()
        for before, after in itertools.pairwise(states):
            integrator.simulate(model, before, after, 1.0 / 120)
        en.launch(height, dim=model.particle_count, inputs=[states[-1].particle_q], outputs=[total])
        q = states[-1].particle_q.numpy().astype(np.float64)
        return float((q[:, 1] ** 2).sum())

    with en.Tape() as tape:
        run()
    tape.backward(total)
    g = v.grad.numpy().astype(np.float64)
    direction, start = g / np.linalg.norm(g), v.numpy().copy()
    values = []
    for sign in (1.0, -1.0):
        v.assign((start + sign * 0.05 * direction).astype(np.float32))
        values.append(run())
    assert np.linalg.norm(g) == pytest.approx((values[0] - values[1]) / 0.1, rel=5e-3)

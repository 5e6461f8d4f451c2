"""XPBD with all elements at once, against the colored sweeps whose solution it shares, and against analysis."""

import itertools
import math

import numpy as np
import pytest

import engine as en
from sim import ModelBuilder, XPBDIntegrator, collide

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
    exact = drop(cloth(1e3), XPBDIntegrator(iterations=200), 40, 1.0 / 240)
    plain = XPBDIntegrator(iterations=10, sweep="simultaneous")
    relaxed = XPBDIntegrator(iterations=10, sweep="simultaneous", soft_body_relaxation=3.0)
    assert (
        np.abs(drop(cloth(1e3), relaxed, 40, 1.0 / 240) - exact).max()
        < 0.6 * np.abs(drop(cloth(1e3), plain, 40, 1.0 / 240) - exact).max()
    )


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

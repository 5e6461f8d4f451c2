"""Elastic energies against the forces and steps of the integrators, and against conservation."""

from __future__ import annotations

import numpy as np
import pytest

import sim
from sim.elastic_energy import FAMILIES, LAWS, element_energy, joint_energy

IDENTITY = (0.0, 0.0, 0.0, 1.0)


def soft_things(seed: int | None = 0):
    """A cloth, a soft block and a spring, without damping and gravity; pushed out of shape, or at rest (None)."""
    builder = sim.ModelBuilder(gravity=0.0)
    builder.add_cloth_grid(
        pos=(0, 0, 0), rot=IDENTITY, vel=(0, 0, 0), dim_x=2, dim_y=2, cell_x=0.3, cell_y=0.2, mass=0.1,
        tri_ke=40.0, tri_ka=70.0, tri_kd=0.0, edge_ke=0.5, edge_kd=0.0,
    )  # fmt: skip
    builder.add_soft_grid(
        pos=(3, 0, 0), rot=IDENTITY, vel=(0, 0, 0), dim_x=1, dim_y=1, dim_z=1, cell_x=0.3, cell_y=0.3, cell_z=0.3,
        density=50.0, k_mu=300.0, k_lambda=500.0, k_damp=0.0, tri_kd=0.0,
    )  # fmt: skip
    ends = [builder.add_particle((6.0 + k, 0.0, 0.0), (0.0, 0.0, 0.0), 0.2) for k in range(2)]
    builder.add_spring(*ends, ke=30.0, kd=0.0, control=0.0)
    model = builder.finalize(device="cpu")
    model.ground = False
    if seed is None:
        return model
    moved = model.particle_q.numpy() + 0.03 * np.random.default_rng(seed).normal(size=(model.particle_count, 3))
    model.particle_q.assign(moved.astype(np.float32))
    model.particle_qd.zero_()
    return model


def total(model, x, law):
    return sum(float(element_energy(model, family, x, law).sum()) for family in FAMILIES)


def minus_gradient(model, x, law, h=2.0**-10):
    """By central differences; steps that float32 can hold, so nothing is rounded but the positions themselves."""
    x = np.asarray(x, np.float32)
    force = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[place] += h
        down[place] -= h
        force[place] = (total(model, down, law) - total(model, up, law)) / (float(up[place]) - float(down[place]))
    return force


def one_step(model, integrator, dt):
    before, after = model.state(), model.state()
    integrator.simulate(model, before, after, dt)
    return after


@pytest.mark.parametrize("seed", range(2))
def test_forces_of_the_explicit_solver_are_minus_the_gradient_of_the_energy(seed):
    model, dt = soft_things(seed), 1.0e-4
    velocity = one_step(model, sim.SemiImplicitIntegrator(), dt).particle_qd.numpy()
    force = velocity * model.particle_mass.numpy()[:, None] / dt
    expected = minus_gradient(model, model.particle_q.numpy(), "forces")
    assert np.abs(force - expected).max() < 2.0e-3 * np.abs(expected).max()


@pytest.mark.parametrize("seed", range(2))
def test_a_converged_xpbd_step_moves_by_minus_the_gradient_of_the_energy_where_it_ends(seed):
    model, dt = soft_things(seed), 1.0e-3
    after = one_step(model, sim.XPBDIntegrator(iterations=400), dt).particle_q.numpy()
    moved = after.astype(np.float64) - model.particle_q.numpy()
    force = moved * model.particle_mass.numpy()[:, None] / dt**2
    expected = minus_gradient(model, after, "constraints")
    assert np.abs(force - expected).max() < 0.02 * np.abs(expected).max()


def test_the_two_laws_agree_for_small_strain_and_vanish_at_rest():
    model = soft_things(None)
    rest = model.particle_q.numpy()
    assert total(model, rest, "forces") == pytest.approx(0.0, abs=1e-9)
    assert total(model, rest, "constraints") == pytest.approx(0.0, abs=1e-9)
    strained = rest * np.array([1.002, 0.999, 1.001], np.float32)
    for family in ("tri", "tet"):
        explicit, constrained = (float(element_energy(model, family, strained, law).sum()) for law in LAWS)
        assert explicit > 0.0 and constrained == pytest.approx(explicit, rel=0.02)


def test_a_mass_on_a_spring_keeps_its_energy():
    builder = sim.ModelBuilder(gravity=0.0)
    builder.add_particle((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 0.0)
    builder.add_particle((1.0, 0.0, 0.0), (2.0, 0.0, 0.0), 0.5)
    builder.add_spring(0, 1, ke=50.0, kd=0.0, control=0.0)
    model = builder.finalize(device="cpu")
    model.ground = False
    states, integrator, energies = [model.state(), model.state()], sim.SemiImplicitIntegrator(), []
    for _ in range(2000):
        integrator.simulate(model, *states, 2.0e-4)
        states.reverse()
        kinetic = 0.25 * float((states[0].particle_qd.numpy()[1] ** 2).sum())
        energies.append((kinetic, total(model, states[0].particle_q.numpy(), "forces")))
    kinetic, elastic = np.array(energies).T
    assert elastic.max() == pytest.approx(1.0, rel=2e-3)  # all of 1/2 m v^2
    assert kinetic + elastic == pytest.approx(np.ones(2000), rel=3e-3)


def test_energy_of_joints_is_that_of_their_springs_limits_and_drives():
    builder = sim.ModelBuilder()
    parent = -1
    for _ in range(2):
        body = builder.add_body(m=1.0, I_m=np.eye(3))
        builder.add_joint_revolute(parent, body, axis=(0.0, 0.0, 1.0), limit_lower=-0.5, limit_upper=0.5)
        parent = body
    model = builder.finalize(device="cpu")
    for name, values in (
        ("joint_stiffness", (3.0, 0.0)), ("joint_spring_ref", (0.1, 0.0)), ("joint_limit_ke", (0.0, 200.0)),
        ("joint_target_ke", (0.0, 7.0)), ("joint_axis_mode", (0, 1)),
    ):  # fmt: skip
        array = getattr(model, name)
        array.assign(np.array(values, array.numpy().dtype))
    found = joint_energy(model, np.array([0.4, 0.7]), np.array([9.0, 0.2]))
    assert found == pytest.approx({"springs": 1.5 * 0.3**2, "limits": 100.0 * 0.2**2, "drives": 3.5 * 0.5**2}, rel=1e-5)


def test_a_swinging_joint_spring_keeps_its_energy():
    builder = sim.ModelBuilder(gravity=0.0)
    body = builder.add_body(m=1.0, I_m=np.diag([0.1, 0.1, 0.1]))
    builder.add_articulation()
    builder.add_joint_revolute(-1, body, axis=(0.0, 0.0, 1.0), armature=0.0)
    model = builder.finalize(device="cpu")
    model.joint_stiffness.assign(np.array([4.0], np.float32))
    model.joint_q.assign(np.array([0.6], np.float32))
    states, integrator = [model.state(), model.state()], sim.FeatherstoneIntegrator()
    start = joint_energy(model, states[0].joint_q.numpy())["springs"]
    energies = []
    for _ in range(1500):
        integrator.simulate(model, *states, 1.0e-3)
        states.reverse()
        speed = float(states[0].joint_qd.numpy()[0])
        energies.append(joint_energy(model, states[0].joint_q.numpy())["springs"] + 0.05 * speed**2)
    assert start == pytest.approx(2.0 * 0.36, rel=1e-6)
    assert np.array(energies) == pytest.approx(np.full(1500, start), rel=2e-3)


def test_what_is_asked_for_wrongly_is_refused():
    model = soft_things()
    with pytest.raises(ValueError, match="family 'cloth'"):
        element_energy(model, "cloth", model.particle_q.numpy())
    with pytest.raises(ValueError, match=r"positions of shape \(2, 3\)"):
        element_energy(model, "tri", np.zeros((2, 3)))

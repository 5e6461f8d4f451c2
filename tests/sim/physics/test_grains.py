"""Loose particles: contact with each other, friction, determinism."""

import numpy as np
import pytest

import engine as en
from sim import ModelBuilder, SemiImplicitIntegrator, XPBDIntegrator
from sim.collide.particle_grid import ParticleGrid, loose_particles


def grains(n, seed=0, radius=0.05, height=2.0, half=0.2):
    """Grains over a walled square, not overlapping at the start."""
    rng = np.random.default_rng(seed)
    side = np.arange(-half + radius, half - radius + 1e-9, 2.1 * radius)
    layers = int(np.ceil(n / len(side) ** 2))
    q = np.array([[x, radius + 2.1 * radius * l, z] for l in range(layers) for x in side for z in side])[:n]
    builder = ModelBuilder()
    builder.add_particles(q + rng.uniform(-0.002, 0.002, q.shape), np.zeros_like(q), 0.5, radius)
    for s in (-1.0, 1.0):
        builder.add_shape_box(-1, pos=en.vec3(s * (half + 0.1), 1.0, 0.0), hx=0.1, hy=2.0, hz=1.0)
        builder.add_shape_box(-1, pos=en.vec3(0.0, 1.0, s * (half + 0.1)), hx=1.0, hy=2.0, hz=0.1)
    model = builder.finalize()
    model.particle_ke = model.soft_contact_ke = 2.0e4
    model.particle_kd = model.soft_contact_kd = 100.0
    return model


def test_only_particles_without_elements_are_loose():
    builder = ModelBuilder()
    builder.add_particles(np.eye(5)[:, :3], np.zeros((5, 3)), 1.0, 0.1)
    builder.add_springs(np.array([[1, 3]]), 1.0, 0.0)
    np.testing.assert_array_equal(loose_particles(builder.finalize()), [0, 2, 4])


def test_grid_buckets_hold_every_particle_once_in_order():
    model = grains(60)
    grid = ParticleGrid(model)
    grid.build(model.particle_q)
    start, order = grid.start.numpy(), grid.order.numpy()
    assert sorted(order) == list(range(60)) and start[0] == 0 and start[-1] == 60
    for b in np.flatnonzero(np.diff(start) > 1):
        assert (np.diff(order[start[b] : start[b + 1]]) > 0).all()


@pytest.mark.parametrize("count", [2, 60, 3000])
def test_sorting_in_parallel_gives_the_same_cells(count):
    builder = ModelBuilder()
    rng = np.random.default_rng(count)
    builder.add_particles(rng.uniform(-1, 1, (count, 3)), np.zeros((count, 3)), 1.0, 0.05)
    builder.add_springs(np.array([[0, 1]]) if count > 2 else np.zeros((0, 2), int), 1.0, 0.0)
    model = builder.finalize()
    grid, expected = ParticleGrid(model), ParticleGrid(model)
    grid.sort_with(parallel=True)
    expected.sort_with(parallel=False)
    for q in (model.particle_q, en.array(model.particle_q.numpy() * 0.3, dtype=en.vec3)):  # and again, as it is used
        grid.build(q)
        expected.build(q)
        np.testing.assert_array_equal(grid.start.numpy(), expected.start.numpy())
        np.testing.assert_array_equal(grid.order.numpy()[: grid.count], expected.order.numpy())


def test_pile_of_grains_holds_up_without_overlap(integrator, advance):
    model = grains(90)
    s = advance(model, integrator, 3000, 1.0 / 1500)
    q = s.particle_q.numpy().astype(float)
    assert np.abs(q[:, [0, 2]]).max() < 0.2 and q[:, 1].min() > 0.04
    d = np.linalg.norm(q[:, None] - q[None], axis=2) + np.eye(len(q))
    assert d.min() > 0.1 - 0.012
    assert q[:, 1].max() > 0.3  # several layers
    assert np.linalg.norm(s.particle_qd.numpy(), axis=1).mean() < 0.05


def test_head_on_grains_keep_momentum(integrator, advance):
    builder = ModelBuilder(gravity=0.0)
    q, v = np.array([[-0.2, 0.0, 0.0], [0.2, 0.02, 0.0]]), np.array([[1.0, 0, 0], [-0.5, 0, 0]])
    builder.add_particles(q, v, np.array([1.0, 3.0]), 0.05)
    model = builder.finalize()
    model.ground = False
    s = advance(model, integrator, 600, 1.0 / 1500)
    v1 = s.particle_qd.numpy().astype(float)
    np.testing.assert_allclose(v1[0] + 3 * v1[1], v[0] + 3 * v[1], atol=1e-3)
    assert v1[1, 0] - v1[0, 0] > -1e-3


def test_self_contact_can_be_switched_off(integrator, advance):
    builder = ModelBuilder(gravity=0.0)
    builder.add_particles(np.array([[0.0, 0, 0], [0.05, 0, 0]]), np.zeros((2, 3)), 1.0, 0.05)
    model = builder.finalize()
    model.ground = False
    model.particle_self_contact = False
    s = advance(model, integrator, 20, 0.01)
    np.testing.assert_array_equal(s.particle_q.numpy(), model.particle_q.numpy())


@pytest.mark.parametrize("make", [SemiImplicitIntegrator, XPBDIntegrator])
def test_same_bits_whatever_the_thread_count(advance, make):
    def run(threads):
        en.set_threads(threads)
        s = advance(grains(200), make(), 300, 1.0 / 1500)
        return s.particle_q.numpy().tobytes() + s.particle_qd.numpy().tobytes()

    try:
        assert run(1) == run(2)
    finally:
        en.set_threads(2)

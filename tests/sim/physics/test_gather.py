"""The per-particle sum of force slots, for even and very uneven meshes, against a plain scatter-add."""

import numpy as np
import pytest

import engine as en
from sim import ModelBuilder, SemiImplicitIntegrator


def fan(n):
    """n triangles around one vertex, as a cone."""
    a = 2 * np.pi * np.arange(n) / n
    q = np.vstack([[0.0, 0.3, 0.0], np.stack([np.cos(a), 0 * a, np.sin(a)], axis=1)])
    return q, np.array([(0, 1 + (i + 1) % n, 1 + i) for i in range(n)])


@pytest.mark.cpu_only("a GPU takes the way of test_element_batch")
@pytest.mark.parametrize("n, compressed", [(5, False), (12, False), (80, True)])
def test_particles_sum_their_slots(n, compressed):
    q, triangles = fan(n)
    builder = ModelBuilder(gravity=0.0)
    builder.add_cloth_mesh(
        pos=en.vec3(0.0, 0.0, 0.0), rot=en.quat_identity(), scale=1.0, vel=en.vec3(0.0, 0.0, 0.0), vertices=q,
        indices=triangles.ravel(), density=1.0, edge_ke=3.0, tri_ke=50.0, tri_ka=70.0, tri_kd=0.0,
    )  # fmt: skip
    model = builder.finalize()
    model.ground = False
    assert model.particle_adjacency_use_csr == compressed
    s0, s1 = model.state(), model.state()
    rng = np.random.default_rng(0)
    s0.particle_q.assign((q + 0.1 * rng.normal(size=q.shape)).astype(np.float32))
    dt = 1e-3
    SemiImplicitIntegrator().simulate(model, s0, s1, dt)
    slots = model.particle_forces.slots.numpy().T.astype(np.float64)
    f = np.zeros_like(q)
    tri, edge = model.tri_indices.numpy(), model.edge_indices.numpy()
    for v in range(3):
        np.add.at(f, tri[:, v], slots[model.slot_base["tri"] + v * len(tri) :][: len(tri)])
    inner = edge.min(axis=1) >= 0
    for v in range(4):
        np.add.at(f, edge[inner, v], slots[model.slot_base["edge"] + v * len(edge) :][: len(edge)][inner])
    expected = f * model.particle_inv_mass.numpy()[:, None] * dt
    np.testing.assert_allclose(s1.particle_qd.numpy(), expected, atol=1e-5 * np.abs(expected).max())
    assert np.abs(f.sum(axis=0)).max() < 1e-4 * np.abs(f).max()

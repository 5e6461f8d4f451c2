"""The smallest whole models."""

import numpy as np
import pytest

import sim


def test_cloth_and_body_make_a_model_with_the_expected_counts():
    builder = sim.ModelBuilder()
    builder.add_cloth_grid((0, 1, 0), (0, 0, 0, 1), (0, 0, 0), 4, 3, 0.1, 0.1, 0.01, fix_left=True)
    body = builder.add_body(((0, 2, 0), (0, 0, 0, 1)))
    builder.add_shape_box(body, hx=0.1, hy=0.2, hz=0.3)
    model = builder.finalize()
    assert (model.particle_count, model.tri_count, model.edge_count) == (20, 24, 43)
    assert (model.body_count, model.shape_count, model.ground_shape) == (1, 2, 1)
    assert model.body_mass.numpy()[0] == pytest.approx(1000 * 8 * 0.006)
    state = model.state()
    state.clear_forces()
    assert np.array_equal(state.particle_q.numpy(), model.particle_q.numpy())
    assert model.shape_ground_contact_pairs.numpy().tolist() == [[0, 1]]


def test_state_copies_are_independent():
    builder = sim.ModelBuilder()
    builder.add_particle((0, 1, 0), (0, 0, 0), 1.0)
    model = builder.finalize(requires_grad=True)
    state = model.state()
    assert state.requires_grad and model.particle_q.requires_grad and not model.particle_flags.requires_grad
    copied = state.clone()
    copied.particle_q.fill_(5.0)
    assert state.particle_q.numpy()[0].tolist() == model.particle_q.numpy()[0].tolist() == [0, 1, 0]
    assert model.control().tri_activations is None and state.body_q is None

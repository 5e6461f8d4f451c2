"""Blow-up detection."""

import numpy as np
import pytest

from sim import ModelBuilder, find_divergence


def model_state():
    builder = ModelBuilder()
    builder.add_particles(np.zeros((50, 3)), np.zeros((50, 3)), 1.0, 0.1)
    for _ in range(5):
        builder.add_body(m=1.0, I_m=np.eye(3))
    return builder.finalize().state()


def test_a_sane_state_has_no_divergence():
    assert find_divergence(model_state()) is None


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_the_first_bad_particle_is_named_with_its_value(value):
    state = model_state()
    state.particle_q.numpy()[[17, 31], 1] = value
    kind, index, found = find_divergence(state)
    assert (kind, index) == ("particle", 17)
    assert found[1] == np.float32(value) or np.isnan(value)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
@pytest.mark.parametrize("field, column", [("body_q", 4), ("body_q", 0), ("body_qd", 2), ("body_qd", 5)])
def test_a_bad_body_is_named(value, field, column):
    state = model_state()
    getattr(state, field).numpy()[3, column] = value
    found = find_divergence(state)
    assert (found.kind, found.index) == ("body", 3)


def test_fast_particles_count_as_diverged():
    state = model_state()
    state.particle_qd.numpy()[4] = [0.0, 2.0e6, 0.0]
    assert find_divergence(state).index == 4
    assert find_divergence(state, speed_limit=1.0e7) is None


def test_state_without_particles_or_bodies_is_fine():
    assert find_divergence(ModelBuilder().finalize().state()) is None

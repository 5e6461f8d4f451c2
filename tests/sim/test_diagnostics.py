"""Blow-up detection."""

import numpy as np
import pytest

from sim import ModelBuilder, find_divergence
from sim.diagnostics import DivergenceWatch


def model_state():
    builder = ModelBuilder()
    builder.add_particles(np.zeros((50, 3)), np.zeros((50, 3)), 1.0, 0.1)
    for _ in range(5):
        builder.add_body(m=1.0, I_m=np.eye(3))
    return builder.finalize().state()


def spoil(values, index, value):
    host = values.numpy().copy()
    host[index] = value
    values.assign(host)


def test_a_sane_state_has_no_divergence():
    assert find_divergence(model_state()) is None


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_the_first_bad_particle_is_named_with_its_value(value):
    state = model_state()
    spoil(state.particle_q, ([17, 31], 1), value)
    kind, index, found = find_divergence(state)
    assert (kind, index) == ("particle", 17)
    assert found[1] == np.float32(value) or np.isnan(value)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
@pytest.mark.parametrize("field, column", [("body_q", 4), ("body_q", 0), ("body_qd", 2), ("body_qd", 5)])
def test_a_bad_body_is_named(value, field, column):
    state = model_state()
    spoil(getattr(state, field), (3, column), value)
    found = find_divergence(state)
    assert (found.kind, found.index) == ("body", 3)


def test_fast_particles_count_as_diverged():
    state = model_state()
    spoil(state.particle_qd, 4, [0.0, 2.0e6, 0.0])
    assert find_divergence(state).index == 4
    assert find_divergence(state, speed_limit=1.0e7) is None


def test_state_without_particles_or_bodies_is_fine():
    assert find_divergence(ModelBuilder().finalize().state()) is None


@pytest.mark.parametrize("kind, row", [("particle", 31), ("particle", 0), ("body", 3)])
def test_a_watch_reports_what_find_divergence_finds_and_then_forgets(kind, row):
    state = model_state()
    watch = DivergenceWatch(state)
    watch.look()
    assert watch.found(watch.report.numpy()) is None
    values = state.particle_qd if kind == "particle" else state.body_q
    good = values.numpy().copy()
    bad = good.copy()
    bad[row:, 1] = np.nan
    values.assign(bad)
    watch.look()
    found, expected = watch.found(watch.report.numpy()), find_divergence(state)
    assert (found.kind, found.index) == (expected.kind, expected.index) == (kind, row)
    np.testing.assert_array_equal(found.value, expected.value)
    values.assign(good)
    watch.look()
    assert watch.found(watch.report.numpy()) is None

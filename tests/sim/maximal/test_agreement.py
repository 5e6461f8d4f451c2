"""One model under all integrators: while motion is smooth they differ by the error of their steps only."""

import numpy as np
import pytest

import sim
from tests.sim.featherstone.robots import chain
from tests.sim.maximal.robots import INTEGRATORS, every_joint, walk


@pytest.fixture(scope="module")
def fine():
    """What Featherstone gives in small steps."""
    return walk(every_joint().finalize(), sim.FeatherstoneIntegrator(), 0.4, 2.5e-4)


@pytest.mark.parametrize("name", ["xpbd", "semi-implicit"])
def test_every_joint_type_converges_to_featherstone(name, fine):
    error = []
    for dt in (4e-3, 1e-3):
        state = walk(every_joint().finalize(), INTEGRATORS[name](), 0.4, dt)
        error.append(
            [np.abs(getattr(state, a).numpy() - getattr(fine, a).numpy()).max() for a in ("joint_q", "body_q")]
        )
    assert max(error[1]) < 4e-3
    assert (np.array(error[1]) < 0.4 * np.array(error[0])).all()  # first order would be a quarter


@pytest.mark.parametrize("name", sorted(INTEGRATORS))
def test_angles_count_on_beyond_half_a_turn(name):
    """A wheel that a velocity drive turns eight times round, then stopped by a limit there."""
    builder = chain(1, armature=0.5, target_ke=50.0, mode=sim.JOINT_MODE_TARGET_VELOCITY, target=10.0)
    builder.gravity = 0.0
    builder.joint_limit_upper[0], builder.joint_limit_ke[0], builder.joint_limit_kd[0] = 50.0, 1e5, 1e3
    seen = []
    state = walk(
        builder.finalize(), INTEGRATORS[name](), 8.0, 1e-3, each=lambda t, s: seen.append(s.joint_q.numpy()[0])
    )
    assert np.abs(np.diff(seen)).max() < 0.02
    assert seen[2000] == pytest.approx(10.0 * 2.0, rel=0.01)
    # the drive's 50 (10 - 0) N m against the limit's spring
    assert state.joint_q.numpy()[0] == pytest.approx(50.0 + 500.0 / 1e5, abs=2e-3)


def test_copies_move_with_the_same_bits():
    one = every_joint()
    many = sim.ModelBuilder(gravity=-9.81)
    many.ground = False
    for _ in range(3):
        many.add_builder(one)
    for name in ("xpbd", "semi-implicit"):
        state = walk(many.finalize(), INTEGRATORS[name](), 0.1, 2e-3)
        q = state.joint_q.numpy().reshape(3, -1)
        assert (q[0] == q[1]).all() and (q[0] == q[2]).all()

"""Shapes of one mechanism that overlap and cannot get out of each other."""

import numpy as np
import pytest

import sim
from tests.sim.featherstone.robots import G
from tests.sim.maximal.robots import INTEGRATORS, walk


def crossed_arms(deep: float) -> sim.ModelBuilder:
    """A floating trunk with two arms side by side, hinged to it with boxes ``deep`` in each other."""
    builder = sim.ModelBuilder(gravity=-G)
    builder.ground = False
    trunk = builder.add_body()
    builder.add_shape_box(trunk, pos=(0, 0.5, 0), hx=0.2, hy=0.1, hz=0.1, density=1000.0)
    builder.add_joint_free(trunk)
    for x in (-0.05, 0.05):
        arm = builder.add_body()
        builder.add_shape_box(arm, pos=(0, -0.2, 0), hx=0.05 + 0.5 * deep, hy=0.2, hz=0.05, density=100.0)
        builder.add_joint_revolute(trunk, arm, ((x, 0.3, 0), (0, 0, 0, 1)), axis=(1, 0, 0), armature=0.0)
    return builder


@pytest.mark.parametrize("name", INTEGRATORS)
def test_links_that_must_overlap_do_not_fly_apart(name):
    """Hinges hold the arms in each other; in free fall, what turns and shakes them can only come from the contact."""
    model = crossed_arms(0.02).finalize()
    fastest = [0.0]

    def watch(_, state):
        speed = state.body_qd.numpy()
        assert np.isfinite(speed).all()
        fastest[0] = max(fastest[0], np.abs(speed[:, [3, 5]]).max())

    walk(model, INTEGRATORS[name](), 1.0, 1.0 / 960, each=watch)
    assert fastest[0] < 1.5

"""Islands of touching bodies: found by connection, and solved in parallel with the result of one after the other."""

import itertools

import numpy as np
import pytest

import engine as en
from sim import ModelBuilder, XPBDIntegrator
from sim.collide.islands import pair_islands
from sim.collide.pipeline import rigid_contacts


def plain_islands(a, b, count):
    """Union-find, one pair after the other."""
    parent = list(range(count))

    def root(x):
        while parent[x] != x:
            x = parent[x]
        return x

    for x, y in zip(a, b):
        if x >= 0 and y >= 0:
            parent[max(root(x), root(y))] = min(root(x), root(y))
    return [root(x if x >= 0 else y) for x, y in zip(a, b)]


@pytest.mark.parametrize("seed", range(8))
def test_islands_agree_with_union_find(seed):
    rng = np.random.default_rng(seed)
    count = 60
    pairs = rng.integers(-1, count, (int(rng.integers(1, 90)), 2))
    pairs = pairs[(pairs.max(axis=1) >= 0) & (pairs[:, 0] != pairs[:, 1])]
    found = pair_islands(pairs[:, 0], pairs[:, 1], count)
    expected = np.array(plain_islands(pairs[:, 0], pairs[:, 1], count))
    for i, j in itertools.combinations(range(len(pairs)), 2):
        assert (found[i] == found[j]) == (expected[i] == expected[j])


def test_a_long_chain_is_one_island():
    chain = np.random.default_rng(0).permutation(500)
    assert pair_islands(chain[:-1], chain[1:], 500).max() == 0


def stack(builder):
    for k in range(3):
        b = builder.add_body(origin=en.transform(en.vec3(0.03 * k, 0.5 + 1.02 * k, 0.0), en.quat_identity()), m=1.0)
        builder.add_shape_box(b, hx=0.5, hy=0.5, hz=0.5)


def test_copies_move_as_a_scene_alone(device):
    """Each copy of a stack of boxes is an island, and moves to the bit like the stack by itself."""
    ends = []
    for copies in (1, 5):
        scene, builder = ModelBuilder(), ModelBuilder()
        stack(scene)
        builder.replicate_at(scene, np.zeros((copies, 3)))
        model = builder.finalize(device=device)
        integrator, s0, s1 = XPBDIntegrator(iterations=4), model.state(), model.state()
        for _ in range(120):
            integrator.simulate(model, s0, s1, 1.0 / 120)
            s0, s1 = s1, s0
        assert rigid_contacts(model).island_count == copies
        ends.append(s0.body_q.numpy().reshape(copies, 3, 7))
    assert np.isfinite(ends[0]).all() and ends[0][0, 2, 1] > 2.0
    for copy in ends[1]:
        np.testing.assert_array_equal(copy, ends[0][0])

"""Candidate pairs against a brute-force statement of the rules."""

import itertools

import numpy as np
import pytest

import sim


def random_builder(seed: int) -> sim.ModelBuilder:
    rng = np.random.default_rng(seed)
    builder = sim.ModelBuilder()
    for _ in range(8):
        builder.add_body(m=float(rng.integers(0, 2)), kinematic=bool(rng.integers(0, 4) == 0))
    for _ in range(30):
        builder.add_shape_sphere(
            int(rng.integers(-1, 8)),
            radius=0.1,
            density=0.0,
            collision_group=int(rng.integers(-1, 3)),
            has_shape_collision=bool(rng.integers(0, 5)),
            has_ground_collision=bool(rng.integers(0, 3)),
        )
    for _ in range(20):
        builder.shape_collision_filter_pairs.add(tuple(int(v) for v in rng.choice(30, 2, replace=False)))
    return builder


@pytest.mark.parametrize("seed", range(6))
def test_pairs_match_the_rules(seed):
    builder = random_builder(seed)
    model = builder.finalize()
    body, group = builder.shape_body.view, builder.shape_collision_group.view
    pushed = {b: model.body_inv_mass.numpy()[b] > 0 for b in range(8)} | {-1: False}
    expected = [
        [a, b]
        for a, b in itertools.combinations(range(30), 2)
        if builder.shape_shape_collision[a]
        and builder.shape_shape_collision[b]
        and (body[a] != body[b])
        and (pushed[body[a]] or pushed[body[b]])
        and (group[a] == group[b] or group[a] == -1 or group[b] == -1)
        and (a, b) not in builder.shape_collision_filter_pairs
    ]
    assert model.shape_contact_pairs.numpy().tolist() == expected
    ground = [[s, 30] for s in range(30) if builder.shape_ground_collision[s] and pushed[body[s]]]
    assert model.shape_ground_contact_pairs.numpy().tolist() == ground


def test_filter_tables_hold_both_directions():
    builder = random_builder(1)
    model = builder.finalize()
    offsets, excluded = model.shape_filter.excluded_offsets.numpy(), model.shape_filter.excluded.numpy()
    listed = {(s, int(o)) for s in range(31) for o in excluded[offsets[s] : offsets[s + 1]]}
    pairs = set(builder.shape_collision_filter_pairs)
    assert listed == pairs | {(b, a) for a, b in pairs}
    assert model.shape_collision_filter_pairs == pairs


def test_too_many_pairs_are_left_to_the_broad_phase():
    builder = random_builder(2)
    builder.shape_contact_pair_limit = 10
    model = builder.finalize()
    assert not model.shape_contact_pairs_complete
    assert model.shape_contact_pairs.numpy().shape == (0, 2)


def test_ten_thousand_loose_shapes_need_no_pair_table():
    source = sim.ModelBuilder()
    source.add_shape_sphere(source.add_body())
    builder = sim.ModelBuilder()
    builder.replicate(source, 10_000, separate_collision_group=False)
    model = builder.finalize()
    assert not model.shape_contact_pairs_complete and model.shape_ground_contact_pair_count == 10_000


def test_filter_pair_of_a_missing_shape_is_refused():
    builder = random_builder(3)
    builder.shape_collision_filter_pairs.add((0, 99))
    with pytest.raises(sim.SimError, match="shape 99"):
        builder.finalize()


def test_what_fixed_joints_hold_to_the_world_does_not_touch_the_world():
    builder = sim.ModelBuilder()
    stand, top, loose, swinging = (builder.add_body(m=1.0, I_m=np.eye(3)) for _ in range(4))
    builder.add_joint_fixed(-1, stand)
    builder.add_joint_fixed(stand, top)
    builder.add_joint_free(loose)
    builder.add_joint_revolute(top, swinging)
    for body in (-1, stand, top, loose, swinging):
        builder.add_shape_sphere(body, radius=0.1, density=0.0)
    model = builder.finalize()
    pairs = set(map(tuple, model.shape_contact_pairs.numpy().tolist()))
    assert pairs == {(0, 3), (0, 4), (1, 3), (1, 4), (2, 3), (3, 4)}  # a hinge keeps its two bodies apart
    assert model.shape_ground_contact_pairs.numpy()[:, 0].tolist() == [3, 4]

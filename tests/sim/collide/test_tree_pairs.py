"""The hierarchy finds the pairs that a test of all candidates finds: filters, groups, worlds, planes, order, history."""

import sys

import numpy as np
import pytest

import engine as en
from sim import ModelBuilder, SemiImplicitIntegrator, collide
from sim.collide.listed_pairs import ListedPairs
from sim.collide.pipeline import rigid_contacts
from sim.collide.tree_pairs import TreePairs

rigid = sys.modules["sim.collide.rigid_contacts"]


def random_builder(seed, bodies=60, groups=3):
    rng = np.random.default_rng(seed)
    builder = ModelBuilder()
    for _ in range(bodies):
        turn = rng.normal(size=4)
        turn /= np.linalg.norm(turn)
        builder.add_body(
            origin=en.transform(en.vec3(*rng.uniform(-1, 1, 3)), en.quat(*turn)),
            m=float(rng.integers(0, 4) > 0),
            I_m=np.eye(3),
        )
    add = [
        lambda b, **k: builder.add_shape_sphere(b, radius=0.2, **k),
        lambda b, **k: builder.add_shape_box(b, hx=0.1, hy=0.2, hz=0.3, **k),
        lambda b, **k: builder.add_shape_capsule(b, radius=0.1, half_height=0.2, **k),
        lambda b, **k: builder.add_shape_ellipsoid(b, rx=0.1, ry=0.2, rz=0.3, **k),
    ]
    for s in range(2 * bodies):
        add[int(rng.integers(len(add)))](
            int(rng.integers(-1, bodies)) if s % 7 else -1,
            pos=tuple(rng.uniform(-0.3, 0.3, 3)),
            density=0.0,
            collision_group=int(rng.integers(-1, groups)),
            has_shape_collision=bool(rng.integers(0, 6)),
            has_ground_collision=bool(rng.integers(0, 3)),
        )
    for k in range(4):
        width = 0.0 if k % 2 else 1.0
        builder.add_shape_plane((0.2 * k, 1.0, 0.1, 0.3), width=width, length=width, collision_group=k % 3 - 1)
    for _ in range(40):
        builder.shape_collision_filter_pairs.add(tuple(int(v) for v in rng.choice(2 * bodies, 2, replace=False)))
    return builder


def contact_set(model, ground=True):
    model.ground = ground
    collide(model, model.state())
    c = model.rigid_contacts
    n = int(c.active_count.numpy()[0])
    pairs = c.pair_shapes.numpy()[c.active_pair.numpy()[:n]]
    counts, points = c.points.count.numpy(), c.points.point_a.numpy()
    return {
        tuple(pair): points[8 * slot : 8 * slot + counts[slot]].tolist() for slot, pair in enumerate(pairs.tolist())
    }


@pytest.fixture
def only_trees(monkeypatch):
    monkeypatch.setattr(rigid, "LISTED", -1)
    monkeypatch.setattr(rigid, "LISTED_A_SHAPE", -1)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("ground", [True, False])
def test_the_same_pairs_and_points_as_by_testing_all(seed, ground, device, monkeypatch):
    builder = random_builder(seed)
    listed = builder.finalize(device=device)
    expected = contact_set(listed, ground)
    assert isinstance(listed.rigid_contacts.pairs, ListedPairs)
    monkeypatch.setattr(rigid, "LISTED", -1)
    monkeypatch.setattr(rigid, "LISTED_A_SHAPE", -1)
    tree = builder.finalize(device=device)
    found = contact_set(tree, ground)
    assert isinstance(tree.rigid_contacts.pairs, TreePairs)
    assert len(expected) > 100
    # near bodies are near for both; only bounds of finite planes differ, and they touch nothing there
    touching = {pair: points for pair, points in expected.items() if points}
    assert {pair: points for pair, points in found.items() if points} == touching
    assert set(found) <= set(expected) or set(expected) <= set(found)


def test_pairs_beyond_any_list_are_found_without_one(device):
    """10,000 loose balls in one group: 50 million candidate pairs."""
    source = ModelBuilder()
    source.add_shape_sphere(source.add_body(m=1.0), radius=0.5)
    builder = ModelBuilder()
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in (20, 25, 20)]), axis=-1).reshape(-1, 3)
    builder.replicate_at(source, grid * 1.02 + [0.0, 5.0, 0.0], separate_collision_group=False)
    model = builder.finalize(device=device)
    assert not model.shape_contact_pairs_complete
    model.ground, model.rigid_contact_margin = False, 0.03
    collide(model, model.state())
    c = rigid_contacts(model)
    # bounds of all 26 neighbours are near; and nothing else is looked at
    assert int(c.active_count.numpy()[0]) == (58 * 73 * 58 - 20 * 25 * 20) // 2
    assert c.pairs.boxes_met() == int(c.active_count.numpy()[0])


def test_worlds_at_one_place_never_meet_and_stay_islands(device, only_trees):
    one = ModelBuilder()
    for k in range(3):
        body = one.add_body(origin=en.transform(en.vec3(0.0, 0.2 + 0.39 * k, 0.0), en.quat_identity()), m=1.0)
        one.add_shape_box(body, hx=0.2, hy=0.2, hz=0.2)
    one.add_shape_box(-1, pos=(0.3, 0.5, 0.0), hx=0.12, hy=1.0, hz=1.0)
    builder = ModelBuilder()
    builder.replicate_at(one, np.zeros((500, 3)))
    model = builder.finalize(device=device)
    model.ground, model.rigid_contact_margin = False, 0.01
    collide(model, model.state())
    c = model.rigid_contacts
    n = int(c.active_count.numpy()[0])
    pairs = c.pair_shapes.numpy()[:n] // 4
    assert n == 500 * 5 and (pairs[:, 0] == pairs[:, 1]).all()
    assert c.island_count == 500
    np.testing.assert_array_equal(c.island_start.numpy(), 5 * np.arange(501))


def test_shapes_of_all_groups_meet_every_world(device, only_trees):
    one = ModelBuilder()
    one.add_shape_sphere(one.add_body(origin=en.transform(en.vec3(0.0, 0.4, 0.0), en.quat_identity())), radius=0.5)
    builder = ModelBuilder()
    builder.replicate_at(one, np.zeros((50, 3)))
    floor = builder.add_shape_box(-1, hx=1.0, hy=0.05, hz=1.0)
    model = builder.finalize(device=device)
    model.ground = False
    found = contact_set(model, ground=False)
    assert sorted(found) == [(s, floor) for s in range(50)] and all(found.values())


def test_a_diverged_body_is_nowhere_and_the_others_collide(device, only_trees):
    model = random_builder(1).finalize(device=device)
    state = model.state()
    q = state.body_q.numpy().copy()
    q[3, :3] = np.nan
    q[4, :3] = 1e20
    state.body_q.assign(q)
    collide(model, state)
    assert int(model.rigid_contacts.active_count.numpy()[0]) > 50


def test_the_friction_history_follows_its_pair(device, only_trees):
    """A box on a plane of 20 degrees with mu = 1 stays, which takes the spring of every step before."""
    angle = np.radians(20.0)
    builder = ModelBuilder()
    material = {"ke": 1e5, "kd": 1e3, "kf": 1e3, "mu": 1.0}
    n = (np.sin(angle), np.cos(angle), 0.0)
    builder.add_shape_plane((*n, 0.0), width=0.0, length=0.0, **material)
    for k in range(30):
        pose = en.transform(
            en.vec3(n[0] * 0.1, n[1] * 0.1, 0.5 * k), en.quat_from_axis_angle(en.vec3(0.0, 0.0, 1.0), -float(angle))
        )
        builder.add_shape_box(builder.add_body(origin=pose), hx=0.1, hy=0.1, hz=0.1, **material)
    model = builder.finalize(device=device)
    model.ground = False
    integrator, s0, s1 = SemiImplicitIntegrator(), model.state(), model.state()
    start = s0.body_q.numpy().copy()
    for _ in range(500):
        s0.clear_forces()
        integrator.simulate(model, s0, s1, 1e-3)
        s0, s1 = s1, s0
    assert np.abs(s0.body_q.numpy()[:, :3] - start[:, :3]).max() < 2e-3


def test_threads_do_not_change_a_bit(only_trees):
    results = []
    for threads in (1, 2):
        en.set_threads(threads)
        try:
            model = random_builder(7, bodies=200).finalize()
            integrator, s0, s1 = SemiImplicitIntegrator(), model.state(), model.state()
            for _ in range(20):
                s0.clear_forces()
                integrator.simulate(model, s0, s1, 1e-3)
                s0, s1 = s1, s0
            results.append(s0.body_q.numpy().copy())
        finally:
            en.set_threads(2)
    np.testing.assert_array_equal(*results)

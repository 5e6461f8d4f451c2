"""Many shapes: the hierarchy of their bounds finds what testing each of them finds."""

import numpy as np
import pytest

import engine as en
from sim import ModelBuilder, collide
from sim.collide import particle_contacts


def scene(device, shapes=60, seed=0):
    rng = np.random.default_rng(seed)
    builder = ModelBuilder()
    for k in range(shapes):
        pose = en.transform(en.vec3(*rng.uniform(-2.0, 2.0, 3)), en.normalize(en.quat(*rng.normal(size=4))))
        body = builder.add_body(origin=pose, m=1.0) if k % 2 else -1
        place = {} if k % 2 else {"pos": en.transform_get_translation(pose), "rot": en.transform_get_rotation(pose)}
        if k % 3 == 0:
            builder.add_shape_sphere(body, radius=0.3, **place)
        elif k % 3 == 1:
            builder.add_shape_box(body, hx=0.1, hy=0.4, hz=0.2, **place)
        else:
            builder.add_shape_capsule(body, radius=0.15, half_height=0.3, **place)
    builder.add_shape_plane((0.0, 1.0, 0.0, 1.5), width=0.0, length=0.0)
    builder.add_particles(rng.uniform(-2.3, 2.3, (500, 3)), rng.normal(size=(500, 3)), 0.1, 0.05)
    return builder.finalize(device=device)


def listed(model):
    """Contacts of the model as count and slots in the order of the shapes (where slots were short it differs)."""
    contacts = model.particle_contacts
    count, shape = contacts.count.numpy(), contacts.shape.numpy()
    order = np.argsort(np.where(np.arange(len(shape))[:, None] < count, shape, 10**6), axis=0, kind="stable")
    used = np.arange(len(shape))[:, None] < count
    out = [count]
    for values in (shape, contacts.point_b.numpy(), contacts.normal_b.numpy()):
        sorted_values = np.take_along_axis(values, order.reshape(order.shape + (1,) * (values.ndim - 2)), axis=0)
        out.append(np.where(used.reshape(used.shape + (1,) * (values.ndim - 2)), sorted_values, 0))
    return out


def one_by_one(model, state, monkeypatch):
    monkeypatch.setattr(particle_contacts, "TREE_FROM", 10**9)
    model.particle_contacts = None
    collide(model, state)
    assert model.particle_contacts._tree is None
    return listed(model)


@pytest.mark.parametrize("seed", range(3))
def test_the_tree_lists_what_testing_each_shape_lists(device, monkeypatch, seed):
    model = scene(device, seed=seed)
    state = model.state()
    collide(model, state)
    assert model.particle_contacts._tree is not None
    in_tree = listed(model)
    assert in_tree[0].max() >= 2
    for found, expected in zip(in_tree, one_by_one(model, state, monkeypatch)):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("first_in_graph", [False, True])
def test_the_tree_follows_moving_bodies_in_a_graph(device, monkeypatch, first_in_graph):
    model = scene(device)
    state = model.state()
    with en.ScopedDevice(device):
        if not first_in_graph:
            collide(model, state)
        with en.ScopedCapture() as capture:
            collide(model, state)
        poses = state.body_q.numpy().copy()
        poses[:, :3] += np.random.default_rng(5).uniform(-1.0, 1.0, (len(poses), 3))
        state.body_q.assign(poses.astype(np.float32))
        en.capture_launch(capture.graph)
    in_tree = listed(model)
    assert in_tree[0].max() >= 2
    for found, expected in zip(in_tree, one_by_one(model, state, monkeypatch)):
        np.testing.assert_array_equal(found, expected)

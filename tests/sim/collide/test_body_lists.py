"""Contact lists made by all threads are those that one thread makes."""

import numpy as np
import pytest

import engine as en
from sim import ModelBuilder, collide
from sim.collide.particle_contacts import list_slots_per_body
from sim.collide.pipeline import rigid_contacts


def pile(device, bodies=40, seed=0):
    rng = np.random.default_rng(seed)
    builder = ModelBuilder()
    for _ in range(bodies):
        b = builder.add_body(origin=en.transform(en.vec3(*rng.uniform(-1.0, 1.0, 3)), en.quat_identity()), m=1.0)
        builder.add_shape_sphere(b, radius=0.3)
    builder.add_particles(rng.uniform(-1.2, 1.2, (300, 3)), np.zeros((300, 3)), 0.1, 0.05)
    return builder.finalize(device=device)


@pytest.mark.parametrize("capacity", [None, 30])
def test_near_pairs_and_their_bodies(device, capacity):
    model = pile(device)
    collide(model, model.state())
    contacts = rigid_contacts(model)
    pairs = contacts.pairs
    if capacity is not None:
        contacts.capacity = pairs.capacity = capacity
        contacts._lists = None  # on a GPU `collide` has made them for the room there was
    rng = np.random.default_rng(1)
    slots, results = rng.integers(-1, 50, contacts.pair_count).astype(np.int32), []
    for parallel in (False, True):
        pairs.slot.assign(slots)
        pairs.number(parallel)
        contacts.list_by_body(model, parallel)
        n, start = int(contacts.active_count.numpy()[0]), contacts.body_start.numpy()
        found = [pairs.slot, pairs.wanted, contacts.body_start]
        listed = [contacts.active_pair.numpy()[:n], pairs.previous_slot.numpy()[:n]]
        results.append([a.numpy() for a in found] + listed + [contacts.body_entry.numpy()[: start[-1]]])
    assert len(results[0][3]) == (30 if capacity else len(results[0][3])) > 20
    for one, all_threads in zip(*results):
        np.testing.assert_array_equal(one, all_threads)


def test_particle_slots_of_each_body(device):
    model = pile(device)
    collide(model, model.state())
    contacts = model.particle_contacts
    inputs = [model.particle_count, model.body_count, model.shape_body, contacts.count, contacts.shape]
    start = en.zeros(model.body_count + 1, dtype=int, device=device)
    entry = en.zeros(4 * model.particle_count, dtype=int, device=device)
    en.launch(list_slots_per_body, dim=1, inputs=inputs, outputs=[start, entry])
    with en.ScopedDevice(device):
        contacts.list_by_sorting(model)
    used = int(start.numpy()[-1])
    assert used > 100
    np.testing.assert_array_equal(contacts.body_start.numpy(), start.numpy())
    np.testing.assert_array_equal(contacts.body_entry.numpy()[:used], entry.numpy()[:used])


def test_lists_are_made_anew_in_every_replay_of_a_graph(device):
    model = pile(device)
    state = model.state()
    with en.ScopedDevice(device):
        collide(model, state)
        far = state.particle_q.numpy() + np.float32(100.0)
        with en.ScopedCapture() as capture:
            collide(model, state)
        en.capture_launch(capture.graph)
        some = int(model.particle_contacts.body_start.numpy()[-1])
        state.particle_q.assign(far)
        en.capture_launch(capture.graph)
        none = int(model.particle_contacts.body_start.numpy()[-1])
    assert some > 100 and none == 0

"""SIMD lanes across threads never change what one thread reads after its own writes."""

import numpy as np

import engine as en


@en.kernel
def read_after_write(where: en.array(dtype=int), rows: en.array2d(dtype=int), out: en.array(dtype=int)):
    t = en.tid()
    row = rows[t]
    before = row[1]
    if before > 0:
        row[where[t]] = 100
    out[t] = row[0]


@en.kernel
def write_write(first: en.array(dtype=int), v: en.array(dtype=en.vec3)):
    t = en.tid()
    v[first[t]][0] = 1.0
    v[t][0] = 2.0
    v[first[t]][1] = 3.0


@en.kernel
def through_two_names(a: en.array(dtype=en.vec3), b: en.array(dtype=en.vec3), out: en.array(dtype=float)):
    t = en.tid()
    x = a[t][0]
    b[t] = en.vec3(7.0, 8.0, 9.0)
    out[t] = x + a[t][1]


@en.kernel
def slot_major(n: int, x: en.array(dtype=en.vec3), out: en.array(dtype=en.vec3)):
    t = en.tid()
    p = x[t]
    out[t] = p
    out[n + t] = p * 2.0
    out[2 * n + t] = p * 3.0


def test_load_after_a_store_to_an_unknown_place_sees_the_store():
    n = 64
    where = np.arange(n, dtype=np.int32) % 2 * 3
    rows = en.array(np.tile(np.arange(8, dtype=np.int32), (n, 1)))
    out = en.zeros(n, dtype=int)
    en.launch(read_after_write, n, inputs=[en.array(where), rows, out])
    np.testing.assert_array_equal(out.numpy(), np.where(where == 0, 100, 0))


def test_stores_of_one_thread_keep_their_order():
    n = 64
    v = en.zeros(n, dtype=en.vec3)
    en.launch(write_write, n, inputs=[en.array(np.arange(n, dtype=np.int32)), v])
    np.testing.assert_array_equal(v.numpy(), np.tile([2.0, 3.0, 0.0], (n, 1)))


def test_arguments_that_share_memory_are_noticed():
    n = 64
    a = en.array(np.tile([1.0, 2.0, 3.0], (n, 1)).astype(np.float32), dtype=en.vec3)
    out = en.zeros(n, dtype=float)
    en.launch(through_two_names, n, inputs=[a, en.clone(a), out])
    assert out.numpy().tolist() == [3.0] * n
    en.launch(through_two_names, n, inputs=[a, a, out])
    assert out.numpy().tolist() == [9.0] * n


def test_forces_stored_by_slot_still_run_in_lanes():
    slots = slot_major.variant([en.int32, *(t for _, t in slot_major.parameters[1:])])
    assert slots.module.parallel
    n = 100
    x = np.random.default_rng(0).normal(size=(n, 3)).astype(np.float32)
    out = en.zeros(3 * n, dtype=en.vec3)
    en.launch(slot_major, n, inputs=[n, en.array(x, dtype=en.vec3), out])
    np.testing.assert_array_equal(out.numpy(), np.concatenate([x, 2 * x, 3 * x]))


def test_component_loaded_late_is_not_moved_before_a_store():
    @en.kernel
    def k(where: en.array(dtype=int), v: en.array(dtype=en.vec3), out: en.array(dtype=en.vec3)):
        t = en.tid()
        x = v[t][0]
        v[where[t]] = en.vec3(5.0)
        out[t] = v[t] + en.vec3(x)

    n = 64
    v, out = en.zeros(n, dtype=en.vec3), en.zeros(n, dtype=en.vec3)
    en.launch(k, n, inputs=[en.array(np.arange(n, dtype=np.int32)), v, out])
    assert (out.numpy() == 5.0).all()

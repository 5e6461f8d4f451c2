"""Atomic operations on every numeric type, alone and from many threads."""

import numpy as np
import pytest

import engine as en
from tests.engine.programs import define

NUMBERS = [
    en.int8,
    en.int16,
    en.int32,
    en.int64,
    en.uint8,
    en.uint16,
    en.uint32,
    en.uint64,
    en.float16,
    en.float32,
    en.float64,
]
ALONE = """
@en.kernel
def k(a: en.array(dtype=TYPE), old: en.array(dtype=TYPE)):
    old[0] = en.atomic_add(a, 0, TYPE(3))
    old[1] = en.atomic_sub(a, 1, TYPE(2))
    old[2] = en.atomic_min(a, 2, TYPE(4))
    old[3] = en.atomic_max(a, 3, TYPE(40))
    old[4] = en.atomic_exch(a, 4, TYPE(9))
    old[5] = en.atomic_cas(a, 5, TYPE(10), TYPE(77))
    old[6] = en.atomic_cas(a, 6, TYPE(11), TYPE(78))
    a[7] += TYPE(1)
    a[8] -= TYPE(1)
"""
CROWD = """
@en.kernel
def k(a: en.array(dtype=TYPE), low: en.array(dtype=TYPE), high: en.array(dtype=TYPE)):
    i = en.tid()
    a[i % 3] += TYPE(1)
    en.atomic_sub(a, 3, TYPE(1))
    en.atomic_min(low, 0, TYPE(i % 100))
    en.atomic_max(high, 0, TYPE(i % 100))
"""


@pytest.mark.parametrize("kind", NUMBERS, ids=lambda t: t.name)
def test_each_operation_returns_the_old_value(kind):
    a, old = en.full(9, 10, dtype=kind), en.zeros(7, dtype=kind)
    en.launch(define(ALONE, en=en, TYPE=kind)["k"], 1, inputs=[a, old])
    assert old.list() == [10] * 7
    assert a.list() == [13, 8, 4, 40, 9, 77, 10, 11, 9]


@pytest.mark.parametrize("kind", NUMBERS, ids=lambda t: t.name)
def test_many_threads_lose_no_update(kind):
    n = 30 if kind.bits == 8 else 1200 if kind is en.float16 else 30_000 if kind.bits == 16 else 300_000
    a, low, high = en.zeros(4, dtype=kind), en.full(1, 100, dtype=kind), en.zeros(1, dtype=kind)
    if kind.family == "uint":
        a[3] = n
    en.launch(define(CROWD, en=en, TYPE=kind)["k"], n, inputs=[a, low, high])
    assert a.list() == [(n + 2) // 3, (n + 1) // 3, n // 3, 0 if kind.family == "uint" else -n]
    assert low.list() == [0] and high.list() == [min(n - 1, 99)]


def test_vectors_matrices_and_components():
    @en.kernel
    def k(v: en.array(dtype=en.vec3), m: en.array2d(dtype=en.mat22), old: en.array(dtype=en.vec3)):
        i = en.tid()
        en.atomic_add(v, 0, en.vec3(1.0, 2.0, 3.0))
        v[1] += en.vec3(1.0)
        v[2][1] += 2.0
        v[2].z -= 1.0
        m[0, 1] -= en.mat22(1.0, 0.0, 0.0, 1.0)
        en.atomic_max(v, 3, en.vec3(float(i), -float(i), 5.0))
        if i == 0:
            old[0] = en.atomic_exch(v, 4, en.vec3(4.0))

    n = 5000
    v, m, old = en.zeros(5, dtype=en.vec3), en.zeros((1, 2), dtype=en.mat22), en.ones(1, dtype=en.vec3)
    en.launch(k, n, inputs=[v, m, old])
    expected = [[n, 2 * n, 3 * n], [n] * 3, [0, 2 * n, -n], [n - 1, 0, 5], [4] * 3]
    np.testing.assert_array_equal(v.numpy(), expected)
    np.testing.assert_array_equal(m.numpy()[0, 1], [[-n, 0], [0, -n]])
    assert old.list() == [en.vec3(0)]


def test_bit_operations():
    @en.kernel
    def k(a: en.array(dtype=en.uint32)):
        i = en.tid()
        en.atomic_or(a, 0, en.uint32(1) << en.uint32(i))
        en.atomic_and(a, 1, ~(en.uint32(1) << en.uint32(i)))
        en.atomic_xor(a, 2, en.uint32(1) << en.uint32(i))

    a = en.array(np.array([0, 0xFFFFFFFF, 0xF], np.uint32))
    en.launch(k, 16, inputs=[a])
    assert a.list() == [0xFFFF, 0xFFFF0000, 0xFFF0]


def test_spin_on_compare_and_swap_counts_everything():
    @en.kernel
    def k(counter: en.array(dtype=int), slots: en.array(dtype=int)):
        en.tid()
        done = 0
        while done == 0:
            seen = counter[0]
            if en.atomic_cas(counter, 0, seen, seen + 1) == seen:
                slots[seen] = 1
                done = 1

    n = 20_000
    counter, slots = en.zeros(1, dtype=int), en.zeros(n, dtype=int)
    en.launch(k, n, inputs=[counter, slots])
    assert counter.list() == [n] and slots.numpy().sum() == n


def test_nan_is_not_lost_by_float_minimum():
    @en.kernel
    def k(a: en.array(dtype=float), x: float):
        en.atomic_min(a, 0, x)

    a = en.array([5.0])
    en.launch(k, 1, inputs=[a, float("inf")])
    assert a.list() == [5.0]


@pytest.fixture
def deterministic():
    before = en.get_threads()
    en.config.deterministic = True
    yield
    en.config.deterministic = False
    en.set_threads(before)


def test_deterministic_float_sums_have_the_same_bits_for_any_thread_count(deterministic):
    @en.kernel
    def k(x: en.array(dtype=float), total: en.array(dtype=float)):
        i = en.tid()
        en.atomic_add(total, i % 7, x[i])

    x = en.array(np.random.default_rng(1).normal(size=200_001).astype(np.float32))
    results = set()
    for threads in (1, 2, 4):
        en.set_threads(threads)
        for _ in range(2):
            total = en.zeros(7, dtype=float)
            en.launch(k, x.size, inputs=[x, total])
            with en.ScopedCapture() as c:
                en.launch(k, x.size, inputs=[x, total])
            en.capture_launch(c.graph)
            results.add(total.numpy().tobytes())
    assert len(results) == 1


MEETING = """
@en.kernel
def k(rows: en.array(dtype=int), out: en.array(dtype=TYPE)):
    i = en.tid()
    n = TYPE(i % 7 + 1)
    en.atomic_add(out, 0, n)  # all threads
    if i % 3 == 1:
        en.atomic_add(out, 1, n)  # some of each warp
    if (i // 32) % 2 == 0:
        en.atomic_sub(out, 2, n)  # whole warps
    en.atomic_add(out, 3 + i // 64, n)  # two warps each
    en.atomic_add(out, 100 + rows[i], n)  # what no compiler knows
    own = en.zeros(shape=2, dtype=TYPE)
    en.atomic_add(own, 1, n)  # memory of the thread: one address, many places
    out[1000 + i] = own[1]
"""


@pytest.mark.parametrize(
    "kind", [en.int32, en.uint32, en.int64, en.uint64, en.float32, en.float64], ids=lambda t: t.name
)
@pytest.mark.parametrize("count", [1, 31, 32, 1000, 5000])
def test_sums_that_meet_in_one_place_are_whole(kind, count):
    """A GPU adds up within a warp first; warps that are not full, and threads that take part or not, must count right."""
    k = define(MEETING.replace("TYPE", f"en.{kind.name}"), en=en)["k"]
    i = np.arange(count)
    n, rows = i % 7 + 1, np.where(i % 96 < 48, 5, i % 50)
    out = en.zeros(1000 + count, dtype=kind)
    en.launch(k, count, inputs=[en.array(rows, dtype=int), out])
    wanted = np.zeros(1000 + count)
    wanted[0], wanted[1], wanted[2] = n.sum(), n[i % 3 == 1].sum(), -n[(i // 32) % 2 == 0].sum()
    np.add.at(wanted, 3 + i // 64, n)
    np.add.at(wanted, 100 + rows, n)
    wanted[1000:] = n
    np.testing.assert_array_equal(out.numpy(), wanted.astype(np.int64).astype(kind.np_dtype))


def test_a_row_of_threads_may_add_to_the_element_of_the_row():
    @en.kernel
    def rows_and_columns(a: en.array2d(dtype=float), rows: en.array(dtype=float), columns: en.array(dtype=float)):
        i, j = en.tid()
        en.atomic_add(rows, i, a[i, j])
        en.atomic_add(columns, j, a[i, j])

    a = np.random.default_rng(0).integers(-9, 9, (13, 75)).astype(np.float32)
    rows, columns = en.zeros(13, dtype=float), en.zeros(75, dtype=float)
    en.launch(rows_and_columns, a.shape, inputs=[en.array(a), rows, columns])
    np.testing.assert_array_equal(rows.numpy(), a.sum(1))
    np.testing.assert_array_equal(columns.numpy(), a.sum(0))


def test_gradients_of_a_number_that_all_threads_read_are_whole():
    @en.kernel
    def scale(k: en.array(dtype=float), x: en.array(dtype=float), y: en.array(dtype=float)):
        i = en.tid()
        y[i] = k[0] * x[i]

    x = np.random.default_rng(0).integers(-9, 9, 2000).astype(np.float32)
    k, y = en.ones(1, dtype=float, requires_grad=True), en.zeros(2000, dtype=float, requires_grad=True)
    with en.Tape() as tape:
        en.launch(scale, 2000, inputs=[k, en.array(x)], outputs=[y])
    tape.backward(grads={y: en.ones(2000, dtype=float)})
    assert k.grad.numpy()[0] == x.sum()

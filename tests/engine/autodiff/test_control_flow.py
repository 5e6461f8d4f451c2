"""Gradients through loops, branches and memory equal finite differences in float64."""

import numpy as np
import pytest

import engine as en
from tests.engine.autodiff.loop_kernels import LOOPS, numbers, static_past_unrolling

f64 = en.float64
ONE, HALF = f64(1.0), f64(0.5)


def check(kernel, inputs, n=5, **kw):
    y = en.zeros(n, dtype=f64)
    assert en.gradcheck(kernel, n, inputs, [y], **kw)


@pytest.mark.parametrize("kernel", LOOPS, ids=lambda k: k.__name__)
@pytest.mark.parametrize("n", [0, 1, 5])
def test_gradient_through_dynamic_loop(kernel, n):
    check(kernel, [numbers(5), n], rtol=2e-5)


def test_static_loop_past_the_unrolling_limit():
    check(static_past_unrolling, [numbers(5)])


@en.kernel
def squared_in_place(a: en.array(dtype=f64)):
    i = en.tid()
    a[i] = a[i] * a[i]


def test_array_updated_in_place():
    assert en.gradcheck(squared_in_place, 5, [numbers(5)])


@en.kernel
def repeated_component_update(v: en.array(dtype=en.vec3d), x: en.array(dtype=f64)):
    i = en.tid()
    v[i][0] = v[i][0] * x[i]
    v[i][0] = v[i][0] + v[i][1] * v[i][0]
    v[i][1] += v[i][0]
    v[i].z = v[i][1] * v[i].z


def test_component_read_modify_write_of_arrays():
    v = en.array(np.random.default_rng(1).uniform(0.5, 1, (4, 3)), dtype=en.vec3d)
    assert en.gradcheck(repeated_component_update, 4, [v, numbers(4)])


@en.struct
class Part:
    mass: en.float64
    kind: int
    velocity: en.vec3d


@en.kernel
def struct_fields(parts: en.array(dtype=Part), n: int, y: en.array(dtype=f64)):
    i = en.tid()
    p = parts[i]
    e = HALF * p.mass * en.dot(p.velocity, p.velocity)
    for j in range(n):
        q = parts[j % 3]
        if q.kind == 1:
            e = e * q.mass + q.velocity[0]
        p.mass = p.mass + q.mass * e
    y[i] = e * p.mass


@en.kernel
def struct_written(parts: en.array(dtype=Part), x: en.array(dtype=f64)):
    i = en.tid()
    parts[i].mass = parts[i].mass * x[i]
    parts[i].velocity = parts[i].velocity * parts[i].mass
    parts[i].velocity[1] = x[i] * x[i]


def test_fields_of_arrays_of_structs():
    rng = np.random.default_rng(0)
    rows = np.zeros(3, dtype=Part.__engine_struct__.np_dtype)
    for n in range(3):
        rows[n] = (rng.uniform(0.5, 1), n % 2, rng.uniform(-1, 1, 3))
    parts = en.array(rows, dtype=Part)
    assert en.gradcheck(struct_fields, 3, [parts, 4], [en.zeros(3, dtype=f64)])
    assert en.gradcheck(struct_written, 3, [parts, numbers(3)])


@en.struct
class Arrays:
    x: en.array(dtype=en.float64)
    scale: en.float64
    y: en.array(dtype=en.float64)


@en.kernel
def arrays_in_struct(s: Arrays):
    i = en.tid()
    s.y[i] = s.x[i] * s.x[(i + 1) % 3] * s.scale


def test_arrays_in_a_struct_argument():
    s = Arrays()
    s.x, s.scale, s.y = numbers(3), 1.5, en.zeros(3, dtype=f64)
    assert en.gradcheck(arrays_in_struct, 3, [s])


@en.kernel
def rows(a: en.array2d(dtype=f64), x: en.array(dtype=f64), y: en.array(dtype=f64)):
    i = en.tid()
    first, second = a[i], a[1]
    row = first
    if x[i] > f64(0.8):
        row = second
    s = ONE
    for j in range(3):
        s = s * row[j] + first[j] * x[i]
        row = a[j]
    y[i] = s + row[i]


def test_rows_chosen_at_run_time():
    a = en.array(np.random.default_rng(3).uniform(0.5, 1, (3, 3)), dtype=f64)
    assert en.gradcheck(rows, 3, [a, numbers(3, 7)], [en.zeros(3, dtype=f64)])


@en.kernel
def two_dimensional(a: en.array2d(dtype=f64), y: en.array2d(dtype=f64)):
    i, j = en.tid()
    y[j, i] = a[i, j] * a[j, i] + en.sin(a[i, 0])


def test_grid_launch():
    a = en.array(np.random.default_rng(3).uniform(0.5, 1, (4, 4)), dtype=f64)
    assert en.gradcheck(two_dimensional, (4, 4), [a], [en.zeros((4, 4), dtype=f64)])


@en.kernel
def scatter(x: en.array(dtype=f64), index: en.array(dtype=int), y: en.array(dtype=f64)):
    i = en.tid()
    en.atomic_add(y, index[i], x[i] * x[i])
    en.atomic_sub(y, 0, en.sin(x[i]))
    y[index[i]] += x[i]


def test_atomic_additions():
    index = en.array(np.array([0, 2, 2, 1, 0]), dtype=int)
    assert en.gradcheck(scatter, 5, [numbers(5), index], [en.zeros(3, dtype=f64)])


@en.kernel
def extremes(x: en.array(dtype=f64), low: en.array(dtype=f64), high: en.array(dtype=f64)):
    i = en.tid()
    en.atomic_min(low, i % 2, x[i] * x[i])
    en.atomic_max(high, 0, en.sin(x[i]))


def test_atomic_minimum_gives_the_gradient_to_the_winner():
    low, high = en.array(np.array([0.3, 9.0]), dtype=f64), en.array(np.array([-9.0]), dtype=f64)
    assert en.gradcheck(extremes, 6, [numbers(6, low=0.6), low, high])


def test_equal_winners_share_one_gradient():
    x = en.array(np.full(4, 0.5), dtype=f64, requires_grad=True)
    low, high = en.full(2, 9.0, dtype=f64), en.full(1, -9.0, dtype=f64)
    with en.Tape() as tape:
        en.launch(extremes, dim=4, inputs=[x, low, high])
    tape.backward(grads={high: np.ones(1)})
    assert np.sum(x.grad.numpy()) == pytest.approx(np.cos(0.5))


@en.kernel
def compacted(x: en.array(dtype=f64), count: en.array(dtype=int), y: en.array(dtype=f64)):
    i = en.tid()
    if x[i] > f64(0.7):
        slot = en.atomic_add(count, 0, 1)
        y[slot] = x[i] * x[i]


def test_slots_from_a_counter_are_the_same_backward():
    n = 4096
    x = en.array(np.random.default_rng(0).uniform(0.4, 1.2, n), dtype=f64, requires_grad=True)
    y, count = en.zeros(n, dtype=f64), en.zeros(1, dtype=int)
    with en.Tape() as tape:
        en.launch(compacted, dim=n, inputs=[x, count, y])
    w = np.random.default_rng(1).uniform(size=n)
    tape.backward(grads={y: w})
    chosen = x.numpy() > 0.7
    expected = np.zeros(n)
    expected[chosen] = 2 * x.numpy()[chosen] * w[: chosen.sum()]
    np.testing.assert_allclose(x.grad.numpy(), expected)

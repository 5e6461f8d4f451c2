"""Backward forms that note their additions and add at the end: the same gradients, in the same order every time."""

import numpy as np
import pytest

import engine as en
from engine.autodiff.backend import NotedCode
from engine.autodiff.kernel_memory import KernelMemory

f64 = en.float64
pytestmark = pytest.mark.cpu_only("a GPU adds atomically")


@pytest.fixture(autouse=True)
def one_thread():
    before = en.get_threads()
    en.set_threads(1)
    yield
    en.set_threads(before)


@en.kernel
def gather(x: en.array(dtype=en.vec3d), index: en.array2d(dtype=int), y: en.array(dtype=en.vec3d)):
    i = en.tid()
    a, b, c = x[index[i, 0]], x[index[i, 1]], x[index[i, 2]]
    y[i] = en.cross(b - a, c - a) * en.dot(a, b)


@en.kernel
def sometimes(x: en.array(dtype=float), index: en.array(dtype=int), y: en.array(dtype=float)):
    i = en.tid()
    s = x[i] * 0.5
    if index[i] >= 0:
        s = s + x[index[i]] * x[index[i]]
        if s > 1.0:
            s = s * x[0]
    y[i] = s


@en.kernel
def scatter_in_place(x: en.array(dtype=f64), index: en.array(dtype=int)):
    i = en.tid()
    k = index[i]
    x[k] = x[k] * x[k]
    x[k] = en.sin(x[k]) * x[k]


@en.kernel
def looping(x: en.array(dtype=f64), n: int, y: en.array(dtype=f64)):
    i = en.tid()
    s = x[i]
    for j in range(n):
        s = s * x[j] + x[(i + j) % n]
    y[i] = s


def gradient(kernel, n, x, inputs, y, w):
    """Gradient of x, and which codes of the kernel noted additions."""
    x.requires_grad = True
    x.grad.zero_()
    with en.Tape() as tape:
        en.launch(kernel, dim=n, inputs=[x, *inputs], outputs=[] if y is None else [y])
    tape.backward(grads={x if y is None else y: w})
    memory = tape.launches[0].memory
    assert isinstance(memory, KernelMemory)
    return x.grad.numpy().copy(), [c for c in memory._codes.values() if isinstance(c, NotedCode)]


@pytest.mark.parametrize("n", [1024, 1025, 1279, 5000])
def test_gathered_vectors(n):
    rng = np.random.default_rng(n)
    v, index, w = rng.normal(size=(40, 3)), rng.integers(0, 40, (n, 3)), rng.normal(size=(n, 3))
    x, y = en.array(v, dtype=en.vec3d), en.zeros(n, dtype=en.vec3d)
    found, noted = gradient(gather, n, x, [en.array(index, dtype=int)], y, w)
    assert noted
    a, b, c = (v[index[:, k]] for k in range(3))
    ab, ac = b - a, c - a
    d = np.sum(a * b, 1, keepdims=True)
    along = np.sum(np.cross(ab, ac) * w, 1, keepdims=True)
    to_ab, to_ac = np.cross(ac, w) * d, np.cross(w, ab) * d
    expected = np.zeros_like(v)
    np.add.at(expected, index[:, 0], along * b - to_ab - to_ac)
    np.add.at(expected, index[:, 1], along * a + to_ab)
    np.add.at(expected, index[:, 2], to_ac)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


def test_threads_that_leave_additions_out():
    n = 3000
    rng = np.random.default_rng(1)
    v, index = rng.uniform(0.5, 1.5, n).astype(np.float32), rng.integers(-n, n, n)
    x, y = en.array(v, dtype=float), en.zeros(n, dtype=float)
    found, noted = gradient(sometimes, n, x, [en.array(index, dtype=int)], y, np.ones(n))
    assert noted and noted[0].sums.has_gaps
    there = index >= 0
    k = np.where(there, index, 0)
    s = v * 0.5 + np.where(there, v[k] ** 2, 0.0)
    big = there & (s > 1.0)
    g = np.where(big, v[0], 1.0)
    expected = 0.5 * g
    np.add.at(expected, k, np.where(there, 2.0 * v[k] * g, 0.0))
    expected[0] += s[big].sum()
    np.testing.assert_allclose(found, expected, rtol=2e-3)


def test_places_that_are_read_and_added_to_are_not_put_off():
    n = 2000
    v, index = np.random.default_rng(2).uniform(0.5, 1.0, n), np.random.default_rng(3).permutation(n)
    x = en.array(v, dtype=f64)
    found, noted = gradient(scatter_in_place, n, x, [en.array(index, dtype=int)], None, np.ones(n))
    assert not noted
    s = v * v
    np.testing.assert_allclose(found, (np.cos(s) * s + np.sin(s)) * 2.0 * v)


def test_loops_are_not_put_off():
    n = 1500
    x, y = en.array(np.random.default_rng(4).uniform(0.1, 0.5, n), dtype=f64), en.zeros(n, dtype=f64)
    _, noted = gradient(looping, n, x, [7], y, np.ones(n))
    assert not noted


def test_small_launches_use_the_plain_form():
    index = en.array(np.zeros((100, 3)), dtype=int)
    x, y = en.array(np.ones((4, 3)), dtype=en.vec3d), en.zeros(100, dtype=en.vec3d)
    with en.Tape() as tape:
        x.requires_grad = True
        en.launch(gather, dim=100, inputs=[x, index], outputs=[y])
    tape.backward(grads={y: 1.0})
    assert (
        tape.launches[0].memory.noted_code(tape.launches[0].backward_plan((2,), True)[1], tape.launches[0].total)
        is None
    )


def test_same_bits_every_time_and_inside_a_graph():
    n = 4000
    rng = np.random.default_rng(5)
    v, index = rng.normal(size=(30, 3)), en.array(rng.integers(0, 30, (n, 3)), dtype=int)
    x, y, w = en.array(v, dtype=en.vec3d), en.zeros(n, dtype=en.vec3d), rng.normal(size=(n, 3))
    results = [gradient(gather, n, x, [index], y, w)[0] for _ in range(3)]
    assert np.array_equal(results[0], results[1]) and np.array_equal(results[0], results[2])
    seed = en.array(w, dtype=en.vec3d)
    x.grad.zero_()
    with en.Tape() as tape:
        en.launch(gather, dim=n, inputs=[x, index], outputs=[y])
    with en.ScopedCapture() as capture:
        tape.backward(grads={y: seed})
    x.grad.zero_()
    en.capture_launch(capture.graph)
    np.testing.assert_allclose(x.grad.numpy(), results[0], rtol=1e-12)

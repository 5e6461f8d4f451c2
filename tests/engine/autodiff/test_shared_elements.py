"""Gradients of elements that many threads read are complete, on one thread and on many."""

import numpy as np
import pytest

import engine as en

f64 = en.float64
N = 1000


@pytest.fixture(params=[1, 2, 3])
def threads(request):
    before = en.get_threads()
    en.set_threads(request.param)
    yield
    en.set_threads(before)


@en.kernel
def share_one(x: en.array(dtype=f64), y: en.array(dtype=f64)):
    i = en.tid()
    y[i] = x[0] * x[i] + x[i // 7]


@en.kernel
def gather(x: en.array(dtype=en.vec3), index: en.array(dtype=int), y: en.array(dtype=en.vec3)):
    i = en.tid()
    a = x[index[2 * i]]
    b = x[index[2 * i + 1]]
    y[i] = en.cross(a, b) * en.length(a - b)


@en.kernel
def rows(a: en.array2d(dtype=f64), x: en.array(dtype=f64), y: en.array2d(dtype=f64)):
    i, j = en.tid()
    y[i, j] = a[i, j] * x[j] * a[0, j]


def backward(kernel, dim, inputs, y, w):
    for a in inputs:
        a.requires_grad = a.dtype.scalar.is_float
    with en.Tape() as tape:
        en.launch(kernel, dim=dim, inputs=inputs, outputs=[y])
    tape.backward(grads={y: w})


def test_one_element_for_all_threads(threads):
    v = np.random.default_rng(0).normal(size=N)
    x, y = en.array(v, dtype=f64), en.zeros(N, dtype=f64)
    backward(share_one, N, [x], y, np.ones(N))
    expected = np.full(N, v[0])
    expected[0] += v.sum()
    np.add.at(expected, np.arange(N) // 7, 1.0)
    np.testing.assert_allclose(x.grad.numpy(), expected)


def test_gathered_elements(threads):
    rng = np.random.default_rng(0)
    v, index = rng.normal(size=(20, 3)), rng.integers(0, 20, 2 * N)
    index[1::2] = (index[::2] + 1 + index[1::2] % 19) % 20
    x, y = en.array(v, dtype=en.vec3), en.zeros(N, dtype=en.vec3)
    w = rng.normal(size=(N, 3))
    backward(gather, N, [x, en.array(index, dtype=int)], y, w)
    a, b = v[index[::2]], v[index[1::2]]
    d = a - b
    n = np.linalg.norm(d, axis=1, keepdims=True)
    along = np.sum(np.cross(a, b) * w, axis=1, keepdims=True) * d / n
    expected = np.zeros_like(v)
    np.add.at(expected, index[::2], np.cross(b, w) * n + along)
    np.add.at(expected, index[1::2], np.cross(w, a) * n - along)
    np.testing.assert_allclose(x.grad.numpy(), expected, rtol=2e-4, atol=1e-3)


def test_rows_of_a_grid(threads):
    rng = np.random.default_rng(0)
    va, vx = rng.normal(size=(50, 40)), rng.normal(size=40)
    a, x, y = en.array(va, dtype=f64), en.array(vx, dtype=f64), en.zeros((50, 40), dtype=f64)
    backward(rows, (50, 40), [a, x], y, np.ones((50, 40)))
    expected = np.tile(vx * va[0], (50, 1))
    expected[0] += (va * vx).sum(0)
    np.testing.assert_allclose(a.grad.numpy(), expected)
    np.testing.assert_allclose(x.grad.numpy(), (va * va[0]).sum(0))


def test_sums_have_the_same_bits_every_time():
    rng = np.random.default_rng(0)
    v, index = rng.normal(size=(20, 3)), rng.integers(0, 20, 2 * N)
    en.config.deterministic = True
    try:
        results = []
        for _ in range(5):
            x, y = en.array(v, dtype=en.vec3), en.zeros(N, dtype=en.vec3)
            backward(gather, N, [x, en.array(index, dtype=int)], y, np.ones((N, 3)))
            results.append(x.grad.numpy().tobytes())
    finally:
        en.config.deterministic = False
    assert len(set(results)) == 1

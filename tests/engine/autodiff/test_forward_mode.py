"""Forward mode and Hessian-vector products equal finite differences in float64."""

import numpy as np
import pytest

import engine as en
from tests.engine.autodiff.loop_kernels import LOOPS, numbers, static_past_unrolling

f64 = en.float64


@en.kernel
def weighted(y: en.array(dtype=f64), loss: en.array(dtype=f64)):
    i = en.tid()
    en.atomic_add(loss, 0, en.sin(y[i]) * f64(i + 1))


def along(run, x, v, eps=1e-6):
    """Central difference of what `run` returns, along `v`."""
    start = x.numpy().copy()
    values = []
    for step in (eps, -eps):
        x.assign(start + step * v)
        values.append(run())
    x.assign(start)
    return (values[0] - values[1]) / (2 * eps)


@pytest.mark.parametrize("kernel", [*LOOPS, static_past_unrolling], ids=lambda k: k.__name__)
def test_derivative_along_a_direction(kernel):
    x, y, v = numbers(5), en.zeros(5, dtype=f64), np.random.default_rng(3).normal(size=5)
    more = [5] if kernel is not static_past_unrolling else []
    found = en.jvp(kernel, 5, [x, *more], [y], tangents={x: v})[y]

    def run():
        en.launch(kernel, dim=5, inputs=[x, *more], outputs=[y])
        return y.numpy().copy()

    np.testing.assert_allclose(found, along(run, x, v), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kernel", [*LOOPS, static_past_unrolling], ids=lambda k: k.__name__)
def test_hessian_times_vector(kernel):
    x, y, v = numbers(5), en.zeros(5, dtype=f64), np.random.default_rng(3).normal(size=5)
    loss = en.zeros(1, dtype=f64)
    more = [3] if kernel is not static_past_unrolling else []

    def forward(x, y, loss):
        loss.zero_()
        en.launch(kernel, dim=5, inputs=[x, *more], outputs=[y])
        en.launch(weighted, dim=5, inputs=[y], outputs=[loss])

    def gradient():
        x.requires_grad = True
        with en.Tape() as tape:
            forward(x, y, loss)
        tape.backward(loss)
        out = x.grad.numpy().copy()
        x.requires_grad = False
        return out

    found = en.hvp(forward, inputs=[x, y], outputs=[loss], tangents={x: v})[x]
    np.testing.assert_allclose(found, along(gradient, x, v), rtol=1e-4, atol=1e-4 * np.abs(found).max())


@en.kernel
def rosenbrock(x: en.array(dtype=f64), loss: en.array(dtype=f64)):
    i = en.tid()
    a = f64(1.0) - x[i]
    b = x[i + 1] - x[i] * x[i]
    en.atomic_add(loss, 0, a * a + f64(100.0) * b * b)


def test_hessian_of_rosenbrock_is_the_known_one():
    x, loss = en.array(np.array([0.5, -0.7]), dtype=f64), en.zeros(1, dtype=f64)
    columns = [en.hvp(rosenbrock, 1, [x], [loss], tangents={x: e})[x] for e in np.eye(2)]
    a, b = x.numpy()
    expected = [[2 - 400 * (b - 3 * a * a), -400 * a], [-400 * a, 200.0]]
    np.testing.assert_allclose(columns, expected)


@en.kernel
def in_place(x: en.array(dtype=f64), n: int):
    i = en.tid()
    for _ in range(n):
        x[i] = en.sin(x[i]) * x[i]


def test_second_derivative_of_an_array_updated_in_place():
    x, v = numbers(4), np.array([1.0, -2.0, 0.5, 3.0])
    loss = en.zeros(1, dtype=f64)

    def forward(x, loss):
        y = en.clone(x)
        en.launch(in_place, dim=4, inputs=[y, 2])
        z = en.zeros(4, dtype=f64)
        z[1:3] = y[1:3]
        en.launch(in_place, dim=4, inputs=[y, 1])
        z[0:1] = y[0:1]
        loss.zero_()
        en.launch(weighted, dim=4, inputs=[z], outputs=[loss])

    def gradient():
        x.requires_grad = True
        with en.Tape() as tape:
            forward(x, loss)
        tape.backward(loss)
        out = x.grad.numpy().copy()
        x.requires_grad = False
        return out

    found = en.hvp(forward, inputs=[x], outputs=[loss], tangents={x: v})[x]
    np.testing.assert_allclose(found, along(gradient, x, v), rtol=1e-5, atol=1e-7)


@en.kernel
def longest(x: en.array(dtype=f64), y: en.array(dtype=f64)):
    en.atomic_max(y, 0, x[en.tid()])


def test_atomic_maximum_has_no_forward_mode_and_says_so():
    x, y = numbers(3), en.zeros(1, dtype=f64)
    with pytest.raises(en.GradientError, match="atomic_max"):
        en.jvp(longest, 3, [x], [y], tangents={x: 1.0})

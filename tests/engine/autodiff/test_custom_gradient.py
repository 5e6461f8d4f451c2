"""Gradients written by the user, and replays of functions that cannot run twice."""

import numpy as np
import pytest

import engine as en

f64 = en.float64


@en.func
def doubled(x: f64, y: f64):
    return x * x * y


@en.func_grad(doubled)
def adj_doubled(x: f64, y: f64, adj_ret: f64):
    en.adjoint[x] += f64(2.0) * (f64(2.0) * x * y) * adj_ret
    en.adjoint[y] += f64(2.0) * x * x * adj_ret


@en.kernel
def calls_doubled(x: en.array(dtype=f64), n: int, y: en.array(dtype=f64)):
    i = en.tid()
    s = x[i]
    plain = s * s * x[0]
    for _ in range(n):
        s = en.sin(doubled(s, x[0]))
    y[i] = s + plain


def leaf(values, dtype=f64):
    return en.array(np.array(values, dtype=float), dtype=dtype, requires_grad=True)


def backward(kernel, dim, inputs, outputs):
    with en.Tape() as tape:
        en.launch(kernel, dim=dim, inputs=inputs, outputs=outputs)
    tape.backward(grads={a: np.ones_like(a.numpy()) for a in outputs})


def test_custom_gradient_replaces_the_derived_one_and_only_that():
    x, y = leaf([0.7, 0.9]), en.zeros(2, dtype=f64)
    backward(calls_doubled, 2, [x, 1], [y])
    a, b = 0.7, 0.9
    own = [2 * np.cos(a**3) * 3 * a * a + 3 * a * a, 2 * np.cos(b * b * a) * 2 * b * a + 2 * b * a]
    own[0] += 2 * np.cos(b * b * a) * b * b + b * b
    np.testing.assert_allclose(x.grad.numpy(), own)
    x.grad.zero_()
    backward(calls_doubled, 2, [x, 0], [y])
    np.testing.assert_allclose(x.grad.numpy(), [3 * a * a + b * b + 1, 2 * b * a + 1])


@en.func
def identity(v: en.vec3d, n: int):
    return v, v[n]


@en.func_grad(identity)
def adj_identity(v: en.vec3d, n: int, adj_v: en.vec3d, adj_part: f64):
    en.adjoint[v] += adj_v * f64(10.0)
    en.adjoint[v][n] += adj_part
    if adj_part > f64(0.5):
        return


@en.kernel
def calls_identity(x: en.array(dtype=en.vec3d), y: en.array(dtype=f64)):
    i = en.tid()
    v, part = identity(x[i], 1)
    y[i] = v[0] + part + x[i][2]


def test_several_results_and_components():
    x, y = leaf([[1, 2, 3]], en.vec3d), en.zeros(1, dtype=f64)
    backward(calls_identity, 1, [x], [y])
    np.testing.assert_allclose(x.grad.numpy(), [[10, 1, 1]])


@en.func
def gathered(a: en.array(dtype=f64), i: int):
    return a[i] * a[i]


@en.func_grad(gathered)
def adj_gathered(a: en.array(dtype=f64), i: int, adj_ret: f64):
    en.adjoint[a][i] += f64(-1.0) * a[i] * adj_ret


@en.kernel
def calls_gathered(x: en.array(dtype=f64), y: en.array(dtype=f64)):
    i = en.tid()
    y[i] = gathered(x, i) + x[0]


def test_gradient_of_an_array_argument():
    x, y = leaf([1, 2, 3]), en.zeros(3, dtype=f64)
    backward(calls_gathered, 3, [x], [y])
    np.testing.assert_allclose(x.grad.numpy(), [-1 + 3, -2, -3])


@en.kernel
def calls_gathered_without_gradient(x: en.array(dtype=f64), w: en.array(dtype=f64), y: en.array(dtype=f64)):
    i = en.tid()
    y[i] = gathered(w, i) * x[i]


def test_array_argument_without_gradient():
    x, w, y = leaf([1, 2, 3]), en.full(3, 2.0, dtype=f64), en.zeros(3, dtype=f64)
    backward(calls_gathered_without_gradient, 3, [x, w], [y])
    np.testing.assert_allclose(x.grad.numpy(), 4)


@en.func
def take_number(counter: en.array(dtype=int), taken: en.array(dtype=int), i: int):
    n = en.atomic_add(counter, 0, 1)
    taken[i] = n
    return n


@en.func_replay(take_number)
def replay_take_number(counter: en.array(dtype=int), taken: en.array(dtype=int), i: int):
    return taken[i]


@en.kernel
def sorted_out(
    x: en.array(dtype=f64), counter: en.array(dtype=int), taken: en.array(dtype=int), y: en.array(dtype=f64)
):
    i = en.tid()
    if x[i] > f64(0.0):
        y[take_number(counter, taken, i)] = x[i] * x[i]


def test_replay_reads_what_the_forward_pass_stored():
    n = 5000
    v = np.random.default_rng(0).normal(size=n)
    x, y = leaf(v), en.zeros(n, dtype=f64)
    counter, taken = en.zeros(1, dtype=int), en.zeros(n, dtype=int)
    w = np.random.default_rng(1).normal(size=n)
    with en.Tape() as tape:
        en.launch(sorted_out, dim=n, inputs=[x, counter, taken], outputs=[y])
    assert not tape.launches[0].memory.ordered
    tape.backward(grads={y: w})
    expected = np.where(v > 0, 2 * v * w[taken.numpy()], 0.0)
    np.testing.assert_allclose(x.grad.numpy(), expected)


def test_wrong_use_is_explained():
    with pytest.raises(en.GradientError, match="decorated with @func"):
        en.func_grad(np.sin)
    with pytest.raises(en.EngineError, match="func_grad"):
        en.adjoint[0]

    @en.func
    def f(x: f64):
        return x

    @en.func_grad(f)
    def adj_f(x: f64):
        en.adjoint[x] += x

    @en.kernel
    def k(x: en.array(dtype=f64)):
        x[0] = f(x[0])

    with pytest.raises(en.GradientError, match="gradient of each of its 1 results"):
        backward(k, 1, [], [leaf([1])])

    @en.func
    def g(x: f64):
        return x

    @en.func_grad(g)
    def adj_g(x: f64, adj_ret: f64):
        en.adjoint[z] += adj_ret

    @en.kernel
    def k2(x: en.array(dtype=f64)):
        x[0] = g(x[0])

    with pytest.raises(en.KernelError, match="takes the name of an argument: x"):
        backward(k2, 1, [], [leaf([1])])

"""`grad(f)` inside kernels."""

import numpy as np
import pytest

import engine as en


@en.func
def wave(x: float, k: int, v: en.vec2):
    s = x
    for _ in range(k):
        s = s * x + v[0]
    return s * en.sin(v[1]) + en.dot(v, v)


@en.func
def cube(x: float):
    return x * x * x


@en.func
def second(x: float):
    return en.grad(cube)(x)


@en.kernel
def derive(x: en.array(dtype=float), k: int, v: en.vec2, dx: en.array(dtype=float), dv: en.array(dtype=en.vec2)):
    i = en.tid()
    g = en.grad(wave)
    a, b = g(x[i], k, v)
    dx[i] = a
    dv[i] = b


@pytest.mark.parametrize("k", [0, 1, 3])
def test_agrees_with_finite_differences(k):
    x, v = np.array([0.5, 1.0, 1.5]), np.array([0.3, 0.7])

    def f(x, v):
        s = x
        for _ in range(k):
            s = s * x + v[0]
        return s * np.sin(v[1]) + v @ v

    h = 1e-6
    wanted_x = [(f(t + h, v) - f(t - h, v)) / (2 * h) for t in x]
    wanted_v = [[(f(t, v + h * e) - f(t, v - h * e)) / (2 * h) for e in np.eye(2)] for t in x]
    dx, dv = en.zeros(3, dtype=float), en.zeros(3, dtype=en.vec2)
    en.launch(derive, 3, [en.array(x, dtype=float), k, en.vec2(*v)], [dx, dv])
    np.testing.assert_allclose(dx.numpy(), wanted_x, rtol=1e-4)
    np.testing.assert_allclose(dv.numpy(), wanted_v, rtol=1e-4)


@en.kernel
def higher(x: en.array(dtype=float), y: en.array2d(dtype=float)):
    i = en.tid()
    y[i, 0] = en.grad(cube)(x[i])
    y[i, 1] = en.grad(second)(x[i])
    y[i, 2] = en.grad(en.grad(second))(x[i])
    b, a = en.grad(en.atan2)(1.0, x[i])
    y[i, 3] = a + 10.0 * b


def test_builtins_and_higher_derivatives():
    x = np.array([0.5, 2.0], np.float32)
    y = en.zeros((2, 4), dtype=float)
    en.launch(higher, 2, [en.array(x)], [y])
    atan = -1 / (x**2 + 1) + 10 * x / (x**2 + 1)
    np.testing.assert_allclose(y.numpy(), np.stack([3 * x**2, 6 * x, 6 + 0 * x, atan], axis=1), rtol=1e-5)


@en.kernel
def slope(x: en.array(dtype=float), y: en.array(dtype=float)):
    i = en.tid()
    y[i] = en.grad(cube)(x[i])


def test_a_tape_differentiates_it_again():
    x = en.array([0.5, 2.0], dtype=float, requires_grad=True)
    y = en.zeros_like(x)
    with en.Tape() as tape:
        en.launch(slope, 2, [x], [y])
    tape.backward(grads={y: en.ones(2, dtype=float)})
    np.testing.assert_allclose(x.grad.numpy(), [3.0, 12.0])


@en.func
def pick(a: en.array(dtype=float), i: int, x: float):
    return a[i] * x * x


@en.kernel
def with_array(a: en.array(dtype=float), y: en.array(dtype=float)):
    i = en.tid()
    y[i] = en.grad(pick)(a, i, 3.0)


def test_array_arguments_are_taken_as_they_are():
    y = en.zeros(2, dtype=float)
    en.launch(with_array, 2, [en.array([1.0, 5.0], dtype=float)], [y])
    np.testing.assert_allclose(y.numpy(), [6, 30])


def test_what_has_no_derivative_is_refused():
    @en.func
    def several(x: float):
        return x, x

    @en.kernel
    def wrong_result(x: en.array(dtype=float)):
        x[0] = en.grad(several)(x[0])

    @en.kernel
    def no_number(x: en.array(dtype=float)):
        x[0] = en.grad(several)(1)

    for kernel, words in ((wrong_result, "expected one float"), (no_number, "no float number")):
        with pytest.raises(en.KernelError, match=words):
            en.launch(kernel, 1, [floats := en.zeros(1, dtype=float)])
    assert floats.numpy()[0] == 0
    with pytest.raises(en.EngineError, match="inside kernels"):
        en.grad(cube)(2.0)


@pytest.mark.parametrize("kernel", [higher, with_array], ids=lambda k: k.key)
def test_compiles_for_a_gpu(kernel):
    from engine.cuda.nvrtc import nvrtc

    try:
        compiler = nvrtc()
    except en.EngineError as why:
        pytest.skip(str(why))
    assert compiler.compile(kernel.cuda(), "sm_90", kernel.key).startswith(b"\x7fELF")

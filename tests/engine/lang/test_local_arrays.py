"""Arrays private to a thread, views of them, slices of arrays, arrays over addresses."""

import numpy as np
import pytest

import engine as en


@en.func
def table(n: int) -> en.fixedarray(dtype=int, shape=(2, 3)):
    out = en.zeros(shape=(2, 3), dtype=int)
    for i in range(2):
        for j in range(3):
            out[i, j] = 10 * i + j + n
    return out


@en.func
def total(a: en.array2d(dtype=int)):
    s = 0
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            s += a[i, j]
    return s


@en.kernel
def use_tables(out: en.array(dtype=int)):
    i = en.tid()
    first = table(i)
    second = table(100)  # memory of its own: the first one stays as it is
    second[0, 0] = -1
    out[i] = total(first) * 1000 + first[1][2] + second[0, 0]


def test_functions_return_local_arrays_by_value():
    out = en.zeros(3, dtype=int)
    en.launch(use_tables, 3, [], [out])
    np.testing.assert_array_equal(out.numpy(), [(36 + 6 * i) * 1000 + 12 + i - 1 for i in range(3)])


@en.func
def pair(x: float):
    a = en.zeros(shape=2, dtype=en.vec2)
    a[0] = en.vec2(x, 1.0)
    return a, x * x


@en.kernel
def use_pair(x: en.array(dtype=float), y: en.array(dtype=float)):
    i = en.tid()
    a, b = pair(x[i])
    y[i] = a[0][0] * b + a[0][1] + a[1][0]


def test_gradient_through_a_returned_array():
    x = en.array([2.0, 3.0], dtype=float, requires_grad=True)
    y = en.zeros_like(x)
    with en.Tape() as tape:
        en.launch(use_pair, 2, [x], [y])
    tape.backward(grads={y: en.ones(2, dtype=float)})
    np.testing.assert_allclose(y.numpy(), [9, 28])
    np.testing.assert_allclose(x.grad.numpy(), [12, 27])


def test_returned_as_a_plain_array_is_refused():
    @en.func
    def wrong() -> en.array(dtype=int):
        a = en.zeros(shape=3, dtype=int)
        return a

    @en.kernel
    def run(out: en.array(dtype=int)):
        out[0] = wrong()[0]

    with pytest.raises(en.KernelTypeError, match=r"fixedarray\(dtype=int32, shape=\(3,\)\)"):
        en.launch(run, 1, [en.zeros(1, dtype=int)])


@en.kernel
def sum_of_slice(a: en.array2d(dtype=int), lo: int, hi: int, out: en.array(dtype=int)):
    whole = a[lo:hi, 1:]
    every = a[::-1, ::2]
    row = a[1, -3:-1]
    out[0] = whole.shape[0] * 10 + whole.shape[1]
    for i in range(whole.shape[0]):
        for j in range(whole.shape[1]):
            out[1] = out[1] + whole[i, j]
    out[2] = every[0, 1] * 100 + every.shape[1]
    out[3] = row[0] + row[1] * 100 + row.shape[0] * 10000
    row[0] = -5


@pytest.mark.parametrize(("lo", "hi"), [(0, 3), (1, 2), (-2, 100), (2, 1), (0, -1), (-100, 100)])
def test_slices_mean_what_they_mean_in_python(lo, hi):
    values = np.arange(12, dtype=np.int32).reshape(3, 4)
    a, out = en.array(values, dtype=int), en.zeros(4, dtype=int)
    en.launch(sum_of_slice, 1, [a, lo, hi], [out])
    part = values[lo:hi, 1:]
    row = values[1, -3:-1]
    wanted = [part.shape[0] * 10 + 3, part.sum(), values[::-1, ::2][0, 1] * 100 + 2, row[0] + row[1] * 100 + 20000]
    np.testing.assert_array_equal(out.numpy(), wanted)
    assert a.numpy()[1, 1] == -5


@en.kernel
def reinterpret(out: en.array(dtype=en.vec2)):
    numbers = en.zeros(shape=6, dtype=float)
    for k in range(6):
        numbers[k] = float(k)
    pairs = en.array(ptr=numbers.ptr, shape=(3,), dtype=en.vec2)
    out[en.tid()] = pairs[en.tid()]


def test_array_over_an_address():
    out = en.zeros(3, dtype=en.vec2)
    en.launch(reinterpret, 3, [], [out])
    np.testing.assert_array_equal(out.numpy(), np.arange(6).reshape(3, 2))


@pytest.mark.parametrize("kernel", [use_tables, use_pair, sum_of_slice, reinterpret], ids=lambda k: k.key)
def test_compiles_for_a_gpu(kernel):
    from engine.cuda.nvrtc import nvrtc

    try:
        compiler = nvrtc()
    except en.EngineError as why:
        pytest.skip(str(why))
    assert compiler.compile(kernel.cuda(), "sm_90", kernel.key).startswith(b"\x7fELF")

"""`map` against NumPy: broadcasting, several results, closures, gradients, refusals."""

import numpy as np
import pytest

import engine as en


@en.func
def sum_and_product(a: float, b: float):
    return a + b, a * b


def test_broadcasting_is_numpys():
    a = np.arange(12, dtype=np.float32).reshape(3, 1, 4)
    b = np.arange(10, dtype=np.float32).reshape(2, 5, 1)[:1]
    out = en.map(en.atan2, en.array(a), en.array(b))
    np.testing.assert_allclose(out.numpy(), np.arctan2(a, b), rtol=1e-6)


def test_several_results_and_values_for_every_call():
    x = en.array([1.0, 2.0, 3.0])
    total, product = en.map(sum_and_product, x, 10.0)
    np.testing.assert_array_equal(total.numpy(), [11, 12, 13])
    np.testing.assert_array_equal(product.numpy(), [10, 20, 30])


@pytest.mark.parametrize("kind", [en.float32, en.float64])
def test_numbers_take_the_precision_of_the_arrays(kind):
    x = en.array([-2.0, 0.1, 2.0], dtype=kind)
    out = en.map(en.clamp, x, -0.3, 0.3)
    assert out.dtype is kind
    np.testing.assert_array_equal(out.numpy(), np.clip(x.numpy(), kind.np_dtype.type(-0.3), kind.np_dtype.type(0.3)))


def test_lambda_reads_its_closure_each_time():
    x = en.array([1.0, 2.0])
    for k in (2.0, 5.0):
        out = en.map(lambda v: v * k, x)  # noqa: B023
        np.testing.assert_array_equal(out.numpy(), np.array([1, 2]) * k)


def test_gradient_flows_through():
    x = en.array([1.0, 2.0, 3.0], requires_grad=True)
    with en.Tape() as tape:
        y = en.map(lambda v: v * v, x)
    tape.backward(grads={y: en.ones_like(y)})
    np.testing.assert_allclose(x.grad.numpy(), [2, 4, 6])


def test_wrong_use_is_refused():
    with pytest.raises(en.EngineError, match="no array"):
        en.map(en.sin, 1.0)
    with pytest.raises(en.EngineError, match="do not fit together"):
        en.map(en.add, en.zeros(2), en.zeros(3))
    with pytest.raises(en.EngineError, match="expected float32"):
        en.map(en.sin, en.zeros(2), out=en.zeros(3))


def test_indexed_arrays_in_and_out():
    a = en.array(np.arange(6, dtype=np.float32))
    part = a[en.array([1, 4], dtype=int)]
    np.testing.assert_array_equal(en.map(lambda x, y: x * y, part, 10.0).numpy(), [10, 40])
    np.testing.assert_array_equal((part + part).numpy(), [2, 8])
    en.map(lambda x: x + 0.5, part, out=part)
    np.testing.assert_array_equal(a.numpy(), [0, 1.5, 2, 3, 4.5, 5])

"""Operators on whole arrays, views between types, memory with steps of its own."""

import numpy as np
import pytest

import engine as en

A = np.array([1.0, -2.0, 3.5, 4.0], np.float32)
B = np.array([2.0, 0.5, -1.0, 8.0], np.float32)


@pytest.mark.parametrize(
    "operate",
    [
        lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / b, lambda a, b: 2.0 - a,
        lambda a, b: 1.0 / a, lambda a, b: -a, lambda a, b: abs(a), lambda a, b: b**2.0, lambda a, b: a * np.float32(3.0),
        lambda a, b: np.float32(3.0) * a, lambda a, b: a // b,
    ],
)  # fmt: skip
def test_operators_agree_with_numpy(operate):
    found = operate(en.array(A), en.array(B))
    assert isinstance(found, en.array)
    np.testing.assert_allclose(found.numpy(), operate(A, B), rtol=1e-6)


def test_operators_are_differentiable():
    a, b = en.array(A, requires_grad=True), en.array(B, requires_grad=True)
    with en.Tape() as tape:
        c = a * b + 3.0 * a
    tape.backward(grads={c: en.ones(4, dtype=float)})
    np.testing.assert_allclose(a.grad.numpy(), B + 3.0)
    np.testing.assert_allclose(b.grad.numpy(), A)


def test_vectors_and_numpy_arrays_as_operands():
    v = en.array([[1.0, 2.0, 3.0]], dtype=en.vec3)
    np.testing.assert_array_equal((v + en.vec3(1.0, 1.0, 1.0)).numpy(), [[2, 3, 4]])
    np.testing.assert_array_equal(en.array(A) + B, A + B)
    np.testing.assert_array_equal(B - en.array(A), B - A)


def test_views_take_vectors_apart_and_put_them_together():
    v = en.array(np.arange(12.0).reshape(4, 3), dtype=en.vec3, requires_grad=True)
    numbers = v.view(float)
    assert numbers.shape == (4, 3) and numbers.ptr == v.ptr and numbers.grad.ptr == v.grad.ptr
    again = numbers.view(en.vec3)
    assert again.shape == (4,) and again.dtype is en.vec3
    with pytest.raises(en.EngineError, match="16 bytes"):
        v.view(en.vec2d)


def test_memory_with_steps_of_its_own():
    a = en.zeros((2, 3), dtype=en.vec2, strides=(8, 16))
    assert a.strides == (8, 16) and a.capacity == 48
    a.assign(np.arange(12.0).reshape(2, 3, 2))
    np.testing.assert_array_equal(a.numpy(), np.arange(12.0).reshape(2, 3, 2))


def test_typed_scalars_have_a_value():
    assert (en.int8(300).value, en.float32(1.5).value, en.float64(0.1).value) == (44, 1.5, 0.1)
    assert np.dtype(en.float16) == np.float16 or np.lib.NumpyVersion(np.__version__) < "2.4.0"


def test_rows_of_several_elements_and_lists_as_fill_values():
    a = en.array(np.arange(24, dtype=np.float32).reshape(4, 6), dtype=en.vec3)
    assert a.shape == (4, 2)
    b = en.full((2, 2), [1.0, 2.0, 3.0])
    assert b.dtype is en.vec3 and (b.numpy() == [1, 2, 3]).all()


def test_operators_in_place_change_the_memory():
    a = en.array([1.0, 2.0, 3.0, 4.0], dtype=float)
    same, part = a, a[2:]
    a += 1.0
    a *= a
    assert a is same and a.list() == [4.0, 9.0, 16.0, 25.0]
    part -= en.array([1.0, 2.0], dtype=float)
    part /= 5.0
    part //= 2.0
    part **= 3.0
    part %= 5.0
    assert a.list() == [4.0, 9.0, 1.0, 3.0]
    a += np.array([1.0, 1.0, 0.0, 0.0])
    assert a.list() == [5.0, 10.0, 1.0, 3.0]


def test_indexed_arrays_change_in_place():
    a = en.array(np.arange(4, dtype=np.float32))
    part = a[en.array([1, 3], dtype=int)]
    part += 10.0
    assert isinstance(part, en.indexedarray) and a.list() == [0.0, 11.0, 2.0, 13.0]


def test_operators_in_place_have_gradients():
    x = en.array([2.0, 3.0], dtype=en.float64, requires_grad=True)
    with en.Tape() as tape:
        y = x * x
        y += x
        y *= y
    tape.backward(grads={y: en.ones(2, dtype=en.float64)})
    assert x.grad.list() == [2.0 * (v + v * v) * (1.0 + 2.0 * v) for v in (2.0, 3.0)]


@pytest.mark.parametrize("dtype", [en.float16, en.float64, en.bfloat16, en.uint8, en.int64, en.int32])
def test_plain_numbers_take_the_type_of_the_array(dtype):
    a = en.array([1, 2], dtype=dtype)
    assert (a + 1).dtype is dtype and (a + 1).list() == (1 + a).list() == [2, 3]
    a *= 3
    assert a.list() == [3, 6]


def test_what_does_not_fit_in_place_is_refused():
    a = en.array([1, 2, 3], dtype=int)
    with pytest.raises(TypeError, match="int32 and float32"):
        a += 1.5
    with pytest.raises(en.EngineError, match=r"\(3,\)"):
        a += en.zeros((2, 3), dtype=int)

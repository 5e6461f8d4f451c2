"""Parameters that change what the caller passed."""

import numpy as np
import pytest

import engine as en


@en.func
def grow(x: en.ref[float], by: float) -> float:
    before = x
    if by < 0.0:
        return before
    x += by
    return before


@en.func
def grow_twice(x: en.ref[float], v: en.ref[en.vec2]):
    grow(x, 1.0)
    grow(v[1], 10.0)
    x = 2.0 * x
    v = v + en.vec2(0.5, 0.0)


@en.struct
class Cell:
    mass: float
    place: en.vec2


@en.kernel
def use(a: en.array(dtype=float), cells: en.array(dtype=Cell), out: en.array(dtype=float)):
    x = float(1.0)
    v = en.vec2(0.0, 0.0)
    for _ in range(out.shape[0]):  # names that a call changes are carried by the loop
        grow_twice(x, v)
    out[0] = x
    out[1] = v[0] * 100.0 + v[1]
    c = cells[0]
    grow(c.mass, 5.0)
    grow(cells[0].place[1], 7.0)
    out[2] = grow(a[1], 3.0) + c.mass * 10.0
    grow(a[0], -1.0)


def test_changes_reach_variables_elements_and_fields():
    a, cells = en.array([1.0, 2.0], dtype=float), en.zeros(1, dtype=Cell)
    out = en.zeros(3, dtype=float)
    en.launch(use, 1, [a, cells], [out])
    assert out.numpy().tolist() == [22.0, 180.0, 52.0]  # x: 1, 4, 10, 22
    assert a.numpy().tolist() == [1.0, 5.0]
    assert cells[0].place == en.vec2(0.0, 7.0) and cells[0].mass == 0.0


@en.func
def square_in_place(x: en.ref[float]):
    x = x * x


@en.kernel
def fourth_power(x: en.array(dtype=float), y: en.array(dtype=float)):
    i = en.tid()
    z = x[i]
    square_in_place(z)
    square_in_place(z)
    y[i] = z


def test_gradient():
    x = en.array([2.0, 3.0], dtype=float, requires_grad=True)
    y = en.zeros_like(x)
    with en.Tape() as tape:
        en.launch(fourth_power, 2, [x], [y])
    tape.backward(grads={y: en.ones(2, dtype=float)})
    np.testing.assert_allclose(x.grad.numpy(), [32, 108])


def test_values_without_a_place_are_refused():
    @en.kernel
    def literal(a: en.array(dtype=float)):
        a[0] = grow(2.0, 1.0)

    @en.kernel
    def result(a: en.array(dtype=float)):
        square_in_place(grow(a[0], 1.0))

    for kernel in (literal, result):
        with pytest.raises(en.KernelTypeError, match="expected a variable, an element or a field"):
            en.launch(kernel, 1, [en.zeros(1, dtype=float)])


@en.kernel
def addresses(a: en.array(dtype=en.vec2), out: en.array(dtype=en.uint64)):
    out[0] = en.address_of(a[1])
    out[1] = en.address_of(a[1].y)
    en.array(ptr=out[1], shape=(1,), dtype=float)[0] = 9.0


def test_addresses_of_elements():
    a, out = en.zeros(3, dtype=en.vec2), en.zeros(2, dtype=en.uint64)
    en.launch(addresses, 1, [a], [out])
    assert (out.numpy() - np.uint64(a.ptr)).tolist() == [8, 12]
    assert a.numpy()[1, 1] == 9.0
    assert en.ref[float] == en.ref[en.float32] and repr(en.ref[en.vec3]) == "ref[vec3]"

"""Functions: arguments, results, defaults, functions as arguments, generics, closures, redefinition."""

from typing import Any

import numpy as np
import pytest

import engine as en
from tests.engine.programs import define


@en.func
def scaled(x: float, by: float = 2.0, offset: float = 0.0) -> float:
    return x * by + offset


@en.func
def twice(f: Any, x: Any):
    return f(f(x))


@en.func
def square(x: Any):
    return x * x


@en.func
def min_max(a: float, b: float):
    if a < b:
        return a, b
    return b, a


@en.func
def nested_tuple(x: float):
    return (x, (x + 1.0, en.vec2(x, x))), 3


@en.func
def sum_of(pair: Any):
    a, b = pair
    return a + b


@en.func
def make(kind: Any, x: float):
    return kind(x)


def run(kernel, *args, dim=1):
    en.launch(kernel, dim, inputs=list(args))


def test_default_and_keyword_arguments():
    @en.kernel
    def k(out: en.array(dtype=float)):
        out[0] = scaled(1.0)
        out[1] = scaled(1.0, 3.0)
        out[2] = scaled(1.0, offset=5.0)
        out[3] = scaled(by=4.0, x=2.0, offset=1.0)

    out = en.zeros(4, dtype=float)
    run(k, out)
    assert out.list() == [2.0, 3.0, 7.0, 9.0]


def test_functions_types_and_tuples_as_arguments():
    @en.kernel
    def k(out: en.array(dtype=float), v: en.array(dtype=en.vec3)):
        out[0] = twice(square, 3.0)
        out[1] = float(twice(square, 2))
        out[2] = sum_of((1.0, 2.5))
        v[0] = sum_of((en.vec3(1.0), en.vec3(2.0)))
        v[1] = make(en.vec3, 4.0)
        out[3] = float(make(int, 7.9))
        out[4] = twice(en.sqrt, 16.0)

    out, v = en.zeros(5, dtype=float), en.zeros(2, dtype=en.vec3)
    run(k, out, v)
    assert out.list() == [81.0, 16.0, 3.5, 7.0, 2.0]
    assert v.numpy().tolist() == [[3, 3, 3], [4, 4, 4]]


def test_several_results_and_nested_tuples():
    @en.kernel
    def k(out: en.array(dtype=float)):
        low, high = min_max(5.0, 3.0)
        out[0] = low
        out[1] = high
        both = min_max(1.0, 2.0)
        out[2] = both[0] + both[1] * 10.0
        (a, (b, c)), n = nested_tuple(4.0)
        out[3] = a + b + c[1] + float(n)
        low, high = high, low
        out[4] = low

    out = en.zeros(5, dtype=float)
    run(k, out)
    assert out.list() == [3.0, 5.0, 21.0, 16.0, 5.0]


def test_early_returns_from_branches_and_loops():
    @en.func
    def first_above(a: en.array(dtype=float), limit: float) -> int:
        for i in range(a.shape[0]):
            if a[i] > limit:
                return i
        return -1

    @en.func
    def classify(x: int) -> int:
        if x < 0:
            return -1
        elif x == 0:
            return 0
        while True:
            if x % 2 == 1:
                return x
            x = x // 2

    @en.kernel
    def k(a: en.array(dtype=float), out: en.array(dtype=int)):
        out[0] = first_above(a, 2.5)
        out[1] = first_above(a, 100.0)
        for j in range(6):
            out[2 + j] = classify(j * 6 - 6)

    out = en.zeros(8, dtype=int)
    run(k, en.array([1.0, 2.0, 3.0, 4.0]), out)
    assert out.list() == [2, -1, -1, 0, 3, 3, 9, 3]


def test_arguments_are_values():
    @en.func
    def change(v: en.vec3, n: int):
        v[0] = 100.0
        n += 1
        return v, n

    @en.kernel
    def k(out: en.array(dtype=en.vec3)):
        v = en.vec3(1.0, 2.0, 3.0)
        n = 1
        w, m = change(v, n)
        out[0] = v
        out[1] = w
        out[2] = en.vec3(float(n), float(m), 0.0)

    out = en.zeros(3, dtype=en.vec3)
    run(k, out)
    assert out.numpy().tolist() == [[1, 2, 3], [100, 2, 3], [1, 2, 0]]


def test_generic_kernel_arguments_take_each_type():
    @en.kernel
    def k(x: Any, a: en.array(dtype=Any), out: en.array(dtype=Any)):
        i = en.tid()
        out[i] = a[i] * x

    for kind, x in ((float, 2.0), (en.float64, np.float64(2.0)), (en.int32, 2), (en.vec3, 2.0)):
        a, out = en.ones(3, dtype=kind), en.zeros(3, dtype=kind)
        run(k, x, a, out, dim=3)
        assert (out.numpy() == 2).all()


def test_integer_results_adapt_to_the_declared_type():
    @en.func
    def zero(x: float) -> float:
        return 0

    @en.kernel
    def k(out: en.array(dtype=float)):
        out[0] = zero(1.0)

    out = en.ones(1, dtype=float)
    run(k, out)
    assert out.list() == [0.0]


def test_functions_run_in_python_scope():
    assert scaled(3.0) == 6.0 and min_max(2.0, 1.0) == (1.0, 2.0)
    assert twice(square, 3.0) == 81.0


def test_kernels_made_in_a_loop_keep_their_own_constants():
    kernels = []
    for c in (1.0, 2.0, 3.0):

        def build(c=c):
            @en.func
            def add(x: float) -> float:
                return x + c

            @en.kernel
            def k(out: en.array(dtype=float)):
                out[0] = add(10.0 * c)

            return k

        kernels.append(build())
    out = en.zeros(1, dtype=float)
    for k, c in zip(kernels, (1.0, 2.0, 3.0)):
        run(k, out)
        assert out.list() == [11.0 * c]
    run(kernels[0], out)
    assert out.list() == [11.0]


def test_closures_capture_functions_vectors_structs_and_types():
    @en.struct
    class Settings:
        gain: float
        axis: en.vec3

    settings, kind = Settings(gain=3.0, axis=en.vec3(0, 1, 0)), en.vec3
    offsets = (1.0, 2.0, en.vec3(1, 1, 1))

    @en.kernel
    def k(out: en.array(dtype=en.vec3)):
        out[0] = kind(1.0) * settings.gain + settings.axis
        out[1] = offsets[2] * (offsets[0] + offsets[1])

    out = en.zeros(2, dtype=en.vec3)
    run(k, out)
    assert out.numpy().tolist() == [[3, 4, 3], [3, 3, 3]]


def test_redefined_kernel_and_function_use_the_new_code():
    text = """
@en.func
def f(x: float) -> float:
    return x * {c}


@en.kernel
def k(out: en.array(dtype=float)):
    out[0] = f(1.0)
"""
    out = en.zeros(1, dtype=float)
    for c in (2.0, 3.0, 2.0):
        run(define(text.format(c=c), en=en)["k"], out)
        assert out.list() == [c]


def test_static_expressions_are_python():
    table = {"gain": 4.0, "n": 3}

    @en.kernel
    def k(out: en.array(dtype=float)):
        s = float(0.0)
        for j in range(en.static(table["n"])):
            s += en.static(table["gain"] * 2) + float(j)
        out[0] = s
        if en.static("gain" in table):
            out[1] = 1.0

    out = en.zeros(2, dtype=float)
    run(k, out)
    assert out.list() == [27.0, 1.0]


def test_local_names_hide_globals_and_builtins():
    @en.kernel
    def k(out: en.array(dtype=float)):
        sum = float(0.0)
        for max in range(3):
            sum += float(max)
        square = sum * 2.0
        out[0] = square

    out = en.zeros(1, dtype=float)
    run(k, out)
    assert out.list() == [6.0]


def test_lambda_as_function():
    f = en.func(lambda x: x * 2.0 + 1.0)

    @en.kernel
    def k(out: en.array(dtype=float)):
        out[0] = f(3.0)

    out = en.zeros(1, dtype=float)
    run(k, out)
    assert out.list() == [7.0]


def test_string_annotations_are_evaluated():
    text = """
from __future__ import annotations
@en.func
def f(x: float) -> en.vec3:
    return en.vec3(x)

@en.kernel
def k(out: en.array(dtype=en.vec3), n: int):
    out[n] = f(2.0)
"""
    out = en.zeros(2, dtype=en.vec3)
    run(define(text, en=en)["k"], out, 1)
    assert out.numpy()[1].tolist() == [2, 2, 2]


def test_array_argument_given_as_none_is_false():
    @en.func
    def read(a: en.array(dtype=float)) -> float:
        if a:
            return a[0]
        return -1.0

    @en.kernel
    def k(a: en.array(dtype=float), out: en.array(dtype=float)):
        out[0] = read(a)
        out[1] = read(None)
        if a is None:
            out[2] = 1.0

    out = en.zeros(3, dtype=float)
    run(k, None, out)
    assert out.list() == [-1.0, -1.0, 1.0]
    run(k, en.array([5.0]), out)
    assert out.list()[:2] == [5.0, -1.0]


@pytest.mark.parametrize("count", [0, 1, 5])
def test_loop_variable_and_names_first_set_in_loops_can_be_read_after(count):
    @en.kernel
    def k(n: int, out: en.array(dtype=int)):
        i = -7
        for i in range(n):
            last = i * 10
        out[0] = i
        out[1] = last
        for j in range(3):
            fixed = j
        out[2] = j + fixed
        if n > 2:
            only = 4
        out[3] = only

    out = en.zeros(4, dtype=int)
    run(k, count, out)
    expected = [count - 1 if count else -7, (count - 1) * 10 if count else 0, 4, 4 if count > 2 else 0]
    assert out.list() == expected

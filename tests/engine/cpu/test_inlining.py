"""What is inlined, and which kernels run in SIMD lanes."""

import numpy as np
import pytest

import engine as en
from engine.cpu.inlining import Inlining


@en.func
def heavy(x: float, k: int):
    s = x
    for i in range(k):
        s = s * 0.5 + en.sin(s) * 0.25 + 1.0
        s = en.min(s, 10.0) + en.cos(s * 0.3) * 0.125
    for i in range(16):
        s = s * 0.99 + 0.01 * en.sin(s + float(i)) + en.sqrt(en.abs(s)) * 0.01
    for i in range(16):
        s = s * 0.98 + 0.02 * en.cos(s - float(i)) + en.sqrt(en.abs(s) + 1.0) * 0.01
    return s


@en.kernel
def many_calls(x: en.array(dtype=float), y: en.array(dtype=float)):
    i = en.tid()
    s = x[i]
    for k in range(16):
        s = heavy(s, k % 3)
    y[i] = s


@en.kernel
def one_call(x: en.array(dtype=float), y: en.array(dtype=float)):
    i = en.tid()
    y[i] = heavy(x[i], 2)


def test_many_copies_of_a_large_function_stay_calls():
    text = many_calls.llvm()
    assert text.count("noinline") and "attributes #1 = { noinline" in text
    assert any(
        line.startswith("define internal") and "@f" in line and line.rstrip(" {").endswith("#1")
        for line in text.splitlines()
    )


def test_a_function_called_once_is_inlined():
    lines = [
        line for line in one_call.llvm().splitlines() if line.startswith("define internal") and "@math_" not in line
    ]
    assert lines and all(line.rstrip(" {").endswith("#0") for line in lines)


def test_calls_and_inlined_code_compute_the_same():
    x = np.linspace(-2.0, 2.0, 33, dtype=np.float32)
    out, chain = en.zeros(33, dtype=float), en.array(x)
    en.launch(many_calls, dim=33, inputs=[en.array(x), out])

    @en.kernel
    def once(x: en.array(dtype=float), y: en.array(dtype=float), k: int):
        i = en.tid()
        y[i] = heavy(x[i], k)

    for k in range(16):
        after = en.zeros(33, dtype=float)
        en.launch(once, dim=33, inputs=[chain, after, k % 3])
        chain = after
    np.testing.assert_allclose(out.numpy(), chain.numpy(), rtol=1e-6)


def test_size_counts_every_copy():
    function, _ = many_calls.lower([t for _, t in many_calls.parameters], (), False)
    callee = function.callees[0]
    assert Inlining(function).size == function.size() + 16 * callee.size()


@pytest.mark.parametrize("kernel, lanes", [("plain", True), ("mostly_calls", False), ("very_long", False)])
def test_lanes_where_they_pay(kernel, lanes):
    @en.kernel
    def plain(x: en.array(dtype=float), y: en.array(dtype=float)):
        i = en.tid()
        y[i] = x[i] * 2.0 + y[i]

    @en.kernel
    def mostly_calls(x: en.array(dtype=float), y: en.array(dtype=float)):
        i = en.tid()
        y[i] = en.erf(en.sinh(x[i]))

    @en.kernel
    def very_long(x: en.array(dtype=float), y: en.array(dtype=float)):
        i = en.tid()
        s = x[i]
        for k in range(16):
            for j in range(16):
                s = s * 0.5 + float(k) * 0.1 - en.min(s, float(j)) * en.max(s, 0.25)
        y[i] = s

    chosen = {"plain": plain, "mostly_calls": mostly_calls, "very_long": very_long}[kernel]
    loop = next(line for line in chosen.llvm().splitlines() if "!llvm.loop" in line and "%more" in line)
    assert loop.endswith("!1") is lanes


@en.func
def four_values(x: float):
    a = heavy(x, 1)
    return en.vec4(a, a + 1.0, a + 2.0, a + 3.0)


@en.func
def first_of_four(x: float):
    return four_values(x * 0.5)[0]


def test_results_of_calls_in_tail_position_come_back_whole():
    """Twenty calls of a function that only passes on the first of four results of its callee."""

    @en.kernel
    def chain(x: en.array(dtype=float), y: en.array(dtype=float)):
        i = en.tid()
        s = x[i]
        for _k in range(10):
            s = first_of_four(s) + first_of_four(s + 1.0)
        y[i] = s

    @en.kernel
    def link(x: en.array(dtype=float), y: en.array(dtype=float)):
        i = en.tid()
        y[i] = heavy(x[i] * 0.5, 1)

    x = np.linspace(-1.0, 1.0, 9, dtype=np.float32)
    out = en.zeros(9, dtype=float)
    en.launch(chain, dim=9, inputs=[en.array(x), out])
    for _ in range(10):
        a, b = en.zeros(9, dtype=float), en.zeros(9, dtype=float)
        en.launch(link, dim=9, inputs=[en.array(x), a])
        en.launch(link, dim=9, inputs=[en.array(x + 1.0), b])
        x = a.numpy() + b.numpy()
    np.testing.assert_allclose(out.numpy(), x, rtol=1e-5)

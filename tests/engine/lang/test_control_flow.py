"""Control flow by hand: what the random programs of `test_differential` reach only by luck."""

import numpy as np
import pytest

import engine as en
from tests.engine.lang import test_differential as differential

PROGRAMS = {
    "break in if in while in for, then return": """
    for i in range(a & 7):
        n = 0
        while n < 5:
            n += 1
            if row[n] > b:
                if c & 1 == 1:
                    break
                else:
                    continue
            if n == 4:
                return i * 100 + n
        else_value = n
    return a
""",
    "while True with two breaks": """
    n = 0
    while True:
        n += 1
        if n > a:
            break
        if n * n > b:
            n = -n
            break
    return n
""",
    "negative and dynamic steps": """
    s = 0
    for i in range(10, -3, -3):
        s = s * 3 + i
    for i in range(a & 15, b & 3, -1 - (c & 3)):
        s = s + i
    for i in range(5, 5):
        s = 1000
    for i in range(30, 0, -7):
        s = (s * 2 + i) & 1023
    return s
""",
    "loop variable and names first set inside are read after": """
    for i in range(20):
        last = i
        if i * 3 > a:
            break
    return i * 100 + last
""",
    "loop variable reassigned in the body": """
    s = 0
    for i in range(6):
        s += i
        i = 100
        s += i
    return s & 1023
""",
    "chained comparisons stop at the first false": """
    s = 0
    for i in range(-2, 9):
        if 0 <= i < 8 and row[i] > a > 1:
            s += 1
        if not (0 <= i < 8) or row[i] == 3 or i == b:
            s += 10
        if 0 < a < b < c:
            s += 100
    return s
""",
    "conditional expressions in conditions and indices": """
    x = a if b > c else b if a > c else c
    row[x & 7 if x > 3 else 0] = 5 if x == a else 6
    return x + (1 if row[1] > 2 and x > 1 else 2)
""",
    "loops over tuples and nested tuples": """
    s = 0
    for k in (a, b, 7):
        for p, q in ((k, 1), (2, k)):
            if p == 2:
                continue
            if q > 100:
                break
            s += p * 2 + q
        if s > 500:
            return s
    return s
""",
    "swap and several targets": """
    x = y = a
    x, y, z = b, x, y
    (x, y), z = (y, z), x
    return (x * 7 + y * 3 + z) & 1023
""",
    "continue in nested loops": """
    s = 0
    for i in range(a & 3, 6):
        if i == 2:
            continue
        for j in range(i):
            if j == 1:
                continue
            if j == 4:
                break
            s += i * j
        else_case = s
        if s > 20:
            continue
        s += 1
    return s
""",
    "early return inside two loops": """
    for i in range(8):
        for j in range(30):
            if row[i] == j:
                if j > b:
                    return i * 100 + j
    return 999
""",
    "augmented assignment of every kind": """
    x = a
    x += b
    x -= 3
    x *= 2
    x &= 255
    x |= 16
    x ^= b & 7
    x <<= 2
    x >>= 1
    x //= 3
    row[2] = x
    row[2] *= 2
    row[2] -= 1
    return x
""",
    "pass and unreachable code": """
    if a > 2:
        pass
    elif b > 2:
        return 5
    else:
        pass
    return 6
    a = 7
    return 8
""",
}


@pytest.mark.parametrize("mode", ["release", "debug"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_program_agrees_with_python(name, mode, monkeypatch):
    monkeypatch.setattr(en.config, "mode", mode)
    differential.check("def prog(a, b, c, row):" + PROGRAMS[name])


def test_right_side_of_and_is_not_run_where_the_left_is_false():
    @en.func
    def touch(seen: en.array(dtype=int), k: int) -> bool:
        seen[k] = 1
        return True

    @en.kernel
    def k(seen: en.array(dtype=int)):
        i = en.tid()
        if i > 5 and touch(seen, 0):
            seen[3] = 1
        if i < 5 or touch(seen, 1):
            seen[4] = 1
        x = 1 if i > 5 and touch(seen, 2) else 0
        seen[5] = x

    seen = en.zeros(6, dtype=int)
    en.launch(k, 1, inputs=[seen])
    assert seen.list() == [0, 0, 0, 0, 1, 0]


def test_condition_guards_an_overflowing_computation():
    @en.kernel
    def k(x: en.array(dtype=int), out: en.array(dtype=int)):
        i = en.tid()
        j = x[i]
        if j < 100 and j * 100000000 >= 0:
            out[i] = 1

    x = en.array(np.array([50_000, 3, 99, 100], np.int32))
    out = en.zeros(4, dtype=int)
    en.launch(k, 4, inputs=[x, out])
    assert out.list()[0] == 0 and out.list()[3] == 0 and out.list()[1] == 1


def test_static_ranges_unroll_and_long_ones_loop():
    @en.kernel
    def k(a: en.array(dtype=float)):
        for j in range(4):
            a[j] = float(j)
        for j in range(1000):
            a[0] = a[0] + 1.0

    assert k.ir().count("for ") == 1
    a = en.zeros(4, dtype=float)
    en.launch(k, 1, inputs=[a])
    assert a.list() == [1000.0, 1.0, 2.0, 3.0]


def test_loops_over_vectors_and_components():
    @en.kernel
    def k(out: en.array(dtype=float)):
        s = float(0.0)
        for x in en.vec3(1.0, 2.0, 3.0):
            s = s * 10.0 + x
        a, b, c = en.vec3(4.0, 5.0, 6.0)
        out[0] = s
        out[1] = a + b * 10.0 + c * 100.0

    out = en.zeros(2, dtype=float)
    en.launch(k, 1, inputs=[out])
    assert out.list() == [123.0, 654.0]


@en.kernel
def backwards(bounds: en.array(dtype=en.vec3i), seen: en.array2d(dtype=int)):
    t = en.tid()
    b = bounds[t]
    at = 0
    for i in reversed(range(b[0], b[1], b[2])):
        seen[t, at] = i
        at += 1
    for i in reversed(range(2, 6)):
        seen[t, at] = i
        at += 1


def test_reversed_ranges_agree_with_python():
    cases = [(0, 5, 1), (5, 0, -2), (5, 3, 1), (0, 5, -1), (5, 4, 2), (-3, 8, 4), (7, -4, -3), (2, 3, 9)]
    seen = en.full((len(cases), 16), -99, dtype=int)
    en.launch(backwards, dim=len(cases), inputs=[en.array(cases, dtype=en.vec3i)], outputs=[seen])
    for case, row in zip(cases, seen.numpy().tolist()):
        expected = [*reversed(range(*case)), 5, 4, 3, 2]
        assert row[: len(expected)] == expected and row[len(expected)] == -99, case


@en.kernel
def bits(a: en.array(dtype=en.vec2ui), out: en.array(dtype=en.vec2ui)):
    v = a[0]
    out[0] = ((v << en.vec2ui(1, 2)) | en.vec2ui(1, 1)) & ~en.vec2ui(4, 0)
    out[1] = (v >> en.vec2ui(1, 1)) ^ v
    out[2] = en.vec2ui(en.bit_count(v))


def test_bit_operations_on_vectors():
    out = en.zeros(3, dtype=en.vec2ui)
    en.launch(bits, 1, [en.array([[6, 5]], dtype=en.vec2ui)], [out])
    assert out.numpy().tolist() == [[13 & ~4, 21], [6 ^ 3, 5 ^ 2], [2, 2]]


def test_unrolling_is_an_option_of_the_module():
    def make(**options):
        @en.kernel(module="unique", **options)
        def k(a: en.array(dtype=int)):
            for i in range(8):
                a[0] = a[0] * 3 + i

        return k

    rolled, unrolled = make(module_options={"max_unroll": 4}), make()
    assert " for " in rolled.ir() and " for " not in unrolled.ir()
    results = []
    for k in (rolled, unrolled):
        a = en.ones(1, dtype=int)
        en.launch(k, 1, [a])
        results.append(a.numpy()[0])
    assert results[0] == results[1]


@en.kernel
def static_of_index(x: en.array(dtype=float)):
    s = float(0.0)
    for i in range(20):
        if en.static(i % 2 == 0):
            continue
        s += float(i) * en.static(10.0**i if i < 3 else 1.0)
    x[0] = s


def test_static_may_ask_for_the_loop_variable():
    x = en.zeros(1, dtype=float)
    en.launch(static_of_index, 1, [x])
    assert x.numpy()[0] == 10 + sum(range(3, 20, 2))


@en.func
def bump(state: en.array(dtype=int)) -> int:
    i = state[0]
    state[0] = i + 1
    return i


@en.kernel
def place_before_value(a: en.array(dtype=float), state: en.array(dtype=int)):
    a[bump(state)] += float(state[0]) * 10.0


def test_augmented_assignment_evaluates_its_place_first():
    a, state = en.zeros(2, dtype=float), en.zeros(1, dtype=int)
    en.launch(place_before_value, 1, [a, state])
    assert a.numpy().tolist() == [10.0, 0.0]

"""Loops over queries, and functions that change their arguments, wherever the language allows them."""

# ruff: noqa: RUF046
import numpy as np
import pytest

import engine as en
from engine.in_out import ByArgumentCount, InOut


@en.struct
class Countdown:
    left: int
    step: int


@en.func
def _tick(state: Countdown, value: int):
    more = state.left > 0
    if more:
        value = state.left
        state.left = state.left - state.step
    return more, state, value


@en.func
def _add_twice(total: float, x: float):
    return total < 10.0, total + 2.0 * x


tick = InOut(_tick, (0, 1), "tick")
add_twice = InOut(_add_twice, (0,), "add_twice")
Countdown.__engine_next__ = tick


@en.func
def _one(a: int) -> int:
    return a


@en.func
def _two(a: int, b: int) -> int:
    return a * b


pick = ByArgumentCount("pick", _one, {2: _two})


@en.func
def sum_of(n: int) -> int:
    total = int(0)
    for v in Countdown(n, 1):
        total += v
    return total


@en.func
def first_multiple(n: int, m: int) -> int:
    for v in Countdown(n, 1):
        if v % m == 0:
            return v
    return -1


def run(kernel, *args, n=8, dtype=int):
    out = en.zeros(n, dtype=dtype)
    en.launch(kernel, n, [*args], [out])
    return out.numpy().tolist()


def test_a_loop_in_a_function_and_in_a_branch():
    @en.kernel
    def k(out: en.array(dtype=int)):
        i = en.tid()
        if i % 2 == 0:
            out[i] = sum_of(i)
        else:
            for v in Countdown(i, 2):
                out[i] = out[i] * 10 + v

    assert run(k) == [0, 1, 3, 31, 10, 531, 21, 7531]


def test_break_continue_and_return():
    @en.kernel
    def k(out: en.array(dtype=int)):
        i = en.tid()
        n = int(0)
        for v in Countdown(10, 1):
            if v == i:
                break
            if v % 2 == 0:
                continue
            n += v
        out[i] = n * 100 + first_multiple(i, 3)

    odd = [sum(v for v in range(10, i, -1) if v % 2) for i in range(8)]
    first = [max([v for v in range(1, i + 1) if v % 3 == 0], default=-1) for i in range(8)]
    assert run(k) == [a * 100 + b for a, b in zip(odd, first)]


def test_nested_loops_over_one_query_and_two():
    @en.kernel
    def k(out: en.array(dtype=int)):
        i = en.tid()
        outer = Countdown(i, 1)
        n = int(0)
        for a in outer:
            for b in Countdown(a, 1):
                n += a * b
            for b in outer:  # a loop works on a copy: the query still starts where it stood
                n += b
        out[i] = n

    expected = [sum(a * b for a in range(1, i + 1) for b in range(1, a + 1)) + i * i * (i + 1) // 2 for i in range(8)]
    assert run(k) == expected


def test_while_binds_names_for_the_body_and_afterwards():
    @en.kernel
    def k(out: en.array(dtype=int)):
        i = en.tid()
        state = Countdown(i, 1)
        value = int(-1)
        n = int(0)
        while n < 3 and tick(state, value):
            n += 1
        out[i] = state.left * 100 + value * 10 + n

    expected = []
    for i in range(8):
        n = min(i, 3)
        expected.append((i - n) * 100 + (i - n + 1 if n else -1) * 10 + n)
    assert run(k) == expected


def test_changed_arguments_may_be_elements_and_fields():
    @en.struct
    class Box:
        inner: Countdown
        last: int

    @en.kernel
    def k(totals: en.array(dtype=float), out: en.array(dtype=int)):
        i = en.tid()
        box = Box()
        box.inner = Countdown(i, 3)
        while tick(box.inner, box.last):
            out[i] = out[i] + box.last
        for _ in range(3):
            if add_twice(totals[i], float(i)):
                out[i] = out[i] + 1000

    totals = en.zeros(8, dtype=float)
    got = run(k, totals)
    assert totals.numpy().tolist() == [6.0 * i for i in range(8)]
    passes = [sum(2.0 * i * k < 10.0 for k in range(3)) for i in range(8)]
    assert got == [sum(range(i, 0, -3)) + 1000 * p for i, p in enumerate(passes)]


def test_a_name_for_several_functions_goes_by_the_number_of_arguments():
    @en.kernel
    def k(out: en.array(dtype=int)):
        i = en.tid()
        out[i] = pick(i) + pick(i, 10)

    assert run(k) == [11 * i for i in range(8)]


def test_changed_arguments_may_be_given_by_name():
    @en.kernel
    def k(out: en.array(dtype=int)):
        value = int(0)
        if tick(state=Countdown(1, 1), value=value):
            out[en.tid()] = value

    @en.kernel
    def by_position(out: en.array(dtype=int)):
        value = int(0)
        if tick(Countdown(1, 1), value):
            out[en.tid()] = value

    assert run(k) == run(by_position)


def test_what_cannot_be_changed_or_iterated_is_refused():
    @en.kernel
    def pairs(out: en.array(dtype=int)):
        for _a, b in Countdown(3, 1):
            out[0] = b

    with pytest.raises(en.KernelError, match="one name"):
        run(pairs)
    with pytest.raises(en.EngineError, match="inside kernels only"):
        tick(Countdown(1, 1), 0)


def test_gradients_flow_through_loops_over_neighbours():
    rng = np.random.default_rng(0)
    p = rng.uniform(0, 1, (60, 3)).astype(np.float32)

    @en.kernel
    def energy(grid: en.uint64, points: en.array(dtype=en.vec3), radius: float, out: en.array(dtype=float)):
        i = en.tid()
        x = points[i]
        total = float(0.0)
        for j in en.hash_grid_query(grid, x, radius):
            if j != i:
                d = en.length(x - points[j])
                if d < radius:
                    total += (radius - d) * (radius - d)
        en.atomic_add(out, 0, total)

    points = en.array(p, dtype=en.vec3, requires_grad=True)
    out = en.zeros(1, dtype=float, requires_grad=True)
    grid = en.HashGrid(8, 8, 8)
    grid.build(points, 0.4)
    with en.Tape() as tape:
        en.launch(energy, 60, [grid.id, points, 0.4], [out])
    tape.backward(out)
    d = p[:, None].astype(float) - p[None]
    r = np.linalg.norm(d, axis=2) + np.eye(60)
    slope = np.where((r < 0.4) & ~np.eye(60, dtype=bool), -2 * (0.4 - r), 0) / r
    np.testing.assert_allclose(points.grad.numpy(), 2 * (slope[..., None] * d).sum(1), rtol=1e-3, atol=1e-4)

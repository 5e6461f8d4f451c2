"""Graphs: what is recorded, what replays, what is refused."""

import threading

import numpy as np
import pytest

import engine as en


@en.kernel
def add(a: en.array(dtype=float), x: float):
    i = en.tid()
    a[i] = a[i] + x


@en.kernel
def double(a: en.array(dtype=float), b: en.array(dtype=float)):
    i = en.tid()
    b[i] = a[i] * 2.0


def test_capture_runs_nothing_and_replay_runs_everything_in_order():
    a, b = en.zeros(1000, dtype=float), en.zeros(1000, dtype=float)
    with en.ScopedCapture() as c:
        en.launch(add, 1000, inputs=[a, 1.0])
        en.launch(double, 1000, inputs=[a, b])
        en.launch(add, 1000, inputs=[b, 0.5])
    assert a.list() == [0.0] * 1000
    for k in range(1, 4):
        en.capture_launch(c.graph)
        assert (a.numpy() == k).all() and (b.numpy() == 2 * k + 0.5).all()


def test_copies_fills_and_zeroing_are_recorded():
    a, b, v = en.array([1.0, 2.0]), en.zeros(2, dtype=float), en.zeros(2, dtype=en.vec3)
    en.capture_begin()
    en.copy(b, a)
    a.zero_()
    v.fill_(en.vec3(1, 2, 3))
    fresh = en.zeros(2, dtype=float)
    en.launch(add, 2, inputs=[fresh, 1.0])
    twin = en.clone(b)
    b.assign(fresh)
    graph = en.capture_end()
    assert a.list() == [1.0, 2.0] and b.list() == [0.0, 0.0]
    for first in ([1.0, 2.0], [7.0, 8.0]):
        a.assign(first)
        graph.launch()
        assert a.list() == [0, 0] and twin.list() == first and b.list() == [1, 1] == fresh.list()
        assert v.list() == [en.vec3(1, 2, 3)] * 2


def test_struct_fill_is_recorded():
    @en.struct
    class S:
        x: float
        k: int

    s = en.zeros(3, dtype=S)
    with en.ScopedCapture() as c:
        s.fill_(S(x=1.5, k=2))
    en.capture_launch(c.graph)
    assert s[2].x == 1.5 and s[2].k == 2


def test_writes_from_python_inside_a_capture_are_refused():
    a = en.zeros(2, dtype=float)
    with pytest.raises(en.EngineError, match="not recorded"), en.ScopedCapture():
        a.assign([1.0, 2.0])
    with pytest.raises(en.EngineError, match="not recorded"), en.ScopedCapture():
        a[0] = 1.0
    a[0] = 3.0  # the capture ended with its block
    assert a.list() == [3.0, 0.0]


def test_graph_keeps_its_arrays_alive():
    out = en.zeros(1000, dtype=float)

    def record():
        temporary = en.ones(1000, dtype=float)
        with en.ScopedCapture() as c:
            en.launch(double, 1000, inputs=[temporary, out])
        return c.graph

    graph = record()
    junk = [np.full(1000, 9.0, np.float32) for _ in range(50)]
    en.capture_launch(graph)
    assert (out.numpy() == 2.0).all() and junk


def test_graph_inside_a_graph():
    a = en.zeros(4, dtype=float)
    with en.ScopedCapture() as inner:
        en.launch(add, 4, inputs=[a, 1.0])
    with en.ScopedCapture() as outer:
        en.capture_launch(inner.graph)
        en.capture_launch(inner.graph)
    assert a.list() == [0] * 4
    en.capture_launch(outer.graph)
    assert a.list() == [2] * 4


def test_bound_launch_is_recorded_as_it_is_then():
    a = en.zeros(4, dtype=float)
    bound = en.launch(add, 4, inputs=[a, 1.0], record_cmd=True)
    with en.ScopedCapture() as c:
        bound.launch()
    bound.set_param_by_name("x", 100.0)
    en.capture_launch(c.graph)
    assert a.list() == [1.0] * 4


def test_empty_graph_and_empty_launches():
    with en.ScopedCapture() as c:
        en.launch(add, 0, inputs=[en.zeros(0, dtype=float), 1.0])
        en.zeros(0, dtype=float).zero_()
    en.capture_launch(c.graph)
    with en.ScopedCapture() as c:
        pass
    en.capture_launch(c.graph)


def test_misuse_is_refused():
    with pytest.raises(en.EngineError, match="capture_begin"):
        en.capture_end()
    with pytest.raises(en.EngineError, match="expected the graph"):
        en.capture_launch(None)


def test_error_inside_a_capture_ends_it():
    a = en.zeros(4, dtype=float)
    with pytest.raises(en.LaunchError), en.ScopedCapture() as c:
        en.launch(add, 4, inputs=[a])
    assert c.graph is None
    en.launch(add, 4, inputs=[a, 1.0])
    assert a.list() == [1.0] * 4


@pytest.mark.cpu_only("on a GPU a capture concerns a stream")
def test_capture_concerns_its_own_python_thread():
    a = en.zeros(4, dtype=float)
    with en.ScopedCapture() as c:
        other = threading.Thread(target=lambda: en.launch(add, 4, inputs=[a, 1.0]))
        other.start()
        other.join()
    assert a.list() == [1.0] * 4 and len(c.graph) == 0


def test_long_graph_with_many_threads():
    a = en.zeros(50_000, dtype=float)
    with en.ScopedCapture() as c:
        for _ in range(500):
            en.launch(add, a.size, inputs=[a, 1.0])
    for _ in range(3):
        en.capture_launch(c.graph)
    assert (a.numpy() == 1500.0).all()


def test_strided_fills_and_copies_are_recorded():
    a, b = en.zeros((4, 6), dtype=en.vec3), en.zeros((4, 6), dtype=en.vec3)
    with en.ScopedCapture() as c:
        a[:, ::2].fill_(en.vec3(1.0, 2.0, 3.0))
        en.copy(b[1:3, 1::2], a[1:3, ::2])
        a[3].zero_()
    assert not b.numpy().any()
    en.capture_launch(c.graph)
    expected = np.zeros((4, 6, 3), np.float32)
    expected[:3, ::2] = (1.0, 2.0, 3.0)
    assert np.array_equal(a.numpy(), expected)
    expected = np.zeros((4, 6, 3), np.float32)
    expected[1:3, 1::2] = (1.0, 2.0, 3.0)
    assert np.array_equal(b.numpy(), expected)


def test_arrays_made_inside_a_capture_live_as_long_as_the_graph():
    out = en.zeros(1000, dtype=float)
    with en.ScopedCapture() as c:
        partial = en.full(1000, 2.0)
        en.launch(add, 1000, inputs=[partial, 1.0])
        en.copy(out, partial)
        del partial
    others = [en.full(1000, 9.0) for _ in range(20)]  # would take its place
    for _ in range(3):
        en.capture_launch(c.graph)
        assert out.list() == [3.0] * 1000
    assert all((o.numpy() == 9.0).all() for o in others)


# decisions -----------------------------------------------------------------------------------------------------------


@en.kernel
def count_down(left: en.array(dtype=int), passes: en.array(dtype=int)):
    left[0] = left[0] - 1
    passes[0] = passes[0] + 1


def set_to(a, value):
    en.launch(put, 1, [a, value])


@en.kernel
def put(a: en.array(dtype=int), value: int):
    a[0] = value


@pytest.mark.parametrize("captured", [False, True])
@pytest.mark.parametrize("value", [0, 1, -3])
def test_if_runs_one_branch(captured, value):
    condition, seen = en.array([value], dtype=int), en.zeros(1, dtype=int)

    def work():
        en.capture_if(condition, lambda a: set_to(a, 10), lambda a: set_to(a, 20), a=seen)

    if captured:
        with en.ScopedCapture() as c:
            work()
        assert seen.list() == [0]
        en.capture_launch(c.graph)
    else:
        work()
    assert seen.list() == [10 if value else 20]


def test_a_graph_looks_at_the_number_each_time_it_runs():
    condition, seen = en.zeros(1, dtype=int), en.zeros(1, dtype=int)
    with en.ScopedCapture() as c:
        en.capture_if(condition, on_false=lambda: set_to(seen, 5))
        en.capture_if(condition, on_true=lambda: set_to(seen, 7))
    for value, expected in ((0, 5), (1, 7), (0, 5)):
        condition.assign([value])
        en.capture_launch(c.graph)
        assert seen.list() == [expected]


@pytest.mark.parametrize("captured", [False, True])
def test_while_repeats_until_the_number_is_zero(captured):
    left, passes = en.array([7], dtype=int), en.zeros(1, dtype=int)

    def work():
        en.capture_while(left, lambda: en.launch(count_down, 1, [left, passes]))

    if captured:
        with en.ScopedCapture() as c:
            work()
        en.capture_launch(c.graph)
        assert passes.list() == [7]
        en.capture_launch(c.graph)  # the number is zero now
        assert passes.list() == [7]
        left.assign([3])
        en.capture_launch(c.graph)
        assert passes.list() == [10]
    else:
        work()
        assert passes.list() == [7]


def test_decisions_nest():
    """Counts Collatz steps: a decision inside a repetition, all inside one graph."""
    n, left, odd, steps = (en.zeros(1, dtype=int) for _ in range(4))

    def one_step():
        en.launch(look, 1, [n, odd])
        en.capture_if(odd, lambda: en.launch(up, 1, [n]), lambda: en.launch(down, 1, [n]))
        en.launch(finish_step, 1, [n, left, steps])

    with en.ScopedCapture() as c:
        en.capture_while(left, one_step)
    for start, expected in ((6, 8), (27, 111), (1, 0)):
        n.assign([start])
        left.assign([int(start != 1)])
        steps.zero_()
        en.capture_launch(c.graph)
        assert steps.list() == [expected]
        assert n.list() == [1]


@en.kernel
def look(n: en.array(dtype=int), odd: en.array(dtype=int)):
    odd[0] = n[0] % 2


@en.kernel
def up(n: en.array(dtype=int)):
    n[0] = 3 * n[0] + 1


@en.kernel
def down(n: en.array(dtype=int)):
    n[0] = n[0] / 2


@en.kernel
def finish_step(n: en.array(dtype=int), left: en.array(dtype=int), steps: en.array(dtype=int)):
    steps[0] = steps[0] + 1
    left[0] = en.where(n[0] == 1, 0, 1)


def test_a_branch_may_be_a_finished_graph():
    condition, seen = en.array([1], dtype=int), en.zeros(1, dtype=int)
    with en.ScopedCapture() as ten:
        set_to(seen, 10)
    en.capture_if(condition, ten.graph)
    assert seen.list() == [10]
    seen.zero_()
    with en.ScopedCapture() as c:
        en.capture_if(condition, ten.graph)
    assert seen.list() == [0]
    en.capture_launch(c.graph)
    assert seen.list() == [10]


def test_conditions_that_are_no_number_are_refused():
    for wrong in (en.zeros(2, dtype=int), en.zeros(1, dtype=float), 1):
        with pytest.raises(TypeError, match="one int32"):
            en.capture_if(wrong, lambda: None)
    with pytest.raises(TypeError, match="function or a graph"):
        en.capture_while(en.zeros(1, dtype=int), 3)

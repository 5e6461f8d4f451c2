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
    assert a.list() == [0.0] * 1000 and len(c.graph) == 3
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
    a = en.zeros((4, 4), dtype=float)
    with pytest.raises(en.EngineError, match="contiguous"), en.ScopedCapture():
        a[:, 0].fill_(1.0)
    with pytest.raises(en.EngineError, match="contiguous"), en.ScopedCapture():
        en.copy(a[:, 0], a[:, 1])


def test_error_inside_a_capture_ends_it():
    a = en.zeros(4, dtype=float)
    with pytest.raises(en.LaunchError), en.ScopedCapture() as c:
        en.launch(add, 4, inputs=[a])
    assert c.graph is None
    en.launch(add, 4, inputs=[a, 1.0])
    assert a.list() == [1.0] * 4


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

"""Sequences: small launches inside a capture may become one kernel, with the same results."""

import contextlib

import numpy as np
import pytest

import engine as en


@en.kernel
def shift(a: en.array(dtype=float), b: en.array(dtype=float), k: float):
    i = en.tid()
    b[i] = a[(i + 1) % a.shape[0]] * k + 1.0


@en.kernel
def slope(a: en.array2d(dtype=float)):
    i, j = en.tid()
    a[i, j] = a[i, j] + float(i) - 2.0 * float(j)


@en.kernel
def gather(a: en.array(dtype=float), out: en.array(dtype=float)):
    i = en.tid()
    en.atomic_add(out, 0, a[i])


@en.func
def root(x: float) -> float:
    return en.sqrt(en.abs(x)) + en.sin(x)


@en.kernel
def settle(a: en.array(dtype=float), flag: en.array(dtype=int)):
    i = en.tid()
    for _ in range(3):
        a[i] = root(a[i])
    if i == 0:
        flag[0] = flag[0] - 1


def nodes(graph) -> int:
    from engine.cuda.driver import call

    return int(call("cuGraphGetNodes", graph.template)[1])


def recorded(device, work, is_sequence=True):
    with en.ScopedCapture() as capture, en.ScopedSequence(device) if is_sequence else contextlib.nullcontext():
        work()
    return capture.graph


def only_cuda(device):
    if not device.is_cuda:
        pytest.skip("of graphs on a GPU")


def values(n):
    return np.random.default_rng(n).normal(size=n).astype(np.float32)


@pytest.mark.parametrize("count", [1, 33, 700, 3000])
def test_results_have_the_same_bits(device, count):
    def run(is_sequence):
        a, b, g = en.array(values(count)), en.zeros(count), en.zeros((5, 7))
        flag = en.array([9], dtype=int)

        def work():
            for k in range(4):
                en.launch(shift, count, [a, b, 1.0 + 0.1 * k])
                en.launch(settle, count, [b, flag])
                en.launch(slope, (5, 7), [g])
                en.launch(shift, count, [b, a, 0.9])

        graph = recorded(device, work, is_sequence)
        for _ in range(3):
            en.capture_launch(graph)
        return [x.numpy() for x in (a, b, g, flag)]

    for one, other in zip(run(True), run(False)):
        assert np.array_equal(one, other)


def test_small_launches_become_one_node(device):
    only_cuda(device)
    a, b = en.array(values(40)), en.zeros(40)

    def work():
        for _ in range(50):
            en.launch(shift, 40, [a, b, 0.5])
            en.launch(shift, 40, [b, a, 0.5])

    assert nodes(recorded(device, work)) == 1
    assert nodes(recorded(device, work, is_sequence=False)) == 100


@pytest.mark.parametrize("between", ["copy", "fill", "event", "large launch", "own block", "graph", "read"])
def test_other_work_keeps_its_place(device, between):
    n = 60
    a, b, kept = en.array(values(n)), en.zeros(n), en.zeros(n)
    large, beside, event = en.zeros(100_000), en.zeros(100_000), en.Event(device)
    inner = recorded(device, lambda: en.launch(shift, n, [b, kept, 7.0]), is_sequence=False)
    other = {
        "copy": lambda: en.copy(kept, b),
        "fill": lambda: b.fill_(2.0),
        "event": lambda: device.stream.record_event(event) if device.is_cuda else None,
        "large launch": lambda: en.launch(shift, 100_000, [beside, large, 1.0]),
        "own block": lambda: en.launch(shift, n, [b, kept, 3.0], block_dim=64),
        "graph": lambda: en.capture_launch(inner),
        "read": lambda: large.numpy(),
    }[between]

    def work():
        for _ in range(3):
            en.launch(shift, n, [a, b, 1.1])
            en.launch(shift, n, [b, a, 1.2])
        other()
        for _ in range(3):
            en.launch(shift, n, [a, b, 1.1])
            en.launch(shift, n, [b, a, 1.2])

    results = []
    for is_sequence in (True, False):
        a.assign(values(n))
        kept.zero_()
        large.zero_()
        en.capture_launch(recorded(device, work, is_sequence))
        results.append([x.numpy() for x in (a, b, kept, large)])
    for one, two in zip(*results):
        assert np.array_equal(one, two)


def test_decisions_and_loops_inside_a_sequence(device):
    if device.is_cuda and not en.is_conditional_graph_supported():
        pytest.skip("the driver cannot")
    n = 20
    a, b, flag = en.array(values(n)), en.zeros(n), en.array([5], dtype=int)

    def body():
        for _ in range(4):
            en.launch(shift, n, [a, b, 0.5])
            en.launch(shift, n, [b, a, 0.5])
        en.launch(settle, n, [a, flag])

    def work():
        body()
        en.capture_while(flag, body)
        body()

    results = []
    for is_sequence in (True, False):
        a.assign(values(n))
        flag.assign([5])
        en.capture_launch(recorded(device, work, is_sequence))
        results.append([a.numpy(), flag.numpy()])
    assert np.array_equal(results[0][0], results[1][0]) and results[0][1] == results[1][1] == -1


def test_nested_sequences_are_one(device):
    only_cuda(device)
    a, b = en.zeros(10), en.zeros(10)

    def step():
        with en.ScopedSequence(device):
            en.launch(shift, 10, [a, b, 0.5])
            en.launch(shift, 10, [b, a, 0.5])

    def work():
        for _ in range(5):
            step()

    assert nodes(recorded(device, work)) == 1


def test_checks_of_debug_mode_still_name_their_launch(device, monkeypatch):
    monkeypatch.setattr(en.config, "mode", "debug")
    a, b = en.zeros(10), en.zeros(8)

    def work():
        for _ in range(4):
            en.launch(shift, 10, [a, b, 0.5])

    graph = recorded(device, work)
    with pytest.raises(en.KernelAssertionError, match="shift"):
        en.capture_launch(graph)


def test_deterministic_sums_keep_their_order(device, monkeypatch):
    monkeypatch.setattr(en.config, "deterministic", True)
    a, out, b = en.array(values(4000) * 10), en.zeros(1), en.zeros(4000)

    def work():
        for _ in range(3):
            en.launch(shift, 4000, [a, b, 1.0])
            en.launch(gather, 4000, [a, out])

    bits = set()
    for _ in range(3):
        out.zero_()
        en.capture_launch(recorded(device, work))
        bits.add(out.numpy()[0].tobytes())
    assert len(bits) == 1


def test_outside_a_capture_launches_run_at_once(device):
    a, b = en.zeros(5), en.zeros(5)
    with en.ScopedSequence(device):
        en.launch(shift, 5, [a, b, 1.0])
        assert (b.numpy() == 1).all()


def test_an_error_inside_gives_up_what_waits(device):
    a, b = en.zeros(5), en.zeros(5)

    def broken():
        for _ in range(4):
            en.launch(shift, 5, [a, b, 1.0])
        raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        recorded(device, broken)
    graph = recorded(device, lambda: [en.launch(shift, 5, [b, a, 1.0]) for _ in range(3)])
    en.capture_launch(graph)
    assert (a.numpy() == 1).all() and (b.numpy() == 0).all()


def test_graphs_keep_what_their_sequences_use(device):
    n = 50

    def make():
        a, b = en.array(values(n)), en.zeros(n)
        graph = recorded(device, lambda: [en.launch(shift, n, [a, b, float(k)]) for k in range(5)])
        return graph, b

    graph, b = make()
    clutter = [en.full(n, 3.0) for _ in range(50)]
    en.capture_launch(graph)
    assert np.array_equal(b.numpy(), np.roll(values(n), -1) * np.float32(4) + np.float32(1))
    del clutter

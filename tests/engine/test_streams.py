"""Streams, events and pinned memory; the same program runs on the CPU, where streams are always complete."""

import numpy as np
import pytest

import engine as en

N = 1 << 16


@en.kernel
def add(a: en.array(dtype=float), x: float):
    i = en.tid()
    a[i] = a[i] + x


@en.kernel
def add_to(a: en.array(dtype=float), b: en.array(dtype=float)):
    i = en.tid()
    b[i] = b[i] + a[i]


def test_work_on_two_streams_is_ordered_by_an_event(device):
    first, second = en.Stream(device), en.Stream(device)
    a, b = en.zeros(N, device=device), en.zeros(N, device=device)
    en.synchronize_device(device)
    for _ in range(50):
        en.launch(add, N, [a, 1.0], stream=first)
    second.wait_event(first.record_event())
    en.launch(add_to, N, [a, b], stream=second)
    en.synchronize_stream(second)
    assert second.is_complete and first.is_complete
    assert (b.numpy() == 50.0).all()


def test_scoped_stream_is_current_and_waits(device):
    before, stream = en.get_stream(device), en.Stream(device)
    a = en.zeros(N, device=device)
    for _ in range(20):
        en.launch(add, N, [a, 1.0])
    with en.ScopedStream(stream, sync_exit=True) as current:
        assert current is stream is en.get_stream(device)
        assert en.get_device() == device
        en.launch(add, N, [a, 1.0], device=device)
        b = en.clone(a)
    assert en.get_stream(device) is before
    assert (b.numpy() == 21.0).all()


def test_copies_take_a_stream(device):
    stream = en.Stream(device)
    a, b = en.full(N, 3.0, device=device), en.zeros(N, device=device)
    stream.wait_stream(en.get_stream(device))
    en.copy(b, a, stream=stream)
    en.synchronize_stream(stream)
    assert (b.numpy() == 3.0).all()


def test_events_tell_the_time_between_them(device):
    start, end = (en.Event(device, enable_timing=True) for _ in range(2))
    a = en.zeros(1 << 20, device=device)
    en.launch(add, a.size, [a, 1.0])
    en.record_event(start)
    for _ in range(20):
        en.launch(add, a.size, [a, 1.0])
    en.record_event(end)
    elapsed = en.get_event_elapsed_time(start, end)
    assert 0.0 < elapsed < 10_000.0
    assert end.is_complete
    with pytest.raises(en.EngineError, match="enable_timing"):
        en.get_event_elapsed_time(en.Event(device), end)


def test_set_stream_and_back(device):
    before, stream = en.get_stream(device), en.Stream(device, priority=-5)
    assert stream.priority in (0, -1)
    en.set_stream(stream, device)
    try:
        assert en.get_device(device).stream is stream
        a = en.ones(8, device=device)
        assert a.list() == [1.0] * 8
    finally:
        en.set_stream(before)
    with pytest.raises(TypeError):
        en.Stream(device, priority=0.5)


def test_graphs_run_on_the_stream_they_are_given(device):
    stream = en.Stream(device)
    a = en.zeros(16, device=device)
    with en.ScopedCapture(stream=stream) as c:
        en.launch(add, 16, [a, 1.0], stream=stream)
    en.synchronize_device(device)
    for _ in range(3):
        en.capture_launch(c.graph, stream=stream)
    en.synchronize_stream(stream)
    assert a.list() == [3.0] * 16


def test_streams_join_a_capture_by_events(device):
    main, side = en.Stream(device), en.Stream(device)
    a, b = en.zeros(16, device=device), en.zeros(16, device=device)
    en.synchronize_device(device)
    with en.ScopedCapture(stream=main) as c:
        en.launch(add, 16, [a, 1.0], stream=main)
        side.wait_stream(main)
        en.launch(add_to, 16, [a, b], stream=side)
        main.wait_stream(side)
        en.launch(add, 16, [a, 1.0], stream=main)
    for _ in range(2):
        en.capture_launch(c.graph)
    en.synchronize()
    assert a.list() == [4.0] * 16 and b.list() == [4.0] * 16


def test_pinned_arrays_carry_results_back_and_forth(device):
    host = en.full(N, 2.0, device="cpu", pinned=True)
    assert host.device.is_cpu
    assert host.pinned == device.is_cuda
    a, back = en.zeros(N, device=device), en.zeros(N, device="cpu", pinned=True)
    en.copy(a, host)
    en.launch(add, N, [a, 1.0], device=device)
    en.copy(back, a)
    en.synchronize_device(device)
    assert (back.numpy() == 3.0).all()
    assert en.zeros_like(host).pinned == host.pinned and not en.clone(host, pinned=False).pinned


def test_waiting_inside_a_capture_is_refused_on_a_gpu(device):
    if device.is_cpu:
        with en.ScopedCapture():
            en.synchronize()  # launches of the CPU are never on their way
        return
    a = en.zeros(8, device=device)
    for wait in (en.synchronize, en.synchronize_device, en.synchronize_stream):
        with pytest.raises(en.EngineError, match="captured"), en.ScopedCapture(device):
            wait()
    assert a.list() == [0.0] * 8


def test_reading_inside_a_capture_shows_what_was_there_before(device):
    a = en.ones((4, 4), device=device)
    with en.ScopedCapture(device) as c:
        a.fill_(5.0)
        seen, strided = a.numpy().copy(), a[:, ::2].numpy().copy()
    assert (seen == 1.0).all() and (strided == 1.0).all()
    en.capture_launch(c.graph)
    assert (a.numpy() == 5.0).all()


def test_memory_pool_settings(device):
    if device.is_cpu:
        assert not en.is_mempool_supported(device) and not en.is_mempool_enabled(device)
        with pytest.raises(ValueError, match="CUDA device"):
            en.set_mempool_enabled(device, True)
        return
    before = en.get_mempool_used_mem_current(device)
    a = en.zeros(1 << 20, device=device)
    assert en.get_mempool_used_mem_current(device) >= before + 4 * a.size
    assert en.get_mempool_used_mem_high(device) >= before + 4 * a.size
    with en.ScopedMempool(device, False):
        assert not en.is_mempool_enabled(device)
        b = en.full(8, 2.0, device=device)
    assert en.is_mempool_enabled(device) and b.list() == [2.0] * 8
    threshold = en.get_mempool_release_threshold(device)
    en.set_mempool_release_threshold(device, 0.5)
    assert en.get_mempool_release_threshold(device) == device.total_memory // 2
    en.set_mempool_release_threshold(device, threshold)


def test_peer_access_is_of_cuda_devices(device):
    assert not en.is_peer_access_supported("cpu", device) and not en.is_mempool_access_supported(device, "cpu")
    with pytest.raises(ValueError, match="two CUDA devices"):
        en.set_peer_access_enabled("cpu", device if device.is_cuda else en.Device("cuda:9", "none"), True)


def several_gpus():
    found = en.get_cuda_devices()
    if len(found) < 2:
        pytest.skip("needs two GPUs")
    return found[:2]


def test_arrays_launches_and_copies_on_two_gpus():
    one, two = several_gpus()
    a = en.full((8, 4), 2.0, device=one)
    b = en.zeros((8, 4), device=two)
    en.copy(b, a)
    en.launch(add, 32, [b.flatten(), 1.0])
    assert (b.numpy() == 3.0).all() and (a.numpy() == 2.0).all()
    en.copy(a[:, ::2], b[:, 1::2])
    assert np.array_equal(a.numpy(), np.tile([3.0, 2.0], (8, 2)))
    with pytest.raises(en.LaunchError, match="lives on"):
        en.launch(add_to, 32, [a.flatten(), b.flatten()])
    for _ in range(20):  # each copy waits for the kernel before it, on the other device
        en.copy(b, a)
        en.launch(add, 32, [b.flatten(), 1.0])
        en.copy(a, b)
    assert np.array_equal(a.numpy(), np.tile([23.0, 22.0], (8, 2)))


def test_peer_access_can_be_switched():
    one, two = several_gpus()
    if not en.is_peer_access_supported(one, two):
        pytest.skip("these GPUs cannot reach each other's memory")
    assert not en.is_peer_access_enabled(one, two)
    with en.ScopedPeerAccess(one, two, True):
        assert en.is_peer_access_enabled(one, two)
        a, b = en.full(N, 2.0, device=one), en.zeros(N, device=two)
        en.copy(b, a)
        assert (b.numpy() == 2.0).all()
    assert not en.is_peer_access_enabled(one, two)
    with en.ScopedMempoolAccess(one, two, True):
        assert en.is_mempool_access_enabled(one, two)
    assert not en.is_mempool_access_enabled(one, two)

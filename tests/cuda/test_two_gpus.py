"""Work on two GPUs at once: each has its own memory, streams, code and graphs, whichever device is current."""

import threading

import numpy as np
import pytest

import engine as en

N = 5000


@pytest.fixture
def gpus():
    found = en.get_cuda_devices()
    if len(found) < 2:
        pytest.skip("needs two GPUs")
    return found[:2]


@en.kernel
def scale(a: float, x: en.array(dtype=float)):
    i = en.tid()
    x[i] = a * x[i]


@en.kernel
def total(x: en.array(dtype=float), out: en.array(dtype=float)):
    i = en.tid()
    en.atomic_add(out, 0, x[i])


@en.kernel
def square(x: en.array(dtype=float), out: en.array(dtype=float)):
    i = en.tid()
    out[i] = x[i] * x[i]


@en.kernel
def count_near(grid: en.uint64, points: en.array(dtype=en.vec3), radius: float, out: en.array(dtype=int)):
    i = en.tid()
    p = points[i]
    n = 0
    for j in en.hash_grid_query(grid, p, radius):
        if en.length(points[j] - p) < radius:
            n += 1
    out[i] = n


@en.kernel
def distance(mesh: en.uint64, points: en.array(dtype=en.vec3), out: en.array(dtype=float)):
    i = en.tid()
    q = en.mesh_query_point_no_sign(mesh, points[i], 100.0)
    out[i] = en.length(en.mesh_eval_position(mesh, q.face, q.u, q.v) - points[i])


def test_launches_alternate_between_devices(gpus):
    """Launches like the one before take the quick path, which has to make the right device current."""
    arrays = [en.full(N, 1.0 + k, dtype=float, device=d) for k, d in enumerate(gpus)]
    for _ in range(150):
        for x in arrays:
            en.launch(scale, N, [1.01, x])
    for k, x in enumerate(arrays):
        np.testing.assert_allclose(x.numpy(), (1.0 + k) * 1.01**150, rtol=1e-4)


def test_the_current_device_decides_where_nothing_else_does(gpus):
    for d in gpus:
        with en.ScopedDevice(d):
            x = en.ones(N, dtype=float)
            en.launch(scale, N, [2.0, x])
            assert x.device is d and (x.numpy() == 2.0).all()
    with en.ScopedDevice(gpus[0]):  # the arrays' own device goes before the current one
        y = en.ones(N, dtype=float, device=gpus[1])
        en.launch(scale, N, [3.0, y])
        assert (y.numpy() == 3.0).all()


def test_copies_between_devices_keep_their_order_on_streams(gpus):
    one, two = gpus
    streams = en.Stream(one), en.Stream(two)
    a, b = en.ones(N, dtype=float, device=one), en.zeros(N, dtype=float, device=two)
    with en.ScopedStream(streams[0]), en.ScopedStream(streams[1]):
        for _ in range(20):
            en.launch(scale, N, [2.0, a])
            en.copy(b, a)
            en.launch(scale, N, [0.5, b])
            en.copy(a, b)
    for s in streams:
        en.synchronize_stream(s)
    assert (a.numpy() == 1.0).all() and (b.numpy() == 1.0).all()


def test_an_event_of_one_device_holds_back_the_stream_of_the_other(gpus):
    one, two = gpus
    a, b = en.ones(1 << 20, dtype=float, device=one), en.zeros(1 << 20, dtype=float, device=two)
    for _ in range(50):
        en.launch(scale, 1 << 20, [1.0, a])
    en.launch(scale, 1 << 20, [7.0, a])
    two.stream.wait_event(one.stream.record_event())
    en.copy(b, a)
    assert (b.numpy() == 7.0).all()


def test_each_device_replays_its_own_graph(gpus):
    arrays, graphs = [en.ones(N, dtype=float, device=d) for d in gpus], []
    for d, x in zip(gpus, arrays):
        with en.ScopedCapture(d) as capture:
            for _ in range(3):
                en.launch(scale, N, [2.0, x])
        graphs.append(capture.graph)
    for _ in range(4):
        for g in graphs:
            en.capture_launch(g)
    assert all((x.numpy() == 2.0**12).all() for x in arrays)


def test_a_capture_on_one_device_leaves_launches_on_the_other_alone(gpus):
    one, two = gpus
    a, b = en.ones(N, dtype=float, device=one), en.ones(N, dtype=float, device=two)
    with en.ScopedCapture(one) as capture:
        en.launch(scale, N, [2.0, a])
        en.launch(scale, N, [2.0, b])
        assert (b.numpy() == 2.0).all()
    assert (a.numpy() == 1.0).all()
    en.capture_launch(capture.graph)
    assert (a.numpy() == 2.0).all() and (b.numpy() == 2.0).all()


def test_gradients_on_both_devices(gpus):
    for d in gpus:
        x = en.array(np.arange(N, dtype=np.float32), device=d, requires_grad=True)
        y, loss = (en.zeros(n, dtype=float, device=d, requires_grad=True) for n in (N, 1))
        with en.Tape() as tape:
            en.launch(square, N, [x], [y])
            en.launch(total, N, [y], [loss])
        tape.backward(loss)
        np.testing.assert_array_equal(x.grad.numpy(), 2.0 * np.arange(N))


def test_algorithms_on_both_devices(gpus):
    rng = np.random.default_rng(0)
    keys = rng.integers(0, 1 << 30, N).astype(np.int32)
    for d in gpus:
        k = en.array(np.concatenate([keys, keys]), device=d)
        v = en.array(np.arange(2 * N, dtype=np.int32), device=d)
        en.utils.radix_sort_pairs(k, v, N)
        assert np.array_equal(v.numpy()[:N], np.argsort(keys, kind="stable"))
        sums = en.zeros(N, dtype=int, device=d)
        en.utils.array_scan(en.array(keys % 9, device=d), sums)
        assert np.array_equal(sums.numpy(), np.cumsum(keys % 9))
        assert en.utils.array_sum(en.array(keys % 9, device=d)) == (keys % 9).sum()


def test_structures_on_both_devices_give_the_same_answers(gpus):
    rng = np.random.default_rng(1)
    points = rng.random((N, 3)).astype(np.float32)
    faces = np.arange(N // 3 * 3, dtype=np.int32)
    found = []
    for d in gpus:
        p = en.array(points, dtype=en.vec3, device=d)
        grid, near = en.HashGrid(32, 32, 32, device=d), en.zeros(N, dtype=int, device=d)
        grid.build(p, 0.05)
        en.launch(count_near, N, [grid.id, p, 0.05], [near], device=d)
        far = []
        for how in ("sah", "lbvh"):
            mesh = en.Mesh(p, en.array(faces, device=d), bvh_constructor=how)
            out = en.zeros(N, dtype=float, device=d)
            queries = en.array(points + np.float32(0.5), dtype=en.vec3, device=d)
            en.launch(distance, N, [mesh.id, queries], [out], device=d)
            far.append(out.numpy())
        np.testing.assert_allclose(far[0], far[1], atol=1e-6)
        found.append((near.numpy(), far[0]))
    assert np.array_equal(found[0][0], found[1][0]) and found[0][0].sum() > N
    np.testing.assert_array_equal(found[0][1], found[1][1])


def test_a_thread_for_each_device(gpus):
    results, errors = {}, []

    def work(d):
        try:
            x = en.ones(N, dtype=float, device=d)
            for _ in range(200):
                en.launch(scale, N, [1.001, x], device=d)
            results[d.alias] = x.numpy()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(d,)) for d in gpus]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors
    for d in gpus:
        np.testing.assert_allclose(results[d.alias], 1.001**200, rtol=1e-4)


def test_arrays_of_the_other_device_are_refused_by_name(gpus):
    x = en.ones(N, dtype=float, device=gpus[0])
    for _ in range(3):
        en.launch(scale, N, [1.0, x], device=gpus[0])
    with pytest.raises(en.LaunchError, match=f"lives on {gpus[0]}.*{gpus[1]}"):
        en.launch(scale, N, [1.0, x], device=gpus[1])

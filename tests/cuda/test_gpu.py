"""What only a real GPU can show: CUDA code that runs, failures of the driver."""

import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import engine as en
from tests.cuda.gpu_only import NEEDS_GPU, on_the_gpu  # noqa: F401

pytestmark = NEEDS_GPU


# algorithms whose threads work together ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.int32, np.uint32, np.float32, np.int64, np.uint64, np.float64])
@pytest.mark.parametrize("count", [1, 31, 4096, 4097, 1_000_003])
def test_sort_agrees_with_numpy_and_is_stable(dtype, count):
    rng = np.random.default_rng(count)
    keys = (rng.standard_normal(count) * 1000).astype(dtype)
    if np.dtype(dtype).kind == "f":
        keys[:: max(1, count // 7)] = -0.0
    values = np.arange(count, dtype=np.int32)
    k, v = en.zeros(2 * count, dtype=en.dtype_from_numpy(dtype)), en.zeros(2 * count, dtype=en.int32)
    k[:count] = keys
    v[:count] = values
    en.utils.radix_sort_pairs(k, v, count)
    order = np.argsort(keys, kind="stable")
    assert np.array_equal(k.numpy()[:count], keys[order])
    assert np.array_equal(v.numpy()[:count], values[order])


@pytest.mark.parametrize("dtype", [en.uint8, en.float16, en.vec3, en.float64, en.mat33])
def test_sort_moves_values_of_any_size(dtype):
    n = 5000
    rng = np.random.default_rng(1)
    keys = rng.integers(0, 50, n).astype(np.int32)
    values = rng.integers(0, 100, (2 * n, *en.zeros(1, dtype=dtype).numpy().shape[1:])).astype(dtype.scalar.np_dtype)
    k, v = en.zeros(2 * n, dtype=int), en.array(values, dtype=dtype)
    k[:n] = keys
    en.utils.radix_sort_pairs(k, v, n)
    assert np.array_equal(v.numpy()[:n], values[:n][np.argsort(keys, kind="stable")])


@pytest.mark.parametrize("count", [1, 2047, 2048, 2049, 3_000_001])
@pytest.mark.parametrize("inclusive", [False, True])
def test_scan_agrees_with_numpy(count, inclusive):
    data = np.random.default_rng(0).integers(-9, 9, count).astype(np.int32)
    out = en.zeros(count, dtype=int)
    en.utils.array_scan(en.array(data), out, inclusive)
    expected = np.cumsum(data)
    assert np.array_equal(out.numpy(), expected if inclusive else expected - data)


def test_scan_of_vectors_and_of_floats_repeats_its_bits():
    data = np.random.default_rng(0).standard_normal((100_001, 3)).astype(np.float32)
    a = en.array(data, dtype=en.vec3)
    runs = []
    for _ in range(3):
        out = en.zeros(len(data), dtype=en.vec3)
        en.utils.array_scan(a, out)
        runs.append(out.numpy())
    np.testing.assert_allclose(runs[0], np.cumsum(data.astype(float), axis=0), atol=1e-3 * np.sqrt(len(data)))
    assert np.array_equal(runs[0], runs[1]) and np.array_equal(runs[0], runs[2])


@pytest.mark.parametrize("count", [1, 255, 4097, 2_500_001])
def test_sums_and_inner_products_agree_with_numpy(count):
    rng = np.random.default_rng(count)
    x, y = (rng.standard_normal(count).astype(np.float32) for _ in range(2))
    a, b = en.array(x), en.array(y)
    assert en.utils.array_sum(a) == pytest.approx(x.astype(float).sum(), abs=1e-5 * count**0.5 + 1e-5)
    assert en.utils.array_inner(a, b) == pytest.approx(x.astype(float) @ y.astype(float), abs=1e-5 * count**0.5 + 1e-5)
    whole = en.array(np.arange(count, dtype=np.int64) - 7)
    assert en.utils.array_sum(whole) == sum(range(count)) - 7 * count
    v = rng.standard_normal((count, 3))
    np.testing.assert_allclose(en.utils.array_sum(en.array(v, dtype=en.vec3d)), v.sum(axis=0), rtol=0, atol=1e-9)
    assert en.utils.array_sum(a) == en.utils.array_sum(a)  # the same bits


@pytest.mark.parametrize("spread", [0.01, 1.0, 50.0])
@pytest.mark.parametrize("dims", [(16, 16, 16), (128, 128, 128), (1, 1, 1), (300, 7, 50)])
def test_hash_grid_is_the_same_as_on_the_cpu(spread, dims):
    points = (np.random.default_rng(3).standard_normal((20_000, 3)) * spread).astype(np.float32)
    found = []
    for device in ("cpu", "cuda:0"):
        grid = en.HashGrid(*dims, device=device)
        for n in (20_000, 1, 777):  # used again with fewer points
            cells = en.array(points[:n], dtype=en.vec3, device=device)
            grid.build(cells, 0.1)
            order = en.zeros(n, dtype=int, device=device)
            en.launch(order_of_cells, n, [grid.id, order], device=device)
            found.append(order.numpy().copy())
    for k in range(3):
        assert np.array_equal(found[k], found[k + 3])


@en.kernel
def order_of_cells(grid: en.uint64, order: en.array(dtype=int)):
    i = en.tid()
    order[i] = en.hash_grid_point_id(grid, i)


# kernels ----------------------------------------------------------------------------------------------------------------

REVERSE = """
    __shared__ float room[128];
    int t = threadIdx.x;
    room[t] = values[tid];
    __syncthreads();
    out[tid] = room[127 - t];
"""


@en.func_native(REVERSE)
def reverse_blocks(tid: int, values: en.array(dtype=float), out: en.array(dtype=float)): ...


@en.kernel
def reverse(values: en.array(dtype=float), out: en.array(dtype=float)):
    i = en.tid()
    reverse_blocks(i, values, out)


def test_native_code_shares_memory_within_blocks_of_the_size_asked_for():
    data = np.arange(128 * 50, dtype=np.float32)
    out = en.zeros(len(data))
    en.launch(reverse, len(data), [en.array(data), out], block_dim=128)
    assert np.array_equal(out.numpy(), data.reshape(-1, 128)[:, ::-1].ravel())
    out.zero_()
    bound = en.launch(reverse, len(data), [en.array(data), out], block_dim=128, record_cmd=True)
    bound.launch()
    assert np.array_equal(out.numpy(), data.reshape(-1, 128)[:, ::-1].ravel())


@en.kernel
def sum_up(a: en.array(dtype=float), total: en.array(dtype=float)):
    en.atomic_add(total, 0, a[en.tid()])


def test_deterministic_mode_repeats_its_bits():
    a = en.array(np.random.default_rng(0).standard_normal(20_000).astype(np.float32))
    en.config.deterministic = True
    try:
        sums = []
        for _ in range(3):
            total = en.zeros(1)
            en.launch(sum_up, a.size, [a, total])
            sums.append(total.numpy()[0])
    finally:
        en.config.deterministic = False
    assert sums[0] == sums[1] == sums[2]
    total = np.float32(0)
    for x in a.numpy():
        total += x
    assert sums[0] == total  # thread order


@en.func
def spread(out: en.array(dtype=en.vec3), k: int, v: en.vec3):
    en.atomic_add(out, k, v)


@en.kernel
def histogram(
    a: en.array(dtype=float),
    place: en.array(dtype=int),
    sums: en.array(dtype=float),
    exact: en.array(dtype=en.float64),
    vectors: en.array(dtype=en.vec3),
):
    i = en.tid()
    k = place[i]
    en.atomic_add(sums, k, a[i])
    if a[i] > 0.0:
        en.atomic_sub(exact, k, en.float64(a[i]))
    spread(vectors, k, en.vec3(a[i], 2.0 * a[i], -a[i]))


@pytest.mark.parametrize("places", [1, 7, 1000, 300_000])
def test_deterministic_sums_are_those_of_one_thread_in_order(places, monkeypatch):
    monkeypatch.setattr(en.config, "deterministic", True)
    n = 200_003
    rng = np.random.default_rng(places)
    a, place = rng.standard_normal(n).astype(np.float32), rng.integers(0, places, n).astype(np.int32)
    arrays = en.array(a), en.array(place)
    for _ in range(2):
        sums, exact, vectors = (en.zeros(places, dtype=t) for t in (en.float32, en.float64, en.vec3))
        sums.fill_(0.5)
        en.launch(histogram, n, [*arrays, sums, exact, vectors])
        expected = np.full(places, 0.5, np.float32)
        np.add.at(expected, place, a)
        assert np.array_equal(sums.numpy(), expected)
        expected = np.zeros(places)
        np.subtract.at(expected, place[a > 0], a[a > 0].astype(float))
        assert np.array_equal(exact.numpy(), expected)
        expected = np.zeros((places, 3), np.float32)
        np.add.at(expected, place, np.stack([a, 2 * a, -a], axis=1))
        assert np.array_equal(vectors.numpy(), expected)
    variant = next(iter(histogram._variants.values()))
    assert variant._ordered.sites == 5


def test_deterministic_sums_inside_a_graph(monkeypatch):
    monkeypatch.setattr(en.config, "deterministic", True)
    a = en.array(np.random.default_rng(0).standard_normal(5000).astype(np.float32))
    total = en.zeros(1)
    en.launch(sum_up, a.size, [a, total])
    once = total.numpy()[0]
    with en.ScopedCapture() as c:
        total.zero_()
        en.launch(sum_up, a.size, [a, total])
    for _ in range(3):
        en.capture_launch(c.graph)
        assert total.numpy()[0] == once


ATOMICS = """
@en.kernel
def extremes(a: en.array(dtype=TYPE), out: en.array(dtype=TYPE)):
    i = en.tid()
    en.atomic_min(out, 0, a[i])
    en.atomic_max(out, 1, a[i])
    en.atomic_add(out, 2, TYPE(1))
    en.atomic_sub(out, 3, TYPE(1))
    en.atomic_exch(out, 4, a[i])
    en.atomic_cas(out, 5, TYPE(0), TYPE(7))
"""


@pytest.mark.parametrize("name", ["float16", "float32", "float64", "int32", "uint32", "int64", "uint64"])
def test_atomics_of_every_type(name, tmp_path):
    file = tmp_path / "kernels.py"
    file.write_text(f"import engine as en\nTYPE = en.{name}\n{ATOMICS}")
    scope: dict = {"__name__": "atomics"}
    exec(compile(file.read_text(), str(file), "exec"), scope)
    t = getattr(en, name)
    data = np.arange(1, 101).astype(t.np_dtype)
    out = en.array(np.array([50, 50, 0, 120, 0, 0]).astype(t.np_dtype))
    en.launch(scope["extremes"], 100, [en.array(data), out])
    got = out.numpy()
    assert got[0] == 1 and got[1] == 100 and got[2] == 100 and got[3] == 20 and got[5] == 7
    assert got[4] in data


@en.kernel
def vector_extremes(a: en.array(dtype=en.vec3), out: en.array(dtype=en.vec3)):
    i = en.tid()
    en.atomic_min(out, 0, a[i])
    en.atomic_max(out, 1, a[i])
    en.atomic_add(out, 2, a[i])


def test_atomics_of_vectors_work_by_component():
    data = np.random.default_rng(0).integers(-50, 50, (1000, 3)).astype(np.float32)
    out = en.zeros(3, dtype=en.vec3)
    en.launch(vector_extremes, 1000, [en.array(data, dtype=en.vec3), out])
    expected = [np.minimum(0, data.min(0)), np.maximum(0, data.max(0)), data.sum(0)]
    assert np.array_equal(out.numpy(), expected)


# gradients --------------------------------------------------------------------------------------------------------------


@en.kernel
def long_loop(x: en.array(dtype=float), n: int, out: en.array(dtype=float)):
    i = en.tid()
    s = x[i]
    for k in range(n):
        s = s + 0.001 * en.sin(s * float(k))
    en.atomic_add(out, 0, s)


@pytest.mark.parametrize("passes", [3, 40, 5000])
def test_gradient_through_loops_agrees_with_the_cpu(passes):
    """Few values stay in the thread's memory, many go to the heap."""
    grads = []
    for device in ("cpu", "cuda:0"):
        x = en.array(np.linspace(-2, 2, 3000, dtype=np.float32), device=device, requires_grad=True)
        out = en.zeros(1, device=device, requires_grad=True)
        with en.Tape() as tape:
            en.launch(long_loop, x.size, [x, passes], [out])
        tape.backward(out)
        grads.append(x.grad.numpy().copy())
    np.testing.assert_allclose(grads[1], grads[0], rtol=2e-3, atol=1e-4)


@en.kernel
def square_sum(x: en.array(dtype=float), out: en.array(dtype=float)):
    i = en.tid()
    en.atomic_add(out, 0, x[i] * x[i])


def test_backward_pass_inside_a_graph():
    x = en.array(np.arange(100, dtype=np.float32), requires_grad=True)
    loss = en.zeros(1, requires_grad=True)

    def both():
        loss.zero_()
        with en.Tape() as tape:
            en.launch(square_sum, 100, [x], [loss])
        tape.backward(loss)

    both()
    with en.ScopedCapture() as c:
        x.grad.zero_()
        both()
    for shift in (1.0, -3.0):
        x.assign(np.arange(100, dtype=np.float32) + np.float32(shift))
        en.capture_launch(c.graph)
        np.testing.assert_allclose(x.grad.numpy(), 2 * x.numpy(), rtol=1e-6)
        np.testing.assert_allclose(loss.numpy()[0], (x.numpy().astype(float) ** 2).sum(), rtol=1e-5)


# failures ---------------------------------------------------------------------------------------------------------------


def test_out_of_memory_is_our_error_and_the_device_goes_on():
    with pytest.raises(en.EngineError, match="has no room for") as caught:
        en.zeros(1 << 40, dtype=en.float64)
    assert isinstance(caught.value, MemoryError)
    assert en.ones(3).list() == [1.0] * 3


def test_wrong_block_sizes_are_refused():
    with pytest.raises(en.LaunchError, match="1 to 1024"):
        en.launch(square_sum, 4, [en.zeros(4), en.zeros(1)], block_dim=4096)


def test_a_crash_is_reported_at_the_launch_in_debug_mode_and_explained(tmp_path):
    file = tmp_path / "crash.py"
    file.write_text(
        textwrap.dedent(
            """
            import engine as en
            @en.kernel
            def wild(address: en.uint64, out: en.array(dtype=float)):
                out[0] = en.ptr_load(en.float32, address, 0)
            out = en.zeros(1, device="cuda:0")
            try:
                en.launch(wild, 1, [en.uint64(64), out], device="cuda:0")
                en.synchronize()
            except en.EngineError as error:
                print("FOUND", error)
            try:
                out.numpy()
            except en.EngineError as error:
                print("AGAIN", error)
            """
        )
    )
    for mode in ("debug", "release"):
        env = {**os.environ, "SIMRUN_MODE": mode}
        done = subprocess.run([sys.executable, str(file)], capture_output=True, text=True, timeout=120, env=env)
        assert "FOUND" in done.stdout and "AGAIN" in done.stdout, done.stdout + done.stderr
        assert "restart it" in done.stdout
        assert ("kernel 'wild'" in done.stdout) == (mode == "debug")


def test_contents_are_never_read_on_the_host():
    a = en.ones(4)
    with pytest.raises(en.EngineError, match="GPU's memory"):
        np.asarray(a._data)
    with pytest.raises(en.EngineError, match="numbers and slices"):
        a._data[[0, 1]]

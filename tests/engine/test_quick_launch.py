"""Launches in compiled code: they do what launches in Python do, and step back wherever somebody has to look."""

import ctypes
import os
import struct
import sys
import threading
import types

import numpy as np
import pytest

import engine as en
from engine import quick_launch

pytestmark = pytest.mark.cpu_only(
    "a stand-in for the driver has no compiled entry; tests/cuda/gpu_check.py looks at GPUs"
)


@pytest.fixture(autouse=True, scope="module")
def compiled():
    """The entry from the first launch on."""
    quick_launch.compile_entry()


@en.struct
class Pair:
    a: float
    b: float


def make():
    """A kernel of its own, so that no other test has launched it."""

    @en.kernel
    def gather(
        number: float,
        wide: en.float64,
        count: int,
        id: en.uint64,
        small: en.int8,
        flag: bool,
        v: en.vec3,
        m: en.mat22d,
        q: en.vec2i,
        missing: en.array(dtype=float),
        out: en.array(dtype=en.float64),
    ):
        out[0] = en.float64(number)
        out[1] = wide
        out[2] = en.float64(count)
        out[3] = en.float64(id)
        out[4] = en.float64(small)
        out[5] = en.float64(0.0)
        if flag:
            out[5] = en.float64(1.0)
        out[6] = en.float64(v[0]) + en.float64(v[2])
        out[7] = m[0, 1]
        out[8] = en.float64(q[1])
        out[9] = en.float64(missing.shape[0])

    return gather


ARGS = (
    0.5,
    2.0**-40,
    -7,
    2**62,
    -3,
    True,
    en.vec3(1.0, 2.0, 3.0),
    en.mat22d(1.0, 2.5, 3.0, 4.0),
    en.vec2i(4, -5),
    None,
)
WANTED = [0.5, 2.0**-40, -7, float(2**62), -3, 1, 4, 2.5, -5, 0]


def add_kernel():
    @en.kernel
    def add(x: en.array(dtype=float), y: en.array(dtype=float)):
        i = en.tid()
        y[i] = y[i] + x[i]

    return add


def is_quick(kernel, dim, inputs, outputs=(), device=None):
    return quick_launch.enter(kernel, dim, inputs, outputs, device)


def test_every_kind_of_argument_arrives():
    kernel, out = make(), en.zeros(10, dtype=en.float64)
    en.launch(kernel, 1, inputs=[*ARGS], outputs=[out])
    assert out.numpy().tolist() == WANTED
    out.zero_()
    assert is_quick(kernel, 1, [*ARGS], [out])
    assert out.numpy().tolist() == WANTED


@pytest.mark.parametrize("dim", [6, (6,), [6], (2, 3), (1, 2, 3), (3, 1, 2, 1)])
def test_extents_may_be_a_number_or_up_to_four(dim):
    kernel, x, y = add_kernel(), en.ones(6, dtype=float), en.zeros(6, dtype=float)
    en.launch(kernel, dim, inputs=[x], outputs=[y])
    before = y.numpy().copy()
    assert is_quick(kernel, dim, (x,), (y,))
    np.testing.assert_array_equal(y.numpy(), 2 * before)


@pytest.mark.parametrize("dim", [-1, 2**31, (2**20, 2**20), (), (1,) * 5, True, 2.0, "6", np.int64(6), (6.0,), None])
def test_other_extents_are_left_to_python(dim):
    kernel, x, y = add_kernel(), en.ones(6, dtype=float), en.zeros(6, dtype=float)
    en.launch(kernel, 6, inputs=[x, y])
    assert is_quick(kernel, 6, [x, y])
    assert not is_quick(kernel, dim, [x, y])


@pytest.mark.parametrize(
    ("place", "value"),
    [(0, "1.0"), (0, 1e300), (2, 2**33), (2, 1.0), (3, 2**63), (3, -(2**63) - 1), (4, 300), (5, 1), (6, (1.0, 2.0, 3.0)), (7, en.vec2(1.0)),
     (0, None), (9, 0)],
)  # fmt: skip
def test_arguments_of_another_kind_or_size_are_left_to_python(place, value):
    kernel, out = make(), en.zeros(10, dtype=en.float64)
    en.launch(kernel, 1, inputs=[*ARGS, out])
    args = [*ARGS, out]
    args[place] = value
    assert not is_quick(kernel, 1, args)
    assert is_quick(kernel, 1, [*ARGS, out])


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_wrong_number_of_arguments_is_refused_as_before(count):
    kernel, x, y = add_kernel(), en.ones(6, dtype=float), en.zeros(6, dtype=float)
    en.launch(kernel, 6, inputs=[x, y])
    with pytest.raises(en.LaunchError, match="expected 2"):
        en.launch(kernel, 6, inputs=[x] * count)


def test_arrays_of_another_layout_take_a_recipe_of_their_own():
    kernel, y = add_kernel(), en.zeros(6, dtype=float)
    wide = en.array(np.arange(12, dtype=np.float32))
    for x in (wide[:6], wide[::2]):
        assert not is_quick(kernel, 6, [x, y])
        en.launch(kernel, 6, inputs=[x, y])
        assert is_quick(kernel, 6, [x, y])
    assert is_quick(kernel, 6, [wide[:6], y])
    np.testing.assert_array_equal(y.numpy(), 3 * np.arange(6) + 2 * np.arange(0, 12, 2))


def test_an_array_that_moved_is_found_where_it_is():
    kernel, y = add_kernel(), en.zeros(6, dtype=float)
    for k in range(5):
        x = en.full(6, float(k), dtype=float)
        en.launch(kernel, 6, inputs=[x, y])
    np.testing.assert_array_equal(y.numpy(), np.full(6, 10.0))


def test_arrays_that_overlap_run_the_form_that_allows_it():
    @en.kernel
    def shift(x: en.array(dtype=float), y: en.array(dtype=float)):
        i = en.tid()
        y[i] = x[i] + 1.0

    data = en.zeros(40, dtype=float)
    apart = data[:20], data[20:]
    for x, y in (apart, (data[:39], data[1:]), apart, (data, data)):
        for _ in range(3):
            data.assign(np.arange(40, dtype=np.float32))
            wanted = np.arange(40, dtype=np.float32)
            first = (y.ptr - data.ptr) // 4
            for i in range(len(x)):  # one thread after the other: what the CPU promises for arrays that overlap
                wanted[first + i] = wanted[(x.ptr - data.ptr) // 4 + i] + 1
            en.set_threads(1)
            try:
                en.launch(shift, len(x), inputs=[x], outputs=[y])
            finally:
                en.set_threads(os.cpu_count() or 1)
            np.testing.assert_array_equal(data.numpy(), wanted)


def test_a_tape_sees_the_launch():
    kernel = add_kernel()
    x, y = (en.ones(6, dtype=float, requires_grad=True) for _ in range(2))
    en.launch(kernel, 6, inputs=[x, y])
    with en.Tape() as tape:
        assert not is_quick(kernel, 6, [x, y])
        en.launch(kernel, 6, inputs=[x, y])
    y.grad.fill_(1.0)
    tape.backward()
    np.testing.assert_array_equal(x.grad.numpy(), np.ones(6))


def test_a_graph_records_the_launch():
    kernel, x, y = add_kernel(), en.ones(6, dtype=float), en.zeros(6, dtype=float)
    en.launch(kernel, 6, inputs=[x, y])
    with en.ScopedCapture() as capture:
        assert not is_quick(kernel, 6, [x, y])
        en.launch(kernel, 6, inputs=[x, y])
    assert y.numpy()[0] == 1.0
    en.capture_launch(capture.graph)
    assert y.numpy()[0] == 2.0
    assert is_quick(kernel, 6, [x, y])


def test_a_tape_on_another_thread_keeps_launches_in_python_until_it_ends():
    kernel, x, y = add_kernel(), en.ones(6, dtype=float), en.zeros(6, dtype=float)
    en.launch(kernel, 6, inputs=[x, y])
    begun, end = threading.Event(), threading.Event()

    def record():
        with en.Tape():
            begun.set()
            end.wait(10)

    thread = threading.Thread(target=record)
    thread.start()
    begun.wait(10)
    assert not is_quick(kernel, 6, [x, y])
    end.set()
    thread.join()
    assert is_quick(kernel, 6, [x, y])


def test_deterministic_and_debug_mode_are_left_to_python():
    kernel, x, y = add_kernel(), en.ones(6, dtype=float), en.zeros(6, dtype=float)
    en.launch(kernel, 6, inputs=[x, y])
    en.config.deterministic = True
    try:
        assert not is_quick(kernel, 6, [x, y])
    finally:
        en.config.deterministic = False
    en.config.mode = "debug"
    try:
        with pytest.raises(en.KernelAssertionError):
            en.launch(kernel, 7, inputs=[x, y])
        with pytest.raises(en.KernelAssertionError):
            en.launch(kernel, 7, inputs=[x, y])
    finally:
        en.config.mode = "release"


def test_a_function_defined_anew_is_used_at_the_next_launch():
    space = {"en": en}
    source = "@en.func\ndef amount(x: float):\n    return x + {}\n"
    kernel_source = "@en.kernel\ndef apply(x: en.array(dtype=float)):\n    x[0] = amount(x[0])\n"
    x = en.zeros(1, dtype=float)

    def run(text):
        import linecache

        name = f"<test_quick_{len(linecache.cache)}>"
        linecache.cache[name] = (len(text), None, text.splitlines(True), name)
        exec(compile(text, name, "exec"), space)

    run(source.format("1.0"))
    run(kernel_source)
    for _ in range(3):
        en.launch(space["apply"], 1, inputs=[x])
    assert x.numpy()[0] == 3.0
    run(source.format("10.0"))
    for _ in range(3):
        en.launch(space["apply"], 1, inputs=[x])
    assert x.numpy()[0] == 33.0


def test_structs_and_lists_in_the_place_of_vectors_still_work():
    @en.kernel
    def use(p: Pair, v: en.vec2, out: en.array(dtype=float)):
        out[0] = p.a + p.b + v[1]

    out, pair = en.zeros(1, dtype=float), Pair()
    for k in range(12):  # more often than recipes are tried
        pair.a, pair.b = float(k), 2.0
        en.launch(use, 1, inputs=[pair, (0.0, 5.0), out])
        assert out.numpy()[0] == k + 7.0


def test_a_device_is_found_by_name_object_or_the_arrays():
    kernel, x, y = add_kernel(), en.ones(6, dtype=float), en.zeros(6, dtype=float)
    en.launch(kernel, 6, inputs=[x, y])
    assert all(is_quick(kernel, 6, [x, y], device=d) for d in (None, "cpu", en.get_device("cpu")))
    assert not any(is_quick(kernel, 6, [x, y], device=d) for d in ("cuda:7", "nowhere", 0, object()))


def test_without_arrays_a_device_must_be_named():
    @en.kernel
    def nothing(n: int):
        i = en.tid() + n  # noqa: F841

    en.launch(nothing, 3, inputs=[1], device="cpu")
    assert is_quick(nothing, 3, [1], device="cpu")
    assert not is_quick(nothing, 3, [1])


def test_references_are_given_back():
    kernel, x, y = add_kernel(), en.ones(6, dtype=float), en.zeros(6, dtype=float)
    inputs, number = [x], 123456789
    en.launch(kernel, 6, inputs=inputs, outputs=[y])
    objects = x, y, x._slots, x._layout, inputs, kernel, kernel.recipes, kernel.recipes[0], number
    before = [sys.getrefcount(o) for o in objects]
    for _ in range(100):
        assert is_quick(kernel, 6, inputs, [y])
        assert not is_quick(kernel, 6, inputs, [None])
        assert not is_quick(kernel, 6, [x, x, x], [y])
        assert not is_quick(kernel, 6, inputs, 5)
    assert [sys.getrefcount(o) for o in objects] == before


def test_threads_launch_at_once():
    kernel = add_kernel()
    arrays = [(en.ones(100, dtype=float), en.zeros(100, dtype=float)) for _ in range(4)]
    for x, y in arrays:
        en.launch(kernel, 100, inputs=[x, y])

    def work(x, y):
        for _ in range(500):
            en.launch(kernel, 100, inputs=[x, y])

    threads = [threading.Thread(target=work, args=a) for a in arrays]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert all((y.numpy() == 501.0).all() for _, y in arrays)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork()")
def test_a_child_process_makes_its_own_threads():
    kernel, x, y = add_kernel(), en.ones(100_000, dtype=float), en.zeros(100_000, dtype=float)
    en.launch(kernel, 100_000, inputs=[x, y])
    child = os.fork()
    if child == 0:
        signal_code = 1
        try:
            en.launch(kernel, 100_000, inputs=[x, y])
            signal_code = 0 if (y.numpy() == 2.0).all() else 2
        finally:
            os._exit(signal_code)
    assert os.waitpid(child, 0)[1] == 0


# the driver ------------------------------------------------------------------------------------------------------


@pytest.fixture
def gpu():
    """(place, make a variant, calls): a device whose driver is functions of ours."""
    calls, answer = [], [0]

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
    def set_current(context):
        calls.append(("context", context))
        return 0

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, *[ctypes.c_uint] * 7, ctypes.c_void_p,
                      ctypes.POINTER(ctypes.c_void_p), ctypes.c_void_p)  # fmt: skip
    def launch(function, *rest):
        *numbers, stream, params, _ = rest
        calls.append((function, numbers, stream, ctypes.string_at(params[0], 8 * 12)))
        return answer[0]

    places = [ctypes.cast(f, ctypes.c_void_p).value for f in (set_current, launch)]
    table = (ctypes.c_int64 * 6)(*places, 123, 0, 0, 55)
    place = types.SimpleNamespace(is_cuda=True, table=ctypes.addressof(table), functions=(set_current, launch, table))

    def variant(kernel, spread_below=256 * 8):
        facts = {
            "function": 11,
            "table": place.table,
            "block_dim": 256,
            "spread_below": spread_below,
            "sm_count": 8,
            "most_blocks": 100,
        }
        return types.SimpleNamespace(
            types=[t for _, t in kernel.parameters], size=8 * 12, is_plain=True, aliased=False, alias_sensitive=False,
            launch_facts=lambda: facts,
        )  # fmt: skip

    return place, variant, calls, answer


@pytest.mark.parametrize(
    ("total", "blocks", "threads"), [(1, 1, 32), (100, 4, 32), (600, 10, 64), (2048, 8, 256), (5000, 20, 256), (10**6, 100, 256)]
)  # fmt: skip
def test_the_driver_is_told_what_a_launch_in_python_would_tell_it(gpu, total, blocks, threads):
    place, variant, calls, _ = gpu

    @en.kernel
    def scale(a: float, n: int, x: en.array(dtype=float), v: en.vec2):
        x[en.tid()] = a

    x = en.zeros(5, dtype=float)
    args = [2.5, -3, x, en.vec2(1.0, -2.0)]
    scale.epoch = en.lang.definitions.epoch
    quick_launch.note(scale, variant(scale), args, place)
    assert is_quick(scale, total, args)
    block = struct.pack("<4qQf4xi4x3qf4xf4x", total, 1, 1, 1, 0, 2.5, -3, x.ptr, 5, 4, 1.0, -2.0)
    function, numbers, stream, given = calls[1]
    assert calls[0] == ("context", 123)
    assert (function, numbers, stream) == (11, [blocks, 1, 1, threads, 1, 1, 0], 55)
    assert _without_padding(given) == _without_padding(block)


def _without_padding(block):
    return struct.unpack("<4qQf4xi4x3qf4xf4x", block)


def test_a_launch_that_the_driver_refuses_is_done_again_in_python(gpu):
    place, variant, _, answer = gpu
    kernel, x = add_kernel(), en.zeros(5, dtype=float)
    kernel.epoch = en.lang.definitions.epoch
    quick_launch.note(kernel, variant(kernel), [x, x], place)
    answer[0] = 700
    assert not is_quick(kernel, 5, [x, x])

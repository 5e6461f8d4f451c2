"""Memory does not grow: over launches, redefinitions of kernels and structs, cycles of a tape, graphs and views.

The resident size counts everything, compiled code included; `tracemalloc` counts Python's objects.
"""

import gc
import os
import sys
import tracemalloc
import weakref

import pytest

import engine as en

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="reads the resident size from /proc")


def resident() -> int:
    """Resident size of this process [bytes]."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def growth(action, times: int, warm_up: int) -> tuple[int, int]:
    """Growth of the resident size and of Python's objects [bytes] over `times` actions after a warm-up."""
    for k in range(warm_up):
        action(k)
    gc.collect()
    before = resident()
    for k in range(times):
        action(k)
    gc.collect()
    grown = resident() - before
    tracemalloc.start()
    for k in range(max(1, times // 20)):
        action(k)
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    for k in range(max(1, times // 20)):
        action(k)
    gc.collect()
    objects = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return grown, objects


@en.kernel
def square(x: en.array(dtype=float), s: float, y: en.array(dtype=float)):
    i = en.tid()
    y[i] = x[i] * x[i] * s


@en.kernel
def add_up(x: en.array(dtype=float), total: en.array(dtype=float)):
    i = en.tid()
    en.atomic_add(total, 0, x[i])


def test_launches_leave_nothing_behind():
    x, y = en.ones(64, dtype=float), en.zeros(64, dtype=float)
    grown, objects = growth(lambda k: en.launch(square, 64, inputs=[x, 2.0, y]), times=100_000, warm_up=1000)
    assert grown < 1e6 and objects < 1e4


def test_launches_with_views_and_new_arrays_leave_nothing_behind():
    x = en.ones((64, 32), dtype=float)

    def action(k):
        en.launch(square, 16, inputs=[x[k % 64][::2], 2.0, en.zeros(16, dtype=float)])

    grown, objects = growth(action, times=5000, warm_up=500)
    assert grown < 1e6 and objects < 2e4


def redefined(k: int):
    factor = float(k % 8)

    @en.struct
    class Pair:
        a: float
        b: float

    @en.func
    def scaled(p: Pair):
        return p.a * factor + p.b

    @en.kernel
    def work(x: en.array(dtype=float)):
        i = en.tid()
        p = Pair()
        p.a = x[i]
        x[i] = scaled(p)

    return work


def test_redefined_kernels_are_freed_with_their_code():
    x = en.ones(64, dtype=float)
    # CPython's table of the subclasses of `object` is rebuilt now and then, whatever is freed, at 147 KB or, where a
    # session has seen many classes, twice that; a leak would show both times
    runs = [growth(lambda k: en.launch(redefined(k), 64, inputs=[x]), times=1000, warm_up=50) for _ in range(2)]
    grown, objects = min(r[0] for r in runs), min(r[1] for r in runs)
    assert grown < 1e6 and objects < 2e5, f"{grown / 1000:.0f} bytes a redefinition"
    kernel = weakref.ref(redefined(1))
    gc.collect()
    assert kernel() is None


def test_compiling_leaves_little_behind():
    x = en.ones(64, dtype=float)
    serial = iter(range(10_000))

    def action(_):
        number = float(next(serial)) + 0.125  # not compiled before, so it is not in the disk cache

        @en.kernel
        def fresh(x: en.array(dtype=float)):
            i = en.tid()
            x[i] = x[i] * number

        en.launch(fresh, 64, inputs=[x])

    grown, _ = growth(action, times=100, warm_up=30)
    assert grown < 1.5e6, f"{grown / 100:.0f} bytes a kernel"


def test_code_of_a_dead_kernel_stays_while_a_graph_or_a_bound_launch_uses_it():
    x = en.ones(8, dtype=float)
    kernel = redefined(3)
    with en.ScopedCapture() as capture:
        en.launch(kernel, 8, inputs=[x])
    bound = en.launch(kernel, 8, inputs=[x], record_cmd=True)
    del kernel
    gc.collect()
    en.capture_launch(capture.graph)
    bound.launch()
    assert (x.numpy() == 9).all()


def test_tape_cycles_leave_nothing_behind():
    x = en.ones(256, dtype=float, requires_grad=True)
    y = en.zeros(256, dtype=float, requires_grad=True)
    total = en.zeros(1, dtype=float, requires_grad=True)

    def action(_):
        tape = en.Tape()
        total.zero_()
        with tape:
            en.launch(square, 256, inputs=[x, 2.0, y])
            en.launch(add_up, 256, inputs=[y, total])
        tape.backward(total)
        tape.zero()

    grown, objects = growth(action, times=1000, warm_up=100)
    assert grown < 1e6 and objects < 5e4


def test_a_tape_that_is_reset_leaves_nothing_behind():
    x = en.ones(256, dtype=float, requires_grad=True)
    total = en.zeros(1, dtype=float, requires_grad=True)
    tape = en.Tape()

    def action(_):
        tape.reset()
        total.zero_()
        with tape:
            y = en.zeros(256, dtype=float, requires_grad=True)
            en.launch(square, 256, inputs=[x, 2.0, y])
            en.launch(add_up, 256, inputs=[y, total])
        tape.backward(total)

    grown, objects = growth(action, times=1000, warm_up=100)
    assert grown < 1e6 and objects < 5e4


def test_graphs_leave_nothing_behind():
    x, y = en.ones(64, dtype=float), en.zeros(64, dtype=float)

    def action(_):
        with en.ScopedCapture() as capture:
            for _ in range(10):
                en.launch(square, 64, inputs=[x, 2.0, y])
                y.zero_()
        en.capture_launch(capture.graph)

    grown, objects = growth(action, times=500, warm_up=50)
    assert grown < 1e6 and objects < 2e4


def test_arrays_are_freed_without_the_garbage_collector():
    gc.disable()
    try:
        a = en.zeros(1_000_000, dtype=en.vec3, requires_grad=True)
        watched = weakref.ref(a.numpy().base if a.device.is_cpu else a._data.base)
        assert sys.getrefcount(a) == 2
        del a
        assert watched() is None
    finally:
        gc.enable()

"""Kernels in lock-step lanes give the bits of the same kernel thread by thread."""

import numpy as np
import pytest

import engine as en
from engine.cpu.emit_lanes import LaneModule
from engine.kernel import Kernel

LANES = 16
pytestmark = pytest.mark.cpu_only("SIMD lanes")


@en.struct
class Rows:
    start: en.array(dtype=int)
    kind: en.array(dtype=int)
    weight: en.array(dtype=float)


@en.func
def turned(v: en.vec3, angle: float) -> en.vec3:
    return en.quat_rotate(en.quat_from_axis_angle(en.normalize(en.vec3(1.0, 2.0, 3.0)), angle), v)


def walk(
    rows: Rows, spread: int, x: en.array2d(dtype=float), scratch: en.array3d(dtype=float), y: en.array2d(dtype=float)
):
    block, lane = en.tid()
    i = en.min(block * 16 + lane, x.shape[0] - 1)
    mine = x[i]
    weight = rows.weight[i * spread :]
    total = en.vec3(0.0, 0.0, 0.0)
    for k in range(rows.kind.shape[0]):
        at = rows.start[k]
        v = en.vec3(mine[at], mine[at + 1], mine[at + 2])
        if rows.kind[k] == 0:
            v = turned(v, mine[at + 2])
        elif rows.kind[k] == 1:
            if v[0] > 0.0:
                v = v * 2.0 + en.vec3(en.atan2(v[1], v[0]), 0.0, weight[k])
            else:
                v = -v
                if v[1] < 0.25:
                    scratch[block, k, lane] = 7.0
        else:
            for _ in range(at):
                v = v * 0.5 + en.vec3(1.0, en.abs(v[0]), en.min(v[1], weight[k]))
        total = total + v
        if not (v[0] < 0.0):
            scratch[block, k, lane] = scratch[block, k, lane] + en.dot(v, total)
    n = 3
    while n > 0:
        total = total * 1.25
        n = n - 1
    for c in range(3):
        y[i, c] = total[c] + float(en.round(mine[c] * 3.0)) + float(int(mine[c] * 10.0) % 4)
    last = 0.0
    for k in range(rows.kind.shape[0]):
        last = last + scratch[block, k, lane]
    y[i, 3] = last


def results(kernel, count: int):
    rng = np.random.default_rng(3)
    rows = Rows()
    rows.start, rows.kind = en.array([0, 2, 4, 1], dtype=int), en.array([0, 1, 2, 1], dtype=int)
    rows.weight = en.array(rng.normal(size=count * 4), dtype=float)
    blocks = -(-count // LANES)
    x = en.array(rng.normal(size=(count, 7)), dtype=float)
    scratch, y = en.zeros((blocks, 4, LANES), dtype=float), en.zeros((count, 4), dtype=float)
    en.launch(kernel, dim=(blocks, LANES), inputs=[rows, 4, x, scratch], outputs=[y])
    return scratch.numpy(), y.numpy()


@pytest.mark.parametrize("count", [1, 16, 37, 1000])
def test_loops_branches_and_gathers_give_the_same_bits_in_lanes(count):
    plain, lanes = Kernel(walk, key="plain"), Kernel(walk, key="lanes", options={"lanes": LANES})
    for want, got in zip(results(plain, count), results(lanes, count)):
        assert np.abs(want).max() > 0.1
        np.testing.assert_array_equal(got, want)
    assert isinstance(lanes._any_variant().module, LaneModule)
    assert "<16 x float>" in lanes.llvm()


@pytest.mark.parametrize("threads", [1, 2])
def test_groups_are_whole_whatever_the_number_of_threads(threads):
    @en.kernel(lanes=16)
    def count_up(turns: int, x: en.array(dtype=int)):
        i = en.tid()
        for _ in range(turns):
            x[i] = x[i] + 1

    before = en.get_threads()
    en.set_threads(threads)
    try:
        x = en.zeros(16 * 1001, dtype=int)
        en.launch(count_up, dim=len(x), inputs=[3, x])
    finally:
        en.set_threads(before)
    assert (x.numpy() == 3).all()


def test_a_launch_that_cuts_a_group_is_refused():
    @en.kernel(lanes=16)
    def fill(x: en.array(dtype=int)):
        x[en.tid()] = 1

    with pytest.raises(en.EngineError, match="lanes=16"):
        en.launch(fill, dim=17, inputs=[en.zeros(17, dtype=int)])


def test_loops_that_differ_between_threads_run_thread_by_thread():
    @en.kernel(lanes=16)
    def triangle(x: en.array(dtype=int)):
        i = en.tid()
        for k in range(i):
            x[i] = x[i] + k

    x = en.zeros(32, dtype=int)
    en.launch(triangle, dim=32, inputs=[x])
    np.testing.assert_array_equal(x.numpy(), [i * (i - 1) // 2 for i in range(32)])
    assert not isinstance(triangle._any_variant().module, LaneModule)


def test_memory_behind_a_condition_is_not_touched_by_other_threads():
    """The array is absent for the threads whose condition is false, so a load without mask would crash."""

    @en.kernel(lanes=16)
    def guarded(choose: en.array(dtype=int), absent: en.array(dtype=float), out: en.array(dtype=float)):
        i = en.tid()
        if choose[i] > 0:
            out[i] = absent[i * 1000] + absent[0]

    out = en.zeros(16, dtype=float)
    en.launch(guarded, dim=16, inputs=[en.zeros(16, dtype=int), None, out])
    assert (out.numpy() == 0.0).all()

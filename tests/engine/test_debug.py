"""Debug mode: bounds and assertions raise at their place and nothing crashes; printing comes out in order."""

import re

import pytest

import engine as en


@en.func
def read(a: en.array(dtype=float), i: int) -> float:
    return a[i]


def line_of(text):
    with open(__file__) as file:
        return next(k for k, line in enumerate(file, 1) if line.strip() == text)


def failing(kernel, *args, dim=1):
    with pytest.raises(en.KernelAssertionError) as caught:
        en.launch(kernel, dim, inputs=list(args))
    return str(caught.value)


def test_index_out_of_bounds_names_line_index_and_size(debug_mode):
    @en.kernel
    def k(a: en.array(dtype=float), j: int):
        a[j] = 1.0  # write

    for j in (3, -1, 2**31 - 1, -(2**31)):
        text = failing(k, en.zeros(3, dtype=float), j)
        assert f"test_debug.py:{line_of('a[j] = 1.0  # write')}" in text
        assert re.search(rf"index {j} .*size 3", text), text
    a = en.zeros(3, dtype=float)
    en.launch(k, 1, inputs=[a, 2])
    assert a.list() == [0, 0, 1]


@pytest.mark.parametrize("what", range(8))
def test_every_kind_of_access_is_checked(debug_mode, what):
    @en.struct
    class S:
        data: en.array(dtype=float)

    @en.kernel
    def k(what: int, a: en.array2d(dtype=float), v: en.array(dtype=en.vec3), s: S, out: en.array(dtype=float)):
        if what == 0:
            out[0] = a[0, 9]
        elif what == 1:
            out[0] = a[9][0]
        elif what == 2:
            v[9][1] = 2.0
        elif what == 3:
            v[9].x += 1.0
        elif what == 4:
            en.atomic_add(out, 9, 1.0)
        elif what == 5:
            s.data[9] = 1.0
        elif what == 6:
            stack = en.zeros(shape=4, dtype=float)
            stack[en.tid() + 9] = 1.0
            out[0] = stack[0]
        else:
            row = a[1]
            out[0] = read(row, 9)

    args = [
        what,
        en.zeros((2, 2), dtype=float),
        en.zeros(2, dtype=en.vec3),
        S(data=en.zeros(1, dtype=float)),
        en.zeros(1, dtype=float),
    ]
    assert "index 9" in failing(k, *args)


def test_checks_inside_functions_name_the_function(debug_mode):
    @en.kernel
    def k(a: en.array(dtype=float), out: en.array(dtype=float)):
        out[0] = read(a, 5)

    text = failing(k, en.zeros(2, dtype=float), en.zeros(1, dtype=float))
    assert f"test_debug.py:{line_of('return a[i]')}" in text and "read" in text


def test_assert_shows_its_source(debug_mode):
    @en.kernel
    def k(a: en.array(dtype=float)):
        i = en.tid()
        assert a[i] > 0.0, "must be positive"

    text = failing(k, en.array([1.0, -1.0]), dim=2)
    assert 'a[i] > 0.0, "must be positive"' in text and "test_debug.py" in text
    en.launch(k, 1, inputs=[en.array([1.0])])


def test_asserts_and_bounds_cost_nothing_in_release_mode():
    @en.kernel
    def k(a: en.array(dtype=float)):
        assert a[0] > 0.0
        a[0] = 1.0

    a = en.zeros(1, dtype=float)
    en.launch(k, 1, inputs=[a])
    assert a.list() == [1.0] and "check" not in k.ir()


def test_failing_graph_raises_and_can_run_again(debug_mode):
    @en.kernel
    def k(index: en.array(dtype=int), a: en.array(dtype=float)):
        a[index[0]] = 1.0

    index, a = en.array([7]), en.zeros(2, dtype=float)
    with en.ScopedCapture() as inner:
        en.launch(k, 1, inputs=[index, a])
    with en.ScopedCapture() as c:
        en.capture_launch(inner.graph)
    with pytest.raises(en.KernelAssertionError, match="index 7"):
        en.capture_launch(c.graph)
    assert a.list() == [0.0, 0.0]
    index.fill_(1)
    en.capture_launch(c.graph)
    assert a.list() == [0.0, 1.0]


def test_first_failure_of_many_threads_is_reported_once(debug_mode):
    @en.kernel
    def k(a: en.array(dtype=float)):
        a[en.tid() + 1_000_000] = 1.0

    assert "size 10" in failing(k, en.zeros(10, dtype=float), dim=50_000)


def test_loops_in_debug_mode_still_end(debug_mode):
    @en.kernel
    def k(a: en.array(dtype=float), out: en.array(dtype=float)):
        s = float(0.0)
        for j in range(1000):
            if j == 500:
                break
            s += a[j]
        out[0] = s

    assert "index" in failing(k, en.zeros(3, dtype=float), en.zeros(1, dtype=float))


def test_integer_index_types(debug_mode):
    @en.kernel
    def k(a: en.array(dtype=float), i: en.uint8, j: en.int64, u: en.uint64):
        a[i] = 1.0
        a[j] = 2.0
        a[u] = 3.0

    a = en.zeros(300, dtype=float)
    en.launch(k, 1, inputs=[a, 255, 256, 257])
    assert a.numpy()[255:258].tolist() == [1, 2, 3]
    assert "out of bounds" in failing(k, a, 0, 2**40, 0)
    assert "out of bounds" in failing(k, a, 0, 0, 2**63)


def test_print_and_printf_come_out_in_order(capfd):
    @en.kernel
    def k(v: en.array(dtype=en.vec3)):
        i = en.tid()
        print("thread", i, v[i], i > 1, "100%")
        en.printf("%d: %f %s\n", i, v[i][0], "text")
        print(en.uint64(2**63), en.int64(-5), en.uint8(200), 2.5)

    n = 50
    v = en.array([(float(k), 0.0, 0.0) for k in range(n)], dtype=en.vec3)
    en.launch(k, n, inputs=[v])
    en.synchronize()
    lines = capfd.readouterr().out.splitlines()
    assert lines[:3] == ["thread 0 vec3(0, 0, 0) False 100%", "0: 0.000000 text", "9223372036854775808 -5 200 2.5"]
    assert [int(line.split()[1]) for line in lines[::3]] == list(range(n))


def test_text_of_kernel_and_python_keeps_its_order(capfd):
    @en.kernel
    def k(x: float):
        print("kernel", x)

    for j in range(3):
        print("python", j)
        en.launch(k, 1, inputs=[float(j)])
    assert capfd.readouterr().out.split() == [
        "python",
        "0",
        "kernel",
        "0",
        "python",
        "1",
        "kernel",
        "1",
        "python",
        "2",
        "kernel",
        "2",
    ]


def test_failed_accesses_touch_nothing(debug_mode):
    @en.kernel
    def k(a: en.array2d(dtype=en.vec3), none: en.array(dtype=float), j: int, out: en.array(dtype=float)):
        a[j, 0] = en.vec3(1.0)
        a[0, j][1] = 2.0
        a[0, 0][j] += 3.0
        row = a[j]
        row[0] = en.vec3(4.0)
        none[0] = 1.0
        out[0] = none[j]

    a, out = en.zeros((2, 2), dtype=en.vec3), en.ones(1, dtype=float)
    failing(k, a, None, 5, out)
    assert a.numpy()[:, 1:].sum() == 0 and a.numpy()[1].sum() == 0


def test_a_graph_with_prints_is_not_waited_for(device, capfd):
    @en.kernel
    def tell(x: en.array(dtype=int)):
        print("graph says", x[0])

    x = en.array([7], dtype=int)
    with en.ScopedCapture() as capture:
        en.launch(tell, 1, [x])
    if device.is_cuda and en.config.mode != "debug":
        assert not capture.graph.checked
    en.capture_launch(capture.graph)
    en.synchronize()
    assert "graph says 7" in capfd.readouterr().out

"""Launches: grids, arguments that do not fit, bound launches, threads, fork."""

import os
import threading

import numpy as np
import pytest

import engine as en


@en.kernel
def add(a: en.array(dtype=float), x: float):
    i = en.tid()
    a[i] = a[i] + x


@en.kernel
def index2(out: en.array2d(dtype=int)):
    i, j = en.tid()
    out[i, j] = i * 100 + j


@en.kernel
def index3(out: en.array3d(dtype=int)):
    i, j, k = en.tid()
    out[i, j, k] = i * 10000 + j * 100 + k


@en.kernel
def index4(out: en.array4d(dtype=int)):
    i, j, k, m = en.tid()
    out[i, j, k, m] = i * 1000000 + j * 10000 + k * 100 + m


@en.kernel
def vector_argument(v: en.vec3, m: en.mat22, n: en.uint8, flag: bool, out: en.array(dtype=float)):
    out[0] = v[0] + m[1, 0] + float(n)
    if flag:
        out[0] = -out[0]


@en.kernel
def two_arrays(a: en.array(dtype=float), v: en.array2d(dtype=en.vec3)):
    i = en.tid()
    a[i] = v[i, 0][0]


@pytest.mark.parametrize(
    ("kernel", "shape"),
    [(index2, (7, 1003)), (index3, (3, 70, 11)), (index4, (2, 3, 5, 70)), (index2, (1, 1)), (index3, (33, 1, 1))],
)
def test_grids_of_several_dimensions(kernel, shape):
    out = en.zeros(shape, dtype=int)
    en.launch(kernel, shape, inputs=[out])
    expected = sum(np.indices(shape)[d] * 100 ** (len(shape) - 1 - d) for d in range(len(shape)))
    np.testing.assert_array_equal(out.numpy(), expected)


def test_grid_with_fewer_indices_than_dimensions_counts_rows():
    @en.kernel
    def count(out: en.array(dtype=int)):
        i = en.tid()
        en.atomic_add(out, i, 1)

    out = en.zeros(4, dtype=int)
    en.launch(count, 4, inputs=[out])
    assert out.list() == [1, 1, 1, 1]


@pytest.mark.parametrize("n", [0, 1, 15, 16, 17, 1000, 100_003])
def test_every_index_runs_once(n):
    a = en.zeros(n, dtype=float)
    en.launch(add, n, inputs=[a], outputs=[1.0])
    assert (a.numpy() == 1.0).all()


def test_launches_of_no_threads():
    a = en.zeros(3, dtype=float)
    for dim in (0, (0,), (3, 0), (0, 0, 5)):
        en.launch(add, dim, inputs=[a, 1.0])
    assert a.list() == [0, 0, 0]
    en.launch(add, 0, inputs=[en.zeros(0, dtype=float), 1.0])


def test_arguments_convert_where_nothing_is_lost():
    out = en.zeros(1, dtype=float)
    for v in (en.vec3(1, 2, 3), (1, 2, 3), [1.0, 2.0, 3.0], np.array([1, 2, 3])):
        for m in (en.mat22(0, 0, 5, 0), [[0, 0], [5, 0]], np.array([[0, 0], [5, 0]])):
            en.launch(vector_argument, 1, inputs=[v, m, np.int64(200), np.bool_(True), out])
            assert out.list() == [-206.0]
    en.launch(add, 1, inputs=[out, np.float64(1.5)])
    en.launch(add, 1, inputs=[out, 2])
    en.launch(add, 1, inputs=[out, True])
    assert out.list() == [-206.0 + 4.5]


A = en.zeros(4, dtype=float)
V = en.zeros((4, 1), dtype=en.vec3)


@pytest.mark.parametrize(
    ("launch", "message"),
    [
        (lambda: en.launch(add, 1, inputs=[A]), "got 1 arguments; expected 2: a, x"),
        (lambda: en.launch(add, 1, inputs=[A, 1.0, 2.0]), "got 3 arguments"),
        (lambda: en.launch(add, 1, inputs=[1.0, A]), "argument 'a' got float 1.0"),
        (lambda: en.launch(add, 1, inputs=[A, A]), "argument 'x' got array1d"),
        (lambda: en.launch(add, 1, inputs=[A, None]), "argument 'x' got None"),
        (lambda: en.launch(add, 1, inputs=[A, np.array([1.0, 2.0])]), "argument 'x' got ndarray"),
        (lambda: en.launch(add, 1, inputs=[A, "1"]), "argument 'x' got str"),
        (lambda: en.launch(add, 1, inputs=[A, 1j]), "argument 'x' got complex"),
        (lambda: en.launch(add, 1, inputs=[A, [1.0]]), "argument 'x' got list"),
        (lambda: en.launch(add, 1, inputs=[np.zeros(4), 1.0]), "a ndarray of float64 was asked for as float32"),
        (lambda: en.launch(add, 1, inputs=[[1.0, 2.0], 1.0]), "argument 'a' got list"),
        (lambda: en.launch(add, 1, inputs=[en.zeros(4, dtype=int), 1.0]), "array1d.int32.; expected array1d.float32"),
        (lambda: en.launch(add, 1, inputs=[en.zeros((2, 2), dtype=float), 1.0]), "array2d.float32.; expected array1d"),
        (lambda: en.launch(add, 1, inputs=[en.zeros(4, dtype=en.vec3), 1.0]), "array1d.vec3."),
        (lambda: en.launch(two_arrays, 1, inputs=[A, en.zeros(4, dtype=en.vec3)]), "argument 'v' got array1d"),
        (lambda: en.launch(vector_argument, 1, inputs=[(1, 2), en.mat22(), 1, True, A]), "argument 'v' got tuple"),
        (
            lambda: en.launch(vector_argument, 1, inputs=[en.vec2(1, 2), en.mat22(), 1, True, A]),
            "argument 'v' got vec2",
        ),
        (lambda: en.launch(vector_argument, 1, inputs=[en.vec3(), en.mat33(), 1, True, A]), "argument 'm'"),
        (
            lambda: en.launch(vector_argument, 1, inputs=[en.vec3(), en.mat22(), 1.5, True, A]),
            "argument 'n' got float 1.5",
        ),
        (lambda: en.launch(vector_argument, 1, inputs=[en.vec3(), en.mat22(), 256, True, A]), "does not fit uint8"),
        (lambda: en.launch(vector_argument, 1, inputs=[en.vec3(), en.mat22(), -129, True, A]), "does not fit uint8"),
        (lambda: en.launch(add, -1, inputs=[A, 1.0]), "launch dim"),
        (lambda: en.launch(add, (1, 2, 3, 4, 5), inputs=[A, 1.0]), "launch dim"),
        (lambda: en.launch(add, (), inputs=[A, 1.0]), "launch dim"),
        (lambda: en.launch(add, 2.5, inputs=[A, 1.0]), "launch dim"),
        (lambda: en.launch(add, "4", inputs=[A, 1.0]), "launch dim"),
        (lambda: en.launch(add, None, inputs=[A, 1.0]), "launch dim"),
        (lambda: en.launch(add, 2**40, inputs=[A, 1.0]), "too large"),
        (lambda: en.launch(len, 1, inputs=[A]), "decorated with @kernel"),
        (lambda: en.launch(add, 1, inputs=[A, 1.0], device="cuda:99"), "cuda:99"),
        (lambda: en.launch(add, 1, inputs=A), "inputs"),
    ],
)
def test_wrong_launch_is_refused(launch, message):
    with pytest.raises(en.EngineError, match=message):
        launch()


def test_bound_launch_takes_new_arguments():
    a, b = en.zeros(4, dtype=float), en.zeros(4, dtype=float)
    bound = en.launch(add, 4, inputs=[a, 1.0], record_cmd=True)
    bound.launch()
    bound.launch()
    bound.set_param_by_name("x", 10.0)
    bound.launch()
    bound.set_param_at_index(0, b)
    bound.set_dim(2)
    bound.launch()
    assert a.list() == [12.0] * 4 and b.list() == [10.0, 10.0, 0.0, 0.0]
    with pytest.raises(en.LaunchError, match="no argument 'y'"):
        bound.set_param_by_name("y", 1.0)
    with pytest.raises(en.LaunchError, match="argument 'x'"):
        bound.set_param_by_name("x", "text")


def test_launch_after_a_refused_one_works():
    a = en.zeros(4, dtype=float)
    with pytest.raises(en.LaunchError):
        en.launch(add, 4, inputs=[a])
    en.launch(add, 4, inputs=[a, 1.0])
    assert a.list() == [1.0] * 4


def test_launches_from_several_python_threads():
    arrays = [en.zeros(20_000, dtype=float) for _ in range(4)]

    @en.kernel
    def fresh(a: en.array(dtype=float), x: float):
        i = en.tid()
        a[i] = a[i] + x

    def work(a, x):
        for _ in range(100):
            en.launch(fresh, a.size, inputs=[a, x])

    threads = [threading.Thread(target=work, args=(a, float(k + 1))) for k, a in enumerate(arrays)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for k, a in enumerate(arrays):
        assert (a.numpy() == 100 * (k + 1)).all()


def test_number_of_threads_does_not_change_results():
    before = en.get_threads()
    try:
        results = []
        for threads in (1, 2, 4):
            en.set_threads(threads)
            assert en.get_threads() == threads
            a = en.array(np.random.default_rng(0).normal(size=100_000).astype(np.float32))
            en.launch(add, a.size, inputs=[a, 0.1])
            results.append(a.numpy().tobytes())
        assert len(set(results)) == 1
    finally:
        en.set_threads(before)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.cpu_only("a CUDA context does not survive fork()")
def test_child_after_fork_launches_again():
    a = en.zeros(100_000, dtype=float)
    en.launch(add, a.size, inputs=[a, 1.0])
    child = os.fork()
    if child == 0:
        try:
            en.launch(add, a.size, inputs=[a, 1.0])
            os._exit(0 if (a.numpy() == 2.0).all() else 1)
        except BaseException:
            os._exit(2)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert (a.numpy() == 1.0).all()


def test_kernel_prints_its_code():
    @en.kernel
    def k(a: en.array(dtype=float), v: en.vec3):
        i = en.tid()
        for j in range(i):
            a[i] = a[i] * v[1] + en.sin(a[j])

    text = k.ir()
    assert "function k(" in text and "for" in text and "sin" in text
    assert "define" in k.llvm() and "@kernel" in k.llvm()
    assert "define" in k.llvm(optimised=True)


def test_generic_kernel_cannot_be_printed_before_its_launch():
    @en.kernel
    def k(a: en.array):
        a[0] = 1.0

    with pytest.raises(en.EngineError):
        k.ir()


def test_timer_and_session_calls(capsys):
    en.init()
    times = {}
    with en.ScopedTimer("work", dict=times) as timer:
        en.synchronize()
        en.synchronize_device("cpu")
    assert "work took" in capsys.readouterr().out and len(times["work"]) == 1 and timer.elapsed >= 0
    with en.ScopedTimer("quiet", active=False):
        pass
    assert capsys.readouterr().out == ""
    assert en.constant(5) == 5

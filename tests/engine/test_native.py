"""`func_native`: bodies in C++ on the CPU, CUDA C++ on a GPU, with adjoint and replay snippets."""

import numpy as np
import pytest

import engine as en
from engine.cpu import native_code


@en.func_native("return x * x;", adj_snippet="adj_x += 2 * x * adj_ret;")
def native_square(x: float) -> float: ...


@en.kernel
def square_all(x: en.array(dtype=float), y: en.array(dtype=float)):
    i = en.tid()
    y[i] = 3.0 * native_square(x[i])


@en.func_native(
    "out[tid] = a * x[tid] + y[tid];",
    "adj_a += x[tid] * adj_out[tid]; adj_x[tid] += a * adj_out[tid]; adj_y[tid] += adj_out[tid];",
)
def saxpy(a: float, x: en.array(dtype=float), y: en.array(dtype=float), out: en.array(dtype=float), tid: int): ...


@en.kernel
def saxpy_all(a: float, x: en.array(dtype=float), y: en.array(dtype=float), out: en.array(dtype=float)):
    saxpy(a, x, y, out, en.tid())


def floats(values, **kw):
    return en.array(np.asarray(values, dtype=np.float32), dtype=float, **kw)


def test_returned_number_and_its_gradient():
    x, y = floats([1, 2, -3], requires_grad=True), en.zeros(3, dtype=float, requires_grad=True)
    with en.Tape() as tape:
        en.launch(square_all, 3, [x], [y])
    np.testing.assert_allclose(y.numpy(), [3, 12, 27])
    tape.backward(grads={y: floats([1, 1, 2])})
    np.testing.assert_allclose(x.grad.numpy(), [6, 12, -36])


def test_arrays_and_their_gradients():
    x, y, out = floats([1, 2, 3], requires_grad=True), floats([5, 6, 7]), en.zeros(3, dtype=float, requires_grad=True)
    with en.Tape() as tape:
        en.launch(saxpy_all, 3, [2.0, x, y], [out])
    np.testing.assert_allclose(out.numpy(), [7, 10, 13])
    tape.backward(grads={out: floats([1, 10, 100])})
    np.testing.assert_allclose(x.grad.numpy(), [2, 20, 200])
    assert y.grad is None  # what adj_y adds goes nowhere


@en.struct
class Pair:
    weight: float
    values: en.array2d(dtype=float)


@en.func_native("""
    wp::vec_t<3, float> r = 2.0f * v + cross(v, wp::vec_t<3, float>(0.0f, 0.0f, 1.0f));
    r[2] += m(0, 1) * p.weight * p.values(1, 0);
    return r;
""")
def mixed(v: en.vec3, m: en.mat22, p: Pair) -> en.vec3: ...


@en.func_native("""
    address(x, i, 0)[0] = x(i, 1) + q.w;
    atomic_add(total, 0, 1);
    return wp::transform_t<double>(wp::vec_t<3, double>(n, flag, 0.5), wp::quat_t<double>(0, 0, 0, 1));
""")
def places(
    x: en.array2d(dtype=en.float64), i: int, q: en.quat, total: en.array(dtype=int), n: en.int8, flag: bool
) -> en.transformd: ...


@en.kernel
def call_mixed(v: en.array(dtype=en.vec3), m: en.mat22, p: Pair):
    i = en.tid()
    v[i] = mixed(v[i], m, p)


@en.kernel
def call_places(x: en.array2d(dtype=en.float64), total: en.array(dtype=int), out: en.array(dtype=en.transformd)):
    i = en.tid()
    out[i] = places(x, i, en.quat_identity(), total, en.int8(-5), i > 0)


def test_vectors_matrices_and_structs():
    pair = Pair(weight=3.0, values=en.array([[1.0, 2.0], [4.0, 5.0]], dtype=float))
    v = en.array([[1.0, 2.0, 3.0]], dtype=en.vec3)
    en.launch(call_mixed, 1, [v, en.mat22(1.0, 10.0, 0.0, 1.0), pair])
    np.testing.assert_allclose(v.numpy(), [[2 + 2, 4 - 1, 6 + 120]])


def test_strided_arrays_narrow_numbers_and_atomics():
    whole = en.array(np.arange(16.0).reshape(4, 4), dtype=en.float64)
    total, out = en.zeros(1, dtype=int), en.zeros(4, dtype=en.transformd)
    expected = whole.numpy().copy()
    expected[:, 0] = expected[:, 2] + 1.0
    en.launch(call_places, 4, [whole[:, ::2], total, out])
    np.testing.assert_allclose(whole.numpy(), expected)
    assert total.numpy()[0] == 4
    np.testing.assert_allclose(out.numpy()[:, :3], [[-5, float(i > 0), 0.5] for i in range(4)])


@pytest.mark.parametrize("replay", ["", "int k = taken[tid];"])
def test_replay_runs_instead_of_the_snippet(replay):
    counter, taken = en.zeros(1, dtype=int), en.zeros(8, dtype=int)

    @en.func_native("int k = atomicAdd(counter, 1); taken[tid] = k;", replay_snippet=replay)
    def take(counter: en.array(dtype=int), taken: en.array(dtype=int), tid: int): ...

    @en.kernel
    def spread(
        x: en.array(dtype=float), counter: en.array(dtype=int), taken: en.array(dtype=int), y: en.array(dtype=float)
    ):
        i = en.tid()
        take(counter, taken, i)
        y[taken[i]] = x[i] * x[i]

    x, y = floats(np.arange(8), requires_grad=True), en.zeros(8, dtype=float, requires_grad=True)
    with en.Tape() as tape:
        en.launch(spread, 8, [x, counter, taken], [y])
    weights = floats(np.arange(8) + 1)
    tape.backward(grads={y: weights})
    np.testing.assert_allclose(x.grad.numpy(), 2.0 * np.arange(8) * weights.numpy()[taken.numpy()])
    assert counter.numpy()[0] == 8


def test_replay_may_compute_something_simpler():
    @en.func_native("y[tid] = x[tid] * x[tid];", "adj_x[tid] += 2.0f * adj_y[tid];", "y[tid] = x[tid];")
    def square(x: en.array(dtype=float), y: en.array(dtype=float), tid: int): ...

    @en.kernel
    def log_of_square(x: en.array(dtype=float), y: en.array(dtype=float), z: en.array(dtype=float)):
        i = en.tid()
        square(x, y, i)
        z[i] = en.log(y[i])

    x = floats([1, 2, 3, 4], requires_grad=True)
    y, z = en.zeros_like(x), en.zeros_like(x)
    with en.Tape() as tape:
        en.launch(log_of_square, 4, [x, y], [z])
    tape.backward(grads={z: floats([1, 1, 1, 1])})
    np.testing.assert_allclose(z.numpy(), np.log([1.0, 4.0, 9.0, 16.0]), rtol=1e-6)
    np.testing.assert_allclose(x.grad.numpy(), [2.0, 1.0, 2.0 / 3.0, 0.5], rtol=1e-6)


def test_new_text_is_new_code():
    def make(step):
        @en.func_native(f"return x + {step};")
        def move(x: int) -> int: ...

        @en.kernel
        def run(x: en.array(dtype=int)):
            x[en.tid()] = move(x[en.tid()])

        return run

    x = en.zeros(1, dtype=int)
    for step in (1, 20, 300):
        en.launch(make(step), 1, [x])
    assert x.numpy()[0] == 321


def test_gradient_without_adjoint_snippet_is_refused():
    @en.func_native("return x * x;")
    def plain(x: float) -> float: ...

    @en.kernel
    def run(x: en.array(dtype=float), y: en.array(dtype=float)):
        y[en.tid()] = plain(x[en.tid()])

    x, y = floats([2.0], requires_grad=True), en.zeros(1, dtype=float, requires_grad=True)
    with en.Tape() as tape:
        en.launch(run, 1, [x], [y])
    with pytest.raises(en.GradientError, match="adj_snippet"):
        tape.backward(grads={y: floats([1.0])})


def test_text_that_does_not_compile_is_shown_with_its_place():
    @en.func_native("return undefined_name;")
    def broken(x: float) -> float: ...

    @en.kernel
    def run(x: en.array(dtype=float)):
        x[0] = broken(x[0])

    with pytest.raises(en.EngineError, match=r"(?s)snippet of broken \(.*test_native.py:\d+\).*undefined_name"):
        en.launch(run, 1, [floats([1.0])])


@pytest.mark.cpu_only("NVRTC needs no compiler")
def test_missing_compiler_says_what_to_do(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")

    @en.func_native("return x + 41;")
    def fresh(x: int) -> int: ...

    @en.kernel
    def run(x: en.array(dtype=int)):
        x[0] = fresh(x[0])

    with pytest.raises(en.EngineError, match=r"no-such-compiler.*install"):
        en.launch(run, 1, [en.zeros(1, dtype=int)])


def test_compiled_text_is_kept_on_disk(monkeypatch):
    def make():
        @en.func_native("return x - 77;")
        def minus(x: int) -> int: ...

        @en.kernel
        def run(x: en.array(dtype=int)):
            x[0] = minus(x[0])

        return run

    x = en.zeros(1, dtype=int)
    en.launch(make(), 1, [x])
    native_code._loaded.clear()
    monkeypatch.setattr(native_code, "_compile", lambda *_: pytest.fail("compiled again"))
    en.launch(make(), 1, [x])
    assert x.numpy()[0] == -154


def test_python_scope_is_refused():
    with pytest.raises(en.EngineError, match="call it from a kernel"):
        native_square(2.0)


@pytest.mark.parametrize("kernel", [square_all, saxpy_all, call_mixed, call_places], ids=lambda k: k.key)
def test_compiles_for_a_gpu(kernel):
    from engine.cuda.nvrtc import nvrtc

    try:
        compiler = nvrtc()
    except en.EngineError as why:
        pytest.skip(str(why))
    assert compiler.compile(kernel.cuda(), "sm_90", kernel.key).startswith(b"\x7fELF")

"""JAX arrays over our memory, and kernels inside compiled JAX programs."""

import gc

import numpy as np
import pytest

import engine as en

jax = pytest.importorskip("jax")
jnp = jax.numpy


@en.kernel
def blend(a: en.array(dtype=float), b: en.array(dtype=float), s: float, c: en.array(dtype=float)):
    i = en.tid()
    c[i] = a[i] * s + b[i]


@en.kernel
def rotate(q: en.quat, v: en.array(dtype=en.vec3), out: en.array(dtype=en.vec3), size: en.array(dtype=float)):
    i = en.tid()
    out[i] = en.quat_rotate(q, v[i])
    size[i] = en.length(v[i])


@en.kernel
def product(a: en.array2d(dtype=float), b: en.array2d(dtype=float), c: en.array2d(dtype=float)):
    i, j = en.tid()
    total = 0.0
    for k in range(a.shape[1]):
        total += a[i, k] * b[k, j]
    c[i, j] = total


@en.kernel
def accumulate(x: en.array(dtype=float), total: en.array(dtype=float), twice: en.array(dtype=float)):
    i = en.tid()
    total[i] = total[i] + x[i]
    twice[i] = x[i] * 2.0


@pytest.fixture
def ab():
    rng = np.random.default_rng(1)
    return jnp.asarray(rng.normal(size=20), jnp.float32), jnp.asarray(rng.normal(size=20), jnp.float32)


# arrays -----------------------------------------------------------------------------------------------------------


def test_arrays_share_memory_both_ways():
    a = en.full(1000, 3.0, dtype=float)
    j = en.to_jax(a)
    assert j.unsafe_buffer_pointer() == a.ptr
    b = en.from_jax(j)
    assert b.ptr == a.ptr and b.dtype is en.float32
    assert en.from_jax(jnp.zeros((4, 3)), dtype=en.vec3).shape == (4,)


def test_memory_lives_as_long_as_either_side():
    j, a = en.to_jax(en.full(1000, 3.0, dtype=float)), en.from_jax(jnp.full(1000, 4.0))
    gc.collect()
    junk = [np.zeros(1000, np.float32) for _ in range(20)]
    assert (np.asarray(j) == 3).all() and (a.numpy() == 4).all() and junk


def test_types_map_both_ways():
    for name in ("bool", "int8", "int32", "uint16", "float16", "float32"):
        ours = en.bool if name == "bool" else getattr(en, name)
        assert en.dtype_from_jax(jnp.dtype(name)) is ours and jnp.dtype(en.dtype_to_jax(ours)) == jnp.dtype(name)
    assert en.dtype_to_jax(en.mat33) is jnp.float32
    assert en.device_from_jax(jax.devices("cpu")[0]) == "cpu" and en.device_to_jax("cpu").platform == "cpu"
    assert en.to_jax(en.array([True, False], dtype=en.bool)).dtype == bool


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: en.from_jax(np.zeros(3)), "expected a jax.Array"),
        (lambda: en.from_jax(jnp.zeros(3, jnp.bfloat16)), "from_dlpack|bfloat16"),
        (lambda: en.from_jax(jnp.zeros((3, 4)), dtype=en.vec3), "shape"),
        (lambda: en.to_jax(en.zeros(3, dtype=en.float64)), "jax_enable_x64"),
        (lambda: jax.jit(lambda x: en.from_jax(x))(jnp.zeros(3)), "traced"),
    ],
)
def test_refusals_say_why(call, message):
    with pytest.raises(en.EngineError, match=message):
        call()


# kernels ----------------------------------------------------------------------------------------------------------


def test_kernel_runs_inside_jit(ab):
    a, b = ab
    run = en.jax_kernel(blend)
    np.testing.assert_allclose(run(a, b, 2.0)[0], a * 2 + b, rtol=1e-6)
    compiled = jax.jit(lambda a, b: run(run(a, b, 2.0)[0] + 1, b, 3.0)[0])
    np.testing.assert_allclose(compiled(a, b), (a * 2 + b + 1) * 3 + b, rtol=1e-5)


def test_compiled_program_calls_no_python(ab):
    text = jax.jit(lambda a, b: en.jax_kernel(blend)(a, b, 2.0)[0]).lower(*ab).as_text()
    assert "simrun_" in text and "callback" not in text


def test_vectors_numbers_and_several_outputs():
    v = jnp.asarray(np.random.default_rng(2).normal(size=(7, 3)), jnp.float32)
    q = en.quat_from_axis_angle(en.vec3(0.0, 0.0, 1.0), np.pi / 2)
    out, size = jax.jit(lambda v: tuple(en.jax_kernel(rotate, num_outputs=2)(q, v)))(v)
    np.testing.assert_allclose(out, np.stack([-v[:, 1], v[:, 0], v[:, 2]], 1), atol=1e-6)
    np.testing.assert_allclose(size, np.linalg.norm(v, axis=1), rtol=1e-6)


def test_launch_and_output_dimensions_are_chosen_in_the_call():
    a, b = jnp.arange(6.0).reshape(2, 3), jnp.arange(12.0).reshape(3, 4)
    np.testing.assert_allclose(jax.jit(lambda a, b: en.jax_kernel(product)(a, b, launch_dims=(2, 4))[0])(a, b), a @ b)
    fixed = en.jax_kernel(product, launch_dims=(2, 4), output_dims={"c": (2, 4)})
    np.testing.assert_allclose(fixed(a, b)[0], a @ b)


def test_changed_input_is_returned_and_the_original_kept():
    x, total = jnp.arange(5.0), jnp.ones(5)
    run = en.jax_kernel(accumulate, num_outputs=2, in_out_argnames=["total"])
    changed, twice = jax.jit(lambda x, t: tuple(run(x, t)))(x, total)
    np.testing.assert_allclose(changed, x + 1)
    np.testing.assert_allclose(twice, 2 * x)
    np.testing.assert_allclose(total, 1)
    assert (
        np.asarray(jax.jit(lambda x, t: run(run(x, t)[1], run(x, t)[0])[0])(x, total)).tolist() == (3 * x + 1).tolist()
    )


@pytest.mark.parametrize("method", ["broadcast_all", "sequential"])
def test_vmap_runs_every_batch(ab, method):
    a, b = ab
    run = en.jax_kernel(blend, vmap_method=method)
    batch = jnp.stack([a, a + 1, a * 3])
    one = jax.vmap(lambda a, b: run(a, b, 2.0)[0], in_axes=(0, None))(batch, b)
    np.testing.assert_allclose(one, batch * 2 + b, rtol=1e-5)
    two = jax.jit(jax.vmap(jax.vmap(lambda a: run(a, b, 2.0)[0])))(jnp.stack([batch, -batch]))
    np.testing.assert_allclose(two[1], -batch * 2 + b, rtol=1e-5)


def test_large_arrays_run_on_all_threads():
    n = 2_000_000
    a = jnp.arange(n, dtype=jnp.float32)
    np.testing.assert_array_equal(
        jax.jit(lambda a: en.jax_kernel(blend)(a, a, 1.0)[0])(a), 2 * np.arange(n, dtype=np.float32)
    )


def test_failed_check_becomes_an_error_of_jax(debug_mode):
    @en.kernel
    def outside(x: en.array(dtype=float), y: en.array(dtype=float)):
        i = en.tid()
        y[i] = x[i + 1]

    with pytest.raises(Exception, match="bounds check failed"):
        jax.block_until_ready(jax.jit(lambda x: en.jax_kernel(outside)(x)[0])(jnp.ones(4)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda a: en.jax_kernel(blend)(a, a), "got 2 inputs; expected 3: a, b, s"),
        (lambda a: en.jax_kernel(blend)(a, a.astype(jnp.int32), 1.0), "argument 'b' got int32; expected float32"),
        (lambda a: en.jax_kernel(blend)(a, a.reshape(4, 5), 1.0), r"shape \(4, 5\); expected \(n\)"),
        (lambda a: jax.jit(lambda s: en.jax_kernel(blend)(a, a, s)[0])(2.0), "traced value; mark it static"),
        (lambda a: en.jax_kernel(blend, num_outputs=7), "got num_outputs=7"),
        (lambda a: en.jax_kernel(blend, in_out_argnames=["s"], num_outputs=2), "no array input 's'"),
        (lambda a: en.jax_kernel(blend, output_dims={"z": 1})(a, a, 1.0), "output_dims names z; the outputs are c"),
        (lambda a: en.jax_kernel(product)(a.reshape(4, 5), a.reshape(4, 5), launch_dims=20), "has 2 dimensions"),
        (lambda a: en.jax_kernel(blend, vmap_method="expand_dims"), "vmap_method"),
        (lambda a: en.jax_kernel(len), "expected a function decorated"),
    ],
)
def test_kernel_call_is_refused_with_the_reason(ab, call, message):
    with pytest.raises(en.EngineError, match=message):
        call(ab[0])


def test_python_code_runs_through_a_callback(ab):
    def twice(a: en.array(dtype=float), s: float, out: en.array(dtype=float)):
        en.launch(blend, a.shape[0], inputs=[a, a, s, out])
        en.launch(blend, a.shape[0], inputs=[out, a, s, out])

    a, _ = ab
    run = jax.jit(lambda a: en.jax_callable(twice)(a, 2.0)[0])
    np.testing.assert_allclose(run(a), (a * 2 + a) * 2 + a, rtol=1e-5)
    np.testing.assert_allclose(jax.vmap(run)(jnp.stack([a, -a]))[1], -run(a), rtol=1e-5)


# gradients --------------------------------------------------------------------------------------------------------


@en.kernel
def damp(x: en.array(dtype=en.vec3), k: en.array(dtype=float), n: en.array(dtype=int), dt: float, y: en.array(dtype=en.vec3),
         size: en.array(dtype=float)):  # fmt: skip
    i = en.tid()
    y[i] = x[i] * en.exp(-k[0] * dt) * float(n[i])
    size[i] = en.length_sq(x[i])


def test_gradient_flows_through_a_kernel():
    x = jnp.asarray(np.random.default_rng(3).normal(size=(4, 3)), jnp.float32)
    k, n = jnp.array([0.7]), jnp.arange(1, 5, dtype=jnp.int32)
    run = en.jax_kernel(damp, num_outputs=2, launch_dims=4, enable_backward=True)

    def with_kernel(x, k):
        y, size = run(x * 2, k, n, 0.3)
        return (y**2).sum() + (size * jnp.arange(4.0)).sum()

    def with_jax(x, k):
        y = 2 * x * jnp.exp(-k[0] * 0.3) * n[:, None]
        return (y**2).sum() + (((2 * x) ** 2).sum(axis=1) * jnp.arange(4.0)).sum()

    for wrap in (lambda f: f, jax.jit):
        got = wrap(jax.value_and_grad(with_kernel, argnums=(0, 1)))(x, k)
        want = jax.value_and_grad(with_jax, argnums=(0, 1))(x, k)
        np.testing.assert_allclose(got[0], want[0], rtol=1e-5)
        for a, b in zip(got[1], want[1]):
            np.testing.assert_allclose(a, b, rtol=1e-4)


def test_gradients_are_only_there_when_asked_for(ab):
    with pytest.raises(Exception, match=r"differentiat(e|ion)"):
        jax.grad(lambda a: en.jax_kernel(blend)(a, a, 1.0)[0].sum())(ab[0])
    with pytest.raises(en.EngineError, match="in_out_argnames have no gradient"):
        en.jax_kernel(accumulate, num_outputs=2, in_out_argnames=["total"], enable_backward=True)

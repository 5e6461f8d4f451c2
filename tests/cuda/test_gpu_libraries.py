"""Other libraries on the same GPU: memory, streams and graphs shared with PyTorch, JAX and CuPy."""

import numpy as np
import pytest

import engine as en
from tests.cuda.gpu_only import NEEDS_GPU, on_the_gpu  # noqa: F401

pytestmark = NEEDS_GPU


def torch_on_gpu():
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("torch has no GPU here")
    torch.cuda.set_device(en.get_device().ordinal)
    return torch


@en.kernel
def double(x: en.array(dtype=float)):
    i = en.tid()
    x[i] = 2.0 * x[i]


def test_memory_is_shared_with_torch_both_ways():
    torch = torch_on_gpu()
    t = torch.arange(12, dtype=torch.float32, device="cuda")
    a = en.from_torch(t)
    assert a.ptr == t.data_ptr() and a.device == "cuda:0"
    en.launch(double, 12, [a])
    assert t.tolist() == [2.0 * k for k in range(12)]
    en.launch(double, 12, [t])  # a tensor as it is
    assert t.tolist() == [4.0 * k for k in range(12)]
    v = en.from_torch(t.reshape(4, 3), dtype=en.vec3)
    assert v.shape == (4,) and v.ptr == t.data_ptr()
    back = en.to_torch(en.full((2, 3), 5.0))
    assert back.device.type == "cuda" and back.tolist() == [[5.0] * 3] * 2
    back += 1.0
    wrapped = torch.as_tensor(a, device="cuda")
    assert wrapped.data_ptr() == t.data_ptr()
    assert en.array(t, copy=False).ptr == t.data_ptr()
    strided = en.from_torch(t.reshape(3, 4)[:, ::2])
    assert np.array_equal(strided.numpy(), t.reshape(3, 4)[:, ::2].cpu().numpy())


@pytest.mark.parametrize("name", ["bool", "int8", "int64", "float16", "float64", "bfloat16"])
def test_types_go_to_torch_and_back(name):
    torch = torch_on_gpu()
    t = torch.tensor([0, 1, 1], device="cuda").to(getattr(torch, name))
    a = en.from_torch(t)
    out = en.to_torch(a)
    assert out.dtype == t.dtype and out.data_ptr() == t.data_ptr() and torch.equal(out, t)


def test_memory_is_shared_with_cupy_and_through_dlpack():
    cupy = pytest.importorskip("cupy")
    a = en.array(np.arange(12, dtype=np.float32).reshape(4, 3), dtype=en.vec3)
    for theirs in (cupy.asarray(a), cupy.from_dlpack(a)):
        assert theirs.shape == (4, 3) and theirs.data.ptr == a.ptr
        assert cupy.asnumpy(theirs * 2).tolist() == (2 * a.numpy()).tolist()
    x = cupy.arange(10, dtype=cupy.float32)
    for ours in (en.from_dlpack(x), en.array(x, copy=False)):
        assert ours.ptr == x.data.ptr and ours.numpy().tolist() == list(range(10))
    en.launch(double, 10, [en.from_dlpack(x)])
    assert float(x[3]) == 6.0


def test_memory_is_shared_with_jax():
    jax = pytest.importorskip("jax")
    if jax.default_backend() != "gpu":
        pytest.skip("jax has no GPU here")
    a = en.array(np.arange(12, dtype=np.float32).reshape(4, 3), dtype=en.vec3)
    theirs = en.to_jax(a)
    assert np.array_equal(np.asarray(theirs * 2), 2 * a.numpy())
    back = en.from_jax(theirs, dtype=en.vec3)
    assert back.device == "cuda:0" and np.array_equal(back.numpy(), a.numpy())


def test_kernel_runs_inside_jit_on_the_gpu():
    jax = pytest.importorskip("jax")
    if jax.default_backend() != "gpu":
        pytest.skip("jax has no GPU here")
    call = en.jax_kernel(squares)
    x = jax.numpy.arange(1000, dtype="float32")

    @jax.jit
    def f(x):
        return call(x * 2.0)[0] + 1.0

    expected = (2.0 * np.arange(1000, dtype=np.float32)) ** 2 + 1.0
    assert np.array_equal(np.asarray(f(x)), expected)
    batch = jax.vmap(lambda row: call(row)[0])(x.reshape(10, 100))
    assert np.array_equal(np.asarray(batch), np.arange(1000, dtype=np.float32).reshape(10, 100) ** 2)


def test_streams_are_shared_with_torch():
    torch = torch_on_gpu()
    theirs = torch.cuda.Stream()
    ours = en.stream_from_torch(theirs)
    assert ours.cuda_stream == theirs.cuda_stream
    a = en.zeros(1 << 20)
    en.synchronize()
    with torch.cuda.stream(theirs), en.ScopedStream(ours):
        t = torch.full((1 << 20,), 3.0, device="cuda")
        en.copy(a, en.from_torch(t))
        en.launch(double, a.size, [a])
        out = en.to_torch(a) + 1.0
    theirs.synchronize()
    assert bool((out == 7.0).all())
    back = en.stream_to_torch(en.Stream("cuda:0"))
    with torch.cuda.stream(back):
        x = torch.ones(10, device="cuda") * 2
    back.synchronize()
    assert x.sum().item() == 20.0


def test_torch_graph_contains_our_launches():
    torch = torch_on_gpu()
    t = torch.ones(16, device="cuda")
    a = en.from_torch(t)
    en.launch(double, 16, [a])
    en.synchronize()
    graph, stream = torch.cuda.CUDAGraph(), torch.cuda.Stream()
    ours = en.stream_from_torch(stream)
    with torch.cuda.graph(graph, stream=stream), en.ScopedStream(ours, sync_enter=False):
        en.capture_begin(stream=ours, external=True)
        t.add_(1.0)
        en.launch(double, 16, [a])
        kept = en.capture_end(stream=ours)
    assert t[0].item() == 2.0
    graph.replay()
    torch.cuda.synchronize()
    assert t[0].item() == 6.0 and kept is not None


def test_gradient_through_a_kernel_inside_torch():
    torch = torch_on_gpu()
    f = en.torch.function(squares, num_outputs=1)
    x = torch.tensor([1.0, -2.0, 3.0], device="cuda", requires_grad=True)
    y = f(x)
    y.sum().backward()
    assert torch.allclose(x.grad, 2 * x.detach())


@en.kernel
def squares(x: en.array(dtype=float), y: en.array(dtype=float)):
    i = en.tid()
    y[i] = x[i] * x[i]

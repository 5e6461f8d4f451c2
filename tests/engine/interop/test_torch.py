"""Tensors and arrays over one memory, with one gradient."""

import gc

import numpy as np
import pytest

import engine as en

torch = pytest.importorskip("torch")

TYPES = ["bfloat16", "bool", "int8", "int16", "int32", "int64", "uint8", "float16", "float32", "float64"]


@en.kernel
def double(x: en.array(dtype=float)):
    i = en.tid()
    x[i] = x[i] * 2.0


@pytest.mark.parametrize("name", TYPES)
def test_types_map_both_ways(name):
    ours, theirs = getattr(en, name), getattr(torch, name)
    assert en.dtype_from_torch(theirs) is ours and en.dtype_to_torch(ours) is theirs
    t = en.to_torch(en.ones(3, dtype=ours))
    assert t.dtype is theirs and en.from_torch(t).dtype is ours


def test_vectors_map_to_their_components():
    assert en.dtype_to_torch(en.vec3) is torch.float32 and en.dtype_to_torch(en.mat22d) is torch.float64
    assert tuple(en.to_torch(en.zeros((4, 2), dtype=en.transform)).shape) == (4, 2, 7)
    assert en.from_torch(torch.zeros(5, 3, 3), dtype=en.mat33).shape == (5,)


def test_devices_map():
    assert en.device_from_torch("cpu") == "cpu" and en.device_to_torch("cpu") == torch.device("cpu")
    with pytest.raises(en.EngineError, match="cuda"):
        en.device_from_torch("cuda:99")


def test_memory_is_shared_both_ways():
    t = torch.ones(6)
    a = en.from_torch(t)
    en.launch(double, 6, inputs=[a])
    assert a.ptr == t.data_ptr() and (t == 2).all()
    en.to_torch(a).add_(1)
    assert (a.numpy() == 3).all()


def test_tensor_is_accepted_by_a_launch():
    t = torch.ones(6, requires_grad=True)
    en.launch(double, 3, inputs=[t])
    np.testing.assert_array_equal(t.detach(), [2, 2, 2, 1, 1, 1])
    with pytest.raises(en.LaunchError, match="argument 'x': from_torch: a tensor of float64"):
        en.launch(double, 3, inputs=[t.double()])


def test_tape_gives_gradients_to_tensors_of_a_launch():
    t, out = torch.tensor([1.0, 2.0], requires_grad=True), en.zeros(2, dtype=float, requires_grad=True)
    with en.Tape() as tape:
        en.launch(split, 2, inputs=[t, out, en.zeros(2, dtype=float)])
    tape.backward(grads={out: np.ones(2, np.float32)})
    np.testing.assert_array_equal(t.grad, [2, 4])


def test_half_precision_of_both_kinds_keeps_its_values():
    t = torch.tensor([[1.5, -2.0, 3.0]], dtype=torch.bfloat16)
    a = en.from_torch(t, dtype=en.vector(3, en.bfloat16))
    assert a.shape == (1,) and torch.equal(en.to_torch(a), t)


def test_intermediate_tensor_keeps_its_gradient_when_asked():
    t = torch.ones(3, requires_grad=True) * 2
    a = en.from_torch(t, retain_grad=True)
    assert a.grad.ptr == t.grad.data_ptr()


def test_strides_are_kept():
    t = torch.arange(12.0).reshape(3, 4)
    en.launch(double, 2, inputs=[en.from_torch(t[0, ::2])])
    np.testing.assert_array_equal(t[0], [0, 1, 4, 3])
    assert en.from_torch(t.T).strides == (4, 16)
    assert en.to_torch(en.from_torch(t).transpose()).stride() == (1, 4)


def test_memory_lives_as_long_as_either_side():
    a, t = en.from_torch(torch.full((1000,), 3.0)), en.to_torch(en.full(1000, 4.0, dtype=float))
    gc.collect()
    junk = [torch.zeros(1000) for _ in range(20)]
    assert (a.numpy() == 3).all() and (t == 4).all() and junk


def test_gradients_are_shared():
    t = torch.ones(3, requires_grad=True)
    a = en.from_torch(t)
    assert a.requires_grad and a.grad.ptr == t.grad.data_ptr()
    a.grad.fill_(5.0)
    np.testing.assert_array_equal(t.grad, 5)
    b = en.zeros(3, dtype=float, requires_grad=True)
    u = en.to_torch(b)
    (u * 3).sum().backward()
    np.testing.assert_array_equal(b.grad.numpy(), 3)
    assert en.from_torch(t, requires_grad=False).grad is None


def test_gradient_may_be_given():
    g = en.zeros(2, dtype=en.vec3)
    assert en.from_torch(torch.ones(2, 3), dtype=en.vec3, grad=g).grad is g
    with pytest.raises(en.EngineError, match="grad is"):
        en.from_torch(torch.ones(3, 3), dtype=en.vec3, grad=g)


@pytest.mark.parametrize(
    ("make", "dtype", "message"),
    [
        (lambda: np.zeros(3), None, "got ndarray; expected a torch.Tensor"),
        (lambda: torch.zeros(3, dtype=torch.complex64), None, "complex64 has no engine type"),
        (lambda: torch.eye(3).to_sparse(), None, "expected a dense one"),
        (lambda: torch.zeros(3, device="meta"), None, "tensor is on meta"),
        (lambda: torch.zeros(3, 4).T, en.vec3, "side by side.*contiguous"),
        (lambda: torch.zeros(3, 4), en.vec3, r"shape \(3, 4\)"),
        (lambda: torch.zeros(3, 3, dtype=torch.float64), en.vec3, "float64 was asked for as vec3"),
    ],
)
def test_tensor_is_refused_with_the_reason(make, dtype, message):
    with pytest.raises(en.EngineError, match=message):
        en.from_torch(make(), dtype=dtype)


def test_reversed_view_has_no_tensor():
    with pytest.raises(en.EngineError, match="negative strides"):
        en.to_torch(en.zeros(4, dtype=float)[::-1])


# automatic differentiation ----------------------------------------------------------------------------------------


@en.kernel
def damped(x: en.array(dtype=en.float64), k: en.array(dtype=en.float64), dt: en.float64, y: en.array(dtype=en.float64)):
    i = en.tid()
    y[i] = x[i] * en.exp(-k[0] * dt) + en.sin(x[i])


@en.kernel
def lengths(v: en.array(dtype=en.vec3d), out: en.array(dtype=en.float64)):
    i = en.tid()
    out[i] = en.length(v[i])


@en.kernel
def split(x: en.array(dtype=float), a: en.array(dtype=float), b: en.array(dtype=float)):
    i = en.tid()
    a[i] = x[i] * x[i]
    b[i] = 3.0 * x[i]


def test_kernel_inside_torch_has_the_gradient_of_finite_differences():
    run = en.torch.function(damped)
    x = torch.linspace(-1, 1, 5, dtype=torch.float64, requires_grad=True)
    k = torch.tensor([0.7], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, k: run(x, k, 0.3), (x, k))
    assert torch.autograd.gradcheck(lambda x, k: run(run(x * 2, k, 0.3), k, 0.1).square().sum(), (x, k))


def test_vectors_are_trailing_dimensions():
    v = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(en.torch.function(lengths), (v,))


def test_only_used_outputs_and_wanted_inputs_get_gradients():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    a, b = en.torch.function(split, num_outputs=2)(x)
    b.sum().backward(retain_graph=True)
    np.testing.assert_allclose(x.grad, [3, 3])
    (a.sum() + a.sum()).backward()
    np.testing.assert_allclose(x.grad, [7, 11])
    k = torch.tensor([0.5], dtype=torch.float64)
    y = en.torch.function(damped)(torch.ones(2, dtype=torch.float64), k.requires_grad_(), 0.1)
    y.sum().backward()
    assert k.grad is not None
    assert not en.torch.function(split, num_outputs=2)(torch.ones(2))[0].requires_grad


def test_python_code_with_several_launches_is_differentiable():
    def energy(x):
        y, z, out = en.zeros_like(x), en.zeros_like(x), en.zeros_like(x)
        en.launch(split, x.shape[0], inputs=[x, y, z])
        en.launch(split, x.shape[0], inputs=[y, out, z])
        return out

    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = en.torch.function(energy)(x)
    y.sum().backward()
    np.testing.assert_allclose(y.detach(), [1, 16, 81])
    np.testing.assert_allclose(x.grad, [4, 32, 108])


def test_input_changed_before_backward_is_noticed():
    x = torch.ones(3, requires_grad=True)
    y = x * 1
    a, _ = en.torch.function(split, num_outputs=2)(y)
    y.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        a.sum().backward()


def test_optimiser_of_torch_minimises_through_a_kernel():
    x = torch.tensor([3.0, -2.0], requires_grad=True)
    optimiser = torch.optim.LBFGS([x], line_search_fn="strong_wolfe")

    def closure():
        optimiser.zero_grad()
        a, b = en.torch.function(split, num_outputs=2)(x)
        loss = (a + b).sum()
        loss.backward()
        return loss

    optimiser.step(closure)
    np.testing.assert_allclose(x.detach(), -1.5, atol=1e-4)


def test_what_a_callable_returns_is_checked():
    with pytest.raises(en.EngineError, match="returned int; expected arrays"):
        en.torch.function(lambda x: 3)(torch.ones(2))
    with pytest.raises(en.EngineError, match="got 1 inputs; expected 3: x, k, dt"):
        en.torch.function(damped)(torch.ones(2, dtype=torch.float64))

"""PyTorch: tensors and arrays over the same memory, and kernels inside torch's automatic differentiation."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from engine import types as T
from engine.arrays import array
from engine.device import Device, get_device
from engine.errors import EngineError
from engine.foreign import share, share_cuda
from engine.interop.kernel_call import KernelCall
from engine.interop.optional import require
from engine.kernel import Kernel
from engine.streams import Stream

_torch = functools.partial(require, "torch", "sharing arrays with PyTorch")


# types and devices ------------------------------------------------------------------------------------------------


@functools.cache
def _types() -> dict[T.ScalarType, Any]:
    torch = _torch()
    return {t: getattr(torch, t.name) for t in (*T.SCALARS.values(), T.bfloat16) if hasattr(torch, t.name)}


def dtype_from_torch(torch_dtype: Any) -> T.ScalarType:
    """The engine type of a torch dtype; raises EngineError where there is none."""
    for ours, theirs in _types().items():
        if theirs == torch_dtype:
            return ours
    raise EngineError(
        f"torch type {torch_dtype} has no engine type; convert the tensor to one of {', '.join(map(str, _types()))}"
    )


def dtype_to_torch(dtype: Any) -> Any:
    """The torch dtype of an engine type; of a vector or matrix, that of its components."""
    scalar = getattr(T.as_type(dtype), "scalar", None)
    if getattr(T.as_type(dtype), "kind", None) == "struct" or scalar not in _types():
        raise EngineError(f"type {T.type_name(dtype)} has no torch type; expected a number, vector or matrix type")
    return _types()[scalar]


def device_from_torch(torch_device: Any) -> Device:
    """The engine's device for a torch device; raises EngineError if it is not available here."""
    return get_device(str(_torch().device(torch_device)))


def device_to_torch(device: Any) -> Any:
    """The torch device for an engine device."""
    return _torch().device(str(get_device(device)))


# arrays -----------------------------------------------------------------------------------------------------------


def from_torch(
    t: Any,
    dtype: Any = None,
    requires_grad: bool | None = None,
    grad: Any = None,
    return_ctype: bool = False,
    retain_grad: bool = False,
) -> array:
    """An array over the memory of a tensor, which it keeps alive; gradients are shared too.

    Args:
        t: a dense tensor on the CPU or a CUDA device.
        dtype: element type; a vector or matrix type takes the trailing dimensions. None: the tensor's scalar type.
        requires_grad: whether the array has a gradient; None: as the tensor does.
        grad: array or tensor to use as gradient. By default that of the tensor, made of zeros if it has none yet.
        return_ctype: no effect; arrays are as quick to launch with.
        retain_grad: whether an intermediate tensor keeps its gradient, so that it can be shared; the array's is kept too.

    Raises:
        EngineError: not a tensor, on another device, or only a copy would fit `dtype`.
    """
    torch = _torch()
    if not isinstance(t, torch.Tensor):
        raise EngineError(f"from_torch: got {type(t).__name__}; expected a torch.Tensor")
    if t.layout != torch.strided or t.is_conj() or t.is_neg():
        raise EngineError(
            f"from_torch: got a tensor of layout {t.layout}; expected a dense one: t.to_dense().resolve_neg()"
        )
    if t.device.type not in ("cpu", "cuda"):
        raise EngineError(f"from_torch: the tensor is on {t.device}; expected one on the CPU or a CUDA device")
    if retain_grad and not t.is_leaf:
        t.retain_grad()
    out = _shared(t, dtype, "from_torch: a tensor")
    if requires_grad is None:
        requires_grad = t.requires_grad or grad is not None
    if requires_grad:
        _share_gradient(out, t, grad)
        out.retain_grad = retain_grad
    return out


def _shared(t: Any, dtype: Any, source: str) -> array:
    scalar, values = dtype_from_torch(t.dtype), t.detach()  # refuses complex and quantised numbers
    values = values.view(_torch().uint16) if scalar is T.bfloat16 else values
    if t.device.type == "cuda":
        return share_cuda(_CudaTensor(values), dtype, source, scalar)
    return share(values.numpy(), dtype, source, "tensor.contiguous()", scalar)


class _CudaTensor:
    """A tensor's memory with torch's present stream, which its own `__cuda_array_interface__` does not name."""

    def __init__(self, tensor: Any):
        self.tensor = tensor

    @property
    def __cuda_array_interface__(self) -> dict:
        t = self.tensor
        number = str(t.dtype).removeprefix("torch.")
        size = t.element_size()
        return {
            "shape": tuple(t.shape),
            "strides": tuple(s * size for s in t.stride()),
            "typestr": np.dtype(number).str,
            "data": (t.data_ptr(), False),
            "stream": _torch().cuda.current_stream(t.device).cuda_stream or 1,
            "version": 3,
        }


def _share_gradient(out: array, t: Any, grad: Any) -> None:
    if isinstance(grad, array):
        if grad.shape != out.shape or grad.dtype is not out.dtype:
            raise EngineError(
                f"from_torch: grad is {grad.shape} of {T.type_name(grad.dtype)}; "
                f"expected {out.shape} of {T.type_name(out.dtype)}"
            )
    else:
        if grad is None:
            grad = _gradient_of(t)
        grad = _shared(grad, out.dtype, "from_torch: a gradient")
    out.grad = grad
    out._requires_grad = True


def _gradient_of(t: Any) -> Any:
    torch = _torch()
    with warnings.catch_warnings():  # torch warns when the gradient of an intermediate value is asked for
        warnings.simplefilter("ignore")
        if t.grad is None:
            made = torch.zeros_like(t, memory_format=torch.preserve_format, requires_grad=False)
            if not (t.is_leaf or t.retains_grad):
                return made
            t.grad = made
        return t.grad


def to_torch(a: array, requires_grad: bool | None = None) -> Any:
    """A tensor over the memory of an array, which it keeps alive; vectors and matrices become trailing dimensions.

    Args:
        a: array of numbers, vectors or matrices.
        requires_grad: whether torch follows the tensor; None: as the array does. Its `grad` is then the array's.

    Raises:
        EngineError: an array of structs, or with negative strides, which tensors cannot have.
    """
    torch = _torch()
    if not isinstance(a, array):
        raise EngineError(f"to_torch: got {type(a).__name__}; expected an engine array")
    dtype_to_torch(a.dtype)
    if any(s < 0 for s in a.strides):
        raise EngineError(
            "to_torch: the array is a reversed view, and tensors have no negative strides; pack it: a.contiguous()"
        )
    if requires_grad is None:
        requires_grad = a.requires_grad
    t = _tensor(torch, a)
    if requires_grad:
        t.requires_grad_(True)
        if a.grad is not None:
            t.grad = _tensor(torch, a.grad)
    return t


def _tensor(torch: Any, a: array) -> Any:
    with warnings.catch_warnings():  # a read-only source stays the user's responsibility, as in torch.from_dlpack
        warnings.simplefilter("ignore", UserWarning)
        t = torch.from_numpy(a._data) if a.device.is_cpu else _cuda_tensor(torch, a)
        return t.view(torch.bfloat16) if a.dtype.scalar is T.bfloat16 else t


def _cuda_tensor(torch: Any, a: array) -> Any:
    """A tensor over GPU memory; torch's present stream waits for what is on ours."""
    number = dtype_to_torch(a.dtype) if a.dtype.scalar is not T.bfloat16 else torch.uint16
    if not a.size:
        return torch.empty(a._data.shape, dtype=number, device=str(a.device))
    holder = _Interface(a)
    t = torch.as_tensor(holder, device=str(a.device))
    theirs = torch.cuda.current_stream(t.device)
    ours = a.device.stream
    if theirs.cuda_stream not in (0, ours.cuda_stream) and not a.device.captures:
        theirs.wait_stream(stream_to_torch(ours))
    return t if t.dtype == number else t.view(number)


class _Interface:
    """An array's GPU memory for torch, without a stream: torch would wait for it on the host."""

    def __init__(self, a: array):
        facts = dict(a.__cuda_array_interface__)
        facts.pop("stream")
        data = a._data
        facts["strides"] = None if data.flags.c_contiguous else data.strides
        if a.dtype.scalar is T.bool_:
            facts["typestr"] = "|b1"
        self.__cuda_array_interface__, self.array = facts, a


# streams ----------------------------------------------------------------------------------------------------------


def stream_from_torch(stream_or_device: Any = None) -> Stream:
    """The engine's view of a torch stream, or of the current one of a torch device; both put work on the same queue."""
    torch = _torch()
    given = stream_or_device
    stream = given if hasattr(given, "cuda_stream") else torch.cuda.current_stream(given)
    return Stream(device_from_torch(stream.device), cuda_stream=stream.cuda_stream)


def stream_to_torch(stream_or_device: Any = None) -> Any:
    """Torch's view of an engine stream, or of the current one of a device; both put work on the same queue."""
    given = stream_or_device
    stream = given if isinstance(given, Stream) else get_device(given).stream
    if not stream.device.is_cuda:
        raise EngineError("stream_to_torch: torch has streams of CUDA devices only")
    out = _torch().cuda.ExternalStream(stream.cuda_stream, device=device_to_torch(stream.device))
    out.engine_stream = stream  # lives as long as torch's view of it
    return out


# automatic differentiation ----------------------------------------------------------------------------------------


def function(
    fn: Kernel | Callable,
    *,
    num_outputs: int = 1,
    launch_dims: Any = None,
    output_dims: Any = None,
    dtypes: Sequence[Any] | None = None,
) -> Callable:
    """Makes a kernel, or Python code that launches kernels, a differentiable function of tensors.

    A kernel takes its inputs as tensors or numbers; its last `num_outputs` arguments are allocated and returned.
    Any other callable receives arrays where it was given tensors, and returns an array or a tuple of arrays.
    The launches are recorded on a `Tape`, and `backward()` of the result runs it.

    Args:
        fn: the kernel or callable.
        num_outputs: how many of the kernel's last arguments are outputs.
        launch_dims: launch dimensions of the kernel; None: the shape of the first array argument.
        output_dims: shape of the outputs in elements, or a dict by argument name; None: the launch dimensions.
        dtypes: for a callable, the element type of each positional argument (None: the tensor's own).

    Returns:
        A function of tensors that returns one tensor, or a tuple of them.
    """
    if isinstance(fn, Kernel):
        call = KernelCall(fn, num_outputs, launch_dims, output_dims)
        run, types = call.launch, [t.dtype if t.kind == "array" else None for _, t in call.inputs]
    else:
        run, types = fn, dtypes

    @functools.wraps(getattr(fn, "function", fn))
    def on_tensors(*args: Any) -> Any:
        chosen = list(types or [])[: len(args)]
        out = _bridge().apply(run, chosen + [None] * (len(args) - len(chosen)), *args)
        return out[0] if len(out) == 1 else out

    return on_tensors


@functools.cache
def _bridge() -> Any:
    torch = _torch()
    from engine.autodiff.tape import Tape

    class Bridge(torch.autograd.Function):
        """Runs engine code on a tape; backward runs the tape."""

        @staticmethod
        def forward(ctx: Any, run: Callable, types: list, *args: Any) -> tuple:
            ours = list(args)
            for k, a in enumerate(args):
                if isinstance(a, torch.Tensor):
                    ours[k] = _shared(a, types[k], f"argument {k}: a tensor")
                    ours[k].requires_grad = ctx.needs_input_grad[k + 2]
            tape = Tape()
            with tape:
                made = run(*ours)
            outputs = made if isinstance(made, tuple) else (made,)
            for out in outputs:
                if not isinstance(out, array):
                    raise EngineError(f"torch.function: the callable returned {type(out).__name__}; expected arrays")
            ctx.set_materialize_grads(False)
            # torch refuses backward() if one of these was changed in place since
            ctx.save_for_backward(*(a for a in args if isinstance(a, torch.Tensor)))
            ctx.tape, ctx.inputs, ctx.outputs = tape, ours, outputs
            return tuple(to_torch(out, requires_grad=False) for out in outputs)

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx: Any, *grads: Any) -> tuple:
            _ = ctx.saved_tensors
            ctx.tape.zero()
            seeds = {}
            for out, g in zip(ctx.outputs, grads):
                if g is not None:
                    seeds[out] = _shared(g.contiguous(), out.dtype, "backward: a gradient")
            ctx.tape.backward(grads=seeds)
            found = [to_torch(a.grad).clone() if isinstance(a, array) and a.requires_grad else None for a in ctx.inputs]
            return (None, None, *found)

    return Bridge

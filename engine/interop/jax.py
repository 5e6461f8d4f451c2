"""JAX: arrays over the same memory, and kernels as primitives inside `jax.jit`.

A kernel becomes a foreign function of XLA: the compiled program calls machine code, no Python. See `xla_entry`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from engine import types as T
from engine.array_making import empty, zeros
from engine.arrays import array
from engine.device import Device, get_device, is_cuda_available
from engine.errors import EngineError
from engine.foreign import scalar_type_of, share
from engine.interop import xla_entry
from engine.interop.dlpack import from_dlpack
from engine.interop.kernel_call import KernelCall
from engine.interop.optional import require
from engine.kernel import Kernel

_jax = functools.partial(require, "jax", "working with JAX")
_VMAP_METHODS = ("broadcast_all", "sequential", None)


# types and devices ------------------------------------------------------------------------------------------------


def dtype_from_jax(jax_dtype: Any) -> T.ScalarType:
    """The engine type of a JAX dtype; raises EngineError where there is none."""
    return scalar_type_of(np.dtype(jax_dtype), "a JAX array")


def dtype_to_jax(dtype: Any) -> Any:
    """The JAX dtype of an engine type; of a vector or matrix, that of its components."""
    dtype = T.as_type(dtype)
    if not hasattr(dtype, "scalar") or dtype.kind in ("struct", "array"):
        raise EngineError(f"type {T.type_name(dtype)} has no JAX type; expected a number, vector or matrix type")
    return getattr(_jax().numpy, dtype.scalar.name)


def device_from_jax(jax_device: Any) -> Device:
    """The engine's device for a JAX device; raises EngineError if it is not available here."""
    return get_device("cpu" if jax_device.platform == "cpu" else f"cuda:{jax_device.id}")


def device_to_jax(device: Any) -> Any:
    """The JAX device for an engine device."""
    place = get_device(device)
    return _jax().devices("cpu")[0] if place.is_cpu else _jax().devices("gpu")[place.ordinal]


# arrays -----------------------------------------------------------------------------------------------------------


def from_jax(jax_array: Any, dtype: Any = None) -> array:
    """An array over the memory of a JAX array, which it keeps alive.

    JAX takes its arrays for constants: kernels must only read the result. Raises EngineError if only a copy would fit.
    """
    jax = _jax()
    if isinstance(jax_array, jax.core.Tracer):
        raise EngineError("from_jax: got a traced value, which has no memory; use jax_kernel() inside jax.jit")
    if not isinstance(jax_array, jax.Array):
        raise EngineError(f"from_jax: got {type(jax_array).__name__}; expected a jax.Array")
    return from_dlpack(jax_array.block_until_ready(), dtype)


def to_jax(a: array) -> Any:
    """A JAX array over the memory of an array, which it keeps alive; vectors and matrices become trailing dimensions.

    JAX takes the memory for constant: do not write to `a` while the result is in use. A strided view is packed first.
    """
    jax = _jax()
    if not isinstance(a, array):
        raise EngineError(f"to_jax: got {type(a).__name__}; expected an engine array")
    dtype_to_jax(a.dtype)
    if a.dtype.scalar.bits == 64 and not jax.config.jax_enable_x64:
        raise EngineError(f'to_jax: {a.dtype.scalar.name} needs 64-bit JAX: jax.config.update("jax_enable_x64", True)')
    if a.dtype.scalar.is_bool:
        return jax.numpy.from_dlpack(a.contiguous().view(T.uint8)).astype(bool)  # DLPack in JAX has no bool
    return jax.numpy.from_dlpack(a.contiguous())


# kernels ----------------------------------------------------------------------------------------------------------


class JaxKernel:
    """A kernel that JAX can call; made by `jax_kernel`."""

    def __init__(self, call: KernelCall, vmap_method: str | None, enable_backward: bool):
        self.call, self.vmap_method, self.enable_backward = call, vmap_method, enable_backward
        self.__name__ = call.kernel.__name__

    def __call__(self, *args: Any, launch_dims: Any = None, output_dims: Any = None) -> list:
        """Outputs for inputs: arrays (traced or not) where the kernel takes arrays, Python numbers elsewhere."""
        jax, call = _jax(), self.call.with_dims(launch_dims, output_dims)
        kernel = call.kernel
        if len(args) != len(call.inputs):
            names = ", ".join(n for n, _ in call.inputs)
            raise EngineError(
                f"kernel '{kernel.__name__}' got {len(args)} inputs; expected {len(call.inputs)}: {names}"
            )
        operands, numbers = [], {}
        for k, ((name, t), a) in enumerate(zip(call.inputs, args)):
            if t.kind == "array":
                operands.append(a if isinstance(a, jax.Array) else jax.numpy.asarray(a))
            else:
                numbers[k] = _number(jax, kernel, name, t, a)
        run = functools.partial(self._run, jax, call, numbers)
        if not self.enable_backward:
            return run(*operands)
        differentiable = jax.custom_vjp(run)
        differentiable.defvjp(lambda *x: (run(*x), x), functools.partial(_pull_back, jax, call, numbers))
        return differentiable(*operands)

    def _run(self, jax: Any, call: KernelCall, numbers: dict[int, Any], *operands: Any) -> list:
        """The call of the compiled kernel, as JAX traces it."""
        arrays = [(n, t) for n, t in call.inputs if t.kind == "array"]
        shapes = [_elements(call.kernel, n, t, a) for (n, t), a in zip(arrays, operands)]
        specimens = iter([empty(shape, dtype=t.dtype, device="cpu") for (_, t), shape in zip(arrays, shapes)])
        inputs = [numbers[k] if k in numbers else next(specimens) for k in range(len(call.inputs))]
        dims = call.dims(shapes)
        shapes = call.output_shapes(dims)
        outputs = [empty(shape, dtype=t.dtype, device="cpu") for (_, t), shape in zip(call.outputs, shapes)]
        target = xla_entry.register(jax, call, dims, [*inputs, *outputs])
        if jax.default_backend() == "gpu" and is_cuda_available():
            from engine.interop import xla_cuda

            xla_cuda.register(jax, target, call, dims, [*inputs, *outputs])
        changed = {name: k for k, (name, _) in enumerate(arrays)}
        aliases = {changed[name]: k for k, name in enumerate(call.in_out)}
        results = [operands[k] for k in aliases] + [o.numpy() for o in outputs]
        types = [jax.ShapeDtypeStruct(r.shape, r.dtype) for r in results]
        return jax.ffi.ffi_call(target, types, vmap_method=self.vmap_method, input_output_aliases=aliases)(*operands)


def _pull_back(jax: Any, call: KernelCall, numbers: dict[int, Any], operands: tuple, slopes: list) -> tuple:
    """Gradients of the operands for those of the outputs: runs the kernel on a tape, in a callback of JAX."""
    types = [t for _, t in call.inputs if t.kind == "array"]
    floats = [t.dtype.scalar.is_float for t in types]

    def host(operands: tuple, slopes: list) -> list[np.ndarray]:
        from engine.autodiff.tape import Tape

        shared = [share(np.asarray(a), t.dtype, "an operand", "copy it") for a, t in zip(operands, types)]
        for a, wanted in zip(shared, floats):
            a.requires_grad = wanted
        rest = iter(shared)
        with Tape() as tape:
            outputs = call.launch(*[numbers[k] if k in numbers else next(rest) for k in range(len(call.inputs))])
        tape.backward(grads={out: np.asarray(g) for out, g in zip(outputs, slopes) if out.dtype.scalar.is_float})
        return [a.grad.numpy() for a, wanted in zip(shared, floats) if wanted]

    wanted = [jax.ShapeDtypeStruct(a.shape, a.dtype) for a, f in zip(operands, floats) if f]
    found = iter(jax.pure_callback(host, wanted, operands, slopes, vmap_method="sequential"))
    return tuple(next(found) if f else np.zeros(a.shape, jax.dtypes.float0) for a, f in zip(operands, floats))


def jax_kernel(
    kernel: Kernel,
    num_outputs: int = 1,
    vmap_method: str | None = "broadcast_all",
    launch_dims: Any = None,
    output_dims: Any = None,
    in_out_argnames: Sequence[str] = (),
    enable_backward: bool = False,
) -> JaxKernel:
    """A kernel as a function of JAX arrays that works inside `jax.jit` and under `jax.vmap`.

    Array arguments become operands, whose trailing dimensions are the components of vectors and matrices; numbers are
    compiled in. The results come as a list: first the arrays named in `in_out_argnames`, then the last arguments.

    Args:
        kernel: a kernel whose outputs are its last arguments. It must write every element of them.
        num_outputs: number of results, those in `in_out_argnames` included.
        vmap_method: "broadcast_all" (one call runs the whole batch), "sequential", or None to refuse `vmap`.
        launch_dims: launch dimensions; None: the shape of the first array. May be given in the call as well.
        output_dims: shape of the outputs in elements, or a dict by argument name; None: the launch dimensions.
        in_out_argnames: array inputs that the kernel changes; JAX gets them back as results.
        enable_backward: whether `jax.grad` and `jax.vjp` go through the kernel. The backward pass runs a `Tape` in a
            callback of JAX, the forward pass stays compiled.

    Raises:
        EngineError: JAX is missing, or the kernel's arguments do not fit.
    """
    _jax()
    if vmap_method not in _VMAP_METHODS:
        raise EngineError(f"jax_kernel: got vmap_method={vmap_method!r}; expected one of {_VMAP_METHODS}")
    if not isinstance(kernel, Kernel):
        raise EngineError(f"jax_kernel: got {kernel!r}; expected a function decorated with @kernel")
    if enable_backward and in_out_argnames:
        raise EngineError(
            "jax_kernel: in_out_argnames have no gradient here; return new arrays, or enable_backward=False"
        )
    call = KernelCall(kernel, num_outputs, launch_dims, output_dims, in_out_argnames or ())
    return JaxKernel(call, vmap_method, enable_backward)


def _elements(kernel: Kernel, name: str, t: Any, a: Any) -> tuple[int, ...]:
    """Shape of an operand in elements of the kernel's array; raises EngineError where type or shape do not fit."""
    where = f"kernel '{kernel.__name__}': argument '{name}'"
    if a.dtype != t.dtype.scalar.np_dtype:
        hint = ' (64-bit JAX is off: jax.config.update("jax_enable_x64", True))' if t.dtype.scalar.bits == 64 else ""
        raise EngineError(f"{where} got {a.dtype}; expected {t.dtype.scalar.name} for {t.name}{hint}")
    tail = tuple(t.dtype.shape)
    head = a.ndim - len(tail)
    if head != t.ndim or tuple(a.shape[head:]) != tail:
        wanted = ", ".join(["n"] * t.ndim + [str(s) for s in tail])
        raise EngineError(f"{where} got shape {tuple(a.shape)}; expected ({wanted}) for {t.name}")
    return tuple(a.shape[:head])


def _number(jax: Any, kernel: Kernel, name: str, t: Any, a: Any) -> Any:
    if isinstance(a, jax.core.Tracer):
        raise EngineError(
            f"kernel '{kernel.__name__}': argument '{name}' is {T.type_name(t)}, a constant of the compiled program, "
            "and got a traced value; mark it static (static_argnames), or make the argument an array of one element"
        )
    return a.tolist() if isinstance(a, (jax.Array, np.ndarray)) else a


# Python code with several launches --------------------------------------------------------------------------------


def jax_callable(
    function: Callable, num_outputs: int = 1, vmap_method: str | None = "sequential", output_dims: Any = None
) -> Callable:
    """Python code that launches kernels, as a function that works inside `jax.jit`.

    XLA calls back into Python (`jax.pure_callback`), which costs some 100 microseconds a call; `jax_kernel` does not.

    Args:
        function: takes annotated arrays and numbers, inputs first; writes its last `num_outputs` arguments.
        num_outputs: how many of the last arguments are outputs.
        vmap_method: as in `jax.pure_callback`.
        output_dims: shape of the outputs in elements, or a dict by argument name; None: that of the first array.
    """
    jax = _jax()
    hints = inspect.get_annotations(function, eval_str=True)
    parameters = [(name, T.as_type(hints.get(name))) for name in inspect.signature(function).parameters]
    for name, t in parameters:
        if not hasattr(t, "kind"):
            raise EngineError(
                f"jax_callable: argument '{name}' of {function.__name__} needs a type, e.g. array(dtype=float)"
            )
    inputs, outputs = parameters[:-num_outputs], parameters[-num_outputs:]

    @functools.wraps(function)
    def on_jax(*args: Any) -> list:
        numbers = {
            k: _number(jax, function, n, t, a) for k, ((n, t), a) in enumerate(zip(inputs, args)) if t.kind != "array"
        }
        operands = [jax.numpy.asarray(a) for k, a in enumerate(args) if k not in numbers]
        kinds = [(n, t) for n, t in inputs if t.kind == "array"]
        shapes = [_elements(function, n, t, a) for (n, t), a in zip(kinds, operands)]
        given = output_dims if isinstance(output_dims, dict) else dict.fromkeys((n for n, _ in outputs), output_dims)
        heads = [given.get(n) if given.get(n) is not None else shapes[0] for n, _ in outputs]
        heads = [(h,) if isinstance(h, int) else tuple(h) for h in heads]

        def host(*values: Any) -> list[np.ndarray]:
            arrays = iter(
                share(np.asarray(v), t.dtype, "jax_callable: data", "copy it") for (_, t), v in zip(kinds, values)
            )
            ours = [numbers[k] if k in numbers else next(arrays) for k in range(len(inputs))]
            made = [zeros(h, dtype=t.dtype) for h, (_, t) in zip(heads, outputs)]
            function(*ours, *made)
            return [m.numpy() for m in made]

        types = [
            jax.ShapeDtypeStruct(h + tuple(t.dtype.shape), t.dtype.scalar.np_dtype) for h, (_, t) in zip(heads, outputs)
        ]
        return jax.pure_callback(host, types, *operands, vmap_method=vmap_method)

    return on_jax

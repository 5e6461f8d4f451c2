"""`map`: a function of the kernel language applied to every element of arrays, with NumPy's broadcasting."""

from __future__ import annotations

import itertools
import linecache
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from engine import types as T
from engine.array_making import empty
from engine.array_types import ArrayType
from engine.arrays import array
from engine.errors import EngineError, EngineTypeError, EngineValueError
from engine.function import Function, parameter, type_of_value
from engine.indexed_arrays import indexedarray
from engine.kernel import Kernel
from engine.launching import launch
from engine.library.registry import Builtin

_MOST_KEPT = 256
_ARRAYS = (array, indexedarray)
_kernels: dict[Any, tuple[Kernel, tuple]] = {}
_count = itertools.count()


def map(
    func: Callable,
    *inputs: Any,
    out: array | Sequence[array] | None = None,
    return_kernel: bool = False,
    block_dim: int | None = None,
    device: Any = None,
) -> Any:
    """Applies a function to the elements of arrays; differentiable where the function is.

    Args:
        func: function of the kernel language, builtin, or plain Python function or lambda of kernel code.
        inputs: its arguments: arrays, whose shapes are broadcast as in NumPy, and values given to every call.
        out: array or arrays for the results; made if not given, with gradients if an input has them.
        return_kernel: return the kernel that would run, without running it.
        block_dim: accepted for programs that run on GPUs too.
        device: device of the results; that of the first array by default.

    Returns:
        The array of results, a list of arrays for a function that returns several, None for one that returns nothing.

    Raises:
        EngineError: there is no array among the inputs, shapes do not fit, or `out` does not fit the results.
    """
    given = [a for a in inputs if isinstance(a, _ARRAYS)]
    if not given:
        raise EngineError("map: got no array; call the function itself for single values")
    try:
        shape = np.broadcast_shapes(*(a.shape for a in given))
    except ValueError:
        raise EngineValueError(
            f"map: the shapes {', '.join(str(a.shape) for a in given)} do not fit together"
        ) from None
    values = [a if isinstance(a, _ARRAYS) else _value(a, given) for a in inputs]
    given_outs = [] if out is None else list(out) if isinstance(out, (list, tuple)) else [out]
    kernel, results = _kernel_for(func, values, shape, tuple(type_of_value(a) for a in given_outs))
    if return_kernel:
        return kernel
    outs = _outputs(out, results, shape, given, device)
    launch(kernel, dim=shape, inputs=values, outputs=outs, device=given[0].device)
    if not results:
        return None
    return outs[0] if len(results) == 1 else outs


def _value(a: Any, given: list[array]) -> Any:
    """A plain Python number in the type of the arrays that it meets."""
    if isinstance(a, float) and type_of_value(a) is T.float32:
        floats = [x.dtype.scalar for x in given if x.dtype.kind != "struct" and x.dtype.scalar.is_float]
        return floats[0](a) if floats else a
    if isinstance(a, (list, tuple, np.ndarray)):
        raise EngineError(f"map: got a {type(a).__name__}; make it an array or a vector")
    return a


def _identity(func: Callable) -> Any:
    """What makes two functions the same for the cache: code and captured values."""
    if isinstance(func, (Function, Builtin)) or not hasattr(func, "__code__"):
        return func
    try:
        captured = tuple(c.cell_contents for c in func.__closure__ or ())
        hash(captured)
    except (ValueError, TypeError):
        return func
    return func.__code__, captured


def _kernel_for(func: Callable, values: list[Any], shape: tuple[int, ...], outs: tuple) -> tuple[Kernel, tuple]:
    """The kernel that applies `func` and writes to arrays of the types `outs`, and the types of its results."""
    types = tuple(type_of_value(a) for a in values)
    indices = tuple(_index(a.shape, len(shape)) if isinstance(a, _ARRAYS) else "" for a in values)
    key = (_identity(func), types, indices, len(shape), outs)
    found = _kernels.get(key)
    if found is None:
        if len(_kernels) >= _MOST_KEPT:
            _kernels.pop(next(iter(_kernels)))
        found = _kernels[key] = _make(func, types, indices, len(shape), outs)
    return found


def _index(shape: tuple[int, ...], ndim: int) -> str:
    """Subscript of an array of `shape` among `ndim` thread indices; dimensions of extent 1 are repeated."""
    first = ndim - len(shape)
    return "[" + ", ".join("0" if n == 1 else f"i{first + d}" for d, n in enumerate(shape)) + "]"


def _make(func: Callable, types: tuple, indices: tuple[str, ...], ndim: int, given: tuple) -> tuple[Kernel, tuple]:
    callee = func if hasattr(func, "compile_call") or isinstance(func, (Builtin, type)) else Function(func)
    name = getattr(func, "__name__", "function")
    names = ", ".join(f"x{k}" for k in range(len(types)))
    one = Function(_define(f"def element({names}):\n    return function({names})\n", "element", function=callee))
    elements = [t.dtype if t.kind == "array" else t for t in types]
    results = one.result_types({f"x{k}": parameter(f"x{k}", t)[1] for k, t in enumerate(elements)})
    tids = ", ".join(f"i{d}" for d in range(ndim))
    outs = [f"y{k}" for k in range(len(results))]
    called = f"function({', '.join(f'x{k}{index}' for k, index in enumerate(indices))})"
    stored = ", ".join(f"{y}[{tids}]" for y in outs)
    hints = dict(zip([f"x{k}" for k in range(len(types))], types))
    made = [ArrayType(t, ndim) for t in results]
    hints |= dict(zip(outs, given if len(given) == len(made) else made))
    text = f"def mapped({', '.join(hints)}):\n    {tids} = tid()\n    {f'{stored} = ' if outs else ''}{called}\n"
    mapped = _define(text, "mapped", function=callee)
    mapped.__annotations__ = hints
    return Kernel(mapped, key=f"map_{name}"), results


def _define(text: str, name: str, **scope: Any) -> Callable:
    """A Python function from text whose lines the front end can read."""
    filename = f"<map {next(_count)}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    namespace = {"__name__": __name__, **scope}
    exec(compile(text, filename, "exec"), namespace)
    return namespace[name]


def _outputs(out: Any, results: tuple, shape: tuple[int, ...], given: list[array], device: Any) -> list[array]:
    if out is None:
        wanted = any(a.requires_grad for a in given)
        place = device or given[0].device
        return [empty(shape, t, place, wanted and t.kind != "struct" and t.scalar.is_float) for t in results]
    outs = list(out) if isinstance(out, (list, tuple)) else [out]
    if not all(isinstance(a, _ARRAYS) for a in outs):
        raise EngineTypeError(f"map: out got {', '.join(type(a).__name__ for a in outs)}; expected arrays")
    fits = [a.shape == tuple(shape) and a.dtype is t for a, t in zip(outs, results)]
    if len(outs) != len(results) or not all(fits):
        shown = ", ".join(f"{T.type_name(t)} {tuple(shape)}" for t in results)
        got = ", ".join(f"{T.type_name(a.dtype)} {a.shape}" for a in outs)
        raise EngineTypeError(f"map: out got {got}; expected {shown}")
    return outs

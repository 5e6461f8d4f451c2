"""`grad(f)`: the derivatives of a function, computed inside kernels.

The call becomes a small kernel of its own, from memory that holds the arguments to memory that holds the result; its
backward form is put in the place of the call, with the memory in local arrays, which the optimiser dissolves.
"""

from __future__ import annotations

import ast
from typing import Any

from engine import types as T
from engine.autodiff.errors import GradientError
from engine.errors import EngineError, KernelTypeError
from engine.lang import ir
from engine.lang.builder import Builder
from engine.lang.rewrite import Cloner, inline
from engine.lang.values import Val
from engine.library.registry import Emit


class GradOf:
    """What `grad(f)` gives: a function of the same arguments that returns their derivatives."""

    kernel_only = True

    def __init__(self, function: Any):
        self.function = function
        self.__name__ = f"grad({getattr(function, '__name__', function)})"

    def __call__(self, *args: Any, **kw: Any) -> Any:
        raise EngineError(f"{self.__name__} works inside kernels; from Python use a Tape or jacobian()")

    def compile_call(self, caller: Any, args: list, kw: dict, node: ast.Call) -> Any:
        given = [*args, *kw.values()]
        if any(isinstance(a, tuple) for a in given):
            raise caller.fail(f"{self.__name__}(): a tuple is no argument that a derivative goes to", node)
        values = [caller.concrete(a if callable(a) else caller.value(a, node)) for a in given]
        places = [k for k, v in enumerate(values) if _is_smooth(v)]
        if not places:
            raise caller.fail(f"{self.__name__}(): got no float number, vector or matrix", node, KernelTypeError)
        function, fixed, size, number = self._as_kernel(caller, values, places, list(kw), node)
        backward = _backward_form(function, self.__name__)
        if backward is None or (not caller.tid_params and _keeps_values(backward)):
            why = "a loop with values to keep needs a kernel around it" if backward else "it depends on other threads"
            raise caller.fail(f"{self.__name__}(): {why}; call it from the kernel itself", node, KernelTypeError)
        memory, gradients = (_local(caller, size) for _ in range(2))
        result, one = _local(caller, 8), _local(caller, 8)
        for offset, comp in _components(values, places):
            caller.b.store(memory, caller.b.const(offset, T.int64), comp)
        caller.b.store(one, caller.b.const(0, T.int64), caller.b.const(1, number))
        cloner = Cloner(caller.b)
        flat = inline(backward, lambda f: f.gradient == "constant")
        cloner.map = {id(p): a for p, a in zip(flat.params, [memory, result, *fixed, gradients, one])}
        cloner.region(flat.body)
        out, at = [], 0
        for k in places:
            out.append(caller.load(values[k].type, gradients, caller.b.const(at, T.int64)))
            at += _room(values[k].type)
        return out[0] if len(out) == 1 else tuple(out)

    def _as_kernel(self, caller: Any, values: list, places: list[int], names: list[str], node: ast.Call):
        """The call from memory to memory; values that it takes as they are; bytes of the arguments; type of the result."""
        function = ir.Function(self.__name__, [ir.Param("x", T.pointer), ir.Param("y", T.pointer)])
        before = caller.b, caller.emit, caller.debug
        fixed, inner, at = [], [], 0
        caller.b = Builder(function)
        caller.emit, caller.debug = Emit(caller.b), False
        try:
            for k, v in enumerate(values):
                if k in places:
                    inner.append(caller.load(v.type, function.params[0], caller.b.const(at, T.int64)))
                    at += _room(v.type)
                elif isinstance(v, Val):
                    params = [ir.Param("fixed", c.type) for c in v.comps]
                    fixed += v.comps
                    function.params += params
                    inner.append(Val(v.type, list(params)))
                else:
                    inner.append(v)
            count = len(inner) - len(names)
            result = caller.call(self.function, inner[:count], dict(zip(names, inner[count:])), node)
            if not (isinstance(result, Val) and result.is_scalar and result.type.is_float):
                got = caller.describe(result)
                raise caller.fail(f"{self.__name__}(): the function returns {got}; expected one float", node)
            caller.b.store(function.params[1], caller.b.const(0, T.int64), caller.concrete(result).value)
        finally:
            caller.b, caller.emit, caller.debug = before
        return function, fixed, at, result.type


class Grad:
    """`grad(f)(x, y)`: derivatives of a function that returns one number, with respect to its float arguments.

    One value for one such argument, else a tuple. Works inside kernels, for functions made with `func` and for builtins.
    """

    __name__ = "grad"

    def __call__(self, function: Any) -> GradOf:
        return GradOf(function)

    def compile_call(self, caller: Any, args: list, kw: dict, node: ast.Call) -> GradOf:
        if len(args) != 1 or kw or isinstance(args[0], Val):
            raise caller.fail("grad() takes one function: grad(f)(x)", node, KernelTypeError)
        return GradOf(args[0])


grad = Grad()


def _is_smooth(v: Any) -> bool:
    return isinstance(v, Val) and v.kind in ("scalar", "vec", "mat", "quat", "transform") and v.scalar.is_float


def _room(t: Any) -> int:
    return t.size + -t.size % 8


def _components(values: list, places: list[int]):
    """Byte offset and value of every number that a derivative goes to."""
    at = 0
    for k in places:
        for n, comp in enumerate(values[k].comps):
            yield at + n * comp.type.size, comp
        at += _room(values[k].type)


def _local(caller: Any, size: int) -> ir.Instr:
    return caller.b.effect("alloca", T.pointer, (), (size, True))


def _keeps_values(function: ir.Function) -> bool:
    return any(i.op == "tape_push" for i in ir.walk(function.body))


def _backward_form(function: ir.Function, name: str) -> ir.Function | None:
    """The backward form of a kernel with the pointers x and y first; None if it needs what other threads left."""
    from engine.autodiff.kernel_memory import stays_call
    from engine.autodiff.reverse import Adjoint
    from engine.autodiff.shadows import Shadowed

    groups = {k: k for k, p in enumerate(function.params) if p.type is T.pointer}
    try:
        kernel = Shadowed(function, (0, 1), groups, stays_call)
        adjoint = Adjoint(kernel, {0, 1}, plain={0, 1})
    except GradientError as error:
        raise GradientError(f"{name}: {error}") from None
    return None if adjoint.after else adjoint.function

"""Functions of the kernel language: what `@func` makes, and how calls of it compile."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from engine import config
from engine import types as T
from engine.arrays import ArrayType
from engine.errors import KernelSyntaxError, KernelTypeError
from engine.lang import ir
from engine.lang.compiler import Compiler
from engine.lang.source import Source
from engine.lang.values import ThreadIndexBase, Val, is_number, leaves, lift, signature
from engine.structs import scalar_types


def from_signature(sig: Any, values: list[ir.Value]) -> Any:
    """Values of a call as the (tuple of) typed values that its result signature says."""
    if isinstance(sig, tuple):
        out, at = [], 0
        for s in sig:
            n = _count(s)
            out.append(from_signature(s, values[at : at + n]))
            at += n
        return tuple(out)
    return Val(sig, list(values))


def _count(sig: Any) -> int:
    return sum(map(_count, sig)) if isinstance(sig, tuple) else sig.count


def parameter(name: str, t: Any) -> tuple[list[ir.Param], Val]:
    params = [ir.Param(name, s) for s in scalar_types(t)]
    return params, Val(t, list(params))


class Function:
    """A function that kernels can call, made by `@func`. In Python scope it runs as the Python function it is."""

    def __init__(self, function: Callable):
        self.function, self.__name__, self.__doc__ = function, function.__name__, function.__doc__
        self.__module__ = function.__module__
        self._instances: dict[Any, tuple[ir.Function, Any]] = {}
        self._compiling: set[Any] = set()
        self._source: Source | None = None

    def __call__(self, *args, **kw):
        return self.function(*args, **kw)

    @property
    def source(self) -> Source:
        if self._source is None:
            self._source = Source(self.function)
        return self._source

    def compile_call(self, caller: Compiler, args: list, kw: dict, node: Any) -> Any:
        """Emits a call with these arguments into `caller`; returns its value(s)."""
        source = self.source
        parameters = inspect.signature(self.function).parameters
        try:
            bound = inspect.signature(self.function).bind(*args, **kw)
        except TypeError as error:
            raise caller.fail(f"{self.__name__}() {error}", node, KernelTypeError) from None
        bound.apply_defaults()
        hints = source.annotations()
        values: dict[str, Any] = {}
        for name in parameters:
            v = bound.arguments[name]
            hint = hints.get(name, Any)
            t = Any if hint is Any else T.as_type(hint)
            if is_number(v) or isinstance(v, T.Composite):
                v = lift(caller.b, v)
            if isinstance(v, Val):
                v = self._coerce(caller, v, t, name, node)
            elif isinstance(v, ThreadIndexBase):
                v = caller.value(v, node)
            values[name] = v
        key = (
            caller.debug,
            tuple((n, signature(v) if leaves(v) is not None else ("object", id(v))) for n, v in values.items()),
        )
        key = (caller.debug, tuple((n, _key(s)) for n, s in key[1]))
        if key in self._compiling:
            raise caller.fail(
                f"{self.__name__}() calls itself; recursion is not possible in kernels, use a loop",
                node,
                KernelSyntaxError,
            )
        found = self._instances.get(key)
        if found is None:
            self._compiling.add(key)
            try:
                found = self._instances[key] = self._compile(values, caller.debug)
            finally:
                self._compiling.discard(key)
        compiled, result = found
        if result is not None and not compiled.body.yields and leaves_of_signature(result) is None:
            return result
        operands = tuple(c for v in values.values() if leaves(v) is not None for c in leaves(v))
        results = caller.b.call(compiled, operands)
        return None if result is None else from_signature(result, results)

    def _coerce(self, caller: Compiler, v: Val, t: Any, name: str, node: Any) -> Val:
        generic = t is Any or t is None or not hasattr(t, "kind") or (isinstance(t, ArrayType) and t.dtype is Any)
        if generic:
            return caller.emit.concrete(v)
        if v.type == t:
            return caller.emit.concrete(v)
        if v.literal and t.kind == "scalar":
            return caller.as_type(v, t, node)
        raise caller.fail(
            f"{self.__name__}() argument '{name}' got {v.type.name}; expected {T.type_name(t)}", node, KernelTypeError
        )

    def _compile(self, values: dict[str, Any], debug: bool) -> tuple[ir.Function, Any]:
        params: list[ir.Param] = []
        arguments: dict[str, Any] = {}
        for name, v in values.items():
            if leaves(v) is None:
                arguments[name] = v
            elif isinstance(v, tuple):
                parts = []
                for item in v:
                    p, val = parameter(name, item.type)
                    params += p
                    parts.append(val)
                arguments[name] = tuple(parts)
            else:
                p, arguments[name] = parameter(name, v.type)
                params += p
        compiler = Compiler(self.source, call_function, debug)
        compiled, result = compiler.compile(self.__name__, params, arguments)
        ir.remove_dead(compiled)
        if config.verify_ir:
            ir.verify(compiled)
        return compiled, result


def leaves_of_signature(sig: Any) -> Any:
    return sig if isinstance(sig, tuple) or hasattr(sig, "kind") else None


def _key(s: Any) -> Any:
    if isinstance(s, tuple):
        return tuple(_key(x) for x in s)
    return s if isinstance(s, (str, int, ArrayType)) else id(s)


def call_function(compiler: Compiler, callee: Any, args: list, kw: dict, node: Any) -> Any:
    return callee.compile_call(compiler, args, kw, node)


def func(function: Callable) -> Function:
    """Decorator: makes a Python function callable from kernels."""
    return Function(function)

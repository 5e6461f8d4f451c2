"""Functions of the kernel language: what `@func` makes, and how calls of it compile."""

from __future__ import annotations

import ast
import functools
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
from engine.lang.values import ThreadIndexBase, Val, is_number, is_struct, leaves
from engine.library.registry import RuleError
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
    """A parameter for each scalar of type `t`, and the value made of them."""
    params = [ir.Param(name, s) for s in scalar_types(t)]
    return params, Val(t, list(params))


def _parameters(name: str, v: Any, params: list[ir.Param]) -> Any:
    """`v` with a parameter in the place of each of its scalars; appends them to `params`."""
    if isinstance(v, tuple):
        return tuple(_parameters(name, item, params) for item in v)
    if not isinstance(v, Val):
        return v
    new, value = parameter(name, v.type)
    params += new
    return value


class Function:
    """A function that kernels can call, made by `@func`. In Python scope it runs as the Python function it is."""

    def __init__(self, function: Callable):
        self.function, self.__name__, self.__doc__ = function, function.__name__, function.__doc__
        self.__module__ = function.__module__
        self._instances: dict[Any, tuple[ir.Function, Any]] = {}
        self._compiling: set[Any] = set()
        self._source: Source | None = None
        #: what autodiff makes of calls, see `ir.Function.gradient`
        self.gradient: Any = None

    def __call__(self, *args, **kw):
        return self.function(*args, **kw)

    @property
    def source(self) -> Source:
        if self._source is None:
            self._source = Source(self.function)
        return self._source

    @functools.cached_property
    def signature(self) -> inspect.Signature:
        """Parameters of the Python function."""
        return inspect.signature(self.function)

    @functools.cached_property
    def hints(self) -> dict[str, Any]:
        """Engine types of the annotated parameters and, as 'return', of the result; Any where the call decides."""
        return {name: t if t is Any else T.as_type(t) for name, t in self.source.annotations().items()}

    def compile_call(self, caller: Compiler, args: list, kw: dict, node: ast.Call) -> Any:
        """Emits a call with these arguments into `caller`; returns its value(s)."""
        values = self._arguments(caller, args, kw, node)
        key = (caller.debug, tuple(map(_key, values.values())))
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
                # the values are kept so that the identities in the key stay theirs
                found = self._instances[key] = (*self._compile(values, caller.debug), values)
            finally:
                self._compiling.discard(key)
        compiled, result, _ = found
        operands = tuple(c for v in values.values() for c in leaves(v) or ())
        results = caller.b.call(compiled, operands)
        if result is None:
            return None
        return from_signature(result, results) if _has_leaves(result) else result

    def _arguments(self, caller: Compiler, args: list, kw: dict, node: ast.Call) -> dict[str, Any]:
        """The arguments by parameter name, as values of the annotated types."""
        try:
            bound = self.signature.bind(*args, **kw)
        except TypeError as error:
            names = ", ".join(self.signature.parameters)
            raise caller.fail(f"{self.__name__}() {error}; it takes ({names})", node, KernelTypeError) from None
        given = set(bound.arguments)
        bound.apply_defaults()
        written = {**dict(zip(self.signature.parameters, node.args)), **{k.arg: k.value for k in node.keywords}}
        values: dict[str, Any] = {}
        for name, v in bound.arguments.items():
            if self.signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
                raise caller.fail(f"{self.__name__}(): **{name} is not possible in kernels", node, KernelSyntaxError)
            place = written.get(name, node) if name in given else node
            values[name] = self._argument(caller, name, v, self.hints.get(name, Any), place)
        return values

    def _argument(self, caller: Compiler, name: str, v: Any, t: Any, node: ast.AST) -> Any:
        v = caller.concrete(v) if isinstance(v, tuple) else v
        if v is None and isinstance(t, ArrayType) and t.dtype is not Any:
            return caller.emit.zero(t)
        if leaves(v) is None and (is_number(v) or isinstance(v, (ThreadIndexBase, T.Composite)) or is_struct(v)):
            v = caller.value(v, node)
        if not isinstance(v, Val):
            return v
        if t is Any or not hasattr(t, "kind"):
            return caller.emit.concrete(v)
        if isinstance(t, ArrayType) and t.dtype is Any and v.kind == "array":
            t = ArrayType(v.type.dtype, t.ndim)
        try:
            return caller.as_type(v, t, node)
        except RuleError as error:
            raise caller.fail(f"{self.__name__}(): argument '{name}' {error}", node, KernelTypeError) from None

    def _compile(self, values: dict[str, Any], debug: bool) -> tuple[ir.Function, Any]:
        params: list[ir.Param] = []
        arguments: dict[str, Any] = {}
        for name, v in values.items():
            arguments[name] = _parameters(name, v, params)
        compiler = Compiler(self.source, call_function, debug, returns=self.hints.get("return", Any))
        compiled, result = compiler.compile(self.__name__, params, arguments)
        ir.finish(compiled, check=config.verify_ir)
        compiled.gradient = self.gradient
        return compiled, result


def _has_leaves(sig: Any) -> bool:
    return all(map(_has_leaves, sig)) if isinstance(sig, tuple) else hasattr(sig, "count") and hasattr(sig, "kind")


def _key(v: Any) -> Any:
    """What an argument contributes to the choice of a compiled form: its type, or the compile-time object itself."""
    if isinstance(v, Val):
        return v.type if isinstance(v.type, ArrayType) else id(v.type)
    if isinstance(v, tuple):
        return tuple(map(_key, v))
    return ("object", v if isinstance(v, str) else id(v))


def call_function(compiler: Compiler, callee: Any, args: list, kw: dict, node: Any) -> Any:
    return callee.compile_call(compiler, args, kw, node)


def func(function: Callable) -> Function:
    """Decorator: makes a Python function callable from kernels."""
    return Function(function)

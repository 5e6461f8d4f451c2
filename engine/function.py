"""Functions of the kernel language: what `@func` makes, and how calls of it compile."""

from __future__ import annotations

import ast
import functools
import inspect
import itertools
import sys
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar, overload

import numpy as np

from engine import config
from engine import types as T
from engine.array_types import ArrayType, FixedArrayType
from engine.arrays import array
from engine.brain_float import BFloat16
from engine.errors import EngineError, KernelSyntaxError, KernelTypeError
from engine.indexed_arrays import IndexedArrayType, indexedarray
from engine.lang import definitions, ir
from engine.lang.compiler import Compiler
from engine.lang.passes import finish
from engine.lang.source import Source
from engine.lang.values import ThreadIndexBase, Val, is_number, is_struct, leaves
from engine.library.registry import RuleError
from engine.module_options import module_option
from engine.references import RefType
from engine.structs import scalar_types

P = ParamSpec("P")
R = TypeVar("R")


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

    def __init__(self, function: Callable, earlier: tuple[Function, ...] = ()):
        functools.update_wrapper(self, function, updated=())
        self.function = self.func = function
        self.key = function.__qualname__
        definitions.defined(function.__module__, function.__qualname__)
        self._instances: dict[Any, tuple[ir.Function, Any]] = {}
        self._compiling: set[Any] = set()
        self._source: Source | None = None
        #: how often what surrounds the function changed, such as its gradient
        self.version = 0
        #: what autodiff makes of calls: None (looks inside), "constant", or a function made by `func_grad`
        self.gradient: Any = None
        #: what the backward pass runs in its place, made by `func_replay`
        self.replay: Function | None = None
        #: Every form that a call may mean, the last defined first; one where the function is not overloaded.
        self.overloads: tuple[Function, ...] = (self,)
        if earlier:
            self.overloads += tuple(f for f in earlier if f.pattern != self.pattern)
            self.__doc__ = self.__doc__ or earlier[0].__doc__

    def __call__(self, *args, **kw):
        if len(self.overloads) == 1:
            return self.function(*args, **kw)
        found = choose(self.overloads, args, kw, type_of_value, _is_plain_number)
        if found is None:
            raise EngineError(_no_form(self, [*map(_shown, args), *(f"{k}={_shown(v)}" for k, v in kw.items())]))
        return found.function(*args, **kw)

    def changed(self) -> None:
        """Notes that what the function means to a tape changed: kernels that call it compile again."""
        self.version += 1
        self.forget()
        definitions.changed()

    def forget(self) -> None:
        """Drops compiled forms, so that the next call reads the source and the names in it again."""
        for form in self.overloads:
            form._instances.clear()
            form._source = None

    @property
    def pattern(self) -> tuple[Any, ...]:
        """What tells overloads apart: the annotated types in order."""
        return tuple(_comparable(self.hints.get(name, Any)) for name in self.signature.parameters)

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
        given = self.source.annotations()
        return {name: t.dtype if isinstance(t, RefType) else T.as_type(t) for name, t in given.items()}

    @functools.cached_property
    def refs(self) -> list[str]:
        """Parameters annotated `ref[T]`, whose values go back to the caller."""
        return [name for name, t in self.source.annotations().items() if isinstance(t, RefType)]

    @functools.cached_property
    def mutates(self) -> tuple[int, ...]:
        """Places of the parameters that some form of the function gives back."""
        return tuple(sorted({k for f in self.overloads for k, n in enumerate(f.signature.parameters) if n in f.refs}))

    def compile_call(self, caller: Compiler, args: list, kw: dict, node: ast.Call) -> Any:
        """Emits a call with these arguments into `caller`; returns its value(s)."""
        if len(self.overloads) > 1:
            found = choose(self.overloads, args, kw, _type_of, _is_literal)
            if found is None:
                shown = [*map(caller.describe, args), *(f"{k}={caller.describe(v)}" for k, v in kw.items())]
                raise caller.fail(_no_form(self, shown), node, KernelTypeError)
            return found.compile_form(caller, args, kw, node)
        return self.compile_form(caller, args, kw, node)

    def compile_form(self, caller: Compiler, args: list, kw: dict, node: ast.Call) -> Any:
        """Emits a call of this very form, without looking at overloads."""
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
        if self.refs:
            result, *changed = result
            counts = [0 if result is None else _count(result), *map(_count, changed)]
            ends = list(itertools.accumulate(counts))
            for name, sig, end, n in zip(self.refs, changed, ends[1:], counts[1:]):
                self._give_back(caller, name, from_signature(sig, results[end - n : end]), node)
            results = results[: counts[0]]
        if result is None:
            return None
        return caller.as_local(from_signature(result, results)) if _has_leaves(result) else result

    def _give_back(self, caller: Compiler, name: str, value: Val, node: ast.Call) -> None:
        """Puts the value of a `ref` parameter into the place that the caller named."""
        written = {**dict(zip(self.signature.parameters, node.args)), **{k.arg: k.value for k in node.keywords}}
        place = written.get(name)
        root = place
        while isinstance(root, (ast.Attribute, ast.Subscript)):
            root = root.value
        if not isinstance(root, ast.Name):
            shown = "nothing" if place is None else f"'{ast.unparse(place)}'"
            raise caller.fail(
                f"{self.__name__}() changes '{name}'; got {shown}, expected a variable, an element or a field",
                place or node,
                KernelTypeError,
            )
        caller.assign(place, value, place)

    def result_types(self, values: dict[str, Val]) -> tuple[Any, ...]:
        """Types of what a call with arguments of these types returns."""
        _, result = self._compile(values, debug=False)
        result = result[0] if self.refs else result
        return result if isinstance(result, tuple) else () if result is None else (result,)

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
        if isinstance(v, Val) and isinstance(v.type, FixedArrayType) and not isinstance(t, FixedArrayType):
            v = Val(v.type.plain, v.comps)  # one compiled form for arrays of every shape
        if leaves(v) is None and (is_number(v) or isinstance(v, (ThreadIndexBase, T.Composite)) or is_struct(v)):
            v = caller.value(v, node)
        if not isinstance(v, Val):
            return v
        if T.is_generic(t) or not hasattr(t, "kind"):
            v = caller.emit.concrete(v)
            if T.is_generic(t) and not T.fits(t, v.type):
                raise caller.fail(
                    f"{self.__name__}(): argument '{name}' got {v.type.name}; expected {T.type_name(t)}",
                    node,
                    KernelTypeError,
                )
            return v
        try:
            return caller.as_type(v, t, node)
        except RuleError as error:
            raise caller.fail(f"{self.__name__}(): argument '{name}' {error}", node, KernelTypeError) from None

    def _ref_types(self, values: dict[str, Any]) -> dict[str, Any]:
        return {name: values[name].type for name in self.refs}

    def _compile(self, values: dict[str, Any], debug: bool) -> tuple[ir.Function, Any]:
        params: list[ir.Param] = []
        arguments: dict[str, Any] = {}
        for name, v in values.items():
            arguments[name] = _parameters(name, v, params)
        compiler = Compiler(
            self.source,
            call_function,
            debug,
            returns=self.hints.get("return", Any),
            max_unroll=module_option(self.function.__module__, "max_unroll"),
        )
        compiled, result = compiler.compile(self.__name__, params, arguments, self._ref_types(values))
        finish(compiled, check=config.verify_ir)
        if self.gradient == "constant":
            compiled.gradient = self.gradient
        elif self.gradient is not None:
            from engine.autodiff.custom_gradient import compile_gradient

            gradient = self.gradient
            compiled.gradient = ir.Deferred(lambda: compile_gradient(gradient, self.__name__, values, result, debug))
        if self.replay is not None:
            replay = self.replay
            given = dict(zip(replay.signature.parameters, values.values()))
            compiled.replay = ir.Deferred(lambda: replay._compile(given, debug)[0])
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


# -- overloads -----------------------------------------------------------------------------------------------------


def choose(
    forms: tuple[Function, ...], args: Sequence, kw: dict[str, Any], type_of: Callable, literal: Callable
) -> Function | None:
    """The form that argument types fit best: exact types before literals that adapt, those before generic ones."""
    best, best_cost = None, None
    for form in forms:
        try:
            given = form.signature.bind(*args, **kw).arguments
        except TypeError:
            continue
        costs = [_mismatch(form.hints.get(name, Any), type_of(a), literal(a)) for name, a in given.items()]
        if None in costs:
            continue
        cost = (max(costs, default=0), sum(costs))
        if best is None or cost < best_cost:
            best, best_cost = form, cost
    return best


def _mismatch(wanted: Any, got: Any, literal: bool) -> int | None:
    """0 for the very type, 1 for a literal that adapts, 2 for a generic parameter, None where it does not fit."""
    if T.is_generic(wanted) or not hasattr(wanted, "kind"):
        return 2 if not T.is_generic(wanted) or wanted is Any or T.fits(wanted, got) else None
    got = getattr(got, "plain", got)
    if got is wanted or (got is not None and got == wanted):
        return 0
    if literal and wanted.kind == "scalar" and got is not None and got.kind == "scalar":
        return 1 if wanted.is_float or (wanted.is_int and got.is_int) else None
    return None


def _type_of(a: Any) -> Any:
    """Type of a compile-time or run-time argument; None where it has none."""
    if isinstance(a, Val):
        return a.type
    return T.int32 if isinstance(a, ThreadIndexBase) else type_of_value(a)


def type_of_value(a: Any) -> Any:
    """The engine type that a Python value has where nothing else decides; None if it has none."""
    if isinstance(a, np.generic):
        return T.as_type(a.dtype)
    if isinstance(a, BFloat16):
        return T.bfloat16
    for python, t in ((bool, T.bool_), (int, T.int32), (float, T.float32)):
        if isinstance(a, python):
            return t
    if isinstance(a, T.Composite):
        return T.as_type(type(a))
    if isinstance(a, array):
        return ArrayType(a.dtype, a.ndim)
    if isinstance(a, indexedarray):
        return IndexedArrayType(a.dtype, a.ndim)
    return getattr(type(a), "__engine_struct__", None)


def _is_literal(a: Any) -> bool:
    return isinstance(a, Val) and a.literal


def _is_plain_number(a: Any) -> bool:
    return isinstance(a, (int, float)) and not isinstance(a, bool) and T.typed_scalar(a) is None


def _comparable(t: Any) -> Any:
    return repr(t) if T.is_generic(t) else t


def _shown(a: Any) -> str:
    t = type_of_value(a)
    return T.type_name(t) if t is not None else type(a).__name__


def _no_form(function: Function, args: list[str]) -> str:
    forms = "; ".join(f"({', '.join(f.signature.parameters)})" for f in function.overloads)
    return f"{function.__name__}() has no form for ({', '.join(args)}); it takes {forms}"


@overload
def func(f: Callable[P, R]) -> Callable[P, R]: ...


@overload
def func(*, name: str | None = None, module: Any = None) -> Callable[[Callable[P, R]], Callable[P, R]]: ...


def func(f: Callable | None = None, *, name: str | None = None, module: Any = None, **_: Any) -> Any:
    """Decorator: makes a Python function callable from kernels.

    Defined again under the same name in the same scope with other argument types, it becomes overloaded: a call takes
    the form that its arguments fit best. With the same types the new definition replaces the old one.
    """
    earlier = sys._getframe(1).f_locals.get(f.__name__) if f is not None else None
    if f is not None:
        return Function(f, earlier.overloads if isinstance(earlier, Function) else ())

    def make(g: Callable) -> Function:
        again = sys._getframe(1).f_locals.get(g.__name__)
        return Function(g, again.overloads if isinstance(again, Function) else ())

    return make

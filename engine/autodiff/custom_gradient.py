"""Gradients that the user writes: `func_grad`, and `func_replay` for functions that cannot run twice.

```
@func
def safe_sqrt(x: float): return sqrt(x)

@func_grad(safe_sqrt)
def adj_safe_sqrt(x: float, adj_ret: float):
    if x > 0.0:
        adjoint[x] += adj_ret / (2.0 * sqrt(x))
```
A gradient function takes the arguments, then the gradient of each result, and adds to `adjoint[argument]`. For an array
argument, `adjoint[a]` is the array of its gradients, and additions to its elements are atomic.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable
from typing import Any

from engine import types as T
from engine.autodiff.errors import GradientError
from engine.errors import EngineError
from engine.function import Function, call_function, from_signature, parameter
from engine.lang import ir
from engine.lang.builder import Builder
from engine.lang.compiler import Compiler
from engine.lang.rewrite import Cloner, inline
from engine.lang.source import Source
from engine.lang.values import Val, leaves
from engine.structs import scalar_types


class AdjointMarker:
    """`adjoint[x]` in a gradient function: the gradient of its argument `x`."""

    def __getitem__(self, _: Any) -> Any:
        raise EngineError("adjoint[...] works inside functions decorated with @func_grad only")


adjoint = AdjointMarker()


def _hidden(name: str) -> str:
    return f"%adjoint {name}"


class _GradientSource(Source):
    """Source of a gradient function where `adjoint[x]` is a variable of its own."""

    def __init__(self, function: Any, known: list[str]):
        super().__init__(function)
        self.tree = _Rename(self, known).visit(copy.deepcopy(self.tree))


class _Rename(ast.NodeTransformer):
    def __init__(self, source: Source, known: list[str]):
        self.source, self.known = source, known

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        marked = node.value
        name = marked.attr if isinstance(marked, ast.Attribute) else getattr(marked, "id", None)
        if name != "adjoint":
            return self.generic_visit(node)
        root = node.slice
        while isinstance(root, ast.Attribute):
            root = root.value
        if not isinstance(root, ast.Name) or root.id not in self.known:
            raise self.source.error(f"adjoint[...] takes the name of an argument: {', '.join(self.known)}", node)
        return self.hidden(node.slice, node)

    def hidden(self, place: ast.expr, node: ast.Subscript) -> ast.expr:
        """`x` or `x.field` as the place where its gradient is."""
        context = node.ctx if place is node.slice else ast.Load()
        if isinstance(place, ast.Name):
            return ast.copy_location(ast.Name(_hidden(place.id), context), node)
        return ast.copy_location(ast.Attribute(self.hidden(place.value, node), place.attr, context), node)


def compile_gradient(gradient: Function, of: str, values: dict[str, Any], result: Any, debug: bool) -> ir.Function:
    """A gradient function for a call with given arguments.

    Its parameters are the arguments, the gradients of all numbers of the result, the addresses of the gradients of
    array arguments; its results are the gradients of all float numbers of the arguments.

    Raises:
        GradientError: The parameters do not fit those of the function `of`.
    """
    names = list(gradient.signature.parameters)
    results = result if isinstance(result, tuple) else () if result is None else (result,)
    if len(names) != len(values) + len(results):
        raise GradientError(
            f"func_grad: {gradient.__name__}({', '.join(names)}) must take the {len(values)} arguments of {of}(), "
            f"then the gradient of each of its {len(results)} results"
        )
    source = _GradientSource(gradient.function, names[: len(values)])
    params: list[ir.Param] = []
    arguments: dict[str, Any] = {}
    for name, v in zip(names, values.values()):
        if isinstance(v, Val):
            new, arguments[name] = parameter(name, v.type)
            params += new
        else:
            arguments[name] = v
            params += [ir.Param(name, c.type) for c in leaves(v) or ()]
    for name, sig in zip(names[len(values) :], results):
        numbers = [ir.Param(name, t) for t in _scalars(sig)]
        arguments[name] = from_signature(sig, list(numbers))
        params += numbers
    compiler = Compiler(source, call_function, debug, returns=None)
    given = {n: arguments[n] for n in names[: len(values)] if isinstance(arguments[n], Val)}
    for name, v in given.items():
        if v.kind == "array":
            twin = ir.Param(f"{name}.grad", T.pointer)
            params.append(twin)
            arguments[_hidden(name)] = Val(v.type, [twin, *v.comps[1:]])

    def start() -> None:
        for name, v in given.items():
            if v.kind != "array":
                compiler.env[_hidden(name)] = compiler.emit.zero(v.type)

    compiler.prologue = start
    compiled, _ = compiler.compile(gradient.__name__, params, arguments)
    compiled.body.yields = [
        c
        for name, v in given.items()
        if v.kind != "array"
        for c in leaves(compiler.concrete(compiler.env[_hidden(name)]))
        if c.type.is_float
    ]
    return compiled


def _scalars(sig: Any) -> list[T.ScalarType]:
    return [t for s in sig for t in _scalars(s)] if isinstance(sig, tuple) else scalar_types(sig)


class NullAware(Cloner):
    """Copies the body of a gradient function; what it does at null addresses (arrays without gradient) is left out."""

    def instr(self, i: ir.Instr) -> None:
        if i.op in ("load", "store", "atomic", "offset"):
            base = self.value(i.args[0])
            if isinstance(base, ir.Const) and base.value == 0:
                if i.type is not None:
                    self.map[id(i)] = base if i.op == "offset" else self.b.const(0, i.type)
                return
        super().instr(i)


def emit_gradient(b: Builder, gradient: ir.Function, args: list[ir.Value]) -> list[ir.Value]:
    """Emits the body of a gradient function; returns its results."""
    flat = inline(gradient)
    cloner = NullAware(b)
    cloner.map = {id(p): a for p, a in zip(flat.params, args)}
    cloner.region(flat.body)
    return list(cloner.values(flat.body.yields))


def func_grad(forward: Function) -> Callable[[Callable], Function]:
    """Decorator: the decorated function computes the gradient of calls of `forward`, see `engine.adjoint`."""
    if not isinstance(forward, Function):
        raise GradientError(f"func_grad: got {forward!r}; expected a function decorated with @func")

    def decorate(function: Callable) -> Function:
        gradient = Function(function)
        target = _form_of(forward, gradient)
        target.gradient = gradient
        target.changed()
        return gradient

    return decorate


def func_replay(forward: Function) -> Callable[[Callable], Function]:
    """Decorator: the backward pass runs the decorated function where the kernel called `forward`.

    For functions that cannot run twice, such as one that takes a number from an atomic counter and stores it: the replay
    reads the stored number.
    """
    if not isinstance(forward, Function):
        raise GradientError(f"func_replay: got {forward!r}; expected a function decorated with @func")

    def decorate(function: Callable) -> Function:
        replay = Function(function)
        target = _form_of(forward, replay)
        target.replay = replay
        target.changed()
        return replay

    return decorate


def _form_of(forward: Function, other: Function) -> Function:
    """The overload of `forward` whose parameters are the first ones of `other`."""
    for form in forward.overloads:
        wanted = form.pattern
        if other.pattern[: len(wanted)] == wanted:
            return form
    return forward

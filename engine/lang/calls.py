"""Calls: builtins, user functions, constructors, conversions, `static`."""

from __future__ import annotations

import ast
import builtins
import math
import types as pytypes
from typing import Any

from engine import arrays
from engine import types as T
from engine.arrays import ArrayType
from engine.errors import KernelSyntaxError, KernelTypeError
from engine.lang import ir
from engine.lang.values import Poison, Val, is_number
from engine.library.registry import BUILTINS, Builtin, RuleError

_PYTHON = {builtins.min: "min", builtins.max: "max", builtins.abs: "abs", builtins.round: "round", builtins.print: "print", builtins.pow: "pow", math.sqrt: "sqrt",
           builtins.len: "len", math.sin: "sin", math.cos: "cos", arrays.zeros: "zeros", arrays.empty: "empty", T.vector: "vector",
           T.matrix: "matrix"}  # fmt: skip


class StaticExpression:
    """Marker object behind `engine.static`."""

    def __call__(self, value: Any) -> Any:
        return value


static = StaticExpression()


class Calls:
    """Mixin of the compiler: everything that a call can be."""

    # types and conversions -------------------------------------------------------------------------------------
    def as_type(self, obj: Any, t: Any, node: ast.AST) -> Val:
        """`obj` as a value to be stored as `t`: literals adapt, everything else must already be a `t`."""
        v = self.value(obj, node)
        if v.type is t:
            return self.emit.concrete(v)
        if v.literal and t.kind == "scalar" and t is not T.pointer:
            if t.is_bool and v.type.is_int:
                return Val(t, [self.b.const(bool(v.constant), t)])
            return self.emit.literal_as(v, t)
        if v.kind == "array" and t.kind == "array" and v.type == t:
            return v
        if (
            t.kind in ("vec", "mat")
            and v.kind == t.kind
            and t.shape == v.type.shape
            and all(isinstance(c, ir.Const) for c in v.comps)
        ):
            return Val(t, [self.b.const(c.value, t.scalar) for c in v.comps])
        raise RuleError(
            f"got {v.type.name}; expected {T.type_name(t)}; convert it explicitly, e.g. {T.type_name(t)}(x)"
        )

    def construct(self, t: Any, args: list[Any], kw: dict[str, Any], node: ast.AST) -> Val:
        if isinstance(t, T.ScalarType):
            if not args:
                return self.emit.zero(t)
            v = self.value(args[0], node)
            if not v.is_scalar:
                raise RuleError(f"{t.name}() got {v.type.name}; expected a number")
            if v.literal:
                return Val(t, [self.b.const(v.constant, t)])
            return Val(
                t,
                [
                    self.b.op("ne", v.value, self.b.const(0, v.type))
                    if t.is_bool and not v.type.is_bool
                    else self.emit.cast(v.value, t)
                ],
            )
        rule = {"vec": "%vector", "mat": "%matrix", "quat": "%quaternion", "transform": "%transform"}[t.kind]
        return BUILTINS[rule].rule(
            self.emit, t, *[a if isinstance(a, tuple) else self.value(a, node) for a in args], **kw
        )

    # calls -----------------------------------------------------------------------------------------------------
    def on_Call(self, node: ast.Call) -> Any:
        callee = self.expression(node.func) if not self.is_method(node.func) else None
        if callee is None:
            raise self.fail(f"{ast.unparse(node.func)}() is not available in kernels", node, KernelSyntaxError)
        if callee is static:
            return self.static_value(node)
        args: list[Any] = []
        for a in node.args:
            if isinstance(a, ast.Starred):
                more = self.expression(a.value)
                args.extend(self.unpack(more, len(more) if isinstance(more, tuple) else len(more.comps), a))
            else:
                args.append(self.expression(a))
        kw = {k.arg: self.expression(k.value) for k in node.keywords}
        return self.call(callee, args, kw, node)

    def is_method(self, func: ast.expr) -> bool:
        return False

    def static_value(self, node: ast.Call) -> Any:
        code = compile(ast.Expression(node.args[0]), self.source.filename, "eval")
        scope = {**self.source.closure()}
        for name, v in self.env.items():
            if isinstance(v, Val) and v.constant is not None:
                scope[name] = v.constant
            elif not isinstance(v, (Val, Poison)):
                scope[name] = v
        try:
            out = eval(code, self.source.globals, scope)
        except Exception as why:
            raise self.fail(f"static() could not be evaluated: {type(why).__name__}: {why}", node) from None
        return self.value(out, node) if is_number(out) else out

    def call(self, callee: Any, args: list, kw: dict, node: ast.Call) -> Any:
        if (
            not isinstance(callee, Builtin)
            and isinstance(callee, (pytypes.BuiltinFunctionType, pytypes.FunctionType))
            and callee in _PYTHON
        ):
            callee = BUILTINS[_PYTHON[callee]]
        if isinstance(callee, Builtin):
            return self.call_builtin(callee, args, kw, node)
        if callee in (int, float, bool):
            return self.construct(T.as_type(callee), args, kw, node)
        if isinstance(callee, (T.ScalarType, T.CompositeMeta)):
            return self.construct(callee, args, kw, node)
        layout = getattr(callee, "__engine_struct__", None)
        if layout is not None:
            out = self.emit.zero(layout)
            for name, v in [*zip(layout.fields, args), *kw.items()]:
                out = self.with_field(out, name, v, node)
            return out
        if hasattr(callee, "compile_call"):
            return self.compile_callee(self, callee, args, kw, node)
        if callee is type:
            return self.value(args[0], node).type
        if isinstance(callee, type(print)) and callee is builtins.isinstance:
            return self.value(self.value(args[0], node).type is T.as_type(args[1]), node)
        name = getattr(callee, "__name__", repr(callee))
        raise self.fail(
            f"'{name}' is a plain Python function; decorate it with @func to call it from a kernel",
            node,
            KernelTypeError,
        )

    def call_builtin(self, row: Builtin, args: list, kw: dict, node: ast.Call) -> Any:
        vals = [a if _compile_time(a) else self.value(a, node) for a in args]
        self.call_node = node
        try:
            if row.kernel_only:
                out = row.rule(self, *vals, **kw)
            else:
                out = row.rule(self.emit, *vals, **kw)
        except TypeError as error:
            if error.__traceback__.tb_next is not None and error.__traceback__.tb_next.tb_next is not None:
                raise
            raise self.fail(f"{row.name}() {str(error).split(') ', 1)[-1].replace('positional ', '')}", node) from None
        except RuleError as error:
            raise self.fail(str(error) if str(error).startswith(row.name) else f"{row.name}(): {error}", node) from None
        if row.mutates:
            result, *changed = out
            for k, v in zip(row.mutates, changed):
                target = node.args[k]
                self.assign(target, v, node)
            return result
        return out


def _compile_time(a: Any) -> bool:
    if isinstance(a, Val):
        return False
    return (
        a is None or isinstance(a, (str, tuple, T.ScalarType, T.CompositeMeta, ArrayType, type, Builtin)) or callable(a)
    )

"""Expressions of the kernel language: names, operators, indexing, calls."""

from __future__ import annotations

import ast
import enum
import functools
import sys
import types as pytypes
from collections.abc import Callable
from typing import Any

import numpy as np

from engine import types as T
from engine.arrays import array
from engine.errors import KernelAttributeError, KernelNameError, KernelSyntaxError
from engine.lang import ir
from engine.lang.calls import Calls
from engine.lang.indexing import AXES, Indexing, Shape, strides_of
from engine.lang.refusals import did_you_mean, refusal
from engine.lang.values import Poison, ThreadIndexBase, Val, is_number, lift
from engine.library.registry import BUILTINS, RuleError

_BINARY = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.FloorDiv: "floordiv", ast.Mod: "mod", ast.Pow: "pow",
           ast.MatMult: "mul", ast.LShift: "lshift", ast.RShift: "rshift", ast.BitAnd: "bit_and", ast.BitOr: "bit_or", ast.BitXor: "bit_xor"}  # fmt: skip
_FOLDED = {"add", "sub", "mul", "div", "mod"}
_COMPARE = {ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge", ast.Eq: "eq", ast.NotEq: "ne"}


#: Modules of the classes of functions that users define.
_DEFINABLE = {"engine.function", "engine.native.function"}

_KINDS = {
    tuple: "a tuple of {n}",
    list: "a Python list",
    dict: "a Python dict",
    set: "a Python set",
    array: "an array of Python scope",
    np.ndarray: "a NumPy array",
}


_ATTRIBUTES = {
    "vec": "; its components are x, y, z, w or v[k]",
    "quat": "; its components are x, y, z, w",
    "transform": "; its parts are p and q",
    "mat": "; its components are m[i, j]",
    "array": "; it has shape, size, ndim, dtype and ptr",
}


@functools.cache
def language_names() -> dict[str, Any]:
    """Types and builtins, which kernels may name without the module that they come from."""
    from engine.library.functions import FUNCTIONS

    rows = {name: row for name, row in BUILTINS.items() if name[0] != "%"}
    return {**T.NAMED_TYPES, **rows, **{name: function for name, (function, _) in FUNCTIONS.items()}}


class Expressions(Calls, Indexing):
    """Mixin of the compiler: each `on_X` turns one kind of syntax node into a value."""

    def expression(self, node: ast.expr) -> Any:
        method = getattr(self, "on_" + type(node).__name__, None)
        if method is None:
            raise self.fail(refusal(node), node, KernelSyntaxError)
        try:
            return method(node)
        except RuleError as error:
            raise self.fail(str(error), node) from None

    def value(self, obj: Any, node: ast.AST) -> Val:
        """`obj` as a run-time value; compile-time numbers and vectors become constants."""
        if isinstance(obj, Val):
            return obj
        if isinstance(obj, ThreadIndexBase):
            self.tid_arity = max(self.tid_arity, 1)
            return self.emit.scalar(self.tid_params[0])
        out = lift(self.b, obj)
        if out is None and isinstance(obj, int):
            raise self.fail(f"the number {obj} does not fit 64 bits", node)
        if out is None:
            hint = "; pass arrays to the kernel as arguments" if isinstance(obj, (array, np.ndarray, list)) else ""
            if obj is None and isinstance(node, ast.Call):
                hint = f"; {ast.unparse(node.func)}() returns nothing"
            raise self.fail(f"{self.describe(obj)} is not a value that a kernel can compute with{hint}", node)
        return out

    def describe(self, obj: Any) -> str:
        """What error messages call a value."""
        if isinstance(obj, Val):
            return obj.type.name
        if isinstance(obj, ThreadIndexBase):
            return "int32"
        if obj is None:
            return "None"
        if isinstance(obj, Poison):
            return "undefined"
        if isinstance(obj, (T.ScalarType, T.CompositeMeta)):
            return f"the type {obj.name}"
        if isinstance(obj, (str, bytes)):
            return f"the string {obj!r}"
        for kind, name in _KINDS.items():
            if isinstance(obj, kind):
                return name.format(n=len(obj))
        return f"the Python object {getattr(obj, '__name__', None) or repr(obj).splitlines()[0][:60]}"

    # leaves ----------------------------------------------------------------------------------------------------
    def on_Constant(self, node: ast.Constant) -> Any:
        if isinstance(node.value, (str, type(None), type(Ellipsis))):
            return node.value
        return self.value(node.value, node)

    def on_Name(self, node: ast.Name) -> Any:
        if node.id in self.env:
            found = self.env[node.id]
            if isinstance(found, Poison):
                raise self.fail(found.why, node)
            return found
        if node.id in self.local_names:
            raise self.fail(f"'{node.id}' is read before it is set", node, KernelNameError)
        try:
            found = self.source.lookup(node.id, node)
        except KernelNameError:
            found = language_names().get(node.id)
            if found is None:
                raise
        self.note_use(node, found)
        return self.value(found, node) if is_number(found) else found

    def note_use(self, node: ast.expr, found: Any) -> None:
        """Remembers which function a name outside the kernel meant, to notice when it is defined again."""
        if type(found).__module__ in _DEFINABLE and hasattr(found, "compile_call"):
            root = node
            while isinstance(root, ast.Attribute):
                root = root.value
            if isinstance(root, ast.Name) and root.id not in self.env:
                self.function.uses.append((self.source, node, found, found.version))

    @property
    def local_names(self) -> set[str]:
        cached = self.__dict__.get("_local_names")
        if cached is None:
            cached = {
                n.id for n in ast.walk(self.source.tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
            }
            self.__dict__["_local_names"] = cached
        return cached

    def on_Tuple(self, node) -> tuple:
        parts = ([self.expression(e)] if not isinstance(e, ast.Starred) else self.starred(e) for e in node.elts)
        return tuple(v for part in parts for v in part)

    on_List = on_Tuple

    # operators -------------------------------------------------------------------------------------------------
    def on_BinOp(self, node: ast.BinOp) -> Any:
        left, right = self.expression(node.left), self.expression(node.right)
        return self.binary(node.op, left, right, node)

    def binary(self, op: ast.operator, left: Any, right: Any, node: ast.AST) -> Val:
        name = _BINARY[type(op)]
        if isinstance(left, tuple) and isinstance(right, tuple) and name == "add":
            return left + right
        left, right = self.value(left, node), self.value(right, node)
        if left.literal and right.literal and name in _FOLDED:
            return self.folded(name, left, right, node)
        if "struct" in (left.kind, right.kind):
            function = self.user_operator(name, left if left.kind == "struct" else right)
            if function is not None:
                call = ast.copy_location(ast.Call(ast.Name(name, ast.Load()), [node, node], []), node)
                return self.compile_callee(self, function, [left, right], {}, call)
        return BUILTINS[name].rule(self.emit, left, right)

    def user_operator(self, name: str, operand: Val) -> Any:
        """The user's function (`add`, `mul`, …) that gives an operator on structs its meaning; None if there is none."""
        module = sys.modules.get(operand.type.cls.__module__)
        for scope in (self.source.closure(), self.source.globals, vars(module) if module else {}):
            found = scope.get(name)
            if hasattr(found, "compile_call"):
                return found
        return None

    def folded(self, name: str, left: Val, right: Val, node: ast.AST) -> Val:
        """Arithmetic on two plain numbers gives a plain number, at full precision."""
        a, b = left.constant, right.constant
        if isinstance(a, float) or isinstance(b, float):
            a, b = float(a), float(b)
        return self.value(ir.OPS[name].fold(a, b), node)

    def on_UnaryOp(self, node: ast.UnaryOp) -> Val:
        v = self.expression(node.operand)
        if isinstance(node.op, ast.Not):
            return self.emit.scalar(self.b.op("not", self.truth(v, node.operand)))
        v = self.value(v, node)
        if isinstance(node.op, ast.UAdd):
            return v
        return BUILTINS["neg" if isinstance(node.op, ast.USub) else "invert"].rule(self.emit, v)

    def truth(self, v: Any, node: ast.AST) -> ir.Value:
        """The condition that Python's truth test means: non-zero, or an array that is there."""
        if v is None:
            return self.b.const(False, T.bool_)
        if isinstance(v, Poison) or not (isinstance(v, Val) or is_number(v) or isinstance(v, ThreadIndexBase)):
            if isinstance(v, (array, str, tuple)):
                return self.b.const(bool(v), T.bool_)
        v = self.value(v, node)
        if v.kind == "array":
            return self.b.op("ne", self.b.op("bitcast", v.comps[0], type=T.uint64), self.b.const(0, T.uint64))
        if not v.is_scalar:
            raise RuleError(f"a condition must be a number or bool, got {v.type.name}")
        return v.value if v.type.is_bool else self.b.op("ne", v.value, self.b.const(0, v.type))

    def on_BoolOp(self, node: ast.BoolOp) -> Val:
        return self.logical(node.op, [lambda e=e: self.expression(e) for e in node.values], node)

    def logical(self, op: ast.boolop, parts: list[Callable], node: ast.AST) -> Val:
        """`and` / `or`: the right side runs only if the left one leaves the answer open."""
        first = self.emit.scalar(self.truth(parts[0](), node))
        if len(parts) == 1:
            return first
        is_and = isinstance(op, ast.And)
        if first.constant is not None:
            return self.logical(op, parts[1:], node) if first.constant == is_and else first
        key = "%logical"
        fixed = self.emit.number(not is_and, T.bool_)

        def rest():
            self.env[key] = self.logical(op, parts[1:], node)

        def known():
            self.env[key] = fixed

        self.branch(first, rest if is_and else known, known if is_and else rest, node)
        return self.env.pop(key)

    def on_Compare(self, node: ast.Compare) -> Val:
        left = self.expression(node.left)
        parts: list[Callable] = []
        state = {"left": left}

        def one(op, right_node):
            def run():
                a, b = state["left"], self.expression(right_node)
                state["left"] = b
                return self.compare(op, a, b, node)

            return run

        parts = [one(op, right) for op, right in zip(node.ops, node.comparators)]
        return parts[0]() if len(parts) == 1 else self.logical(ast.And(), parts, node)

    def compare(self, op: ast.cmpop, a: Any, b: Any, node: ast.AST) -> Val:
        if isinstance(op, (ast.In, ast.NotIn)):
            raise RuleError("'in' is not part of the kernel language; compare the values one by one")
        positive = isinstance(op, (ast.Is, ast.Eq))
        if a is None or b is None:
            return self.is_none(b if a is None else a, positive)
        if isinstance(op, (ast.Is, ast.IsNot)) or isinstance(a, str):
            if isinstance(a, (Val, ThreadIndexBase)) or isinstance(b, (Val, ThreadIndexBase)):
                raise RuleError("'is' compares Python objects; compare values with ==")
            return self.emit.number((a is b or (isinstance(a, str) and a == b)) == positive, T.bool_)
        if not isinstance(a, (Val, ThreadIndexBase, T.Composite)) and not is_number(a):
            return self.emit.number((a == b) == isinstance(op, ast.Eq), T.bool_)
        a, b = self.value(a, node), self.value(b, node)
        name = _COMPARE[type(op)]
        if not a.is_scalar and name in ("eq", "ne"):
            self.emit.same("comparison", a, b)
            equal = self.b.const(True, T.bool_)
            for x, y in zip(a.comps, b.comps):
                equal = self.b.op("and", equal, self.b.op("eq", x, y))
            return self.emit.scalar(equal if name == "eq" else self.b.op("not", equal))
        a, b = self.emit.unify("comparison", a, b)
        return self.emit.scalar(self.b.op(name, a.value, b.value))

    def is_none(self, a: Any, positive: bool) -> Val:
        """`a is None`: true for an array argument that was given as None."""
        if isinstance(a, Val) and a.kind == "array":
            given = self.truth(a, None)
            return self.emit.scalar(self.b.op("not", given) if positive else given)
        return self.emit.number((a is None) == positive, T.bool_)

    def on_IfExp(self, node: ast.IfExp) -> Any:
        key = "%ifexp"
        condition = self.condition(node.test)

        def pick(e):
            def run():
                self.env[key] = self.expression(e)

            return run

        self.branch(condition, pick(node.body), pick(node.orelse), node)
        result = self.env.pop(key)
        if isinstance(result, Poison):
            raise self.fail(result.why.replace("'%ifexp'", "the conditional expression"), node)
        return result

    # attributes and items --------------------------------------------------------------------------------------
    def on_Attribute(self, node: ast.Attribute) -> Any:
        base = self.expression(node.value)
        if not isinstance(base, Val):
            try:
                if isinstance(base, T.ScalarType) and node.attr not in ("dtype", "name"):
                    raise AttributeError
                found = getattr(base, node.attr)
            except AttributeError:
                known = ("dtype", "name") if isinstance(base, T.ScalarType) else dir(base)
                hint = did_you_mean(node.attr, (n for n in known if n[0] != "_"))
                kind = KernelNameError if isinstance(base, pytypes.ModuleType) else KernelAttributeError
                raise self.fail(f"{self.describe(base)} has no attribute '{node.attr}'{hint}", node, kind) from None
            self.note_use(node, found)
            return self.value(found, node) if is_number(found) and not isinstance(found, enum.Enum) else found
        return self.field(base, node.attr)

    def field(self, base: Val, name: str) -> Any:
        t = base.type
        if t.kind == "struct":
            if name not in t.fields:
                raise RuleError(f"struct {t.name} has no field '{name}'; its fields are {', '.join(t.fields)}")
            at = t.first[name]
            return Val(t.fields[name], base.comps[at : at + t.fields[name].count])
        if t.kind == "array":
            if name == "shape":
                return Shape(self.emit.scalar(self.emit.cast(s, T.int32)) for s in base.comps[1 : 1 + t.ndim])
            if name == "size":
                total = base.comps[1]
                for s in base.comps[2 : 1 + t.ndim]:
                    total = self.b.op("mul", total, s)
                return self.emit.scalar(self.emit.cast(total, T.int32))
            if name == "ndim":
                return self.value(t.ndim, None)
            if name == "dtype":
                return t.dtype
            if name == "strides":
                return Shape(self.emit.scalar(self.emit.cast(s, T.int32)) for s in strides_of(base))
            if name == "ptr":
                return self.emit.scalar(self.b.op("bitcast", base.comps[0], type=T.uint64))
        elif t.kind in ("vec", "quat") and name in AXES and AXES[name] < t.count:
            return self.emit.scalar(base.comps[AXES[name]])
        elif name == "dtype" and t.kind != "struct":
            return t.scalar
        elif name in ("length", "shape") and t.kind in ("vec", "mat", "quat", "transform"):
            sizes = tuple(lift(self.b, n) for n in t.shape)
            return sizes if name == "shape" else sizes[0]
        elif t.kind == "transform" and name in ("p", "q"):
            return (
                Val(T.vector(3, t.scalar), base.comps[:3])
                if name == "p"
                else Val(T.quaternion(t.scalar), base.comps[3:])
            )
        raise RuleError(f"{t.name} has no attribute '{name}'{_ATTRIBUTES.get(t.kind, '')}")

    def with_field(self, base: Val, name: str, value: Any, node: ast.AST) -> Val:
        old = self.field(base, name)
        if not isinstance(old, Val) or base.kind == "array":
            raise RuleError(f"attribute '{name}' of {base.type.name} cannot be assigned to")
        value = self.as_type(value, old.type, node)
        at = (
            base.type.first[name]
            if base.kind == "struct"
            else 3
            if (base.kind, name) == ("transform", "q")
            else AXES.get(name, 0)
        )
        return Val(base.type, base.comps[:at] + list(value.comps) + base.comps[at + len(value.comps) :])

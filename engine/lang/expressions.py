"""Expressions of the kernel language: names, operators, indexing, calls."""

from __future__ import annotations

import ast
import builtins
import math
import types as pytypes
from collections.abc import Callable
from typing import Any

import numpy as np

from engine import types as T
from engine import arrays
from engine.arrays import ArrayType, array
from engine.errors import KernelNameError, KernelSyntaxError, KernelTypeError
from engine.lang import ir
from engine.lang.values import Poison, Val, is_number, lift
from engine.library.registry import BUILTINS, Builtin, RuleError
from engine.structs import scalar_types

_BINARY = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.FloorDiv: "floordiv", ast.Mod: "mod", ast.Pow: "pow",
           ast.MatMult: "mul", ast.LShift: "lshift", ast.RShift: "rshift", ast.BitAnd: "bit_and", ast.BitOr: "bit_or", ast.BitXor: "bit_xor"}  # fmt: skip
_COMPARE = {ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge", ast.Eq: "eq", ast.NotEq: "ne"}
_PYTHON = {builtins.min: "min", builtins.max: "max", builtins.abs: "abs", builtins.round: "round", builtins.print: "print", builtins.pow: "pow", math.sqrt: "sqrt",
           builtins.len: "len", math.sin: "sin", math.cos: "cos", arrays.zeros: "zeros", arrays.empty: "empty", T.vector: "vector",
           T.matrix: "matrix"}  # fmt: skip
_AXES = {"x": 0, "y": 1, "z": 2, "w": 3}


class StaticExpression:
    """Marker object behind `engine.static`."""

    def __call__(self, value: Any) -> Any:
        return value


static = StaticExpression()


class Expressions:
    """Mixin of the compiler: each `on_X` turns one kind of syntax node into a value."""

    def expression(self, node: ast.expr) -> Any:
        method = getattr(self, "on_" + type(node).__name__, None)
        if method is None:
            raise self.fail(f"'{ast.unparse(node)}' is not part of the kernel language", node, KernelSyntaxError)
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
        if out is None:
            hint = "; pass arrays to the kernel as arguments" if isinstance(obj, (array, np.ndarray)) else ""
            raise self.fail(f"{self.describe(obj)} is not a value that a kernel can compute with{hint}", node)
        return out

    def describe(self, obj: Any) -> str:
        if isinstance(obj, Val):
            return obj.type.name
        if isinstance(obj, tuple):
            return f"a tuple of {len(obj)}"
        if obj is None:
            return "nothing"
        if isinstance(obj, Poison):
            return "undefined"
        return f"the Python object {getattr(obj, '__name__', None) or repr(obj)[:60]}"

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
        found = self.source.lookup(node.id, node)
        return self.value(found, node) if is_number(found) else found

    @property
    def local_names(self) -> set[str]:
        cached = self.__dict__.get("_local_names")
        if cached is None:
            cached = {n.id for n in ast.walk(self.source.tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
            self.__dict__["_local_names"] = cached
        return cached

    def on_Tuple(self, node) -> tuple:
        return tuple(self.expression(e) for e in node.elts)

    on_List = on_Tuple

    # operators -------------------------------------------------------------------------------------------------
    def on_BinOp(self, node: ast.BinOp) -> Any:
        left, right = self.expression(node.left), self.expression(node.right)
        return self.binary(node.op, left, right, node)

    def binary(self, op: ast.operator, left: Any, right: Any, node: ast.AST) -> Val:
        name = _BINARY[type(op)]
        if isinstance(left, tuple) and isinstance(right, tuple) and name == "add":
            return left + right
        return BUILTINS[name].rule(self.emit, self.value(left, node), self.value(right, node))

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
        if isinstance(op, (ast.Is, ast.IsNot)) or a is None or b is None or isinstance(a, str):
            if isinstance(a, Val) and b is None:
                same = False
            else:
                same = a is b or (isinstance(a, str) and a == b)
            return self.emit.number(same == isinstance(op, (ast.Is, ast.Eq)), T.bool_)
        if isinstance(op, (ast.In, ast.NotIn)):
            raise RuleError("'in' is not part of the kernel language; compare the values one by one")
        if not isinstance(a, (Val, ThreadIndexBase, T.Composite)) and not is_number(a):
            return self.emit.number((a == b) == isinstance(op, ast.Eq), T.bool_)
        a, b = self.value(a, node), self.value(b, node)
        name = _COMPARE[type(op)]
        if not a.is_scalar and name in ("eq", "ne"):
            self.emit.same("comparison", a, b)
            equal = None
            for x, y in zip(a.comps, b.comps):
                one = self.b.op("eq", x, y)
                equal = one if equal is None else self.b.op("and", equal, one)
            return self.emit.scalar(equal if name == "eq" else self.b.op("not", equal))
        a, b = self.emit.unify("comparison", a, b)
        return self.emit.scalar(self.b.op(name, a.value, b.value))

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
                found = getattr(base, node.attr)
            except AttributeError:
                raise self.fail(f"{self.describe(base)} has no attribute '{node.attr}'", node, KernelNameError) from None
            return self.value(found, node) if is_number(found) else found
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
                return tuple(self.emit.scalar(self.emit.cast(s, T.int32)) for s in base.comps[1 : 1 + t.ndim])
            if name == "size":
                total = base.comps[1]
                for s in base.comps[2 : 1 + t.ndim]:
                    total = self.b.op("mul", total, s)
                return self.emit.scalar(self.emit.cast(total, T.int32))
            if name == "ndim":
                return self.value(t.ndim, None)
            if name == "dtype":
                return t.dtype
            if name == "ptr":
                return self.emit.scalar(self.b.op("bitcast", base.comps[0], type=T.uint64))
        elif t.kind in ("vec", "quat") and name in _AXES and _AXES[name] < t.count:
            return self.emit.scalar(base.comps[_AXES[name]])
        elif t.kind == "transform" and name in ("p", "q"):
            return Val(T.vector(3, t.scalar), base.comps[:3]) if name == "p" else Val(T.quaternion(t.scalar), base.comps[3:])
        raise RuleError(f"{t.name} has no attribute '{name}'")

    def with_field(self, base: Val, name: str, value: Any, node: ast.AST) -> Val:
        old = self.field(base, name)
        if not isinstance(old, Val) or base.kind == "array":
            raise RuleError(f"attribute '{name}' of {base.type.name} cannot be assigned to")
        value = self.as_type(value, old.type, node)
        at = base.type.first[name] if base.kind == "struct" else 3 if (base.kind, name) == ("transform", "q") else _AXES.get(name, 0)
        return Val(base.type, base.comps[:at] + list(value.comps) + base.comps[at + len(value.comps) :])

    def indices(self, node: ast.Subscript) -> list[ast.expr]:
        return list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]

    def on_Subscript(self, node: ast.Subscript) -> Any:
        base = self.expression(node.value)
        parts = self.indices(node)
        if isinstance(base, (tuple, list)):
            k = self.value(self.expression(parts[0]), node).constant
            if not isinstance(k, int) or not -len(base) <= k < len(base):
                raise RuleError(f"a tuple of {len(base)} needs a constant index between 0 and {len(base) - 1}")
            return base[k]
        if not isinstance(base, Val):
            if isinstance(base, type) or isinstance(base, pytypes.GenericAlias):
                return base[tuple(self.expression(p) for p in parts)] if len(parts) > 1 else base[self.expression(parts[0])]
            base = self.value(base, node)
        if base.kind == "array":
            return self.array_item(base, parts, node)
        return self.item(base, parts, node)

    def item(self, base: Val, parts: list[ast.expr], node: ast.AST) -> Val:
        t = base.type
        if t.kind in ("scalar", "struct"):
            raise RuleError(f"{t.name} cannot be indexed")
        if any(isinstance(p, ast.Slice) for p in parts):
            return self.slice_item(base, parts, node)
        if t.kind == "mat":
            rows, cols = t.shape
            if len(parts) == 1:
                picks = self.positions(parts[0], rows, node)
                return Val(T.vector(cols, t.scalar), [self.pick([base.comps[r * cols + c] for r in range(rows)], picks) for c in range(cols)])
            if len(parts) != 2:
                raise RuleError(f"{t.name} takes one or two indices, got {len(parts)}")
            r, c = self.positions(parts[0], rows, node), self.positions(parts[1], cols, node)
            row = [self.pick([base.comps[i * cols + j] for i in range(rows)], r) for j in range(cols)]
            return self.emit.scalar(self.pick(row, c))
        if len(parts) != 1:
            raise RuleError(f"{t.name} takes one index, got {len(parts)}")
        return self.emit.scalar(self.pick(base.comps, self.positions(parts[0], t.count, node)))

    def slice_item(self, base: Val, parts: list[ast.expr], node: ast.AST) -> Val:
        grid = np.empty(base.count if hasattr(base, "count") else len(base.comps), dtype=object)
        grid[:] = base.comps
        grid = grid.reshape(base.type.shape)
        part = grid[tuple(self.static_index(p) for p in parts)]
        comps = list(part.ravel())
        return Val(T.vector(len(comps), base.scalar) if part.ndim == 1 else T.matrix(part.shape, base.scalar), comps)

    def static_index(self, node: ast.expr) -> Any:
        def number(e):
            if e is None:
                return None
            k = self.value(self.expression(e), e).constant
            if not isinstance(k, int):
                raise RuleError("slices of vectors and matrices need constant bounds")
            return k

        return slice(number(node.lower), number(node.upper), number(node.step)) if isinstance(node, ast.Slice) else number(node)

    def positions(self, part: ast.expr, extent: int, node: ast.AST) -> int | ir.Value:
        """An index into `extent` components: an int if constant (negative counts from the end), else a value."""
        v = self.emit.integer("an index", self.value(self.expression(part), part))
        k = v.constant
        if k is None:
            return v.value
        if not -extent <= k < extent:
            raise RuleError(f"index {k} is out of range for {extent} components")
        return k % extent

    def pick(self, comps: list[ir.Value], at: int | ir.Value) -> ir.Value:
        if isinstance(at, int):
            return comps[at]
        out = comps[0]
        for k in range(1, len(comps)):
            out = self.b.op("select", self.b.op("eq", at, self.b.const(k, at.type)), comps[k], out)
        return out

    def put(self, old: ir.Value, new: ir.Value, k: int, at: int | ir.Value) -> ir.Value:
        if isinstance(at, int):
            return new if k == at else old
        return self.b.op("select", self.b.op("eq", at, self.b.const(k, at.type)), new, old)

    def with_item(self, base: Val, target: ast.Subscript, value: Any) -> Val:
        """`base` with the component(s) that `target` names replaced by `value`."""
        t, parts = base.type, self.indices(target)
        if t.kind in ("scalar", "struct"):
            raise RuleError(f"{t.name} cannot be indexed")
        if any(isinstance(p, ast.Slice) for p in parts):
            places = np.arange(t.count).reshape(t.shape)[tuple(self.static_index(p) for p in parts)].ravel()
            value = self.value(value, target)
            new = value.comps if not value.is_scalar else [self.as_type(value, t.scalar, target).value] * len(places)
            if len(new) != len(places):
                raise RuleError(f"got {len(new)} components for {len(places)}")
            comps = list(base.comps)
            for k, v in zip(places, new):
                comps[k] = v
            return Val(t, comps)
        if t.kind == "mat":
            rows, cols = t.shape
            r = self.positions(parts[0], rows, target)
            if len(parts) == 1:
                row = self.as_type(value, T.vector(cols, t.scalar), target).comps
                return Val(t, [self.put(base.comps[i * cols + j], row[j], i, r) for i in range(rows) for j in range(cols)])
            c = self.positions(parts[1], cols, target)
            new = self.as_type(value, t.scalar, target).value
            comps = []
            for i in range(rows):
                for j in range(cols):
                    old = base.comps[i * cols + j]
                    comps.append(self.put(old, self.put(old, new, j, c), i, r))
            return Val(t, comps)
        new = self.as_type(value, t.scalar, target).value
        at = self.positions(parts[0], t.count, target)
        return Val(t, [self.put(old, new, k, at) for k, old in enumerate(base.comps)])

    # arrays ----------------------------------------------------------------------------------------------------
    def address(self, base: Val, parts: list[Any], node: ast.AST) -> tuple[ir.Value, list[ir.Value]]:
        """Byte offset of the element at `parts` (syntax nodes or values), and the checked indices."""
        t = base.type
        if len(parts) > t.ndim:
            raise RuleError(f"{t.name} takes {t.ndim} indices, got {len(parts)}")
        offset = self.b.const(0, T.int64)
        for d, part in enumerate(parts):
            v = self.value(self.expression(part), part) if isinstance(part, ast.AST) else part
            v = self.emit.integer("an array index", v)
            extent, stride = base.comps[1 + d], base.comps[1 + t.ndim + d]
            i = self.emit.cast(v.value, T.int64)
            if isinstance(v.constant, int) and v.constant < 0:
                i = self.b.op("add", extent, i)
            if self.debug:
                inside = self.b.op("and", self.b.op("ge", i, self.b.const(0, T.int64)), self.b.op("lt", i, extent))
                self.check(inside, f"index {{0}} is out of bounds for dimension {d} of size {{1}} of {ast.unparse(node)[:60]}", node, i, extent)
                i = self.b.op("select", inside, i, self.b.const(0, T.int64))
            offset = self.b.op("add", offset, self.b.op("mul", i, stride))
        return offset

    def array_item(self, base: Val, parts: list[ast.expr], node: ast.AST) -> Val:
        t = base.type
        if any(isinstance(p, ast.Slice) for p in parts):
            raise RuleError("slices of arrays inside kernels need whole rows; index the leading dimensions with numbers")
        offset = self.address(base, parts, node)
        if len(parts) == t.ndim:
            return self.load(t.dtype, base.comps[0], offset)
        left = t.ndim - len(parts)
        comps = [self.b.op("offset", base.comps[0], offset), *base.comps[1 + len(parts) : 1 + t.ndim], *base.comps[1 + t.ndim + len(parts) :]]
        return Val(ArrayType(t.dtype, left), comps)

    def array_place(self, target: ast.expr) -> tuple[Any, ir.Value, ir.Value] | None:
        """(type, base, byte offset) of an assignable place inside an array: `a[i]`, `a[i][2]`, `a[i].field.x`."""
        if isinstance(target, ast.Subscript):
            outer = self.array_place(target.value)
            if outer is None:
                base = self.expression_or_none(target.value)
                if not isinstance(base, Val) or base.kind != "array":
                    return None
                parts = self.indices(target)
                if len(parts) != base.type.ndim:
                    if len(parts) < base.type.ndim:
                        return None
                    raise RuleError(f"{base.type.name} takes {base.type.ndim} indices, got {len(parts)}")
                return base.type.dtype, base.comps[0], self.address(base, parts, target)
            dtype, base, offset = outer
            if dtype.kind in ("scalar", "struct", "array"):
                return None
            parts = self.indices(target)
            if any(isinstance(p, ast.Slice) for p in parts):
                return None
            steps = [self.positions(p, n, target) for p, n in zip(parts, dtype.shape if dtype.kind == "mat" else (dtype.count,))]
            inner: Any = dtype.scalar
            strides = [dtype.scalar.size]
            if dtype.kind == "mat":
                strides = [dtype.scalar.size * dtype.shape[1], dtype.scalar.size]
                if len(steps) == 1:
                    inner = T.vector(dtype.shape[1], dtype.scalar)
            for step, stride in zip(steps, strides):
                k = self.b.const(step, T.int64) if isinstance(step, int) else self.emit.cast(step, T.int64)
                offset = self.b.op("add", offset, self.b.op("mul", k, self.b.const(stride, T.int64)))
            return inner, base, offset
        if isinstance(target, ast.Attribute):
            outer = self.array_place(target.value)
            if outer is None:
                return None
            dtype, base, offset = outer
            if dtype.kind == "struct" and target.attr in dtype.fields:
                return dtype.fields[target.attr], base, self.b.op("add", offset, self.b.const(dtype.offsets[target.attr], T.int64))
            if dtype.kind in ("vec", "quat") and target.attr in _AXES:
                return dtype.scalar, base, self.b.op("add", offset, self.b.const(_AXES[target.attr] * dtype.scalar.size, T.int64))
            if dtype.kind == "transform" and target.attr in ("p", "q"):
                part = T.vector(3, dtype.scalar) if target.attr == "p" else T.quaternion(dtype.scalar)
                return part, base, self.b.op("add", offset, self.b.const(0 if target.attr == "p" else 3 * dtype.scalar.size, T.int64))
        return None

    def expression_or_none(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Name) and node.id not in self.env:
            return None
        return self.expression(node)

    def load(self, dtype: Any, base: ir.Value, offset: ir.Value) -> Val:
        """The value of type `dtype` at byte `offset` from `base`."""
        comps, at = [], 0
        for s, where in zip(scalar_types(dtype), memory_offsets(dtype)):
            comps.append(self.b.load(base, self.b.op("add", offset, self.b.const(where, T.int64)), s))
        return Val(dtype, comps)

    def store(self, dtype: Any, base: ir.Value, offset: ir.Value, value: Val) -> None:
        for comp, where in zip(value.comps, memory_offsets(dtype)):
            self.b.store(base, self.b.op("add", offset, self.b.const(where, T.int64)), comp)

    def atomic_each(self, op: str, base: ir.Value, offset: ir.Value, value: Val) -> Val:
        """The same atomic operation on each component; the old value."""
        old, scalar = [], value.scalar
        for k, comp in enumerate(value.comps):
            at = self.b.op("add", offset, self.b.const(k * scalar.size, T.int64))
            old.append(self.b.effect("atomic", scalar, (base, at, comp), op))
        return Val(value.type, old)

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
        if t.kind in ("vec", "mat") and v.kind == t.kind and t.shape == v.type.shape and all(isinstance(c, ir.Const) for c in v.comps):
            return Val(t, [self.b.const(c.value, t.scalar) for c in v.comps])
        raise RuleError(f"got {v.type.name}; expected {T.type_name(t)}; convert it explicitly, e.g. {T.type_name(t)}(x)")

    def construct(self, t: Any, args: list[Any], kw: dict[str, Any], node: ast.AST) -> Val:
        if isinstance(t, T.ScalarType):
            if not args:
                return self.emit.zero(t)
            v = self.value(args[0], node)
            if not v.is_scalar:
                raise RuleError(f"{t.name}() got {v.type.name}; expected a number")
            if v.literal:
                return Val(t, [self.b.const(v.constant, t)])
            return Val(t, [self.b.op("ne", v.value, self.b.const(0, v.type)) if t.is_bool and not v.type.is_bool else self.emit.cast(v.value, t)])
        rule = {"vec": "%vector", "mat": "%matrix", "quat": "%quaternion", "transform": "%transform"}[t.kind]
        return BUILTINS[rule].rule(self.emit, t, *[a if isinstance(a, tuple) else self.value(a, node) for a in args], **kw)

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
        if not isinstance(callee, Builtin) and isinstance(callee, (pytypes.BuiltinFunctionType, pytypes.FunctionType)) and callee in _PYTHON:
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
        raise self.fail(f"'{name}' is a plain Python function; decorate it with @func to call it from a kernel", node, KernelTypeError)

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
    return a is None or isinstance(a, (str, tuple, T.ScalarType, T.CompositeMeta, ArrayType, type, Builtin)) or callable(a)


def memory_offsets(t: Any) -> list[int]:
    """Byte offset of each scalar of a value of type `t` in memory."""
    if t.kind == "struct":
        return [t.offsets[name] + inner for name, f in t.fields.items() for inner in memory_offsets(f)]
    if t.kind == "array":
        return [8 * k for k in range(t.count)]
    return [k * t.scalar.size for k in range(t.count)]


class ThreadIndexBase:
    """The value of `tid()` until it is unpacked or used as a number."""

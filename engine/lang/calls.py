"""Calls: builtins, user functions, constructors, conversions, `static`."""

from __future__ import annotations

import ast
import builtins
import math
import types as pytypes
from typing import Any

from engine import array_making, arrays
from engine import types as T
from engine.array_types import ArrayType
from engine.errors import KernelSyntaxError, KernelTypeError, KernelValueError
from engine.in_out import out_places
from engine.lang import ir
from engine.lang.values import Poison, ThreadIndexBase, Val, is_number
from engine.library.registry import BUILTINS, Builtin, RuleError
from engine.references import address_of

#: Python functions that mean a builtin inside kernels.
_PYTHON = {builtins.min: "min", builtins.max: "max", builtins.abs: "abs", builtins.round: "round", builtins.len: "len",
           builtins.print: "print", builtins.pow: "pow", array_making.zeros: "zeros", array_making.empty: "empty",
           T.vector: "vector", T.matrix: "matrix", T.quaternion: "quaternion", T.transformation: "transformation",
           math.fabs: "abs"}  # fmt: skip
_PYTHON |= {getattr(math, name): name for name in ("sqrt", "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "exp",
            "log", "log2", "log10", "pow", "floor", "ceil", "trunc", "sinh", "cosh", "tanh", "degrees", "radians",
            "isnan", "isinf", "isfinite", "erf", "erfc", "copysign")}  # fmt: skip

_CONSTRUCTORS = {"vec": "%vector", "mat": "%matrix", "quat": "%quaternion", "transform": "%transform"}
_NUMPY_NAMES = {"arcsin": "asin", "arccos": "acos", "arctan": "atan", "arctan2": "atan2", "absolute": "abs",
                "minimum": "min", "maximum": "max", "clip": "clamp", "power": "pow", "linalg.norm": "length"}  # fmt: skip


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
        if v.kind == "array" and t.kind == "array":
            if v.type == t:
                return v
            if isinstance(v.type, arrays.FixedArrayType) and v.type.plain == t:
                return Val(t, v.comps)
        if (
            t.kind in ("vec", "mat")
            and v.kind == t.kind
            and t.shape == v.type.shape
            and all(isinstance(c, ir.Const) for c in v.comps)
        ):
            return Val(t, [self.b.const(c.value, t.scalar) for c in v.comps])
        how = f"; convert it, e.g. {T.spelled(t)}(x)" if t.kind in ("scalar", "vec") and v.kind == t.kind else ""
        raise RuleError(f"got {v.type.name}; expected {T.type_name(t)}{how}")

    def construct(self, t: Any, args: list[Any], kw: dict[str, Any], node: ast.AST) -> Val:
        """`t(...)` for a scalar or composite type: a conversion, or a value from its components."""
        if isinstance(t, T.ScalarType):
            if kw or len(args) > 1:
                raise RuleError(f"{t.name}() takes one number, got {len(args) + len(kw)} arguments")
            return self.converted(self.value(args[0], node), t) if args else self.emit.zero(t)
        rule = BUILTINS[_CONSTRUCTORS[t.kind]]
        return self.apply(rule, [t, *(a if isinstance(a, tuple) else self.value(a, node) for a in args)], kw, node)

    def converted(self, v: Val, t: T.ScalarType) -> Val:
        """A scalar converted to `t`: floats to integers truncate and saturate, integers wrap, anything to bool is != 0."""
        if not v.is_scalar:
            raise RuleError(f"{t.name}() got {v.type.name}; expected a number")
        return Val(t, [self.b.const(v.constant, t) if v.literal else self.emit.cast(v.value, t)])

    # calls -----------------------------------------------------------------------------------------------------
    def on_Call(self, node: ast.Call) -> Any:
        callee = self.expression(node.func)
        if callee is static:
            return self.static_value(node)
        if callee is address_of:
            return self.address_of(node)
        args: list[Any] = []
        for a in node.args:
            if isinstance(a, ast.Starred):
                args.extend(self.starred(a))
            else:
                args.append(self.expression(a))
        if any(k.arg is None for k in node.keywords):
            raise self.fail("**arguments are not part of the kernel language; name them", node, KernelSyntaxError)
        kw = {k.arg: self.expression(k.value) for k in node.keywords}
        return self.call(callee, args, kw, node)

    def starred(self, star: ast.Starred) -> list[Any]:
        """The values that `*x` stands for; of an array, a slice with constant bounds."""
        node = star.value
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
            base = self.expression(node.value)
            if isinstance(base, Val) and base.kind == "array":
                return [self.array_item(base, [k], node) for k in self.slice_indices(node.slice, node)]
        return self.elements(self.expression(node), star)

    def slice_indices(self, part: ast.Slice, node: ast.AST) -> list[Val]:
        """The indices of a slice of an array; its bounds must be known when compiling, for its length is not."""
        try:
            bounds = self.static_index(part)
        except RuleError:
            raise self.fail("a slice of an array needs constant bounds here", node, KernelValueError) from None
        start, stop, step = bounds.start or 0, bounds.stop, 1 if bounds.step is None else bounds.step
        if stop is None:
            why = "'*' on a slice of an array requires explicit upper bounds; write a[:n] with a number n"
            raise self.fail(why, node, KernelValueError)
        if start < 0 or stop < 0:
            why = "slice bounds cannot be negative for arrays, whose length is not known when the kernel is compiled"
            raise self.fail(why, node, KernelValueError)
        if step <= 0:
            why = "a slice's step cannot be negative or zero here; count upwards and reverse the order of the values"
            raise self.fail(why, node, KernelValueError)
        return [self.value(k, node) for k in range(start, stop, step)]

    def elements(self, value: Any, node: ast.AST) -> list[Any]:
        """The parts that `*value` stands for."""
        if isinstance(value, (tuple, list)):
            return list(value)
        if isinstance(value, Val) and value.kind in ("vec", "quat", "transform"):
            return [Val(value.scalar, [c]) for c in value.comps]
        if isinstance(value, Val) and value.kind == "mat":
            cols = value.type.shape[1]
            row = T.vector(cols, value.scalar)
            return [Val(row, value.comps[k : k + cols]) for k in range(0, len(value.comps), cols)]
        raise self.fail(f"'*' got {self.describe(value)}; expected a tuple, vector, matrix or slice of an array", node)

    def static_value(self, node: ast.Call) -> Any:
        if len(node.args) != 1 or node.keywords:
            raise self.fail("static() takes one Python expression", node)
        code = compile(ast.Expression(node.args[0]), self.source.filename, "eval")
        scope = {**self.source.closure()}
        for name, v in self.env.items():
            if isinstance(v, Val) and v.constant is not None:
                scope[name] = v.constant
            elif isinstance(v, Val) and v.kind in ("vec", "mat", "quat", "transform"):
                scope[name] = v.type.zero()  # its type and length are known, its components are not
            elif not isinstance(v, (Val, Poison)):
                scope[name] = v
        try:
            out = eval(code, self.source.globals, scope)
        except Exception as why:
            raise self.fail(f"static() could not be evaluated: {type(why).__name__}: {why}", node) from None
        return self.value(out, node) if is_number(out) else out

    def call(self, callee: Any, args: list, kw: dict, node: ast.Call) -> Any:
        """The value of `callee(*args, **kw)`."""
        if isinstance(callee, (pytypes.BuiltinFunctionType, pytypes.FunctionType)):
            callee = BUILTINS.get(_PYTHON.get(callee), callee)
        if hasattr(callee, "out_form") and out_places(callee, node.args):
            return self.call_for_places(callee, args, kw, node)
        if isinstance(callee, Builtin):
            return self.call_builtin(callee, args, kw, node)
        if callee is int or callee is float or callee is bool:
            return self.construct(T.as_type(callee), args, kw, node)
        if isinstance(callee, (T.ScalarType, T.CompositeMeta)):
            return self.construct(callee, args, kw, node)
        layout = getattr(callee, "__engine_struct__", None)
        if layout is not None and isinstance(callee, type):
            return self.new_struct(layout, args, kw, node)
        if getattr(callee, "kind", None) == "struct":  # `type(s)(...)`
            return self.new_struct(callee, args, kw, node)
        if hasattr(callee, "compile_call"):
            return self.compile_callee(self, callee, args, kw, node)
        if callee is arrays.array:
            return self.array_at(args, kw, node)
        if callee is type and len(args) == 1:
            return self.value(args[0], node).type
        if callee is builtins.isinstance and len(args) == 2:
            return self.value(self.value(args[0], node).type is T.as_type(args[1]), node)
        raise self.fail(self.not_callable(callee), node, KernelTypeError)

    def call_for_places(self, callee: Any, args: list, kw: dict, node: ast.Call) -> None:
        """A call that writes its results to the places which its last arguments name."""
        places = out_places(callee, node.args)
        inputs = len(args) - len(places)
        plain = ast.copy_location(ast.Call(node.func, node.args[:inputs], node.keywords), node)
        for place, old, value in zip(places, args[inputs:], self.call(callee, args[:inputs], kw, plain)):
            self.assign(place, self.as_type(value, self.value(old, place).type, place), place)

    def address_of(self, node: ast.Call) -> Val:
        """The address of an element of an array, or of a part of it."""
        place = self.array_place(node.args[0]) if len(node.args) == 1 and not node.keywords else None
        if place is None:
            raise self.fail("address_of() takes an element of an array, or a part of one: address_of(a[i].x)", node)
        _, base, offset = place
        where = self.b.op("bitcast", base, type=T.uint64)
        return self.emit.scalar(self.b.op("add", where, self.emit.cast(offset, T.uint64)))

    def array_at(self, args: list, kw: dict, node: ast.Call) -> Val:
        """`array(ptr=..., shape=..., dtype=...)`: an array over memory at an address."""
        if args or set(kw) != {"ptr", "shape", "dtype"}:
            raise self.fail(
                "arrays cannot be made inside kernels; use zeros(shape=..., dtype=...) for one private to the thread, "
                "or array(ptr=..., shape=..., dtype=...) over memory that exists",
                node,
            )
        dtype = T.as_type(kw["dtype"])
        shape = kw["shape"] if isinstance(kw["shape"], (tuple, list)) else (kw["shape"],)
        address = self.emit.integer("ptr", self.value(kw["ptr"], node))
        sizes = [self.emit.cast(self.emit.integer("shape", self.value(s, node)).value, T.int64) for s in shape]
        strides, step = [], self.b.const(dtype.size, T.int64)
        for s in reversed(sizes):
            strides.insert(0, step)
            step = self.b.op("mul", step, s)
        base = self.b.op("bitcast", self.emit.cast(address.value, T.uint64), type=T.pointer)
        return Val(ArrayType(dtype, len(sizes)), [base, *sizes, *strides])

    def not_callable(self, callee: Any) -> str:
        name = getattr(callee, "__name__", None)
        if isinstance(callee, Val) or name is None:
            return f"{self.describe(callee)} cannot be called"
        if hasattr(callee, "variant"):
            return f"'{name}' is a kernel; kernels call functions made with @func, not kernels"
        twin = BUILTINS.get(_NUMPY_NAMES.get(name, name))
        if twin is not None and not isinstance(callee, pytypes.FunctionType):
            return f"'{name}' is a Python function; use the engine's own {twin.name}()"
        if isinstance(callee, (type, pytypes.BuiltinFunctionType)):
            return f"'{name}' is not part of the kernel language"
        return f"'{name}' is a plain Python function; decorate it with @func to call it from a kernel"

    def new_struct(self, layout: Any, args: list, kw: dict, node: ast.Call) -> Val:
        """A struct value with the given fields, the others zero."""
        if len(args) > len(layout.fields):
            raise RuleError(f"{layout.name}() got {len(args)} values; its fields are {', '.join(layout.fields)}")
        out = self.emit.zero(layout)
        for name, v in [*zip(layout.fields, args), *kw.items()]:
            out = self.with_field(out, name, v, node)
        return out

    def call_builtin(self, row: Builtin, args: list, kw: dict, node: ast.Call) -> Any:
        """The value of a builtin; names that it changes in place are bound anew."""
        args, kw = row.arranged(args, kw)
        vals = [a if _compile_time(a) else self.value(a, node) for a in args]
        kw = {k: a if _compile_time(a) else self.value(a, node) for k, a in kw.items()}
        out = self.apply(row, vals, kw, node)
        if row.mutates:
            out, *changed = out
            places, _ = row.arranged(node.args, {k.arg: k.value for k in node.keywords if k.arg})
            for k, v in zip(row.mutates, changed):
                if not isinstance(places[k], ast.Call):  # a temporary has no name to bind anew
                    self.assign(places[k], v, node)
        return out

    def apply(self, row: Builtin, vals: list, kw: dict, node: ast.Call) -> Any:
        """Runs the rule of a builtin; every refusal becomes an error that shows the call."""
        self.call_node = node
        shown = f"{vals[0].name}()" if row.name[0] == "%" else f"{row.name}()"
        try:
            row.signature.bind(None, *vals, **kw)
        except TypeError as error:
            raise self.fail(f"{shown} {error}; it takes ({row.parameters})", node) from None
        try:
            return row.rule(self if row.kernel_only else self.emit, *vals, **kw)
        except RuleError as error:
            text = str(error)
            raise self.fail(text if text.startswith((row.name, shown)) else f"{shown}: {text}", node) from None
        except (AttributeError, IndexError, TypeError, KeyError, ValueError) as error:
            got = ", ".join([*map(self.describe, vals), *(f"{k}={self.describe(v)}" for k, v in kw.items())])
            raise self.fail(f"{shown} cannot take ({got}); it takes ({row.parameters})", node) from error


def _compile_time(a: Any) -> bool:
    if isinstance(a, (Val, ThreadIndexBase)):
        return False
    return (
        a is None or isinstance(a, (str, tuple, T.ScalarType, T.CompositeMeta, ArrayType, type, Builtin)) or callable(a)
    )

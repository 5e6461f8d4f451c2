"""The registry of builtins: name → the rule that expands it into scalar operations.

A rule runs in two places from one source: in the front end, where it appends instructions, and in Python scope, where
every operand is a constant and the instructions fold to a number.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from engine import types as T
from engine.errors import EngineError, KernelTypeError
from engine.lang import ir
from engine.lang.builder import Builder
from engine.lang.values import Val, lift, lower

#: Other names by which programs know parameters of builtins: builtin → other name → our name.
_OTHER_NAMES: dict[str, dict[str, str]] = {
    name: {other: ours for other, ours in (pair.split("=") for pair in pairs.split())}
    for names, pairs in {
        "argmax argmin length length_sq normalize": "a=v",
        "bit_count popcount": "x=a",
        "determinant inverse trace transpose": "a=m",
        "diag skew": "vec=v",
        "get_diag quat_from_matrix": "mat=m",
        "isfinite isinf isnan": "a=x",
        "printf": "fmt=text",
        "quat_inverse quat_to_axis_angle quat_to_matrix": "quat=q",
        "quat_rotate quat_rotate_inv": "quat=q vec=v",
        "select where": "cond=condition value_if_true=if_true value_if_false=if_false",
        "smoothstep": "a=low b=high",
        "spatial_bottom spatial_top": "svec=v",
        "transform_get_rotation transform_get_translation transform_inverse": "xform=t",
        "transform_point": "xform=t mat=t point=x",
        "transform_set_rotation transform_set_translation": "xform=t",
        "transform_vector": "xform=t mat=t vec=x",
    }.items()
    for name in names.split()
}

_PLACE = ("arr", "i", "j", "k", "l")

#: Names of the parameters of builtins that take any number of them, in order; all but the needed ones may be missing.
_ORDERS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("min", "max"), ("a", "b")),
    **{f"atomic_{name}": (*_PLACE, "value") for name in ("add", "sub", "min", "max", "and", "or", "xor", "exch")},
    "atomic_cas": (*_PLACE, "compare", "value"),
    "load": _PLACE,
    "store": (*_PLACE, "value"),
}


class Builtin:
    """A function of the kernel language; callable from Python scope too where its operands are plain values."""

    def __init__(
        self,
        name: str,
        rule: Callable,
        group: str,
        mutates: tuple[int, ...],
        kernel_only: bool,
        python: Callable | None,
    ):
        self.name, self.rule, self.group, self.mutates, self.kernel_only = name, rule, group, mutates, kernel_only
        #: What a call from Python does, where the rule needs a kernel.
        self.python = python
        self.__name__, self.__doc__ = name, rule.__doc__

    def arranged(self, args: Sequence[Any], kw: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """The arguments of a call with names that the rule knows, and in their places where it needs that."""
        args = list(args)
        if not kw or self.name[0] == "%":
            return args, kw
        others = _OTHER_NAMES.get(self.name, {})
        named = {others.get(name, name): value for name, value in kw.items()}
        if len(named) < len(kw):  # one parameter by both of its names
            return args, kw
        order = _ORDERS.get(self.name) or ([*self.signature.parameters][1:] if self.mutates else [])
        for name in order[len(args) :]:
            if name in named:
                args.append(named.pop(name))
            elif self.mutates:
                break
        return args, named

    def __call__(self, *args, **kw):
        if kw:
            args, kw = self.arranged(args, kw)
        if self.python is not None:
            return self.python(*args, **kw)
        out = call_in_python(self.name, args, kw)
        if not self.mutates:
            return out
        out, *changed = out
        for k, new in zip(self.mutates, changed):
            if isinstance(args[k], T.Composite):  # numbers of Python scope cannot change in place
                args[k]._values = new._values
        return out

    @functools.cached_property
    def signature(self) -> inspect.Signature:
        """Parameters of the rule, the emitter first."""
        return inspect.signature(self.rule)

    @property
    def parameters(self) -> str:
        """The parameters as a reader of the language writes them."""
        shown = []
        for k, p in enumerate(self.signature.parameters.values()):
            if k and not (self.name[0] == "%" and k == 1):
                star = "..." if p.kind is p.VAR_POSITIONAL else ""
                shown.append(p.name + star if p.default is p.empty else f"[{p.name}]")
        return ", ".join(shown)

    def __repr__(self) -> str:
        return f"<builtin {self.name}>"


BUILTINS: dict[str, Builtin] = {}


def builtin(
    name: str,
    group: str,
    mutates: tuple[int, ...] = (),
    kernel_only: bool = False,
    python: Callable | None = None,
):
    """Registers the decorated rule `(emit, *values) -> Val` as builtin `name`."""

    def register(rule: Callable) -> Callable:
        BUILTINS[name] = Builtin(name, rule, group, mutates, kernel_only, python)
        return rule

    return register


class RuleError(Exception):
    """A rule refuses its operands; the front end adds the place in the user's source."""


class Emit:
    """What a rule works with: the IR builder and the type rules of the language."""

    def __init__(self, builder: Builder):
        self.b = builder

    # making values ---------------------------------------------------------------------------------------------
    def const(self, value: Any, type: T.ScalarType) -> ir.Value:
        return self.b.const(value, type)

    def scalar(self, value: ir.Value) -> Val:
        return Val(value.type, [value])

    def number(self, value: Any, type: T.ScalarType) -> Val:
        return Val(type, [self.b.const(value, type)])

    def zero(self, type: Any) -> Val:
        from engine.structs import scalar_types

        return Val(type, [self.b.const(0, s) for s in scalar_types(type)])

    def op(self, name: str, *args: ir.Value) -> ir.Value:
        return self.b.op(name, *args)

    def cast(self, value: ir.Value, type: T.ScalarType) -> ir.Value:
        return self.b.op("cast", value, type=type)

    # literals and unification ----------------------------------------------------------------------------------
    def concrete(self, v: Val) -> Val:
        """A literal as a value of its default type (int32 or float32)."""
        if not v.literal:
            return v
        c = v.comps[0]
        return Val(v.type, [self.b.const(c.value, v.type)])

    def literal_as(self, v: Val, type: T.ScalarType) -> Val:
        c = v.comps[0].value
        if isinstance(c, float) and not type.is_float:
            raise RuleError(f"got the number {c} where {type.name} is needed; write {type.name}({c}) or a whole number")
        if type.is_bool:
            raise RuleError(f"got the number {c} where a bool is needed; write a comparison such as x != 0")
        if type.is_int and not type.low <= c <= type.high:
            raise RuleError(f"the number {c} does not fit {type.name}; convert it explicitly, e.g. {type.name}({c})")
        return Val(type, [self.b.const(c, type)])

    def unify(self, what: str, *vals: Val) -> list[Val]:
        """Scalars as one type: literals take the type of the others; different types are refused."""
        typed = [v for v in vals if not v.literal]
        for v in vals:
            if not v.is_scalar:
                raise RuleError(f"{what} got {v.type.name}; expected a scalar")
        if not typed:
            floats = [v.type for v in vals if v.type.is_float]
            wide = (T.float64 if T.float64 in floats else T.float32) if floats else vals[0].type
            for v in vals:
                if wide.is_int and v.type.bits > wide.bits:
                    wide = v.type
            return [self.literal_as(v, wide) for v in vals]
        target = typed[0].type
        for v in typed[1:]:
            if v.type is not target:
                names = " and ".join(v.type.name for v in vals)
                raise RuleError(
                    f"{what} got {names}; both sides need one scalar type; convert one, e.g. {_wider(target, v.type)}(x)"
                )
        for v in vals:
            if v.literal and v.type.is_float and target.is_int:
                number = v.comps[0].value
                raise RuleError(f"{what} got {target.name} and the number {number}; convert the integer, e.g. float(x)")
        return [self.literal_as(v, target) if v.literal else v for v in vals]

    def floating(self, what: str, *vals: Val) -> list[Val]:
        """Like `unify`, and the common type must be a float; integer literals become float32."""
        if all(v.literal for v in vals):
            wide = T.float64 if any(v.type is T.float64 for v in vals) else T.float32
            return [self.literal_as(v, wide) for v in vals]
        out = self.unify(what, *vals)
        if not out[0].type.is_float:
            raise RuleError(f"{what} got {out[0].type.name}; expected a float; convert it, e.g. float(x)")
        return out

    def integer(self, what: str, v: Val) -> Val:
        v = self.concrete(v)
        if not v.is_scalar or not v.type.is_int:
            raise RuleError(f"{what} got {v.type.name}; expected an integer")
        return v

    def expect(self, what: str, v: Val, *kinds: str) -> Val:
        if not isinstance(v, Val) or v.kind not in kinds:
            got = v.type.name if isinstance(v, Val) else repr(v)
            raise RuleError(f"{what} got {got}; expected a {' or '.join(_KIND_NAMES.get(k, k) for k in kinds)}")
        return v

    def same(self, what: str, a: Val, b: Val) -> None:
        if a.type is not b.type:
            raise RuleError(f"{what} got {a.type.name} and {b.type.name}; expected two values of one type")

    # builtins calling builtins ---------------------------------------------------------------------------------
    def call(self, name: str, *vals: Any) -> Any:
        return BUILTINS[name].rule(self, *vals)


_KIND_NAMES = {"vec": "vector", "mat": "matrix", "quat": "quaternion", "scalar": "scalar", "transform": "transform"}


def _wider(a: T.ScalarType, b: T.ScalarType) -> str:
    best = max((a, b), key=lambda t: (t.is_float, t.bits))
    return {"float32": "float", "int32": "int"}.get(best.name, best.name)


def call_in_python(name: str, args: tuple, kw: dict | None = None) -> Any:
    """Evaluates builtin `name` on Python values through the same rule that compiles it."""
    row = BUILTINS[name]
    if row.kernel_only:
        raise EngineError(f"{name}() works inside kernels only")
    builder = Builder(ir.Function("python_scope", []))
    emit = Emit(builder)

    def lifted(a: Any) -> Any:
        if type(a) is np.float64:  # adapts as a Python float does, and is a float64 where nothing else decides
            return Val(T.float64, [ir.Const(float(a), T.float64)], literal=True)
        v = lift(builder, a)
        return a if v is None else v

    try:
        return lower(row.rule(emit, *map(lifted, args), **{k: lifted(a) for k, a in (kw or {}).items()}))
    except RuleError as error:
        raise KernelTypeError(f"{name}: {error}") from None
    except TypeError:
        try:
            row.signature.bind(None, *args, **(kw or {}))
        except TypeError as error:
            raise KernelTypeError(f"{name}() {error}; it takes ({row.parameters})") from None
        raise

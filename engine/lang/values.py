"""What the front end knows of an expression: its type and the scalars it is made of."""

from __future__ import annotations

import enum
from typing import Any

import numpy as np

from engine import types as T
from engine.brain_float import BFloat16
from engine.lang import ir
from engine.lang.builder import Builder


class Val:
    """A value of the kernel language: `type` and its scalar components in memory order.

    `literal` marks a plain Python number, which takes the type of what it meets.
    """

    __slots__ = ("comps", "literal", "type")

    def __init__(self, type: Any, comps: list[ir.Value], literal: bool = False):
        self.type, self.comps, self.literal = type, comps, literal

    @property
    def kind(self) -> str:
        return self.type.kind

    @property
    def scalar(self) -> T.ScalarType:
        return self.type.scalar

    @property
    def value(self) -> ir.Value:
        return self.comps[0]

    @property
    def is_scalar(self) -> bool:
        return self.type.kind == "scalar"

    @property
    def constant(self) -> Any:
        """The Python number if this is a constant scalar, else None."""
        if self.is_scalar and isinstance(self.comps[0], ir.Const):
            return self.comps[0].value
        return None


class Poison:
    """A name that has no usable value here; `why` says it when the name is read."""

    def __init__(self, why: str):
        self.why = why


class ThreadIndexBase:
    """The value of `tid()` until it is unpacked or used as a number."""


def is_number(obj: Any) -> bool:
    return isinstance(obj, (bool, int, float, np.generic, enum.IntEnum))


def is_struct(obj: Any) -> bool:
    return not isinstance(obj, type) and hasattr(type(obj), "__engine_struct__")


def lift(b: Builder, obj: Any) -> Val | None:
    """A Python number, vector or struct instance as a constant of the kernel language; None if it is none of these."""
    if isinstance(obj, Val):
        return obj
    if isinstance(obj, (bool, np.bool_)):
        return Val(T.bool_, [b.const(bool(obj), T.bool_)])
    if isinstance(obj, enum.IntEnum):
        return Val(T.int32, [b.const(int(obj), T.int32)], literal=True)
    if isinstance(obj, int):
        if not -(2**63) <= obj < 2**64:
            return None
        fits = -(2**31) <= obj < 2**31
        scalar = T.int32 if fits else T.int64 if obj < 2**63 else T.uint64
        return Val(scalar, [b.const(obj, scalar)], literal=True)
    if isinstance(obj, float) and T.typed_scalar(obj) is None:  # a plain np.float64 too
        return Val(T.float32, [ir.Const(float(obj), T.float32)], literal=True)
    if isinstance(obj, BFloat16):
        return Val(T.bfloat16, [b.const(float(obj), T.bfloat16)])
    if isinstance(obj, np.generic):
        scalar = T.as_type(obj.dtype)
        return Val(scalar, [b.const(obj.item(), scalar)]) if isinstance(scalar, T.ScalarType) else None
    if isinstance(obj, T.Composite):
        cls = type(obj)
        return Val(cls, [b.const(v, cls.scalar) for v in obj._values])
    struct = getattr(type(obj), "__engine_struct__", None)
    if struct is not None:
        return struct.lift(b, obj)
    return None


def lower(result: Any) -> Any:
    """A folded value back as a Python number or vector."""
    if isinstance(result, tuple):
        return tuple(lower(r) for r in result)
    if not isinstance(result, Val):
        return result
    if not all(isinstance(c, ir.Const) for c in result.comps):
        raise TypeError("not a constant")
    values = [c.value for c in result.comps]
    if result.is_scalar:
        return values[0] if result.literal else result.type.in_python(values[0])
    if result.type.kind == "struct":
        return result.type.from_values(values)
    return result.type(*values)


def leaves(obj: Any) -> list[ir.Value] | None:
    """The scalars inside a value or tuple of values; None for anything else."""
    if isinstance(obj, Val):
        return obj.comps
    if isinstance(obj, tuple):
        parts = [leaves(o) for o in obj]
        return None if any(p is None for p in parts) else [v for p in parts for v in p]
    return None


def rebuild(obj: Any, values: list[ir.Value]) -> Any:
    """A value shaped as `obj` with other scalars."""
    if isinstance(obj, Val):
        return Val(obj.type, list(values))
    out, at = [], 0
    for o in obj:
        n = len(leaves(o))
        out.append(rebuild(o, values[at : at + n]))
        at += n
    return tuple(out)


def signature(obj: Any) -> Any:
    if isinstance(obj, Val):
        return obj.type
    return tuple(signature(o) for o in obj) if isinstance(obj, tuple) else None

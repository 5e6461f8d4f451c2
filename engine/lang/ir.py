"""Typed, structured SSA over scalars: the one representation between the front end and every backend.

An `Instr` is a value. Composite values do not exist here: the front end has split them into scalars. Control flow is
structured (`if`, `for`, `while` own `Region`s and yield values), so passes never rebuild it. Every stage can be printed.

Pure operations are rows of `OPS`; adding one means a row there (folding), and a row in each emitter.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine import brain_float
from engine import types as T


class Value:
    """An SSA value of a scalar type."""

    __slots__ = ("type",)
    type: T.ScalarType


class Const(Value):
    """A literal; `value` is a Python int, float or bool."""

    __slots__ = ("value",)

    def __init__(self, value, type: T.ScalarType):
        self.type, self.value = type, value


class Param(Value):
    """A function parameter or a region parameter (loop-carried value, loop index)."""

    __slots__ = ("name",)

    def __init__(self, name: str, type: T.ScalarType):
        self.name, self.type = name, type


class Instr(Value):
    """An operation; `type` is None when it yields nothing, its several results are `Result`s otherwise."""

    __slots__ = ("args", "attr", "op", "regions", "results")

    def __init__(self, op: str, type, args: tuple[Value, ...], attr: Any = None, regions: tuple[Region, ...] = ()):
        self.op, self.type, self.args, self.attr, self.regions = op, type, args, attr, regions
        self.results: list[Result] = []


class Result(Value):
    """One of the several values of a structured operation or a call."""

    __slots__ = ("index", "owner")

    def __init__(self, owner: Instr, index: int, type: T.ScalarType):
        self.owner, self.index, self.type = owner, index, type


class Region:
    """A list of instructions with parameters, ending in `yields`."""

    __slots__ = ("instrs", "params", "yields")

    def __init__(self, params: Iterable[Param] = ()):
        self.params: list[Param] = list(params)
        self.instrs: list[Instr] = []
        self.yields: list[Value] = []


class Deferred:
    """A function that is compiled when it is first asked for."""

    def __init__(self, make: Callable[[], Function]):
        self._make = make

    @functools.cached_property
    def function(self) -> Function:
        return self._make()


class Function:
    """A compiled function: parameters, one body, several results."""

    def __init__(self, name: str, params: list[Param]):
        self.name, self.params, self.body = name, params, Region()
        self.callees: list[Function] = []
        #: what autodiff makes of a call: None (looks inside), "constant" (no gradient), or a gradient function
        #: (see `autodiff.custom_gradient`)
        self.gradient: Deferred | str | None = None
        #: what the backward pass runs in its place
        self.replay: Deferred | None = None
        #: what it was made from: (source, syntax node of a name, the function that it meant and its version), see
        #: `definitions`
        self.uses: list[tuple[Any, Any, Any, int]] = []

    @property
    def result_types(self) -> list[T.ScalarType]:
        return [v.type for v in self.body.yields]

    def size(self) -> int:
        """Number of instructions, nested regions included, callees not."""
        return sum(1 for _ in walk(self.body))

    def __str__(self) -> str:
        return print_function(self)


@dataclass(frozen=True)
class Native:
    """Native code of the user (see `engine.native`): the attribute of an instruction `native`, which runs it."""

    symbol: str  # names the content
    text: str
    where: str
    #: for each operand, whether the code may write where it points
    writes: tuple[bool, ...] = ()

    def __str__(self) -> str:
        return self.symbol


@dataclass(frozen=True)
class GradientBeside:
    """Attribute of a load of an array's address: the address of its gradients lies `distance` bytes further on.

    0: it has none, though what lies there depends on arrays that may have.
    """

    distance: int


def walk(region: Region) -> Iterable[Instr]:
    for instr in region.instrs:
        yield instr
        for inner in instr.regions:
            yield from walk(inner)


# -- pure operations -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Op:
    """A pure scalar operation: how many operands, what type results, how constants fold."""

    name: str
    arity: int
    fold: Callable[..., Any] | None
    result: str = "same"  # "same" as the first operand, "bool", or "attr" (the type is the attribute)


OPS: dict[str, Op] = {}


def _op(name: str, arity: int, fold: Callable[..., Any] | None, result: str = "same") -> None:
    OPS[name] = Op(name, arity, fold, result)


def _int_div(a, b):
    if b == 0:
        return 0
    q = abs(a) // abs(b)
    return q if (a < 0) == (b < 0) else -q


def _div(a, b):
    if isinstance(a, int) and isinstance(b, int):
        return _int_div(a, b)
    with np.errstate(all="ignore"):
        return float(np.float64(a) / np.float64(b))


def _mod(a, b):
    if isinstance(a, int) and isinstance(b, int):
        return a - b * _int_div(a, b) if b else 0
    return math.fmod(a, b) if b and math.isfinite(a) else math.nan


def _numpy(name: str):
    function = getattr(np, name)

    def fold(*xs):
        with np.errstate(all="ignore"):
            return float(function(*map(np.float64, xs)))

    return fold


_op("add", 2, lambda a, b: a + b)
_op("sub", 2, lambda a, b: a - b)
_op("mul", 2, lambda a, b: a * b)
_op("div", 2, _div)  # integers truncate towards zero, as C and CUDA; a zero divisor gives 0
_op("mod", 2, _mod)  # sign of the dividend, as C and CUDA
_op("neg", 1, lambda a: -a)
_op("min", 2, lambda a, b: a if a < b or b != b else b)  # a NaN counts as missing, as in C's fmin and fmax
_op("max", 2, lambda a, b: a if a > b or b != b else b)
_op("abs", 1, abs)
_op("sign", 1, lambda a: -1 if a < 0 else 1)
for _name in ("floor", "ceil", "trunc", "rint", "sqrt", "cbrt", "exp", "log", "log2", "log10"):
    _op(_name, 1, _numpy(_name))
for _name, _np in (("sin", "sin"), ("cos", "cos"), ("tan", "tan"), ("asin", "arcsin"), ("acos", "arccos"), ("atan", "arctan"),
                   ("sinh", "sinh"), ("cosh", "cosh"), ("tanh", "tanh")):  # fmt: skip
    _op(_name, 1, _numpy(_np))
_op("round", 1, lambda a: math.copysign(float(math.floor(abs(a) + 0.5)), a) if math.isfinite(a) else a)
_op("erf", 1, lambda a: math.erf(a))
_op("erfc", 1, lambda a: math.erfc(a))
_op("atan2", 2, _numpy("arctan2"))
_op("pow", 2, _numpy("power"))
_op("fma", 3, None)
for _name, _f in (("eq", lambda a, b: a == b), ("ne", lambda a, b: a != b), ("lt", lambda a, b: a < b),
                  ("le", lambda a, b: a <= b), ("gt", lambda a, b: a > b), ("ge", lambda a, b: a >= b)):  # fmt: skip
    _op(_name, 2, _f, "bool")
_op("and", 2, lambda a, b: a & b)
_op("or", 2, lambda a, b: a | b)
_op("xor", 2, lambda a, b: a ^ b)
_op("not", 1, lambda a: (not a) if isinstance(a, bool) else ~a)
_op("shl", 2, lambda a, b: a << b if 0 <= b < 64 else 0)
_op("shr", 2, lambda a, b: a >> (b if 0 <= b < 64 else 64))
_op("popcount", 1, lambda a: a.bit_count() if a >= 0 else None)
_op("clz", 1, None)
_op("select", 3, None)  # (condition, if true, if false)
_op("cast", 1, None, "attr")
_op("bitcast", 1, None, "attr")
_op("offset", 2, None)  # address plus a number of bytes

#: Operations that read or write memory, report or call; never folded, never moved.
#: `tape_push` and `tape_pop` give the address of a frame (attr: bytes) on a stack of the thread; autodiff emits them.
#: `barrier`: the threads of a group, of as many as its operand says, wait for each other.
EFFECTS = {"load", "store", "atomic", "alloca", "print", "check", "call", "native", "tape_push", "tape_pop",
           "zero_memory", "barrier"}  # fmt: skip
STRUCTURED = {"if", "for", "while"}
#: Cheap pure operations that may run although their branch is not taken.
_COSTLY = {"div", "mod", "pow", "exp", "log", "log2", "log10", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh",
           "tanh", "atan2", "cbrt", "erf", "erfc"}  # fmt: skip


def is_cheap(instr: Instr) -> bool:
    return instr.op in OPS and instr.op not in _COSTLY


def wrap(value, type: T.ScalarType):
    """A folded Python number as the scalar type holds it (integers wrap, floats round)."""
    if type.is_bool:
        return bool(value)
    if type.is_float:
        if type.bits == 64:
            return float(value)
        if type is T.bfloat16:
            return brain_float.rounded(value)
        with np.errstate(all="ignore"):
            return float(type.np_dtype.type(value))
    if isinstance(value, float):
        if math.isnan(value):
            return 0
        info = np.iinfo(type.np_dtype)
        return int(min(max(value, float(info.min)), float(info.max)))
    bits = 64 if type is T.pointer else type.bits
    value = int(value) & ((1 << bits) - 1)
    return value - (1 << bits) if type.family == "int" and value >> (bits - 1) else value


# -- printing ------------------------------------------------------------------------------------------------------


def print_function(function: Function, with_callees: bool = True) -> str:
    """The function as text; equal text means equal code, so it also keys the disk cache."""
    lines: list[str] = []
    if with_callees:
        for callee in all_callees(function):
            lines += [print_function(callee, with_callees=False), ""]
    names: dict[int, str] = {}

    def name(v: Value) -> str:
        if isinstance(v, Const):
            return f"{v.value!r}:{v.type.name}"
        return names.setdefault(id(v), f"%{len(names)}")

    def show(region: Region, indent: str) -> None:
        for i in region.instrs:
            operands = ", ".join(map(name, i.args))
            attr = "" if i.attr is None else f" [{i.attr.name if isinstance(i.attr, Function) else i.attr}]"
            outs = ", ".join(f"{name(r)}:{r.type.name}" for r in i.results)
            left = f"{outs} = " if outs else f"{name(i)}:{i.type.name} = " if i.type is not None else ""
            lines.append(f"{indent}{left}{i.op}{attr} {operands}".rstrip())
            for k, inner in enumerate(i.regions):
                params = ", ".join(f"{name(p)}:{p.type.name}" for p in inner.params)
                lines.append(f"{indent}  region {k} ({params})")
                show(inner, indent + "    ")
        if region.yields:
            lines.append(f"{indent}yield {', '.join(map(name, region.yields))}")

    params = ", ".join(f"{name(p)} {p.name}:{p.type.name}" for p in function.params)
    lines.append(f"function {function.name}({params})")
    show(function.body, "  ")
    return "\n".join(lines)


def natives(functions: Iterable[Function]) -> list[Native]:
    """The native code that functions run, each once."""
    return list({i.attr.symbol: i.attr for f in functions for i in walk(f.body) if i.op == "native"}.values())


def all_callees(function: Function) -> list[Function]:
    """Every function that `function` calls, directly or not, callees first."""
    order: list[Function] = []

    def visit(f: Function) -> None:
        for c in f.callees:
            if c not in order:
                visit(c)
                order.append(c)

    visit(function)
    return order

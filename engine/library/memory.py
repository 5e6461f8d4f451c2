"""Builtins that touch memory or the outside: thread index, atomics, local arrays, raw addresses, printing."""

from __future__ import annotations

import re
from typing import Any

from engine import types as T
from engine.array_types import ArrayType, FixedArrayType
from engine.lang import ir
from engine.lang.expressions import Expressions
from engine.lang.ir import GradientBeside
from engine.lang.values import ThreadIndexBase, Val
from engine.library.registry import RuleError, builtin

_MEM = "Memory"


@builtin("tid", "Control", kernel_only=True)
def _tid(c: Expressions) -> Any:
    """Index of the thread in the launch grid: `i = tid()`, `i, j = tid()`, up to four."""
    if not getattr(c, "tid_params", None):
        raise RuleError("tid() works in kernels only; pass the index to the function as an argument")
    return ThreadIndexBase()


def _place(c: Expressions, name: str, args: tuple) -> tuple[Any, Any, Any, tuple]:
    """(element type, base, offset, remaining arguments) of `atomic_x(array, i[, j…], value…)`."""
    arr = args[0]
    if not isinstance(arr, Val) or arr.kind != "array":
        raise RuleError(f"the first argument must be an array, got {c.describe(arr)}")
    n = arr.type.ndim
    if len(args) < n + 2:
        raise RuleError(f"{arr.type.name} needs {n} indices and a value")
    pointer, offset = c.address(arr, list(args[1 : 1 + n]), c.call_node)
    return arr.type.dtype, pointer, offset, args[1 + n :]


def _atomic(name: str, op: str, doc: str) -> None:
    def rule(c: Expressions, *args: Val) -> Val:
        dtype, base, offset, rest = _place(c, name, args)
        if dtype.kind == "struct" or dtype.scalar.is_bool:
            raise RuleError(f"got an array of {dtype.name}; expected numbers, vectors or matrices")
        return c.atomic_each(op, base, offset, c.as_type(rest[0], dtype, c.call_node))

    rule.__doc__ = doc
    builtin(name, _MEM, kernel_only=True)(rule)


_atomic("atomic_add", "add", "Adds to an array element without losing concurrent updates; returns the old value.")
_atomic("atomic_sub", "sub", "Subtracts from an array element atomically; returns the old value.")
_atomic(
    "atomic_min", "min", "Stores the smaller of element and value atomically, per component; returns the old value."
)
_atomic("atomic_max", "max", "Stores the larger of element and value atomically, per component; returns the old value.")
_atomic("atomic_exch", "exch", "Replaces an array element atomically; returns the old value.")
_atomic("atomic_and", "and", "Bitwise and with an array element, atomically; returns the old value.")
_atomic("atomic_or", "or", "Bitwise or with an array element, atomically; returns the old value.")
_atomic("atomic_xor", "xor", "Bitwise exclusive or with an array element, atomically; returns the old value.")


@builtin("atomic_cas", _MEM, kernel_only=True)
def _atomic_cas(c: Expressions, *args: Val) -> Val:
    """Replaces an array element by the last argument if it equals the one before it; returns the old value."""
    dtype, base, offset, rest = _place(c, "atomic_cas", args)
    if dtype.kind != "scalar" or len(rest) != 2:
        raise RuleError("takes an array of scalars, its indices, the expected value and the new value")
    expected, new = (c.as_type(v, dtype, c.call_node).value for v in rest)
    return c.emit.scalar(c.b.effect("atomic", dtype, (base, offset, expected, new), "cas"))


@builtin("load", _MEM, kernel_only=True)
def _load(c: Expressions, arr: Val, *indices: Val) -> Val:
    """Element of an array, as `arr[i]`."""
    return c.load(arr.type.dtype, *c.address(arr, list(indices), c.call_node))


@builtin("store", _MEM, kernel_only=True)
def _store(c: Expressions, arr: Val, *args: Val) -> None:
    """Sets an element of an array, as `arr[i] = value`."""
    pointer, offset = c.address(arr, list(args[:-1]), c.call_node)
    c.store(arr.type.dtype, pointer, offset, c.as_type(args[-1], arr.type.dtype, c.call_node))


@builtin("zeros", _MEM, kernel_only=True)
def _zeros(c: Expressions, shape: Any = None, dtype: Any = None) -> Val:
    """Array of fixed shape, private to the thread, filled with zeros."""
    return _local(c, shape, dtype, zero=True)


@builtin("empty", _MEM, kernel_only=True)
def _empty(c: Expressions, shape: Any = None, dtype: Any = None) -> Val:
    """Array of fixed shape, private to the thread, with unspecified contents."""
    return _local(c, shape, dtype, zero=False)


def _local(c: Expressions, shape: Any, dtype: Any, zero: bool) -> Val:
    parts = shape if isinstance(shape, tuple) else (shape,)
    sizes = [p if isinstance(p, int) else p.constant if isinstance(p, Val) else None for p in parts]
    if any(not isinstance(s, int) or s <= 0 for s in sizes):
        raise RuleError("a local array needs a constant shape of positive integers")
    dtype = T.as_type(dtype if dtype is not None else float)
    return c.local_array(FixedArrayType(dtype, tuple(sizes)), zero)


@builtin("ptr_load", _MEM, kernel_only=True)
def _ptr_load(c: Expressions, dtype: Any, address: Val, index: Val) -> Val:
    """Element `index` of type `dtype` at a raw address (uint64): how library structures reach their arrays."""
    dtype = T.as_type(dtype)
    base = c.b.op("bitcast", address.value, type=T.pointer)
    return c.load(dtype, base, _element_offset(c, dtype, index))


@builtin("ptr_load_array", _MEM, kernel_only=True)
def _ptr_load_array(c: Expressions, address: Val, word: Val, gradient_word: Val) -> Val:
    """Address (uint64) of an array whose own address is word `word` of a library structure.

    Word `gradient_word` holds the address of the array's gradients while a tape goes backward, else 0: so gradients
    reach arrays that kernels know by the structure's id only. The same word twice: gradients are refused there.
    """
    places = [c.emit.concrete(v).constant for v in (word, gradient_word)]
    base = c.b.op("bitcast", address.value, type=T.pointer)
    offset = c.b.const(8 * places[0], T.int64)
    return c.emit.scalar(c.b.effect("load", T.uint64, (base, offset), GradientBeside(8 * (places[1] - places[0]))))


@builtin("ptr_store", _MEM, kernel_only=True)
def _ptr_store(c: Expressions, dtype: Any, address: Val, index: Val, value: Val) -> None:
    """Sets element `index` of type `dtype` at a raw address (uint64)."""
    dtype = T.as_type(dtype)
    base = c.b.op("bitcast", address.value, type=T.pointer)
    c.store(dtype, base, _element_offset(c, dtype, index), c.as_type(value, dtype, c.call_node))


@builtin("array_from_ptr", _MEM, kernel_only=True)
def _array_from_ptr(c: Expressions, address: Val, length: Val, dtype: Any = None) -> Val:
    """One-dimensional array over raw memory at an address (uint64)."""
    dtype = T.as_type(dtype)
    extent = c.emit.cast(c.emit.concrete(length).value, T.int64)
    return Val(
        ArrayType(dtype, 1), [c.b.op("bitcast", address.value, type=T.pointer), extent, c.b.const(dtype.size, T.int64)]
    )


def _element_offset(c: Expressions, dtype: Any, index: Val) -> Any:
    i = c.emit.cast(c.emit.integer("an index", index).value, T.int64)
    return c.b.op("mul", i, c.b.const(dtype.size, T.int64))


_FORMAT = {"int64": "%lld", "uint64": "%llu"}


def _format(t: T.ScalarType) -> str:
    return _FORMAT.get(t.name) or ("%g" if t.is_float else "%u" if t.family == "uint" else "%d")


@builtin("sync_lanes", "Control", kernel_only=True)
def _sync_lanes(c: Expressions, width: Val) -> None:
    """Lets `width` neighbouring threads wait for each other, and see what the others have written.

    Threads `width * k` to `width * k + width - 1` of a one-dimensional launch are a group; all of them have to come
    here. `width` is a power of two up to 32, or the launch's `block_dim`. On a CPU threads run one after the other, so
    there `width` has to be 1.
    """
    c.b.effect("barrier", None, (c.emit.cast(c.emit.integer("width", width).value, T.int32),))


@builtin("print", "Printing", kernel_only=True)
def _print(c: Expressions, *values: Any) -> None:
    """Prints values and text on one line."""
    line = _Line(c)
    for k, v in enumerate(values):
        line.text(" " if k else "")
        if isinstance(v, str):
            line.text(v)
            continue
        v = c.emit.concrete(c.value(v, c.call_node))
        if v.kind == "array":
            raise RuleError("got an array; print its elements")
        if v.is_scalar:
            line.number(v.value)
            continue
        line.text(f"{v.type.name}(")
        for n, x in enumerate(v.comps):
            line.text(", " if n else "")
            line.number(x)
        line.text(")")
    line.text("\n")
    line.flush()


class _Line:
    """A line of output; one `print` operation for as much of it as possible."""

    def __init__(self, c: Expressions):
        self.c, self.format, self.args = c, "", []

    def text(self, words: str) -> None:
        self.format += words.replace("%", "%%")

    def number(self, x: Any) -> None:
        if not x.type.is_bool:
            self.format += _format(x.type)
            self.args.append(x)
            return
        self.flush()
        b = self.c.b
        regions = []
        for word in ("True", "False"):
            regions.append(ir.Region())
            previous = b.enter(regions[-1])
            b.effect("print", None, (), word)
            b.leave(previous)
        b.structured("if", (x,), tuple(regions), [])

    def flush(self) -> None:
        if self.format:
            _emit_print(self.c, self.format, self.args)
        self.format, self.args = "", []


_SPEC = re.compile(r"%([-+ #0]*\d*(?:\.\d+)?)(?:hh|h|ll|l|z)?([diouxXeEfFgGcs%])")


@builtin("printf", "Printing", kernel_only=True)
def _printf(c: Expressions, text: Any, *values: Any) -> None:
    """Prints with a C format string; `%d %u %x` take integers, `%f %e %g` floats, `%s` constant text."""
    if not isinstance(text, str):
        raise RuleError("the first argument must be a format string")
    left, args = list(values), []

    def spec(match: re.Match) -> str:
        flags, letter = match.groups()
        if letter == "%":
            return "%%"
        if not left:
            raise RuleError(f"the format has more places than the {len(values)} values")
        v = left.pop(0)
        if letter == "s" and isinstance(v, str):
            return (f"%{flags}s" % v).replace("%", "%%")
        v = c.emit.concrete(c.value(v, c.call_node))
        wanted = "a float" if letter in "eEfFgG" else "text" if letter == "s" else "an integer"
        if not v.is_scalar or letter == "s" or v.type.is_float != (letter in "eEfFgG"):
            raise RuleError(f"'{match.group()}' got {v.type.name}; expected {wanted}")
        args.append(v.value)
        wide = "ll" if not v.type.is_float and v.type.bits == 64 else ""
        return f"%{flags}{wide}{letter}"

    shown = _SPEC.sub(spec, text)
    if left:
        raise RuleError(f"the format has places for {len(values) - len(left)} of the {len(values)} values")
    _emit_print(c, shown, args)


def _emit_print(c: Expressions, text: str, args: list) -> None:
    c.b.effect("print", None, tuple(args), text)

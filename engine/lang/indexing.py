"""Indexing: components of vectors and matrices, elements of arrays, the places that assignments write to."""

from __future__ import annotations

import ast
import types as pytypes
from typing import Any

import numpy as np

from engine import types as T
from engine.array_types import ArrayType
from engine.errors import KernelValueError
from engine.indexed_arrays import IndexedArrayType
from engine.lang import ir
from engine.lang.values import Val
from engine.library.registry import RuleError
from engine.structs import memory_offsets, scalar_types

_NO_SLICES = "a slice of an array cannot be assigned in a kernel; loop over its elements"
AXES = {"x": 0, "y": 1, "z": 2, "w": 3}


class Shape(tuple):
    """What `array.shape` gives in kernels: dimensions beyond the last are 0, as in code written for up to four."""


def strides_of(v: Val) -> list[ir.Value]:
    """Strides of an array value, in bytes."""
    n = v.type.ndim
    return v.comps[1 + n : 1 + 2 * n]


class Indexing:
    """Mixin of the compiler: subscripts, array addresses, loads and stores."""

    def indices(self, node: ast.Subscript) -> list[ast.expr]:
        return list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]

    def on_Subscript(self, node: ast.Subscript) -> Any:
        base = self.expression(node.value)
        parts = self.indices(node)
        if isinstance(base, (tuple, list)) and isinstance(parts[0], ast.Slice):
            return tuple(base)[self.static_index(parts[0])]
        if isinstance(base, (tuple, list)):
            k = self.value(self.expression(parts[0]), node).constant
            if isinstance(base, Shape) and isinstance(k, int) and len(base) <= k < 4:
                return self.emit.number(0, T.int32)
            if not isinstance(k, int) or not -len(base) <= k < len(base):
                what, most = self.describe(base), len(base) - 1
                raise RuleError(
                    f"{what} needs a constant index from 0 to {most}; for others pass an array to the kernel"
                )
            return base[k]
        if not isinstance(base, Val):
            if isinstance(base, type) or isinstance(base, pytypes.GenericAlias):
                return (
                    base[tuple(self.expression(p) for p in parts)]
                    if len(parts) > 1
                    else base[self.expression(parts[0])]
                )
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
                return Val(
                    T.vector(cols, t.scalar),
                    [self.pick([base.comps[r * cols + c] for r in range(rows)], picks) for c in range(cols)],
                )
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

        return (
            slice(number(node.lower), number(node.upper), number(node.step))
            if isinstance(node, ast.Slice)
            else number(node)
        )

    def positions(self, part: ast.expr, extent: int, node: ast.AST) -> int | ir.Value:
        """An index into `extent` components: an int if constant (negative counts from the end), else a value."""
        try:
            v = self.emit.integer("an index", self.value(self.expression(part), part))
        except RuleError as error:
            raise self.fail(str(error), part) from None
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

    def slice_values(self, value: Val, t: Any, count: int, node: ast.AST) -> list[ir.Value]:
        """The numbers to put into a slice of `count` components of a value of type `t`."""
        if value.is_scalar and (value.literal or value.type is t.scalar):
            return [self.stored(value, t.scalar, node).value] * count
        if value.kind not in ("vec", "mat", "quat") or value.scalar is not t.scalar or len(value.comps) != count:
            raise self.fail(f"got {value.type.name}; the slice takes {count} x {t.scalar.name}", node, KernelValueError)
        return value.comps

    def with_item(self, base: Val, target: ast.Subscript, value: Any, node: ast.AST) -> Val:
        """`base` with the component(s) that `target` names replaced by `value`."""
        t, parts = base.type, self.indices(target)
        if t.kind in ("scalar", "struct"):
            raise RuleError(f"{t.name} cannot be indexed")
        if any(isinstance(p, ast.Slice) for p in parts):
            places = np.arange(t.count).reshape(t.shape)[tuple(self.static_index(p) for p in parts)].ravel()
            new = self.slice_values(self.value(value, node), t, len(places), node)
            comps = list(base.comps)
            for k, v in zip(places, new):
                comps[k] = v
            return Val(t, comps)
        if t.kind == "mat":
            rows, cols = t.shape
            r = self.positions(parts[0], rows, target)
            if len(parts) == 1:
                row = self.stored(value, T.vector(cols, t.scalar), node).comps
                return Val(
                    t, [self.put(base.comps[i * cols + j], row[j], i, r) for i in range(rows) for j in range(cols)]
                )
            c = self.positions(parts[1], cols, target)
            new = self.stored(value, t.scalar, node).value
            comps = []
            for i in range(rows):
                for j in range(cols):
                    old = base.comps[i * cols + j]
                    comps.append(self.put(old, self.put(old, new, j, c), i, r))
            return Val(t, comps)
        new = self.stored(value, t.scalar, node).value
        at = self.positions(parts[0], t.count, target)
        return Val(t, [self.put(old, new, k, at) for k, old in enumerate(base.comps)])

    # arrays ----------------------------------------------------------------------------------------------------
    def address(self, base: Val, parts: list[Any], node: ast.AST) -> tuple[ir.Value, ir.Value]:
        """Address and byte offset of the element at `parts` (syntax nodes or values).

        In debug mode an index outside the array is reported, and the access goes to private memory instead.
        """
        t = base.type
        if len(parts) > t.ndim:
            raise self.fail(f"{t.name} takes {_count(t.ndim)}, got {len(parts)}", node)
        pointer, offset, good = base.comps[0], self.b.const(0, T.int64), None
        for d, part in enumerate(parts):
            i, inside = self.array_index(base, d, part, node)
            if inside is not None:
                good = inside if good is None else self.b.op("and", good, inside)
            if isinstance(t, IndexedArrayType):
                i = self.looked_up(base, d, i)
            offset = self.b.op("add", offset, self.b.op("mul", i, base.comps[1 + t.ndim + d]))
        if good is not None:
            zero = self.b.const(0, T.int64)
            pointer = self.b.op("select", good, pointer, self.trap(t.dtype.size))
            offset = self.b.op("select", good, offset, zero)
            for d in range(len(parts), t.ndim):  # no element of a row that does not exist can be reached
                base.comps[1 + d] = self.b.op("select", good, base.comps[1 + d], zero)
        return pointer, offset

    def looked_up(self, base: Val, d: int, i: ir.Value) -> ir.Value:
        """The index in dimension `d` of the array behind an indexed one."""
        table = base.comps[1 + 2 * base.type.ndim + d]
        found = self.b.load(table, self.b.op("mul", i, self.b.const(4, T.int64)), T.int32)
        return self.emit.cast(found, T.int64)

    def array_index(self, base: Val, d: int, part: Any, node: ast.AST) -> tuple[ir.Value, ir.Value | None]:
        """The index in dimension `d`; in debug mode also whether it lies inside."""
        v = self.value(self.expression(part), part) if isinstance(part, ast.AST) else part
        try:
            v = self.emit.integer("an array index", v)
        except RuleError as error:
            raise self.fail(str(error), part if isinstance(part, ast.AST) else node) from None
        extent = base.comps[1 + d]
        i = self.emit.cast(v.value, T.int64)
        if isinstance(v.constant, int) and v.constant < 0:
            i = self.b.op("add", extent, i)
        if not self.debug:
            return i, None
        what = f"index {{0}} is out of bounds for dimension {d} of size {{1}} of {ast.unparse(node)[:60]}"
        return i, self.inside(i, extent, what, node)

    def inside(self, i: ir.Value, extent: ir.Value, what: str, node: ast.AST) -> ir.Value:
        """Checks 0 <= i < extent; returns whether it holds."""
        good = self.b.op("and", self.b.op("ge", i, self.b.const(0, T.int64)), self.b.op("lt", i, extent))
        self.check(good, what, node, i, extent)
        return good

    def trap(self, size: int) -> ir.Value:
        """Private memory of at least `size` bytes for accesses that a failed check has stopped."""
        if self.trap_memory is None:
            self.trap_memory = ir.Instr("alloca", T.pointer, (), (size, True))
            self.function.body.instrs.insert(0, self.trap_memory)
        self.trap_memory.attr = (max(size, self.trap_memory.attr[0]), True)
        return self.trap_memory

    def array_item(self, base: Val, parts: list[ast.expr], node: ast.AST) -> Val:
        t = base.type
        if any(isinstance(p, ast.Slice) for p in parts):
            return self.array_slice(base, parts, node)
        base = Val(t, list(base.comps))
        pointer, offset = self.address(base, parts, node)
        if len(parts) == t.ndim:
            return self.load(t.dtype, pointer, offset)
        first, n = len(parts), t.ndim
        tables = base.comps[1 + 2 * n + first :] if isinstance(t, IndexedArrayType) else []
        comps = [
            self.b.op("offset", pointer, offset),
            *base.comps[1 + first : 1 + n],
            *base.comps[1 + n + first : 1 + 2 * n],
            *tables,
        ]
        make = IndexedArrayType if isinstance(t, IndexedArrayType) else ArrayType
        return Val(make(t.dtype, n - first), comps)

    def array_slice(self, base: Val, parts: list[ast.expr], node: ast.AST) -> Val:
        """A view `a[i, 1:n, ::2]`: shares the array's memory; bounds mean what they mean in Python."""
        t = base.type
        if len(parts) > t.ndim:
            raise self.fail(f"{t.name} takes {_count(t.ndim)}, got {len(parts)}", node)
        if isinstance(t, IndexedArrayType):
            raise self.fail("an indexed array cannot be sliced inside kernels; slice it before the launch", node)
        pointer, shape, strides = base.comps[0], [], []
        for d in range(t.ndim):
            extent, stride = base.comps[1 + d], base.comps[1 + t.ndim + d]
            part = parts[d] if d < len(parts) else ast.Slice()
            if isinstance(part, ast.Slice):
                first, count, step = self.slice_range(part, extent, node)
                pointer = self.b.op("offset", pointer, self.b.op("mul", first, stride))
                shape.append(count)
                strides.append(self.b.op("mul", stride, step))
            else:
                i, inside = self.array_index(base, d, part, node)
                if inside is not None:
                    pointer = self.b.op("select", inside, pointer, self.trap(t.dtype.size))
                pointer = self.b.op("offset", pointer, self.b.op("mul", i, stride))
        return Val(ArrayType(t.dtype, len(shape)), [pointer, *shape, *strides])

    def slice_range(self, part: ast.Slice, extent: ir.Value, node: ast.AST) -> tuple[ir.Value, ir.Value, ir.Value]:
        """First index, number of elements and step of a slice of `extent` elements."""
        zero, one, minus = (self.b.const(k, T.int64) for k in (0, 1, -1))
        step = one
        if part.step is not None:
            given = self.emit.integer("a slice step", self.value(self.expression(part.step), part.step))
            if given.constant == 0:
                raise self.fail("the step of a slice must not be zero", node, KernelValueError)
            step = self.emit.cast(given.value, T.int64)
        up = self.b.op("gt", step, zero)
        last = self.b.op("sub", extent, one)
        lowest, highest = self.b.op("select", up, zero, minus), self.b.op("select", up, extent, last)
        first = self.slice_bound(part.lower, self.b.op("select", up, lowest, highest), extent, lowest, highest)
        stop = self.slice_bound(part.upper, self.b.op("select", up, highest, lowest), extent, lowest, highest)
        span = self.b.op("select", up, self.b.op("sub", stop, first), self.b.op("sub", first, stop))
        width = self.b.op("abs", step)
        if not isinstance(width, ir.Const) or width.value != 1:  # a step of zero, seen at run time, gives nothing
            span = self.b.op("div", self.b.op("add", span, self.b.op("sub", width, one)), width)
        return first, self.b.op("max", span, zero), step

    def slice_bound(
        self, part: ast.expr | None, default: ir.Value, extent: ir.Value, lowest: ir.Value, highest: ir.Value
    ) -> ir.Value:
        if part is None:
            return default
        try:
            v = self.emit.integer("a slice bound", self.value(self.expression(part), part))
        except RuleError as error:
            raise self.fail(str(error), part) from None
        i = self.emit.cast(v.value, T.int64)
        if not (isinstance(v.constant, int) and v.constant >= 0):
            below = self.b.op("lt", i, self.b.const(0, T.int64))
            i = self.b.op("select", below, self.b.op("add", i, extent), i)
            i = self.b.op("max", i, lowest)
        return self.b.op("min", i, highest)

    def array_place(self, target: ast.expr) -> tuple[Any, ir.Value, ir.Value] | None:
        """(type, base, byte offset) of an assignable place inside an array: `a[i]`, `a[i][2]`, `a[i].field.x`."""
        if isinstance(target, ast.Subscript):
            outer = self.array_place(target.value)
            if outer is None:
                base = self.expression_or_none(target.value)
            elif outer[0].kind == "array":  # an array that lies in a struct of an array
                base = self.load(*outer)
            else:
                return self.component_place(outer, target)
            return self.element_place(base, target) if isinstance(base, Val) and base.kind == "array" else None
        if isinstance(target, ast.Attribute):
            outer = self.array_place(target.value)
            return None if outer is None else self.field_place(outer, target.attr)
        return None

    def element_place(self, base: Val, target: ast.Subscript) -> tuple[Any, ir.Value, ir.Value] | None:
        """The place of an array element; None for a row."""
        parts = self.indices(target)
        if any(isinstance(p, ast.Slice) for p in parts):
            raise self.fail(_NO_SLICES, target)
        if len(parts) < base.type.ndim:
            return None
        return base.type.dtype, *self.address(base, parts, target)

    def component_place(self, outer: tuple[Any, ir.Value, ir.Value], target: ast.Subscript):
        """The place of a component, or of a matrix row, of the value at `outer`."""
        dtype, base, offset = outer
        parts = self.indices(target)
        shape = dtype.shape if dtype.kind == "mat" else (dtype.count,)
        if (
            dtype.kind in ("scalar", "struct")
            or len(parts) > len(shape)
            or any(isinstance(p, ast.Slice) for p in parts)
        ):
            return None
        row = dtype.scalar.size * (shape[1] if len(shape) == 2 else 1)
        for part, extent, stride in zip(parts, shape, (row, dtype.scalar.size)):
            step = self.positions(part, extent, target)
            k = self.b.const(step, T.int64) if isinstance(step, int) else self.emit.cast(step, T.int64)
            if self.debug and not isinstance(step, int):
                what = f"index {{0}} is out of range for {{1}} components of {ast.unparse(target)[:60]}"
                good = self.inside(k, self.b.const(extent, T.int64), what, target)
                k = self.b.op("select", good, k, self.b.const(0, T.int64))
            offset = self.b.op("add", offset, self.b.op("mul", k, self.b.const(stride, T.int64)))
        return (T.vector(shape[1], dtype.scalar) if len(parts) < len(shape) else dtype.scalar), base, offset

    def field_place(self, outer: tuple[Any, ir.Value, ir.Value], name: str):
        """The place of a struct field, vector component or transform part of the value at `outer`."""
        dtype, base, offset = outer
        if dtype.kind == "struct" and name in dtype.fields:
            part, at = dtype.fields[name], dtype.offsets[name]
        elif dtype.kind in ("vec", "quat") and AXES.get(name, 4) < dtype.count:
            part, at = dtype.scalar, AXES[name] * dtype.scalar.size
        elif dtype.kind == "transform" and name == "p":
            part, at = T.vector(3, dtype.scalar), 0
        elif dtype.kind == "transform" and name == "q":
            part, at = T.quaternion(dtype.scalar), 3 * dtype.scalar.size
        else:
            return None
        return part, base, self.b.op("add", offset, self.b.const(at, T.int64))

    def expression_or_none(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Name) and node.id not in self.env:
            return None
        return self.expression(node)

    def load(self, dtype: Any, base: ir.Value, offset: ir.Value) -> Val:
        """The value of type `dtype` at byte `offset` from `base`."""
        comps = []
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


def _count(n: int) -> str:
    return f"{n} {'index' if n == 1 else 'indices'}"


def is_private(base: ir.Value) -> bool:
    """Whether an address is that of a local array, which no other thread can reach."""
    while isinstance(base, ir.Instr) and base.op == "offset":
        base = base.args[0]
    return isinstance(base, ir.Instr) and base.op == "alloca"

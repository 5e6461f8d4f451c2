"""The builder of IR: what the front end and passes append instructions with."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from engine import types as T
from engine.lang import ir


class Builder:
    """Appends instructions to the current region; folds constants and reuses equal pure values."""

    def __init__(self, function: ir.Function):
        self.function = function
        self.region = function.body
        self._seen: list[dict] = [{}]
        self._consts: dict = {}

    def const(self, value, type: T.ScalarType) -> ir.Const:
        value = ir.wrap(value, type)
        key = (type.name, value, math.copysign(1.0, value) if isinstance(value, float) else 0)
        if value != value:
            key = (type.name, "nan", 0)
        found = self._consts.get(key)
        if found is None:
            found = self._consts[key] = ir.Const(value, type)
        return found

    def op(self, name: str, *args: ir.Value, type: T.ScalarType | None = None) -> ir.Value:
        """A pure operation on `args`; `type` is the target of `cast` and `bitcast`."""
        row = ir.OPS[name]
        first = args[1] if name == "select" else args[0]
        out = type if row.result == "attr" else T.bool_ if row.result == "bool" else first.type
        simpler = self._simplify(name, row, args, out)
        if simpler is not None:
            return simpler
        key = (name, tuple(map(id, args)), out.name)
        for scope in reversed(self._seen):
            if key in scope:
                return scope[key]
        instr = ir.Instr(name, out, args)
        self.region.instrs.append(instr)
        self._seen[-1][key] = instr
        return instr

    def _simplify(self, name, row, args, out) -> ir.Value | None:
        if row.fold and all(isinstance(a, ir.Const) for a in args):
            return self.const(row.fold(*(a.value for a in args)), out)
        if name == "cast":
            a = args[0]
            if a.type is out:
                return a
            if isinstance(a, ir.Const):
                return self.const(bool(a.value) if out.is_bool else a.value, out)
        elif name == "bitcast" and args[0].type is out:
            return args[0]
        elif name == "bitcast" and isinstance(args[0], ir.Const) and out is not T.pointer:
            a = args[0]
            if T.bfloat16 in (a.type, out):
                return None
            return self.const(np.array(a.value, a.type.np_dtype).view(out.np_dtype).item(), out)
        elif name == "select":
            c, a, b = args
            if isinstance(c, ir.Const):
                return a if c.value else b
            if a is b:
                return a
            if a.type.is_bool and isinstance(a, ir.Const) and isinstance(b, ir.Const):
                return c if a.value else self.op("not", c)
            if a.type.is_bool and isinstance(a, ir.Const):
                return self.op("or", c, b) if a.value else self.op("and", self.op("not", c), b)
            if a.type.is_bool and isinstance(b, ir.Const):
                return self.op("or", self.op("not", c), a) if b.value else self.op("and", c, a)
        elif name in ("and", "or") and out.is_bool:
            for a, b in (args, args[::-1]):
                if isinstance(a, ir.Const):
                    return (b if a.value else a) if name == "and" else (a if a.value else b)
        elif name == "not" and isinstance(args[0], ir.Instr) and args[0].op == "not":
            return args[0].args[0]
        elif not out.is_float and name in ("add", "sub", "mul"):
            a, b = args
            if isinstance(b, ir.Const):
                if b.value == 0:
                    return b if name == "mul" else a
                if b.value == 1 and name == "mul":
                    return a
            if isinstance(a, ir.Const) and name != "sub":
                if a.value == 0:
                    return a if name == "mul" else b
                if a.value == 1 and name == "mul":
                    return b
        elif out.is_float and name in ("mul", "div") and isinstance(args[1], ir.Const) and args[1].value == 1.0:
            return args[0]
        elif out.is_float and name == "mul" and isinstance(args[0], ir.Const) and args[0].value == 1.0:
            return args[1]
        return None

    # effects ---------------------------------------------------------------------------------------------------
    def effect(self, name: str, type, args: tuple[ir.Value, ...], attr: Any = None) -> ir.Instr:
        instr = ir.Instr(name, type, args, attr)
        self.region.instrs.append(instr)
        return instr

    def load(self, base: ir.Value, offset: ir.Value, type: T.ScalarType) -> ir.Value:
        """Scalar of `type` at byte `offset` (int64) from `base`."""
        return self.effect("load", type, (base, offset))

    def store(self, base: ir.Value, offset: ir.Value, value: ir.Value) -> None:
        self.effect("store", None, (base, offset, value))

    def call(self, callee: ir.Function, args: tuple[ir.Value, ...]) -> list[ir.Value]:
        instr = self.effect("call", None, args, callee)
        instr.results = [ir.Result(instr, k, t) for k, t in enumerate(callee.result_types)]
        if callee not in self.function.callees:
            self.function.callees.append(callee)
        return list(instr.results)

    def native(self, code: ir.Native, args: tuple[ir.Value, ...], types: Iterable[T.ScalarType]) -> list[ir.Value]:
        """Runs native code, which may read and write wherever its address operands point."""
        instr = self.effect("native", None, args, code)
        instr.results = [ir.Result(instr, k, t) for k, t in enumerate(types)]
        return list(instr.results)

    # structure -------------------------------------------------------------------------------------------------
    def enter(self, region: ir.Region) -> ir.Region:
        """Makes `region` current; returns the previous one for `leave`."""
        previous, self.region = self.region, region
        self._seen.append({})
        return previous

    def leave(self, previous: ir.Region) -> None:
        self.region = previous
        self._seen.pop()

    def structured(
        self, op: str, args: tuple[ir.Value, ...], regions: tuple[ir.Region, ...], types, attr=None
    ) -> list[ir.Value]:
        instr = ir.Instr(op, None, args, attr, regions)
        instr.results = [ir.Result(instr, k, t) for k, t in enumerate(types)]
        self.region.instrs.append(instr)
        return list(instr.results)

    def splice(self, region: ir.Region) -> None:
        """Moves the instructions of a finished region into the current one (its branch runs unconditionally)."""
        self.region.instrs.extend(region.instrs)

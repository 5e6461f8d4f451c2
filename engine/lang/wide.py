"""bfloat16 computes in float32: a pass that leaves no bfloat16 in the IR, so that no emitter needs to know it.

A value becomes its 16 bits (uint16). Every operation widens its operands, computes, and rounds the result to nearest,
halves to even. Atomic operations become compare-and-swap loops. Autodiff comes before this pass.
"""

from __future__ import annotations

from collections.abc import Callable

from engine import types as T
from engine.brain_float import to_bits
from engine.lang import ir
from engine.lang.builder import Builder
from engine.lang.rewrite import Cloner

_BITS = T.uint16
_KEEPERS = {"store", "atomic", "call", "native", "if", "for", "while", "print", "cast", "bitcast"}


def without_bfloat16(function: ir.Function) -> ir.Function:
    """`function` with 16-bit integers in the place of bfloat16; the same object if there is none."""
    if not any(_has(f) for f in [*ir.all_callees(function), function]):
        return function
    return _lowered(function, {})


def _has(function: ir.Function) -> bool:
    brain = T.bfloat16
    if any(v.type is brain for v in (*function.params, *function.body.yields)):
        return True
    for i in ir.walk(function.body):
        if i.type is brain:
            return True
        # elsewhere a bfloat16 operand was made by an instruction of that type, or is a literal that something keeps
        if i.op in _KEEPERS and any(v.type is brain for v in (*i.args, *i.results)):
            return True
    return False


def _lowered(function: ir.Function, known: dict[int, ir.Function]) -> ir.Function:
    if id(function) in known:
        return known[id(function)]
    new = ir.Function(function.name, [ir.Param(p.name, _stored(p.type)) for p in function.params])
    known[id(function)] = new
    pass_ = _Wide(Builder(new), known)
    pass_.map = {id(p): q for p, q in zip(function.params, new.params)}
    pass_.region(function.body)
    new.body.yields = list(pass_.values(function.body.yields))
    return new


def _stored(t: T.ScalarType) -> T.ScalarType:
    return _BITS if t is T.bfloat16 else t


class _Wide(Cloner):
    def __init__(self, builder: Builder, known: dict[int, ir.Function]):
        super().__init__(builder)
        self.known = known

    def kind(self, t: T.ScalarType) -> T.ScalarType:
        return _stored(t)

    def value(self, v: ir.Value) -> ir.Value:
        if isinstance(v, ir.Const) and v.type is T.bfloat16:
            return self.b.const(int(to_bits(v.value)), _BITS)
        return super().value(v)

    def wide(self, v: ir.Value) -> ir.Value:
        """A value to compute with: bfloat16 as float32."""
        if v.type is not T.bfloat16:
            return self.value(v)
        return self.widened(self.value(v))

    def widened(self, bits: ir.Value) -> ir.Value:
        word = self.b.op("cast", bits, type=T.uint32)
        return self.b.op("bitcast", self.b.op("shl", word, self.b.const(16, T.uint32)), type=T.float32)

    def narrowed(self, x: ir.Value) -> ir.Value:
        b = self.b
        word = b.op("bitcast", x, type=T.uint32)
        upper = b.op("shr", word, b.const(16, T.uint32))
        odd = b.op("and", upper, b.const(1, T.uint32))
        near = b.op("shr", b.op("add", b.op("add", word, b.const(0x7FFF, T.uint32)), odd), b.const(16, T.uint32))
        quiet = b.op("or", upper, b.const(0x40, T.uint32))
        return b.op("cast", b.op("select", b.op("ne", x, x), quiet, near), type=_BITS)

    def instr(self, i: ir.Instr) -> None:
        concerned = i.type is T.bfloat16 or any(a.type is T.bfloat16 for a in i.args)
        if i.op == "call":
            self.results(i, self.b.call(_lowered(i.attr, self.known), self.values(i.args)))
        elif i.op == "native":
            self.results(i, self.b.native(i.attr, self.values(i.args), [_stored(r.type) for r in i.results]))
        elif not concerned or i.op in ir.STRUCTURED:
            super().instr(i)
        elif i.op in ir.OPS:
            self.map[id(i)] = self.pure(i)
        elif i.op == "atomic":
            self.map[id(i)] = self.atomic(i)
        elif i.op in ("print", "check"):
            self.b.effect(i.op, None, tuple(map(self.wide, i.args)), i.attr)
        else:  # loads and stores move bits
            self.map[id(i)] = self.b.effect(
                i.op, None if i.type is None else _stored(i.type), self.values(i.args), i.attr
            )

    def pure(self, i: ir.Instr) -> ir.Value:
        b = self.b
        if i.op == "select":
            return b.op("select", *self.values(i.args))
        if i.op == "bitcast":
            return b.op("bitcast", self.value(i.args[0]), type=_stored(i.type))
        if i.op == "cast":
            x = self.wide(i.args[0])
            return (
                self.narrowed(b.op("cast", x, type=T.float32)) if i.type is T.bfloat16 else b.op("cast", x, type=i.type)
            )
        out = b.op(i.op, *map(self.wide, i.args), type=i.type)
        return self.narrowed(out) if i.type is T.bfloat16 else out

    def atomic(self, i: ir.Instr) -> ir.Value:
        base, offset, *values = self.values(i.args)
        if i.attr in ("exch", "cas"):
            return self.b.effect("atomic", _BITS, (base, offset, *values), i.attr)
        operand = self.widened(values[0])

        def next_of(old: ir.Value) -> ir.Value:
            return self.narrowed(self.b.op(i.attr, self.widened(old), operand))

        return self.swap_loop(base, offset, next_of)

    def swap_loop(self, base: ir.Value, offset: ir.Value, next_of: Callable) -> ir.Value:
        """Replaces what lies at an address by `next_of` it, whatever other threads do meanwhile; the old bits."""
        b = self.b
        guard, body = (ir.Region([ir.Param("old", _BITS), ir.Param("going", T.bool_)]) for _ in range(2))
        guard.yields = [guard.params[1]]
        first = b.load(base, offset, _BITS)
        previous = b.enter(body)
        old = body.params[0]
        seen = b.effect("atomic", _BITS, (base, offset, old, next_of(old)), "cas")
        body.yields = [seen, b.op("ne", seen, old)]
        b.leave(previous)
        return b.structured("while", (first, b.const(True, T.bool_)), (guard, body), [_BITS, T.bool_])[0]

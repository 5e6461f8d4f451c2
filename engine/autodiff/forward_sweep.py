"""The forward part of an adjoint kernel: a copy of the kernel that leaves on a tape what the backward part asks for."""

from __future__ import annotations

from engine import types as T
from engine.lang import ir
from engine.lang.builder import Builder
from engine.lang.rewrite import Cloner, same_params


class ForwardSweep(Cloner):
    """Copies a kernel, without its printing and checks, and remembers what became of its structure.

    Attributes:
        branches: By id of an `if`, its copy.
        bodies: By id of a loop that runs backward too, the body of its copy.
        counts: By id of a `while` that runs backward too, the number of its passes.
        accesses: Pairs of (copy, original) of loads, stores and atomics.
    """

    def __init__(self, source: ir.Function, working: set[int]):
        self.function = ir.Function("adj_" + source.name, same_params(source))
        super().__init__(Builder(self.function))
        self.working = working
        self.branches: dict[int, ir.Instr] = {}
        self.bodies: dict[int, ir.Region] = {}
        self.counts: dict[int, ir.Result] = {}
        self.accesses: list[tuple[ir.Instr, ir.Instr]] = []
        self.map = {id(p): q for p, q in zip(source.params, self.function.params)}
        self.region(source.body)

    def copy_effect(self, i: ir.Instr) -> None:
        if i.op in ("print", "check", "custom"):
            return
        new = super().copy_effect(i)
        if i.op in ("load", "store", "atomic"):
            self.accesses.append((new, i))

    def copy_if(self, i: ir.Instr) -> None:
        super().copy_if(i)
        if not isinstance(self.value(i.args[0]), ir.Const):
            self.branches[id(i)] = self.b.region.instrs[-1]

    def loop(self, i: ir.Instr, bounds: int) -> None:
        super().loop(i, bounds)
        if id(i) not in self.working:
            return
        new = self.b.region.instrs[-1]
        body = self.bodies[id(i)] = new.regions[-1]
        if i.op == "for":
            return
        for r in new.regions:
            r.params.append(ir.Param("passes", T.int64))
        count = ir.Instr("add", T.int64, (body.params[-1], self.b.const(1, T.int64)))
        body.instrs.append(count)
        body.yields.append(count)
        new.args = (*new.args, self.b.const(0, T.int64))
        self.counts[id(i)] = ir.Result(new, len(new.results), T.int64)
        new.results.append(self.counts[id(i)])


class Slot:
    """One value of a frame: how it is stored by the forward part and loaded by the backward part."""

    def __init__(self, store: ir.Instr, load: ir.Instr):
        self.store, self.load = store, load


class Frame:
    """What one pass of a loop leaves on the tape."""

    def __init__(self, body: ir.Region):
        self.body = body
        self.push = ir.Instr("tape_push", T.pointer, ())
        self.pop = ir.Instr("tape_pop", T.pointer, ())
        self.slots: list[Slot] = []

    def keep(self, value: ir.Value) -> ir.Instr:
        """Adds a value of the forward body; returns the instruction that loads it again."""
        store = ir.Instr("tape_store", None, (self.push, value))
        load = ir.Instr("tape_load", value.type, (self.pop,))
        self.slots.append(Slot(store, load))
        return load

    def place(self) -> None:
        """Puts the stores at the end of the forward body."""
        self.body.instrs += [self.push, *(slot.store for slot in self.slots)]

    def lay_out(self, present: set[int]) -> None:
        """Gives every slot still there its place; stores and loads become accesses of plain memory."""
        size = 0
        live = [slot for slot in self.slots if id(slot.load) in present]
        for slot in sorted(live, key=lambda s: -s.load.type.size):
            at = ir.Const(size, T.int64)
            slot.store.op, slot.store.args = "store", (self.push, at, slot.store.args[1])
            slot.load.op, slot.load.args = "load", (self.pop, at)
            size += slot.load.type.size
        self.push.attr = self.pop.attr = size + -size % 8

"""Backward code of what a kernel does with memory: loads, stores, atomics, and functions with gradients of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine import types as T
from engine.autodiff.activity import Activity
from engine.autodiff.custom_gradient import emit_gradient
from engine.autodiff.errors import GradientError
from engine.autodiff.forward_sweep import Frame
from engine.autodiff.memory_roots import UNKNOWN, MemoryRoots
from engine.autodiff.shadows import Shadowed
from engine.lang import ir
from engine.lang.builder import Builder

ZERO = 0.0


class Scope:
    """One region during the backward sweep: its code so far, and what is known of the region's values there."""

    def __init__(self, parent: Scope | None, region: ir.Region, kind: str):
        self.parent, self.region, self.kind = parent, region, kind
        self.base: Scope = parent.base if kind == "branch" else self
        self.primal, self.adjoint = ir.Region(), ir.Region()
        before = parent.chain if parent else []
        seen: dict = {}
        self.primal_chain = [*before, seen]
        self.chain = [*self.primal_chain, {}]
        self.values: dict[int, ir.Value] = {}
        self.adjoints: dict[int, ir.Value] = {}
        self.outer: dict[int, tuple[ir.Value, ir.Value]] = {}
        self.frame: Frame | None = None
        self.position: ir.Value | None = None  # of a loop: which pass this is
        self.loop: ir.Instr | None = None


class ReverseMemory:
    """The part of the backward sweep that concerns memory; `reverse` has the rest."""

    source: ir.Function
    kernel: Shadowed
    function: ir.Function
    activity: Activity
    roots: MemoryRoots
    plain: set[Any]
    own: set[Any]
    b: Builder
    after_params: list[int]
    _after: dict[int, ir.Param]
    get: Callable[[ir.Value, Scope], ir.Value]
    add: Callable[[ir.Value, ir.Value, Scope], None]

    def refuse(self, why: str) -> GradientError:
        return GradientError(f"kernel '{self.source.name}': {why}")

    def guarded(self, twin: ir.Value, scope: Scope, type: T.ScalarType | None, run) -> ir.Value | None:
        """Runs `run(address)` where the twin of an address is not null; its result, or zero."""
        address = self.get(twin, scope)
        if id(twin) not in self.kernel.uncertain:
            return run(address)
        b = self.b
        there = b.op("ne", b.op("bitcast", address, type=T.uint64), b.const(0, T.uint64))
        regions = (ir.Region(), ir.Region())
        previous = b.enter(regions[0])
        out = run(address)
        b.leave(previous)
        if type is None:
            b.structured("if", (there,), regions, [])
            return None
        regions[0].yields, regions[1].yields = [out], [b.const(ZERO, type)]
        return b.structured("if", (there,), regions, [type])[0]

    def is_within(self, address: ir.Value, groups: set[Any]) -> bool:
        """Whether an address lies in local arrays or given groups."""
        roots = self.roots.of(address)
        return all((isinstance(g, tuple) and g[0] == "local") or g in groups for g in roots)

    def reverse_load(self, i: ir.Instr, scope: Scope) -> None:
        g = scope.adjoints.pop(id(i), None)
        twin = self.kernel.shadow(i.args[0])
        if g is None or twin is None or not self.roots.of(i.args[0]) & self.activity.groups:
            return
        offset = self.get(i.args[1], scope)

        def run(address: ir.Value) -> None:
            if self.is_within(i.args[0], self.plain):
                old = self.b.load(address, offset, i.type)
                self.b.store(address, offset, self.b.op("add", old, g))
            else:
                self.b.effect("atomic", i.type, (address, offset, g), "add")

        self.guarded(twin, scope, None, run)

    def reverse_store(self, i: ir.Instr, scope: Scope) -> None:
        value = i.args[2]
        if not value.type.is_float:
            return
        roots = self.roots.of(i.args[0])
        if UNKNOWN in roots and id(value) in self.activity.active:
            raise self.refuse(
                "stores a value with a gradient through a raw address; pass the array as an argument instead"
            )
        twin = self.kernel.shadow(i.args[0])
        if twin is None or not roots & self.activity.groups:
            return
        offset = self.get(i.args[1], scope)

        def run(address: ir.Value) -> ir.Value:
            g = self.b.load(address, offset, value.type)
            self.b.store(address, offset, self.b.const(ZERO, value.type))
            return g

        self.add(value, self.guarded(twin, scope, value.type, run), scope)

    def reverse_alloca(self, i: ir.Instr, scope: Scope) -> None:
        # what is left belongs to the content before: none, since every pass of a loop starts with a fresh array
        if scope.base.kind == "loop" and ("local", id(i)) in self.activity.groups:
            self.b.effect("zero_memory", None, (self.get(self.kernel.shadow(i), scope),), i.attr[0])

    def reverse_atomic(self, i: ir.Instr, scope: Scope) -> None:
        value = i.args[-1]
        if not value.type.is_float or not self.activity.touches(i):
            return
        roots = self.roots.of(i.args[0])
        arrived = scope.adjoints.pop(id(i), None)
        if self.is_within(i.args[0], self.own) and (arrived is not None or i.attr in ("exch", "min", "max")):
            self.reverse_update(i, arrived, scope)
            return
        if arrived is not None:
            raise self.refuse(
                f"a gradient would flow through the value that atomic_{i.attr} returns, which depends on the order of "
                "the threads; read the array in a launch of its own"
            )
        twin = self.kernel.shadow(i.args[0])
        if UNKNOWN in roots or twin is None:
            raise self.refuse(f"atomic_{i.attr} on a raw address has no gradient; pass the array as an argument")
        if i.attr in ("add", "sub"):
            if id(value) in self.activity.active:
                offset = self.get(i.args[1], scope)
                g = self.guarded(twin, scope, value.type, lambda address: self.b.load(address, offset, value.type))
                self.add(value, g if i.attr == "add" else self.b.op("neg", g), scope)
        elif i.attr in ("min", "max"):
            self.reverse_extreme(i, twin, scope)
        else:
            raise self.refuse(
                f"atomic_{i.attr} on an array with a gradient cannot be differentiated; "
                "use it on integers, or set requires_grad=False"
            )

    def reverse_update(self, i: ir.Instr, arrived: ir.Value | None, scope: Scope) -> None:
        """An atomic at a place that no other thread touches: it reads, computes and writes."""
        value, twin, b = i.args[2], self.kernel.shadow(i.args[0]), self.b
        if i.attr not in ("add", "sub", "exch", "min", "max"):
            raise self.refuse(f"atomic_{i.attr} on an array with a gradient cannot be differentiated")
        if twin is None:
            return
        offset, zero = self.get(i.args[1], scope), b.const(ZERO, value.type)
        new = self.guarded(twin, scope, value.type, lambda address: b.load(address, offset, value.type))
        if i.attr in ("min", "max"):
            old, given = self.get(i, scope), self.get(value, scope)
            better = b.op("lt" if i.attr == "min" else "gt", given, old)
            won = b.op("or", better, b.op("ne", old, old))  # a NaN gives way to anything
            to_value, to_old = b.op("select", won, new, zero), b.op("select", won, zero, new)
        elif i.attr == "exch":
            to_value, to_old = new, zero
        else:
            to_value, to_old = new if i.attr == "add" else b.op("neg", new), new
        before = to_old if arrived is None else b.op("add", to_old, arrived)
        self.guarded(twin, scope, None, lambda address: b.store(address, offset, before))
        self.add(value, to_value, scope)

    def reverse_extreme(self, i: ir.Instr, twin: ir.Value, scope: Scope) -> None:
        """The gradient goes to the value that is there after the launch; the first thread that gave it takes all."""
        array, total = i.args[0], self.get(i.args[1], scope)
        while isinstance(array, ir.Instr) and array.op == "offset":
            total = self.b.op("add", total, self.get(array.args[1], scope))
            array = array.args[0]
        others = [
            x
            for x in ir.walk(self.source.body)
            if x.op in ("load", "store", "atomic")
            and self.roots.of(x.args[0]) & self.roots.of(i.args[0])
            and not (x.op == "atomic" and x.attr == i.attr)
        ]
        if array not in self.source.params or others or id(twin) in self.kernel.uncertain:
            raise self.refuse(
                f"atomic_{i.attr} can be differentiated where the kernel does nothing else with the array; split it"
            )
        k = self.source.params.index(array)
        after = self._after.get(k)
        if after is None:
            after = self._after[k] = ir.Param(array.name + ".after", T.pointer)
            self.after_params.append(k)
            self.function.params.append(after)
        b, t, value = self.b, i.type, i.args[2]
        won = b.op("eq", self.get(value, scope), b.load(after, total, t))
        regions = (ir.Region(), ir.Region())
        address, offset = self.get(twin, scope), self.get(i.args[1], scope)
        previous = b.enter(regions[0])
        taken = b.effect("atomic", t, (address, offset, b.const(ZERO, t)), "exch")
        b.leave(previous)
        regions[0].yields, regions[1].yields = [taken], [b.const(ZERO, t)]
        self.add(value, b.structured("if", (won,), regions, [t])[0], scope)

    def reverse_custom(self, i: ir.Instr, scope: Scope) -> None:
        gradient, results = i.attr
        gs = [scope.adjoints.pop(id(r), None) for r in results]
        twins = [self.kernel.shadow(a) for a in i.args if a.type is T.pointer]
        if all(g is None for g in gs) and all(t is None for t in twins):
            return
        if any(id(t) in self.kernel.uncertain for t in twins):
            raise self.refuse(f"'{gradient.name}' got an array that is chosen at run time; choose inside the function")
        args = [self.get(a, scope) for a in i.args]
        args += [self.b.const(0, r.type) if g is None else g for r, g in zip(results, gs)]
        args += [self.b.const(0, T.pointer) if t is None else self.get(t, scope) for t in twins]
        outs = emit_gradient(self.b, gradient, args)
        for a, g in zip((a for a in i.args if a.type.is_float), outs):
            self.add(a, g, scope)

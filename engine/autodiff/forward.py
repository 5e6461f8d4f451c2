"""Forward mode: a kernel becomes one that computes, besides every number, its derivative along one direction.

Addresses have twins (see `shadows`), where the derivatives of what lies there are kept. Works on any function without
calls, the backward form of a kernel among them: forward over reverse gives second derivatives.
"""

from __future__ import annotations

from typing import Any

from engine import config
from engine import types as T
from engine.autodiff.activity import Activity
from engine.autodiff.adjoint_rules import RULES
from engine.autodiff.errors import GradientError
from engine.autodiff.memory_roots import UNKNOWN
from engine.autodiff.shadows import Shadowed
from engine.lang import ir
from engine.lang.builder import Builder
from engine.lang.passes import verify
from engine.lang.prune import prune
from engine.lang.rewrite import Cloner, same_params


class Tangent:
    """The forward-mode form of a kernel.

    Attributes:
        function: Parameters of the kernel, then an address of derivatives for each parameter in `shadowed`.
    """

    def __init__(self, kernel: Shadowed, groups: set[Any]):
        self.shadowed = kernel.shadowed
        self.function = ir.Function("jvp_" + kernel.function.name, same_params(kernel.function))
        sweep = _Sweep(Builder(self.function), kernel, Activity(kernel, groups))
        sweep.map = {id(p): q for p, q in zip(kernel.function.params, self.function.params)}
        sweep.region(kernel.function.body)
        prune(self.function)
        if config.verify_ir:
            verify(self.function)


class _Operation:
    """What a rule of `adjoint_rules` sees: the derivative of one operand in the place of the gradient of the result."""

    def __init__(self, sweep: _Sweep, instr: ir.Instr, result: ir.Value, tangent: ir.Value):
        self.sweep, self.instr, self.b, self.y, self.g = sweep, instr, sweep.b, result, tangent

    def x(self, k: int) -> ir.Value:
        return self.sweep.value(self.instr.args[k])

    def operand(self, k: int) -> ir.Value:
        return self.instr.args[k]

    def const(self, value: float) -> ir.Value:
        return self.b.const(value, self.instr.type)

    def op(self, name: str, *args: ir.Value) -> ir.Value:
        return self.b.op(name, *args)

    def times(self, slope: ir.Value) -> ir.Value:
        return self.b.op("mul", self.g, slope)

    def gated(self, slope: ir.Value) -> ir.Value:
        some = self.b.op("ne", self.g, self.const(0.0))
        return self.b.op("select", some, self.b.op("mul", self.g, slope), self.const(0.0))


class _Sweep(Cloner):
    def __init__(self, builder: Builder, kernel: Shadowed, activity: Activity):
        super().__init__(builder)
        self.kernel, self.roots, self.varied = kernel, kernel.roots, activity.varied
        self.tangents: dict[int, ir.Value] = {}

    def refuse(self, why: str) -> GradientError:
        return GradientError(f"kernel '{self.kernel.function.name}': {why}")

    def tangent(self, v: ir.Value) -> ir.Value:
        """The derivative of a value of the source."""
        found = self.tangents.get(id(v))
        return self.b.const(0.0, v.type) if found is None else found

    def has(self, v: ir.Value) -> bool:
        return id(v) in self.varied

    def instr(self, i: ir.Instr) -> None:
        if i.op in ir.OPS:
            super().instr(i)
            if self.has(i):
                self.tangents[id(i)] = self.of_op(i)
        elif i.op in ("load", "store", "atomic", "zero_memory"):
            getattr(self, "of_" + i.op)(i)
        elif i.op not in ("print", "check"):
            super().instr(i)
            if i.op == "alloca" and self.kernel.shadow(i) is not None:  # in a loop: fresh in every pass
                self.b.effect("zero_memory", None, (self.value(self.kernel.shadow(i)),), i.attr[0])

    def of_op(self, i: ir.Instr) -> ir.Value:
        b, args = self.b, i.args
        if i.op == "cast":
            return b.op("cast", self.tangent(args[0]), type=i.type)
        if i.op == "select":
            return b.op("select", self.value(args[0]), self.tangent(args[1]), self.tangent(args[2]))
        out = None
        for k, (a, rule) in enumerate(zip(args, RULES[i.op])):
            if rule is None or not self.has(a):
                continue
            part = rule(_Operation(self, i, self.map[id(i)], self.tangent(args[k])))
            out = part if out is None else b.op("add", out, part)
        return out

    # memory ----------------------------------------------------------------------------------------------------
    def guarded(self, twin: ir.Value, type: T.ScalarType | None, run) -> ir.Value | None:
        address = self.value(twin)
        if id(twin) not in self.kernel.uncertain:
            return run(address)
        b = self.b
        there = b.op("ne", b.op("bitcast", address, type=T.uint64), b.const(0, T.uint64))
        regions = (ir.Region(), ir.Region())
        previous = b.enter(regions[0])
        out = run(address)
        b.leave(previous)
        if type is not None:
            regions[0].yields, regions[1].yields = [out], [b.const(0.0, type)]
        outs = b.structured("if", (there,), regions, [] if type is None else [type])
        return outs[0] if outs else None

    def of_load(self, i: ir.Instr) -> None:
        self.copy_effect(i)
        if self.has(i):
            offset = self.value(i.args[1])
            self.tangents[id(i)] = self.guarded(
                self.kernel.shadow(i.args[0]), i.type, lambda address: self.b.load(address, offset, i.type)
            )

    def of_store(self, i: ir.Instr) -> None:
        self.copy_effect(i)
        value = i.args[2]
        twin = self.kernel.shadow(i.args[0])
        if UNKNOWN in self.roots.of(i.args[0]) and self.has(value):
            raise self.refuse("stores a value with a derivative through a raw address; pass the array as an argument")
        if value.type.is_float and twin is not None:
            offset, tangent = self.value(i.args[1]), self.tangent(value)
            self.guarded(twin, None, lambda address: self.b.store(address, offset, tangent))

    def of_atomic(self, i: ir.Instr) -> None:
        self.copy_effect(i)
        value = i.args[2]
        twin = self.kernel.shadow(i.args[0])
        if not value.type.is_float or (twin is None and not self.has(value)):
            return
        if i.attr not in ("add", "sub", "exch") or UNKNOWN in self.roots.of(i.args[0]):
            if not self.has(value) and not self.has(i):
                return
            raise self.refuse(f"atomic_{i.attr} on numbers with a derivative has no forward mode")
        if twin is None:
            return
        offset, tangent = self.value(i.args[1]), self.tangent(value)
        old = self.guarded(
            twin, i.type, lambda address: self.b.effect("atomic", i.type, (address, offset, tangent), i.attr)
        )
        if self.has(i):
            self.tangents[id(i)] = old

    def of_zero_memory(self, i: ir.Instr) -> None:
        self.copy_effect(i)
        twin = self.kernel.shadow(i.args[0])
        if twin is not None:
            self.guarded(twin, None, lambda address: self.b.effect("zero_memory", None, (address,), i.attr))

    # structure -------------------------------------------------------------------------------------------------
    def copy_if(self, i: ir.Instr) -> None:
        extra = [k for k, r in enumerate(i.results) if self.has(r)]
        regions = [self._branch(r, extra) for r in i.regions]
        types = [r.type for r in i.results] + [i.results[k].type for k in extra]
        new = self.b.structured("if", (self.value(i.args[0]),), tuple(regions), types)
        self.results(i, new)
        self.keep(i, extra, new[len(i.results) :])

    def _branch(self, region: ir.Region, extra: list[int]) -> ir.Region:
        new = ir.Region()
        previous = self.b.enter(new)
        self.region(region)
        new.yields = list(self.values(region.yields)) + [self.tangent(region.yields[k]) for k in extra]
        self.b.leave(previous)
        return new

    def keep(self, i: ir.Instr, extra: list[int], outs: list[ir.Value]) -> None:
        for k, out in zip(extra, outs):
            self.tangents[id(i.results[k])] = out

    def loop(self, i: ir.Instr, bounds: int) -> None:
        first = 1 if i.op == "for" else 0
        extra = [k for k, r in enumerate(i.results) if self.has(r)]
        regions = []
        for r in i.regions:
            new = ir.Region([ir.Param(p.name, p.type) for p in r.params])
            self.map.update((id(p), q) for p, q in zip(r.params, new.params))
            for k in extra:
                p = ir.Param("d", i.results[k].type)
                new.params.append(p)
                self.tangents[id(r.params[first + k])] = p
            previous = self.b.enter(new)
            self.region(r)
            new.yields = list(self.values(r.yields))
            if r is i.regions[-1]:
                new.yields += [self.tangent(r.yields[k]) for k in extra]
            self.b.leave(previous)
            regions.append(new)
        args = (*self.values(i.args), *(self.tangent(i.args[bounds + k]) for k in extra))
        types = [r.type for r in i.results] + [i.results[k].type for k in extra]
        new = self.b.structured(i.op, args, tuple(regions), types, i.attr)
        self.results(i, new)
        self.keep(i, extra, new[len(i.results) :])

"""Copies of IR: a cloner that re-emits instructions through a `Builder`, and the inliner built on it.

Re-emitting folds constants and reuses equal values again, so that a copy made with better knowledge is a smaller one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.lang import ir
from engine.lang.builder import Builder


class Cloner:
    """Re-emits instructions of one function into the builder of another; `map` knows what each value became."""

    def __init__(self, builder: Builder):
        self.b = builder
        self.map: dict[int, ir.Value] = {}

    def kind(self, t: Any) -> Any:
        """The type that values of type `t` have in the copy."""
        return t

    def value(self, v: ir.Value) -> ir.Value:
        """What `v` is in the copy."""
        return v if isinstance(v, ir.Const) else self.map[id(v)]

    def values(self, vs) -> tuple[ir.Value, ...]:
        return tuple(map(self.value, vs))

    def region(self, region: ir.Region) -> None:
        """Copies the instructions of `region` into the current region."""
        for i in region.instrs:
            self.instr(i)

    def instr(self, i: ir.Instr) -> None:
        if i.op in ir.OPS:
            self.map[id(i)] = self.b.op(i.op, *self.values(i.args), type=i.type)
        elif i.op in ir.STRUCTURED:
            getattr(self, "copy_" + i.op)(i)
        elif i.op == "call":
            self.copy_call(i)
        elif i.op == "native":
            self.results(i, self.b.native(i.attr, self.values(i.args), [r.type for r in i.results]))
        else:
            self.copy_effect(i)

    def copy_effect(self, i: ir.Instr) -> ir.Instr:
        new = self.b.effect(i.op, i.type, self.values(i.args), i.attr)
        self.map[id(i)] = new
        return new

    def copy_call(self, i: ir.Instr) -> None:
        self.results(i, self.b.call(i.attr, self.values(i.args)))

    def results(self, i: ir.Instr, new) -> None:
        for r, n in zip(i.results, new):
            self.map[id(r)] = n

    def branch(self, region: ir.Region) -> ir.Region:
        """A copy of one branch, yields included."""
        new = ir.Region()
        previous = self.b.enter(new)
        self.region(region)
        new.yields = list(self.values(region.yields))
        self.b.leave(previous)
        return new

    def copy_if(self, i: ir.Instr) -> None:
        condition = self.value(i.args[0])
        if isinstance(condition, ir.Const):
            taken = i.regions[0 if condition.value else 1]
            self.region(taken)
            self.results(i, self.values(taken.yields))
            return
        regions = tuple(self.branch(r) for r in i.regions)
        types = [self.kind(r.type) for r in i.results]
        self.results(i, self.b.structured("if", (condition,), regions, types))

    def copy_for(self, i: ir.Instr) -> None:
        self.loop(i, 3)

    def copy_while(self, i: ir.Instr) -> None:
        self.loop(i, 0)

    def begin_loop_region(self, i: ir.Instr, region: ir.Region, new: ir.Region) -> None:
        """Called when the parameters of a copied loop region are known and its instructions are not."""

    def loop(self, i: ir.Instr, bounds: int) -> None:
        """A copy of a loop whose carried values start after `bounds` operands; those that never change are left out."""
        body = i.regions[-1]
        first = 1 if i.op == "for" else 0
        inits = i.args[bounds:]
        varying = []
        for k, init in enumerate(inits):
            if body.yields[k] is body.params[first + k]:
                for r in i.regions:
                    self.map[id(r.params[first + k])] = self.value(init)
                self.map[id(i.results[k])] = self.value(init)
            else:
                varying.append(k)
        regions = []
        for r in i.regions:
            keep = [*r.params[:first], *(r.params[first + k] for k in varying)]
            new = ir.Region([ir.Param(p.name, self.kind(p.type)) for p in keep])
            self.map.update((id(p), q) for p, q in zip(keep, new.params))
            self.begin_loop_region(i, r, new)
            previous = self.b.enter(new)
            self.region(r)
            new.yields = list(self.values(r.yields if r is not body else [r.yields[k] for k in varying]))
            self.b.leave(previous)
            regions.append(new)
        args = (*self.values(i.args[:bounds]), *(self.value(inits[k]) for k in varying))
        new = self.b.structured(i.op, args, tuple(regions), [self.kind(i.results[k].type) for k in varying], i.attr)
        for k, n in zip(varying, new):
            self.map[id(i.results[k])] = n


class Inliner(Cloner):
    """A cloner that replaces calls by the bodies of what they call."""

    def __init__(self, builder: Builder, keep: Callable[[ir.Function], bool], replay: bool):
        super().__init__(builder)
        self.keep, self.replay = keep, replay

    def copy_call(self, i: ir.Instr) -> None:
        callee: ir.Function = i.attr
        if self.keep(callee):
            super().copy_call(i)
            return
        if self.replay and callee.replay is not None:
            callee = callee.replay.function
        inner = Inliner(self.b, self.keep, self.replay)
        inner.map = {id(p): self.value(a) for p, a in zip(callee.params, i.args)}
        inner.region(callee.body)
        self.results(i, inner.values(callee.body.yields))


def same_params(function: ir.Function) -> list[ir.Param]:
    return [ir.Param(p.name, p.type) for p in function.params]


def inline(
    function: ir.Function, keep: Callable[[ir.Function], bool] = lambda f: False, *, replay: bool = False
) -> ir.Function:
    """`function` with every call replaced by the callee's body (or, with `replay`, by what stands for it then).

    Calls of what `keep` accepts are left as they are.
    """
    new = ir.Function(function.name, same_params(function))
    cloner = Inliner(Builder(new), keep, replay)
    cloner.map = {id(p): q for p, q in zip(function.params, new.params)}
    cloner.region(function.body)
    new.body.yields = list(cloner.values(function.body.yields))
    return new

"""Which values carry a gradient: they depend on something with one, and something with one depends on them."""

from __future__ import annotations

from typing import Any

from engine.autodiff.adjoint_rules import FLAT, RULES
from engine.autodiff.errors import GradientError
from engine.autodiff.memory_roots import UNKNOWN
from engine.autodiff.shadows import Shadowed
from engine.lang import ir

#: Operations that are infinite or undefined somewhere; what comes out of them is not trusted to be finite.
_RISKY = {"div", "log", "log2", "log10", "pow", "exp", "tan", "sinh", "cosh", "mod"}


class Activity:
    """Result of the analysis.

    Attributes:
        active: Ids of values with a gradient.
        groups: Memory (array groups, local arrays) with a gradient.
        chosen: Ids of values that may be computed and then not chosen by a `select`, `min` or `max`.
        risky: Ids of values that may be infinite or NaN where they are not chosen.
        working: Ids of `if`, `for`, `while` whose backward form does something.
    """

    def __init__(self, kernel: Shadowed, groups: set[Any]):
        self.kernel, self.roots = kernel, kernel.roots
        self.varied: set[int] = set()
        self.useful: set[int] = set()
        self.varied_groups, self.useful_groups = set(groups), set(groups)
        self.chosen: set[int] = set()
        self.risky: set[int] = set()
        body = kernel.function.body
        self.settle(lambda: self.forward(body))
        self.settle(lambda: self.backward(body))
        self.active = self.varied & self.useful
        self.groups = self.varied_groups & self.useful_groups
        self.working: set[int] = set()
        self.find_work(body)

    def state(self) -> int:
        sets = (self.varied, self.useful, self.varied_groups, self.useful_groups, self.chosen, self.risky)
        return sum(map(len, sets))

    def settle(self, sweep) -> None:
        before = -1
        while before != self.state():
            before = self.state()
            sweep()

    # what depends on inputs ------------------------------------------------------------------------------------
    def forward(self, region: ir.Region) -> None:
        for i in region.instrs:
            if id(i) in self.kernel.opaque:
                continue
            if i.op == "custom":
                if any(id(a) in self.varied or self.roots.of(a) & self.varied_groups for a in i.args):
                    self.varied.update(id(r) for r in i.attr[1] if r.type.is_float)
            elif i.op in ir.OPS:
                self.forward_op(i)
            elif i.op == "load":
                if i.type.is_float and self.roots.of(i.args[0]) & self.varied_groups:
                    self.varied.add(id(i))
            elif i.op in ("store", "atomic"):
                if any(id(a) in self.varied for a in i.args[2:]):
                    self.varied_groups |= {g for g in self.roots.of(i.args[0]) if isinstance(g, tuple)}
                if i.op == "atomic" and i.type.is_float and self.roots.of(i.args[0]) & self.varied_groups:
                    self.varied.add(id(i))
            elif i.op == "call":
                pass  # no gradient goes through a call that is still there
            elif i.op == "native":
                self.refuse_native(i)
            elif i.op == "if":
                for r in i.regions:
                    self.forward(r)
                for r, *ys in zip(i.results, *(x.yields for x in i.regions)):
                    self.follow([r], ys)
            elif i.op in ("for", "while"):
                for r, ins, params in carried(i):
                    self.follow([r, *params], ins)
                for r in i.regions:
                    self.forward(r)
                for r, ins, params in carried(i):
                    self.follow([r, *params], ins)

    def refuse_native(self, i: ir.Instr) -> None:
        """Native code without an adjoint may use values without a gradient only."""
        if any(id(a) in self.varied or self.roots.of(a) & self.varied_groups for a in i.args):
            raise GradientError(
                f"kernel '{self.kernel.function.name}': the {i.attr.where} gets values with a gradient; "
                "give func_native() an adj_snippet, or pass arrays without requires_grad"
            )

    def follow(self, outs, ins) -> None:
        for known in (self.varied, self.risky):
            if any(id(x) in known for x in ins):
                known.update(map(id, outs))

    def forward_op(self, i: ir.Instr) -> None:
        if not i.type.is_float:
            return
        if any(id(a) in self.varied for a in i.args) and i.op not in FLAT:
            if i.op not in RULES:
                raise GradientError(f"kernel '{self.kernel.function.name}': operation '{i.op}' has no adjoint rule")
            self.varied.add(id(i))
        if i.op in _RISKY or any(id(a) in self.risky for a in i.args):
            self.risky.add(id(i))

    # what outputs depend on ------------------------------------------------------------------------------------
    def backward(self, region: ir.Region) -> None:
        for i in reversed(region.instrs):
            if id(i) in self.kernel.opaque:
                continue
            if i.op == "custom":
                if any(id(r) in self.useful for r in i.attr[1]) or self.has_arrays(i):
                    self.useful.update(id(a) for a in i.args)
            elif i.op in ir.OPS:
                if id(i) in self.useful:
                    self.useful.update(id(a) for a in i.args)
                if id(i) in self.chosen or i.op in ("select", "min", "max"):
                    self.chosen.update(id(a) for a in i.args[i.op == "select" :])
            elif i.op == "load":
                if id(i) in self.useful:
                    self.useful_groups |= {g for g in self.roots.of(i.args[0]) if isinstance(g, tuple)}
            elif i.op in ("store", "atomic"):
                if self.roots.of(i.args[0]) & (self.useful_groups | {UNKNOWN}):
                    self.useful.update(id(a) for a in i.args[2:])
            elif i.op == "if":
                for r, *ys in zip(i.results, *(x.yields for x in i.regions)):
                    self.pull(ys, [r])
                for r in i.regions:
                    self.backward(r)
            elif i.op in ("for", "while"):
                for r, ins, params in carried(i):
                    self.pull([r, *ins], [r, *params])
                for r in i.regions:
                    self.backward(r)
                for r, ins, params in carried(i):
                    self.pull([r, *ins, *params], [r, *params])

    def pull(self, ins, outs) -> None:
        for known in (self.useful, self.chosen):
            if any(id(x) in known for x in outs):
                known.update(map(id, ins))

    # where there is something to do ----------------------------------------------------------------------------
    def touches(self, i: ir.Instr) -> bool:
        """Whether a store or atomic concerns memory with a gradient."""
        return bool(self.roots.of(i.args[0]) & (self.groups | {UNKNOWN} if self.is_active_write(i) else self.groups))

    def has_arrays(self, i: ir.Instr) -> bool:
        """Whether a function with a gradient of its own got an array with a gradient."""
        return any(self.roots.of(a) & self.varied_groups for a in i.args)

    def is_active_write(self, i: ir.Instr) -> bool:
        return any(id(a) in self.active for a in i.args[2:])

    def find_work(self, region: ir.Region) -> bool:
        found = False
        for i in region.instrs:
            if id(i) in self.kernel.opaque:
                continue
            if i.op == "custom":
                found = found or self.has_arrays(i) or any(id(r) in self.active for r in i.attr[1])
            elif i.op in ir.STRUCTURED:
                parts = [self.find_work(r) for r in i.regions]  # every region: no short cut
                if any(parts) or any(id(r) in self.active for r in i.results):
                    self.working.add(id(i))
                    found = True
            elif i.op in ("store", "atomic"):
                found = found or self.touches(i)
            elif i.op == "alloca":
                found = found or ("local", id(i)) in self.groups
            elif id(i) in self.active or any(id(r) in self.active for r in i.results):
                found = True
        return found


def carried(i: ir.Instr):
    """For each value that a loop carries: its result, [start, next], and its parameters."""
    first, bounds = (1, 3) if i.op == "for" else (0, 0)
    for k, r in enumerate(i.results):
        yield r, [i.args[bounds + k], i.regions[-1].yields[k]], [x.params[first + k] for x in i.regions]

"""Reverse mode: a kernel becomes a function that runs it forward, then backward, thread by thread.

The forward part is a copy of the kernel. Backward, values are taken from the forward part where both lie in straight
line; values from inside a branch are yielded out of it. Inside loops the backward part computes pure operations again
from what it cannot compute again (*leaves*: carried values, results of inner loops and branches, loads from memory
that the kernel changes). The forward loop pushes the leaves of a pass as one frame on a tape of the thread; the
backward loop runs the passes in reverse order and pops them. Only leaves that the backward part asks for are on the
tape.
"""

from __future__ import annotations

from typing import Any

from engine import config
from engine import types as T
from engine.autodiff.activity import Activity
from engine.autodiff.adjoint_rules import RULES
from engine.autodiff.forward_sweep import ForwardSweep, Frame
from engine.autodiff.memory_roots import HIDDEN, UNKNOWN
from engine.autodiff.reverse_memory import ZERO, ReverseMemory, Scope
from engine.autodiff.shadows import Shadowed
from engine.lang import ir
from engine.lang.passes import verify
from engine.lang.prune import prune


class Adjoint:
    """The backward form of a kernel.

    Attributes:
        function: Parameters of the kernel, then an address of gradients for each parameter in `shadowed`, then an
            address of the memory after the launch for each parameter in `after`.
        loads, stores: Groups of array arguments whose values it reads, and those that it writes while it replays the
            kernel (it must get a copy of these).
        ordered: It must run in thread order on one thread, as the kernel must have.
        adds_atomically: Gradients of several threads meet in one place.
    """

    def __init__(self, kernel: Shadowed, groups: set[Any], plain: set[Any] = frozenset(), own: set[Any] = frozenset()):
        """Differentiates.

        Args:
            kernel: What to differentiate.
            groups: Groups of array arguments with a gradient.
            plain: Those of them whose gradients may be added to without atomic operations.
            own: Those of them where each thread touches only places of its own.
        """
        self.shadowed = kernel.shadowed
        work = _Reverse(kernel, Activity(kernel, groups), plain, own)
        self.function = work.function
        self.after = work.after_params
        self.loads, self.stores = work.live_groups()
        self.ordered = work.ordered
        self.adds_atomically = any(i.op == "atomic" and i.type.is_float for i in ir.walk(self.function.body))
        if config.verify_ir:
            verify(self.function)


class _Operation:
    """What a rule sees of the operation that it differentiates."""

    def __init__(self, work: _Reverse, instr: ir.Instr, scope: Scope, g: ir.Value):
        self.work, self.instr, self.scope, self.g, self.b = work, instr, scope, g, work.b

    def x(self, k: int) -> ir.Value:
        return self.work.get(self.instr.args[k], self.scope)

    @property
    def y(self) -> ir.Value:
        return self.work.get(self.instr, self.scope)

    def operand(self, k: int) -> ir.Value:
        return self.instr.args[k]

    def const(self, value: float) -> ir.Value:
        return self.b.const(value, self.instr.type)

    def op(self, name: str, *args: ir.Value) -> ir.Value:
        return self.b.op(name, *args)

    def times(self, slope: ir.Value) -> ir.Value:
        """Gradient times a slope that is finite wherever the operation's result is used."""
        activity = self.work.activity
        if id(self.instr) in activity.chosen and any(id(a) in activity.risky for a in self.instr.args):
            return self.gated(slope)
        return self.b.op("mul", self.g, slope)

    def gated(self, slope: ir.Value) -> ir.Value:
        """Gradient times slope, zero where the gradient is zero even if the slope is infinite."""
        some = self.b.op("ne", self.g, self.const(ZERO))
        return self.b.op("select", some, self.b.op("mul", self.g, slope), self.const(ZERO))


class _Reverse(ReverseMemory):
    def __init__(self, kernel: Shadowed, activity: Activity, plain: set[Any], own: set[Any]):
        self.kernel, self.activity, self.roots, self.plain, self.own = kernel, activity, kernel.roots, plain, own
        self.source = kernel.function
        self.homes: dict[int, ir.Region] = {}
        self.owners: dict[int, tuple[ir.Instr, int]] = {}
        self.index_homes(self.source.body, self.source.params)
        self.sweep = ForwardSweep(self.source, activity.working)
        self.function, self.b = self.sweep.function, self.sweep.b
        self.after_params: list[int] = []
        self._after: dict[int, ir.Param] = {}
        self.frames: list[Frame] = []
        self.reloads: list[tuple[ir.Instr, ir.Instr]] = []
        self.exported: dict[int, ir.Value] = {}
        self.trips: dict[int, ir.Param] = {}
        root = Scope(None, self.source.body, "root")
        root.values = self.sweep.map
        root.primal_chain[-1] = root.chain[0] = self.b._seen[0]
        self.at(root)
        self.reverse(root)
        self.ordered = uses_atomic_results(self.source)
        self.function.body.instrs += root.adjoint.instrs
        self.finish()

    def index_homes(self, region: ir.Region, params) -> None:
        for p in params:
            self.homes[id(p)] = region
        for i in region.instrs:
            self.homes[id(i)] = region
            for r in i.results:
                self.homes[id(r)] = region
            for k, inner in enumerate(i.regions):
                self.owners[id(inner)] = (i, k)
                self.index_homes(inner, inner.params)

    # where code goes -------------------------------------------------------------------------------------------
    def at(self, scope: Scope) -> None:
        """Emits into the backward part of `scope` from now on."""
        self.b.region, self.b._seen = scope.adjoint, scope.chain

    # values of the forward part --------------------------------------------------------------------------------
    def scope_of(self, v: ir.Value, scope: Scope) -> Scope:
        home = self.homes[id(v)]
        while scope.region is not home:
            scope = scope.parent
        return scope

    def get(self, v: ir.Value, scope: Scope) -> ir.Value:
        """The value of `v` in the backward code of `scope`."""
        if isinstance(v, ir.Const):
            return v
        scope = self.scope_of(v, scope)
        found = scope.values.get(id(v))
        return found if found is not None else self.materialise(v, scope)

    def materialise(self, v: ir.Value, scope: Scope) -> ir.Value:
        """Makes a value available: again from its operands, from the tape, or out of the branch that computed it."""
        kept = self.b.region, self.b._seen
        stack = [(v, scope)]
        while stack:
            x, s = stack[-1]
            if id(x) in s.values:
                stack.pop()
                continue
            if s.base.kind == "root":
                s.values[id(x)] = self.export(x, s.base.region)
            elif s.loop is not None and s.loop.op == "for" and x is s.region.params[0]:
                self.b.region, self.b._seen = s.primal, s.primal_chain
                s.values[id(x)] = self.loop_index(x, s)
            elif self.is_recomputable(x):
                missing = [(a, self.scope_of(a, s)) for a in x.args if not isinstance(a, ir.Const)]
                missing = [(a, t) for a, t in missing if id(a) not in t.values]
                if missing:
                    stack += missing
                    continue
                args = tuple(self.get(a, s) for a in x.args)
                self.b.region, self.b._seen = s.primal, s.primal_chain
                if x.op == "load":
                    again = self.b.effect("load", x.type, args)
                    self.reloads.append((again, x))
                    s.values[id(x)] = again
                else:
                    s.values[id(x)] = self.b.op(x.op, *args, type=x.type)
            else:
                s.values[id(x)] = self.from_tape(x, s)
            stack.pop()
        self.b.region, self.b._seen = kept
        return scope.values[id(v)]

    def is_recomputable(self, v: ir.Value) -> bool:
        if not isinstance(v, ir.Instr):
            return False
        return v.op in ir.OPS or (v.op == "load" and self.kernel.is_constant_load(v))

    def loop_index(self, index: ir.Value, scope: Scope) -> ir.Value:
        start, _, step = (self.get(a, scope.parent) for a in scope.loop.args[:3])
        k = self.b.op("cast", scope.position, type=index.type)
        return self.b.op("add", start, self.b.op("mul", k, step))

    def from_tape(self, v: ir.Value, scope: Scope) -> ir.Value:
        base = scope.base
        new = self.export(v, base.region)
        if isinstance(new, ir.Const):
            return new
        load = base.frame.keep(new)
        scope.primal.instrs.append(load)
        return load

    def export(self, v: ir.Value, base: ir.Region) -> ir.Value:
        """The value of `v` in the forward part, yielded out of the branches between it and `base`."""
        found = self.exported.get(id(v))
        if found is not None:
            return found
        value, region = self.sweep.map[id(v)], self.homes[id(v)]
        while region is not base:
            owner, k = self.owners[id(region)]
            new = self.sweep.branches.get(id(owner))
            if new is not None and not isinstance(value, ir.Const):
                new.regions[k].yields.append(value)
                new.regions[1 - k].yields.append(self.b.const(0, value.type))
                value = ir.Result(new, len(new.results), value.type)
                new.results.append(value)
            region = self.homes[id(owner)]
        self.exported[id(v)] = value
        return value

    # gradients -------------------------------------------------------------------------------------------------
    def add(self, v: ir.Value, g: ir.Value, scope: Scope) -> None:
        """Adds to the gradient of a value."""
        if id(v) not in self.activity.active:
            return
        if self.homes[id(v)] is scope.region:
            old = scope.adjoints.get(id(v))
            scope.adjoints[id(v)] = g if old is None else self.b.op("add", old, g)
        else:
            old = scope.outer.get(id(v))
            scope.outer[id(v)] = (v, g if old is None else self.b.op("add", old[1], g))

    def reverse(self, scope: Scope) -> None:
        """Backward code for the instructions of a region."""
        for i in reversed(scope.region.instrs):
            if id(i) in self.kernel.opaque:
                continue
            if i.op in ir.OPS:
                g = scope.adjoints.pop(id(i), None)
                if g is not None:
                    self.reverse_op(i, g, scope)
            elif i.op in ir.STRUCTURED:
                if id(i) in self.activity.working:
                    (self.reverse_if if i.op == "if" else self.reverse_loop)(i, scope)
            elif i.op in ("load", "store", "atomic", "custom", "alloca"):
                getattr(self, "reverse_" + i.op)(i, scope)
            elif i.op == "barrier":
                self.b.effect("barrier", None, (self.get(i.args[0], scope),))

    def reverse_op(self, i: ir.Instr, g: ir.Value, scope: Scope) -> None:
        operation = _Operation(self, i, scope, g)
        for a, rule in zip(i.args, RULES[i.op]):
            if rule is not None and id(a) in self.activity.active:
                self.add(a, rule(operation), scope)

    # structure -------------------------------------------------------------------------------------------------
    def reverse_if(self, i: ir.Instr, scope: Scope) -> None:
        gs = [scope.adjoints.pop(id(r), None) for r in i.results]
        condition = self.get(i.args[0], scope)
        children = []
        for region in i.regions:
            child = Scope(scope, region, "branch")
            children.append(child)
            taken = not isinstance(condition, ir.Const) or bool(condition.value) == (region is i.regions[0])
            if not taken:
                continue
            self.at(child)
            for y, g in zip(region.yields, gs):
                if g is not None:
                    self.add(y, g, child)
            self.reverse(child)
        self.at(scope)
        touched = {k: v for c in children for k, (v, _) in c.outer.items()}
        codes = [c.primal.instrs + c.adjoint.instrs for c in children]
        if not touched and not any(codes):
            return
        pairs = []
        for k, v in touched.items():
            pairs.append([c.outer[k][1] if k in c.outer else self.b.const(ZERO, v.type) for c in children])
        if not any(codes):
            outs = [self.b.op("select", condition, a, b) for a, b in pairs]
        else:
            regions = []
            for n, code in enumerate(codes):
                region = ir.Region()
                region.instrs, region.yields = code, [p[n] for p in pairs]
                regions.append(region)
            outs = self.b.structured("if", (condition,), tuple(regions), [v.type for v in touched.values()])
        for v, g in zip(touched.values(), outs):
            self.add(v, g, scope)

    def trip_count(self, i: ir.Instr, scope: Scope) -> ir.Value:
        """How many passes a loop made, as int64."""
        if i.op == "while":
            key = self.trips.get(id(i))
            if key is None:
                key = self.trips[id(i)] = ir.Param("passes", T.int64)
                self.homes[id(key)] = self.homes[id(i)]
                self.sweep.map[id(key)] = self.sweep.counts[id(i)]
            return self.get(key, scope)
        b = self.b
        start, stop, step = (b.op("cast", self.get(a, scope), type=T.int64) for a in i.args[:3])
        one, zero = b.const(1, T.int64), b.const(0, T.int64)
        if isinstance(step, ir.Const):
            span = b.op("sub", stop, start) if step.value > 0 else b.op("sub", start, stop)
        else:
            up = b.op("gt", step, zero)
            span = b.op("select", up, b.op("sub", stop, start), b.op("sub", start, stop))
        size = b.op("abs", step)
        if not (isinstance(size, ir.Const) and size.value == 1):
            span = b.op("div", b.op("add", b.op("max", span, zero), b.op("sub", size, one)), size)
        return b.op("max", span, zero)

    def reverse_loop(self, i: ir.Instr, scope: Scope) -> None:
        b, active = self.b, self.activity.active
        body = i.regions[-1]
        first, bounds = (1, 3) if i.op == "for" else (0, 0)
        carried = [k for k, r in enumerate(i.results) if id(r) in active or id(body.params[first + k]) in active]
        starts = [scope.adjoints.pop(id(i.results[k]), None) for k in carried]
        count = self.trip_count(i, scope)
        child = Scope(scope, body, "loop")
        child.loop, child.position = i, ir.Param("k", T.int64)
        child.frame = Frame(self.sweep.bodies[id(i)])
        gs = [ir.Param("g", i.results[k].type) for k in carried]
        self.at(child)
        for k, g in zip(carried, gs):
            self.add(body.yields[k], g, child)
        self.reverse(child)
        yields = []
        for k, g in zip(carried, gs):
            p = body.params[first + k]
            yields.append(child.adjoints.get(id(p), b.const(ZERO, g.type)))
        sums = [ir.Param("sum", v.type) for v, _ in child.outer.values()]
        yields += [b.op("add", s, g) for s, (_, g) in zip(sums, child.outer.values())]
        self.at(scope)
        code = child.primal.instrs + child.adjoint.instrs
        if child.frame.slots:
            code.insert(0, child.frame.pop)
            self.frames.append(child.frame)
        region = ir.Region([child.position, *gs, *sums])
        region.instrs, region.yields = code, yields
        inits = [b.const(ZERO, g.type) if s is None else s for s, g in zip(starts, gs)]
        inits += [b.const(ZERO, s.type) for s in sums]
        minus = b.const(-1, T.int64)
        args = (b.op("add", count, minus), minus, minus, *inits)
        outs = b.structured("for", args, (region,), [p.type for p in (*gs, *sums)])
        for k, g in zip(carried, outs):
            self.add(i.args[bounds + k], g, scope)
        for (v, _), g in zip(child.outer.values(), outs[len(gs) :]):
            self.add(v, g, scope)

    # finishing -------------------------------------------------------------------------------------------------
    def finish(self) -> None:
        """Removes what the backward part does not need of the forward part, and lays out the tape."""
        accesses = [*self.sweep.accesses, *self.reloads]
        self.accesses = [(new, self.roots.of(old.args[0])) for new, old in accesses]
        writes = [(new, roots) for new, roots in self.accesses if new.op != "load"]
        by_roots: dict[Any, list[ir.Instr]] = {}
        wakes: dict[int, list[ir.Instr]] = {}
        for new, roots in self.accesses:
            if new.op == "store":
                continue
            if roots not in by_roots:
                by_roots[roots] = [w for w, other in writes if other & roots]
            wakes[id(new)] = by_roots[roots]
        optional = {id(w) for w, _ in writes}
        for frame in self.frames:
            frame.place()
            for slot in frame.slots:
                optional.add(id(slot.store))
                wakes[id(slot.load)] = [slot.store]
        prune(self.function, optional, wakes)
        present = {id(i) for i in ir.walk(self.function.body)}
        self.accesses = [(new, roots) for new, roots in self.accesses if id(new) in present]
        for frame in self.frames:
            frame.lay_out(present)
        for new, roots in self.accesses:
            if new.op != "load" and UNKNOWN in roots:
                raise self.refuse("writes through a raw address what it reads again; it cannot be replayed")

    def live_groups(self) -> tuple[set[Any], set[Any]]:
        loads = {g for new, roots in self.accesses if new.op != "store" for g in roots if not isinstance(g, tuple)}
        stores = {g for new, roots in self.accesses if new.op != "load" for g in roots if not isinstance(g, tuple)}
        return loads - {UNKNOWN, HIDDEN}, stores - {UNKNOWN, HIDDEN}


def used_values(function: ir.Function) -> set[int]:
    """Ids of values that something uses."""
    instrs = list(ir.walk(function.body))
    return {id(a) for i in instrs for a in i.args} | {id(y) for i in instrs for r in i.regions for y in r.yields}


def uses_atomic_results(function: ir.Function) -> bool:
    """Whether what a function does depends on the order of the threads."""
    used = used_values(function)
    return any(i.op == "atomic" and id(i) in used for i in ir.walk(function.body))

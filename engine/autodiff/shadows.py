"""Gives every address of a kernel a twin: where the gradient of what lies there is kept.

Array arguments with a gradient get one more parameter; local arrays get a second local array; addresses computed from
these get the same computation on the twin. The rest of autodiff asks `shadow(address)` and never follows addresses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine import types as T
from engine.autodiff.errors import GradientError
from engine.autodiff.memory_roots import UNKNOWN, MemoryRoots, is_hidden_array
from engine.lang import ir
from engine.lang.builder import Builder
from engine.lang.rewrite import Cloner, inline, same_params

_NULL = ir.Const(0, T.pointer)


class Shadowed:
    """A kernel without calls, with twins of its addresses.

    Attributes:
        function: Its parameters are the kernel's, then one address for each array argument with a gradient.
        roots: Which memory each address may lie in.
        shadowed: Indices of parameters (addresses) that have a twin, in the order of the added parameters.
        uncertain: Ids of twins that may be null at run time.
        opaque: Ids of instructions inside functions with a gradient of their own. An instruction `custom` follows them:
            its operands are the arguments, its attribute is the gradient function and the results.
    """

    def __init__(
        self,
        function: ir.Function,
        shadowed: tuple[int, ...],
        groups: dict[int, Any],
        keep: Callable,
        hidden: bool = False,
    ):
        """Makes the twins.

        Args:
            function: The kernel.
            shadowed: Indices of its address parameters that have a gradient.
            groups: By index of an address parameter, the group of array arguments that share its memory.
            keep: Which functions stay calls.
            hidden: Whether arrays of spatial structures have gradients.
        """
        flat = inline(function, keep, replay=True)
        flat_roots = MemoryRoots(flat, {id(flat.params[k]): g for k, g in groups.items()})
        new = ir.Function(function.name, same_params(flat))
        self.function, self.shadowed = new, shadowed
        cloner = _Twins(Builder(new), flat_roots, hidden, function.name)
        cloner.map = {id(p): q for p, q in zip(flat.params, new.params)}
        for k in shadowed:
            twin = ir.Param(new.params[k].name + ".grad", T.pointer)
            cloner.shadows[id(new.params[k])] = twin
            new.params.append(twin)
        cloner.region(flat.body)
        new.body.yields = list(cloner.values(flat.body.yields))
        new.body.instrs = cloner.locals + new.body.instrs
        self._shadows, self.uncertain = cloner.shadows, cloner.uncertain
        self.opaque = cloner.opaque
        self.roots = MemoryRoots(new, {id(new.params[k]): g for k, g in groups.items()})
        self.local_twins = {
            ("local", id(a)): cloner.shadows[id(a)] for a in self.roots.locals.values() if id(a) in cloner.shadows
        }

    def is_constant_load(self, load: ir.Instr) -> bool:
        """Whether a load gives the same value however often it is done: nothing in the kernel writes there."""
        return _reads_constant(self.roots, load.args[0])

    def shadow(self, address: ir.Value) -> ir.Value | None:
        """The twin of an address; None if nothing there has a gradient."""
        found = self._shadows.get(id(address), _NULL)
        return None if isinstance(found, ir.Const) else found


class _Twins(Cloner):
    def __init__(self, builder: Builder, roots: MemoryRoots, hidden: bool, name: str):
        super().__init__(builder)
        self.name = name
        self.roots, self.hidden = roots, hidden
        self.shadows: dict[int, ir.Value] = {}
        self.uncertain: set[int] = set()
        self.locals: list[ir.Instr] = []
        self.opaque: set[int] = set()

    def twin(self, v: ir.Value) -> ir.Value:
        return self.shadows.get(id(v), _NULL)

    def join(self, out: ir.Value, *parts: ir.Value) -> None:
        if any(isinstance(p, ir.Const) or id(p) in self.uncertain for p in parts):
            self.uncertain.add(id(out))

    def instr(self, i: ir.Instr) -> None:
        if self.hidden and i.op == "load" and i.attr == ir.GradientBeside(0):
            raise GradientError(
                f"kernel '{self.name}' takes the winding number of a mesh whose points have a gradient, which does not go "
                "through it; mesh_query_point_sign_winding_number() gives the sign alone"
            )
        if i.op == "load" and _reads_constant(self.roots, i.args[0]):
            self.load_once(i)
            return
        super().instr(i)
        if i.type is not T.pointer:
            return
        new = self.map[id(i)]
        if i.op == "offset":
            base = self.twin(self.value(i.args[0]))
            if not isinstance(base, ir.Const) and id(new) not in self.shadows:
                self.shadows[id(new)] = self.moved(base, self.value(i.args[1]))
        elif i.op == "select" and isinstance(new, ir.Instr) and new.op == "select":
            a, b = (self.twin(self.value(x)) for x in i.args[1:])
            if not (isinstance(a, ir.Const) and isinstance(b, ir.Const)):
                out = self.b.op("select", self.value(i.args[0]), a, b)
                self.shadows[id(new)] = out
                self.join(out, a, b)
        elif i.op in ("tape_push", "tape_pop"):  # the frame of the twin lies behind the frame
            size, new.attr = i.attr, 2 * i.attr
            self.shadows[id(new)] = self.b.op("offset", new, self.b.const(size, T.int64))
        elif self.hidden and is_hidden_array(i):
            self.twin_of_hidden(new)
        elif i.op == "alloca":
            twin = ir.Instr("alloca", T.pointer, (), (i.attr[0], True))
            self.locals.append(twin)
            self.shadows[id(new)] = twin

    def twin_of_hidden(self, new: ir.Value) -> None:
        load = new.args[0]
        if id(new) not in self.shadows:
            offset = self.b.op("add", load.args[1], self.b.const(load.attr.distance, T.int64))
            address = self.b.effect("load", T.uint64, (load.args[0], offset))
            twin = self.shadows[id(new)] = self.b.op("bitcast", address, type=T.pointer)
            self.uncertain.add(id(twin))

    def copy_call(self, i: ir.Instr) -> None:
        callee: ir.Function = i.attr
        if callee.gradient is None or callee.gradient == "constant":
            super().copy_call(i)
            return
        args = self.values(i.args)
        replay = callee.replay.function if callee.replay is not None else callee
        flat = inline(replay, lambda f: f.gradient == "constant", replay=True)
        self.map.update((id(p), a) for p, a in zip(flat.params, args))
        first = len(self.b.region.instrs)
        self.b._seen.append({})  # nothing outside may share what is computed inside
        self.region(flat.body)
        self.b._seen.pop()
        for instr in self.b.region.instrs[first:]:
            self.opaque.add(id(instr))
            self.opaque.update(id(inner) for r in instr.regions for inner in ir.walk(r))
        yes = self.b.const(True, T.bool_)
        results = []
        for v in self.values(flat.body.yields):
            # a value of its own for each result, so that its gradient is only that of the result
            own = ir.Instr("select", v.type, (yes, v, v))
            self.b.region.instrs.append(own)
            self.opaque.add(id(own))
            if v.type is T.pointer:
                self.shadows[id(own)] = self.twin(v)
            results.append(own)
        self.results(i, results)
        self.b.region.instrs.append(ir.Instr("custom", None, args, (callee.gradient.function, results)))

    def load_once(self, i: ir.Instr) -> None:
        """Equal loads of memory that the kernel does not write are done once: one gradient to add, too."""
        args = self.values(i.args)
        key = ("load", *map(id, args), i.type.name)
        for scope in reversed(self.b._seen):
            if key in scope:
                self.map[id(i)] = scope[key]
                return
        new = self.b.effect("load", i.type, args, i.attr)
        self.map[id(i)] = self.b._seen[-1][key] = new

    def moved(self, twin: ir.Value, by: ir.Value) -> ir.Value:
        out = self.b.op("offset", twin, by)
        if id(twin) not in self.uncertain:
            return out
        zero = self.b.const(0, T.uint64)
        there = self.b.op("ne", self.b.op("bitcast", twin, type=T.uint64), zero)
        out = self.b.op("select", there, out, _NULL)
        self.uncertain.add(id(out))
        return out

    def copy_if(self, i: ir.Instr) -> None:
        super().copy_if(i)
        pointers = [r for r in i.results if r.type is T.pointer]
        for r in pointers:
            new = self.map[id(r)]
            if not isinstance(new, ir.Result) or id(new) in self.shadows:
                continue
            parts = [self.twin(x.yields[new.index]) for x in new.owner.regions]
            if all(isinstance(p, ir.Const) for p in parts):
                continue
            for x, p in zip(new.owner.regions, parts):
                x.yields.append(p)
            out = ir.Result(new.owner, len(new.owner.results), T.pointer)
            new.owner.results.append(out)
            self.shadows[id(new)] = out
            self.join(out, *parts)

    def begin_loop_region(self, i: ir.Instr, region: ir.Region, new: ir.Region) -> None:
        for _, at in _changing_pointers(i):
            twin = ir.Param("grad", T.pointer)
            new.params.append(twin)
            self.shadows[id(self.map[id(region.params[at])])] = twin
            self.uncertain.add(id(twin))

    def loop(self, i: ir.Instr, bounds: int) -> None:
        """Pointers that change in a loop carry their twins along."""
        starts = [self.twin(self.value(i.args[bounds + k])) for k, _ in _changing_pointers(i)]
        super().loop(i, bounds)
        for (k, _), start in zip(_changing_pointers(i), starts):
            result = self.map[id(i.results[k])]
            new = result.owner
            new.args = (*new.args, start)
            new.regions[-1].yields.append(self.twin(self.value(i.regions[-1].yields[k])))
            out = ir.Result(new, len(new.results), T.pointer)
            new.results.append(out)
            self.shadows[id(result)] = out
            self.uncertain.add(id(out))


def _reads_constant(roots: MemoryRoots, address: ir.Value) -> bool:
    # an unknown address may lead to memory that the kernel writes elsewhere
    return roots.is_fixed(address) and (UNKNOWN not in roots.of(address) or not roots.stored)


def _changing_pointers(i: ir.Instr) -> list[tuple[int, int]]:
    """Carried pointers that a loop changes: index among the results, index among a region's parameters."""
    body = i.regions[-1]
    first = 1 if i.op == "for" else 0
    pointers = [k for k, r in enumerate(i.results) if r.type is T.pointer]
    return [(k, first + k) for k in pointers if body.yields[k] is not body.params[first + k]]

"""Which memory an address may lie in: the arrays of a kernel by group, local arrays, or somewhere unknown.

A group is a set of array arguments that share memory; the launch says which.
"""

from __future__ import annotations

from typing import Any

from engine import types as T
from engine.lang import ir

#: An address made from an integer, or one loaded from memory.
UNKNOWN = "?"
#: Arrays of spatial structures, whose address a kernel finds through an id; always together with UNKNOWN.
HIDDEN = "hidden"
#: The stack on which differentiated loops keep values.
TAPE = ("local", "tape")
Roots = frozenset


def is_hidden_array(i: ir.Instr) -> bool:
    """Whether an address is that of an array of a spatial structure (see `ptr_load_array`)."""
    source = i.args[0] if i.op == "bitcast" else None
    return isinstance(source, ir.Instr) and source.op == "load" and isinstance(source.attr, ir.GradientBeside)


class MemoryRoots:
    """Roots of every pointer of a function, and which groups it loads from and stores to.

    Attributes:
        loaded, stored: Groups that loads, or stores and atomics, may touch.
    """

    def __init__(self, function: ir.Function, groups: dict[int, Any]):
        self._roots: dict[int, Roots] = {id(p): Roots([groups[id(p)]]) for p in function.params if id(p) in groups}
        self.locals: dict[Any, ir.Instr] = {}
        self._changed = True
        while self._changed:
            self._changed = False
            self._visit(function.body)
        self.loaded: set[Any] = set()
        self.stored: set[Any] = set()
        for i in ir.walk(function.body):
            if i.op in ("load", "atomic"):
                self.loaded |= self.of(i.args[0]) if i.op == "load" else set()
            if i.op in ("store", "atomic"):
                self.stored |= self.of(i.args[0])
            if i.op == "native":
                for a, writes in zip(i.args, i.attr.writes):
                    self.loaded |= self.of(a)
                    self.stored |= self.of(a) if writes else Roots()

    def of(self, v: ir.Value) -> Roots:
        if isinstance(v, ir.Const):
            return Roots()
        return self._roots.get(id(v), Roots())

    def is_fixed(self, v: ir.Value) -> bool:
        """Whether nothing in the function writes where `v` may point to."""
        return not (self.of(v) & self.stored)

    def _set(self, v: ir.Value, roots: Roots) -> None:
        old = self._roots.get(id(v))
        if old is None or not roots <= old:
            self._roots[id(v)] = roots | (old or Roots())
            self._changed = True

    def _visit(self, region: ir.Region) -> None:
        for i in region.instrs:
            if i.type is T.pointer:
                if i.op == "offset":
                    self._set(i, self.of(i.args[0]))
                elif i.op == "select":
                    self._set(i, self.of(i.args[1]) | self.of(i.args[2]))
                elif i.op == "alloca":
                    key = ("local", id(i))
                    self.locals[key] = i
                    self._set(i, Roots([key]))
                elif i.op in ("tape_push", "tape_pop"):
                    self._set(i, Roots([TAPE]))
                elif is_hidden_array(i):
                    self._set(i, Roots([HIDDEN, UNKNOWN]))
                else:
                    self._set(i, Roots([UNKNOWN]))
            for r in i.results if i.op in ("call", "native") else ():
                if r.type is T.pointer:
                    self._set(r, Roots([UNKNOWN]))
            if i.op in ("for", "while"):
                first, bounds = (1, 3) if i.op == "for" else (0, 0)
                for k, r in enumerate(i.results):
                    if r.type is T.pointer:
                        roots = self.of(i.args[bounds + k]) | self.of(i.regions[-1].yields[k])
                        for v in (r, *(x.params[first + k] for x in i.regions)):
                            self._set(v, roots)
            for r in i.regions:
                self._visit(r)
            if i.op == "if":
                for r, a, b in zip(i.results, *(x.yields for x in i.regions)):
                    if r.type is T.pointer:
                        self._set(r, self.of(a) | self.of(b))

"""Backward forms whose threads write down what they add, and where, instead of adding it.

Gradients of gathered values meet in one place, so a loop over threads that adds them can neither run in SIMD lanes nor
on several cores without atomics. If the additions are only noted, the rest of the backward form is like any other
kernel; a short loop then adds what was noted, thread after thread, which also keeps the sums the same in every run.
"""

from __future__ import annotations

from typing import Any

from engine import config
from engine import types as T
from engine.autodiff.memory_roots import UNKNOWN, MemoryRoots
from engine.lang import ir
from engine.lang.builder import Builder
from engine.lang.passes import verify
from engine.lang.rewrite import Cloner, same_params

BLOCK = 256
"""Threads whose additions are noted before they are made: what they note stays in the cache."""

_MOST_SITES = 96


class DeferredSums:
    """A backward form that notes additions.

    Attributes:
        function: Its last two parameters are addresses of notes: where (uint64 [sites, BLOCK], 0 for nothing) and how
            much ([sites, BLOCK]); as they are seen from thread 0, whatever block of threads runs.
        sites: Additions of a thread.
        type: Of the numbers.
        has_gaps: Whether a thread may leave out additions.
    """

    def __init__(self, function: ir.Function, sites: dict[int, int], type: T.ScalarType, has_gaps: bool):
        self.sites, self.type, self.has_gaps = len(sites), type, has_gaps
        self.function = ir.Function(function.name + "_noted", same_params(function))
        where, amount = ir.Param("sums.where", T.pointer), ir.Param("sums.amount", T.pointer)
        cloner = _Noting(Builder(self.function), sites, where, amount, type)
        cloner.map = {id(p): q for p, q in zip(function.params, self.function.params)}
        self.function.params += [where, amount]
        cloner.start(self.function.params[0])
        cloner.region(function.body)
        if config.verify_ir:
            verify(self.function)


class _Noting(Cloner):
    def __init__(self, builder: Builder, sites: dict[int, int], where: ir.Param, amount: ir.Param, type: T.ScalarType):
        super().__init__(builder)
        self.sites, self.where, self.amount, self.type = sites, where, amount, type

    def start(self, thread: ir.Value) -> None:
        b = self.b
        index = b.op("cast", thread, type=T.int64)
        self.places = b.op("mul", index, b.const(8, T.int64))
        self.numbers = b.op("mul", index, b.const(self.type.size, T.int64))

    def copy_effect(self, i: ir.Instr) -> ir.Instr:
        site = self.sites.get(id(i))
        if site is None:
            return super().copy_effect(i)
        b = self.b
        address, offset, value = self.values(i.args)
        place = b.op("add", b.op("bitcast", address, type=T.uint64), b.op("cast", offset, type=T.uint64))
        at = b.op("add", self.places, b.const(8 * BLOCK * site, T.int64))
        b.store(self.where, at, place)
        at = b.op("add", self.numbers, b.const(self.type.size * BLOCK * site, T.int64))
        return b.store(self.amount, at, value)


def deferred_sums(function: ir.Function, arity: int) -> DeferredSums | None:
    """The form that notes its additions; None where it would not be the same or not be faster."""
    if arity > 1:
        return None
    roots = MemoryRoots(function, {id(p): k for k, p in enumerate(function.params) if p.type is T.pointer})
    sites: dict[int, int] = {}
    summed: set[Any] = set()
    others: set[Any] = set()
    types: set[str] = set()
    has_gaps = False

    def visit(region: ir.Region, depth: int) -> bool:
        nonlocal has_gaps
        for i in region.instrs:
            if i.op in ("for", "while", "call", "native", "alloca"):
                return False  # neither is there room for more than a number of additions known now, nor lanes
            if i.op == "atomic" and i.attr == "add" and i.type in (T.float32, T.float64):
                sites[id(i)] = len(sites)
                types.add(i.type.name)
                summed.update(roots.of(i.args[0]))
                has_gaps = has_gaps or depth > 0
            elif i.op in ("load", "store"):
                others.update(roots.of(i.args[0]))
            elif i.op == "atomic":
                return False
            if not all(visit(r, depth + 1) for r in i.regions):
                return False
        return True

    if not visit(function.body, 0) or not sites or len(sites) > _MOST_SITES or len(types) > 1:
        return None
    # what is added must not be read in the same launch: the thread would not find its own additions
    if summed & others or UNKNOWN in summed:
        return None
    return DeferredSums(function, sites, T.float32 if "float32" in types else T.float64, has_gaps)

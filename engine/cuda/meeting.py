"""Which sums of a kernel may meet: threads of one warp that add to one place at the same time.

Additions to one place wait for each other, about 1.8 ns each on an H100. Where a whole warp adds to one place, its threads
add up among themselves first (`sum_up` in the prelude). Asking costs a few instructions, so that it is left out where
neighbouring threads surely add to neighbouring places: where the address is a linear function of the innermost thread index.
"""

from __future__ import annotations

from collections.abc import Iterable

from engine.lang import ir

_TYPES = frozenset(("float32", "float64", "int32", "uint32", "int64", "uint64"))
#: Operations through which different threads keep different addresses (as far as an address does not wrap around).
_LINEAR = frozenset(("add", "sub", "mul", "neg", "shl", "cast", "offset"))
#: Kernels with more sums than that are asked only where the address is the same for all threads: each question is code.
_MOST = 16

_SAME, _UNKNOWN, _APART = range(3)


class _Addresses:
    """How the values of a function differ between neighbouring threads."""

    def __init__(self, function: ir.Function, innermost: int | None):
        self.found: dict[int, int] = {}
        for k, p in enumerate(function.params):
            tid = innermost is not None and k < 4
            self.found[id(p)] = (
                _UNKNOWN if innermost is None else _APART if k == innermost else _UNKNOWN if tid else _SAME
            )

    def of(self, v: ir.Value) -> int:
        if isinstance(v, ir.Const):
            return _SAME
        found = self.found.get(id(v))
        if found is None:
            found = self.found[id(v)] = self._compute(v)
        return found

    def _compute(self, v: ir.Value) -> int:
        if not isinstance(v, ir.Instr) or v.op not in ir.OPS:
            return _UNKNOWN
        parts = {self.of(a) for a in v.args}
        if parts == {_SAME}:
            return _SAME
        return _APART if v.op in _LINEAR and _APART in parts and _UNKNOWN not in parts else _UNKNOWN


def _results_in_use(function: ir.Function) -> set[int]:
    instructions = list(ir.walk(function.body))
    regions = [function.body, *(r for i in instructions for r in i.regions)]
    return {id(v) for r in regions for v in r.yields} | {id(a) for i in instructions for a in i.args}


def sums_that_meet(kernel: ir.Function, callees: Iterable[ir.Function], tid_arity: int) -> set[int]:
    """Identities of the atomic additions of a kernel and what it calls that should look whether their warp agrees."""
    same: set[int] = set()
    unknown: set[int] = set()
    for function in (*callees, kernel):
        sums = [
            i for i in ir.walk(function.body) if i.op == "atomic" and i.attr in ("add", "sub") and i.type.name in _TYPES
        ]
        if not sums:
            continue
        used = _results_in_use(function)
        addresses = _Addresses(function, max(1, tid_arity) - 1 if function is kernel else None)
        for i in sums:
            kinds = {addresses.of(a) for a in i.args[:2]}
            if id(i) in used or (_APART in kinds and _UNKNOWN not in kinds):
                continue
            (same if kinds == {_SAME} else unknown).add(id(i))
    return same | unknown if len(same) + len(unknown) <= _MOST else same

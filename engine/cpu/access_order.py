"""May the vectoriser regroup the memory accesses of a kernel?

Loops over threads carry parallel-access metadata. LLVM's vectoriser then merges accesses a constant distance apart (the
components of a `vec3`) into one wide access: loads move up to the first of the group, stores down to the last, without
asking whether they pass an access of the same thread to the same place. This analysis asks, before the metadata is given.

Addresses are compared as root + linear form + constant: the root is an array argument, the linear form a sum of unknowns
(thread index, loaded indices) times constants. Only accesses with equal root and linear form can be merged.
"""

from __future__ import annotations

import bisect
from typing import Any

from engine.lang import ir

#: An access: root, linear part, constant, size in bytes, whether it writes.
Access = tuple[Any, Any, int, int, bool]
_UNKNOWN = "?"
_MOST = 4000  # kernels with more accesses than this are not vectorised


def may_regroup(trace: Trace, aliased: bool) -> bool:
    """Whether merging neighbouring accesses keeps each thread's own order; `aliased`: arguments may share memory."""
    if not trace.complete or len(trace.accesses) > _MOST:
        return False
    accesses = trace.accesses
    writes = [k for k, access in enumerate(accesses) if access[4]]
    families: dict[Any, list[int]] = {}
    starts: dict[Any, int] = {}  # of a family of loads: the first
    loaded: set[Any] = set()
    touched: dict[int, tuple[int, bool]] = {}  # of a store: up to where it was compared, and what came out
    for k, here in enumerate(accesses):
        root, form, at, _, writing = here
        if not writing:
            start = starts.setdefault((root, form), k)
            if (root, form, at) in loaded:  # loaded before: this load starts a group of its own
                continue
            loaded.add((root, form, at))
            between = writes[bisect.bisect_left(writes, start) : bisect.bisect_left(writes, k)]
            if any(_may_touch(accesses[b], here, aliased) for b in between):  # the load would move up past them
                return False
            continue
        family = families.setdefault((root, form), [])
        for j in family:  # an earlier store would move down to this one
            upto, bad = touched.get(j, (j + 1, False))
            bad = bad or any(_may_touch(accesses[b], accesses[j], aliased) for b in range(upto, k))
            if bad:
                return False
            touched[j] = (k, False)
        family.append(k)
    return True


def _may_touch(a: Access, b: Access, aliased: bool) -> bool:
    if a[0] == b[0] and a[1] == b[1] and a[0] is not _UNKNOWN:
        return a[2] < b[2] + b[3] and b[2] < a[2] + a[3]
    return a[0] == b[0] or aliased or _UNKNOWN in (a[0], b[0])


class Trace:
    """The accesses of a kernel in program order, calls followed into their functions."""

    def __init__(self, kernel: ir.Function) -> None:
        self.accesses: list[Access] = []
        self.complete = True
        self._atoms: dict[Any, int] = {}
        self._scopes: list[_Scope] = []  # kept, so that their identities stay theirs
        self._writes = 0
        self._region(kernel.body, self._scope())

    def _region(self, region: ir.Region, scope: _Scope) -> None:
        for i in region.instrs:
            if i.op == "load":
                self._note(i.args, i.type.size, False, scope)
            elif i.op == "store":
                self._note(i.args, i.args[2].type.size, True, scope)
            elif i.op == "call" and len(self.accesses) <= _MOST:
                inner = self._scope()
                for p, a in zip(i.attr.params, i.args):
                    inner.roots[id(p)], inner.forms[id(p)] = self._root(a, scope), self._linear(a, scope)
                    inner.rows[id(p)] = self._row(a, scope)
                self._region(i.attr.body, inner)
            for r in i.regions:
                self._region(r, scope)
            if i.op in ("for", "while") and {a[4] for a in self.accesses} == {True, False}:
                self.complete = False  # a later pass of the loop comes after an earlier one

    def _scope(self) -> _Scope:
        self._scopes.append(_Scope())
        return self._scopes[-1]

    def _note(self, args: tuple, size: int, writes: bool, scope: _Scope) -> None:
        base, offset = args[0], args[1]
        terms = dict(self._linear(offset, scope))
        root = self._root(base, scope)
        _add(terms, self._row(base, scope), 1)
        constant = terms.pop(None, 0)
        self._writes += writes
        self.accesses.append((root, frozenset((a, f) for a, f in terms.items() if f), constant, size, writes))

    def _row(self, v: ir.Value, scope: _Scope) -> tuple:
        """How far from its root an address lies."""
        terms: dict = {}
        while isinstance(v, ir.Instr) and v.op == "offset":
            _add(terms, self._linear(v.args[1], scope), 1)
            v = v.args[0]
        _add(terms, scope.rows.get(id(v), ()), 1)
        return tuple(terms.items())

    def _root(self, v: ir.Value, scope: _Scope) -> Any:
        """The argument or local array that an address starts from."""
        while isinstance(v, ir.Instr) and v.op == "offset":
            v = v.args[0]
        if id(v) in scope.roots:
            return scope.roots[id(v)]
        return id(v) if isinstance(v, ir.Param) or (isinstance(v, ir.Instr) and v.op == "alloca") else _UNKNOWN

    def _linear(self, v: ir.Value, scope: _Scope) -> tuple:
        """`v` as a sum: pairs (unknown, factor), the constant under None."""
        if isinstance(v, ir.Const):
            return ((self._atom(v.value), 1),) if isinstance(v.value, float) else ((None, int(v.value)),)
        form = scope.forms.get(id(v))
        if form is None:
            form = scope.forms[id(v)] = self._sum(v, scope)
        return form

    def _sum(self, v: ir.Value, scope: _Scope) -> tuple:
        if not isinstance(v, ir.Instr):
            return ((self._atom(id(v), id(scope)), 1),)
        if v.op == "cast":
            return self._linear(v.args[0], scope)
        if v.op in ("add", "sub") and v.type.is_int:
            terms = dict(self._linear(v.args[0], scope))
            _add(terms, self._linear(v.args[1], scope), 1 if v.op == "add" else -1)
            return tuple(terms.items())
        if v.op == "mul" and v.type.is_int:
            a, b = (self._linear(x, scope) for x in v.args)
            for x, y in ((a, b), (b, a)):
                if all(atom is None for atom, _ in y):
                    scale = sum(f for _, f in y)
                    return tuple((atom, f * scale) for atom, f in x)
        if v.op in ir.OPS or v.op == "load":  # equal operations on equal operands may be found equal
            operands = (frozenset(self._linear(a, scope)) for a in v.args)
            version = self._writes if v.op == "load" else 0
            return ((self._atom(v.op, v.type.name, version, *operands), 1),)
        return ((self._atom(id(v), id(scope)), 1),)

    def _atom(self, *key: Any) -> int:
        return self._atoms.setdefault(key, len(self._atoms))


class _Scope:
    """What is known of values inside one call: roots and linear forms by identity."""

    def __init__(self) -> None:
        self.roots: dict[int, Any] = {}
        self.forms: dict[int, tuple] = {}
        self.rows: dict[int, tuple] = {}


def _add(terms: dict, more: tuple, sign: int) -> None:
    for atom, factor in more:
        terms[atom] = terms.get(atom, 0) + sign * factor

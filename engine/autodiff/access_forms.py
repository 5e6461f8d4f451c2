"""Where a kernel reads and writes its arrays, as far as the thread index alone tells.

An access is *own* if its byte offset is a sum of thread indices times strides, plus a constant, and no two threads come
to the same place. Gradients of arrays with own accesses only need no atomic additions; an array that is written whole,
every thread at its own place, has no older contents that matter.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from engine.lang import ir

#: A polynomial of integers: products of parameters (by index) → factor.
Polynomial = dict[tuple[int, ...], int]
_TIDS = 4


class Access:
    """One load, store or atomic: its offset, its size in bytes, whether every thread does it, and what it is."""

    __slots__ = ("always", "form", "op", "size")

    def __init__(self, op: str, form: Polynomial, size: int, always: bool):
        self.op, self.form, self.size, self.always = op, form, size, always


def access_forms(function: ir.Function) -> dict[int, list[Access] | None]:
    """By index of an address parameter, its accesses; None where one of them depends on more than thread indices.

    `function` has no calls.
    """
    index = {id(p): k for k, p in enumerate(function.params)}
    out: dict[int, list[Access] | None] = {}

    def visit(region: ir.Region, always: bool) -> None:
        for i in region.instrs:
            if i.op in ("load", "store", "atomic"):
                note(i, always)
            for r in i.regions:
                visit(r, False)

    def note(i: ir.Instr, always: bool) -> None:
        base, form = i.args[0], _polynomial(i.args[1], index)
        while isinstance(base, ir.Instr) and base.op == "offset":
            form = _sum(form, _polynomial(base.args[1], index), 1)
            base = base.args[0]
        k = index.get(id(base))
        if k is None:
            return
        if form is None:
            out[k] = None
        elif out.setdefault(k, []) is not None:
            out[k].append(Access(i.op, form, i.type.size if i.op != "store" else i.args[2].type.size, always))

    visit(function.body, True)
    return out


def _polynomial(v: ir.Value, index: dict[int, int]) -> Polynomial | None:
    if isinstance(v, ir.Const):
        return {(): int(v.value)}
    if id(v) in index:
        return {(index[id(v)],): 1}
    if not isinstance(v, ir.Instr) or not v.type.is_int:
        return None
    if v.op == "cast":
        return _polynomial(v.args[0], index) if v.args[0].type.is_int else None
    if v.op in ("add", "sub"):
        a, b = (_polynomial(x, index) for x in v.args)
        return _sum(a, b, 1 if v.op == "add" else -1)
    if v.op == "mul":
        a, b = (_polynomial(x, index) for x in v.args)
        if a is None or b is None:
            return None
        out: Polynomial = {}
        for ka, fa in a.items():
            for kb, fb in b.items():
                key = tuple(sorted(ka + kb))
                out[key] = out.get(key, 0) + fa * fb
        return out
    return None


def _sum(a: Polynomial | None, b: Polynomial | None, sign: int) -> Polynomial | None:
    if a is None or b is None:
        return None
    out = dict(a)
    for k, f in b.items():
        out[k] = out.get(k, 0) + sign * f
    return out


def _evaluate(form: Polynomial, values: Sequence[Any]) -> tuple[list[int], int] | None:
    """Factors of the thread indices and the constant, for given parameters; None if it is not linear in them."""
    factors, constant = [0] * _TIDS, 0
    for key, f in form.items():
        tids = [k for k in key if k < _TIDS]
        number = f
        for k in key:
            if k >= _TIDS:
                number *= int(values[k - _TIDS])
        if len(tids) > 1:
            return None
        if tids:
            factors[tids[0]] += number
        else:
            constant += number
    return factors, constant


def _extents(dims: Sequence[int], total: int, arity: int) -> list[int] | None:
    if arity <= 1:
        return [total, 1, 1, 1]
    used = list(dims[:arity]) + [1] * (_TIDS - arity)
    return used if math.prod(used) == total else None


def is_own(accesses: list[Access] | None, values: Sequence[Any], dims: Sequence[int], total: int, arity: int) -> bool:
    """Whether no two threads access the same byte."""
    extents = _extents(dims, total, arity)
    if not accesses or extents is None:
        return False
    forms = [_evaluate(a.form, values) for a in accesses]
    if any(f is None for f in forms) or any(f[0] != forms[0][0] for f in forms):
        return False
    low = min(c for _, c in forms)
    reach = max(c + a.size for (_, c), a in zip(forms, accesses)) - low
    for step, n in sorted((abs(s), n) for s, n in zip(forms[0][0], extents) if n > 1):
        if step < reach:
            return False
        reach += step * (n - 1)
    return True


def overwrites(
    accesses: list[Access] | None, values: Sequence[Any], dims: Sequence[int], total: int, arity: int, nbytes: int
) -> bool:
    """Whether the launch writes every byte of an array of `nbytes`, and only writes it."""
    if not accesses or any(a.op != "store" for a in accesses) or not is_own(accesses, values, dims, total, arity):
        return False
    places = {_evaluate(a.form, values)[1]: a.size for a in accesses if a.always}
    return sum(places.values()) * total == nbytes

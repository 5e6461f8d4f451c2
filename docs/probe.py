"""Asks the compiler what a function of the kernel language accepts, returns and differentiates."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import engine as en
from engine import types as T
from engine.autodiff.adjoint_rules import RULES
from engine.errors import EngineError
from engine.function import Function
from engine.lang import ir
from engine.lang.builder import Builder
from engine.lang.values import Val
from engine.library.registry import Builtin, Emit
from engine.structs import scalar_types

#: One type for each kind of value. `vec3` stands for vectors of any length, `float` for any floating-point type.
KINDS = (en.float32, en.int32, en.uint32, en.bool, en.vec3, en.mat33, en.quat, en.transform)
#: Tried where a function of one argument takes none of them.
SPECIAL = (en.vec2, en.vec4, en.mat22, en.mat44, en.spatial_vector, en.uint64)


@dataclass(frozen=True)
class Form:
    """One way to call a function: names and types of arguments, type of the result, and whether a gradient flows."""

    arguments: tuple[tuple[str, str], ...]
    result: str
    gradient: str  # "yes", "zero" (a float that does not change between jumps), "" (no float)

    def __str__(self) -> str:
        listed = ", ".join(f"{name}: {t}" for name, t in self.arguments)
        return f"({listed}) → {self.result}"


def shown(t: Any) -> str:
    """A type as users write it."""
    if isinstance(t, tuple):
        return "(" + ", ".join(map(shown, t)) + ")"
    if t is None:
        return "None"
    return T.spelled(t) if isinstance(t, T.ScalarType) else T.type_name(t)


def forms_of(function: Any) -> list[Form]:
    """Every form that the compiler accepts, for one type of each kind."""
    if isinstance(function, Builtin):
        return [] if function.kernel_only else _builtin_forms(function)
    inner = getattr(function, "function", function) if not isinstance(function, Function) else function
    changed = getattr(function, "mutates", ())
    return [form for f in inner.overloads for form in _function_forms(f, bool(changed))]


#: Arguments whose type their name says.
NAMED = {"state": en.uint32, "octaves": en.uint32, "condition": en.bool}


def _combinations(hints: list[Any]) -> Iterator[tuple[Any, ...]]:
    """Types to try: those annotated, and where the call decides, one of each kind; many arguments share a type."""
    free = [k for k, h in enumerate(hints) if h is None or T.is_generic(h)]
    if len(free) == 1:
        choices: Any = [(t,) for t in KINDS + SPECIAL]
    elif len(free) == 2:
        choices = itertools.product(KINDS, repeat=2)
    else:
        same = [(t,) * len(free) for t in KINDS]
        tails = [(t,) * k + (en.float32,) * (len(free) - k) for t in KINDS[4:] for k in range(1, len(free))]
        heads = [(en.bool, *(t,) * (len(free) - 1)) for t in KINDS]
        choices = same + tails + (heads if len(free) == 3 else [])
    for choice in choices if free else [()]:
        types = list(hints)
        for k, t in zip(free, choice):
            types[k] = t
        yield tuple(types)


def _keep(forms: list[Form]) -> list[Form]:
    """Without repetitions, and without unsigned twins of signed forms and special types that a kind stands for."""
    texts: dict[str, Form] = {}
    for form in forms:
        twin = str(form).replace("uint32", "int")
        for special in ("vec2", "vec4", "vec6"):
            twin = twin.replace(special, "vec3")
        for special in ("mat22", "mat44"):
            twin = twin.replace(special, "mat33")
        twin = twin.replace("uint64", "int")
        texts.setdefault(twin, form)
    # a rule that takes numbers need not refuse bool, which the language then does
    return [
        f for text, f in texts.items() if "bool" not in str(f.arguments) or text.replace("bool", "int") not in texts
    ]


def _builtin_forms(row: Builtin) -> list[Form]:
    parameters = list(row.signature.parameters.values())[1:]
    if row.name[0] == "%" or any(p.kind is p.KEYWORD_ONLY for p in parameters):
        return []
    spread = [p for p in parameters if p.kind is p.VAR_POSITIONAL]
    needed = [p.name for p in parameters if p.kind is not p.VAR_POSITIONAL and p.default is p.empty]
    optional = [p.name for p in parameters if p.kind is not p.VAR_POSITIONAL and p.default is not p.empty]
    if spread:
        counts = [needed + [f"{spread[0].name}{k}" for k in range(n)] for n in (1, 2)]
    else:
        counts = [needed, needed + optional] if optional else [needed]
    found = []
    for names in counts:
        for types in _combinations([NAMED.get(n) for n in names]) if names else [()]:
            params, values = [], []
            for name, t in zip(names, types):
                values.append(Val(t, [ir.Param(name, s) for s in scalar_types(t)]))
                params += values[-1].comps
            body = ir.Function(row.name, params)
            builder = Builder(body)
            try:
                out = row.rule(Emit(builder), *values)
            except Exception:  # whatever a rule raises for types it was not written for is a refusal
                continue
            out = out[0] if row.mutates else out
            result = _type(out)
            if result is not None:
                body.body.yields = _numbers(out)
                found.append(Form(tuple(zip(names, map(shown, types))), shown(result), gradient(body)))
    return _keep(found)


def _function_forms(function: Function, changes: bool) -> list[Form]:
    names = list(function.signature.parameters)
    hints = [function.hints.get(n) for n in names]
    found = []
    for types in _combinations(
        [NAMED.get(n) if h in (None, Any, inspect.Parameter.empty) else h for n, h in zip(names, hints)]
    ):
        if any(not hasattr(t, "kind") or t.kind == "array" for t in types):
            return []
        values = {n: Val(t, [ir.Param(n, s) for s in scalar_types(t)]) for n, t in zip(names, types)}
        try:
            compiled, result = function._compile(values, False)
        except (EngineError, TypeError, AttributeError, ValueError, IndexError, RecursionError):
            continue
        result = result[0] if changes and isinstance(result, tuple) else result
        found.append(Form(tuple(zip(names, map(shown, types))), shown(result), gradient(compiled)))
    return _keep(found)


def _type(out: Any) -> Any:
    if isinstance(out, tuple):
        parts = tuple(_type(o) for o in out)
        return None if None in parts else parts
    return out.type if isinstance(out, Val) else None


def _numbers(out: Any) -> list[ir.Value]:
    return [c for o in out for c in _numbers(o)] if isinstance(out, tuple) else list(out.comps)


def gradient(function: ir.Function) -> str:
    """Whether a gradient can flow from float parameters to float results; see `Form.gradient`."""
    if not any(v.type.is_float for v in function.body.yields):
        return ""
    if function.gradient == "constant":
        return "zero"
    varied = {id(p) for p in function.params if p.type.is_float}
    _spread(function.body, varied)
    return "yes" if any(id(v) in varied for v in function.body.yields) else "zero"


def _spread(region: ir.Region, varied: set[int]) -> None:
    """Marks what depends on marked values with a derivative; of loops and branches, every float result."""
    for i in region.instrs:
        if i.op in ir.OPS:
            rules = RULES.get(i.op, ())
            if any(rule is not None and id(a) in varied for rule, a in zip(rules, i.args)):
                varied.add(id(i))
            continue
        for inner in i.regions:
            if any(id(a) in varied for a in i.args):
                varied.update(id(p) for p in inner.params if p.type.is_float)
            _spread(inner, varied)
        inside = [v for inner in i.regions for v in inner.yields]
        if i.op not in ("load", "atomic") and any(id(v) in varied for v in (*i.args, *inside)):
            varied.update(id(r) for r in i.results if r.type.is_float)
            if i.type is not None and i.type.is_float:
                varied.add(id(i))

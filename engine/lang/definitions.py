"""Functions that are defined again: what tells a compiled kernel to look whether its names still mean the same.

`epoch` counts definitions that may replace another one. A kernel remembers the epoch in which it was last looked at;
after a later one it evaluates the names of its functions again, and only compiles again if one has changed.
"""

from __future__ import annotations

import ast
from typing import Any

from engine.lang import ir

_known: set[tuple[str, str]] = set()
epoch = 0


def defined(module: str, qualname: str) -> None:
    """Notes a definition; one under a name that was defined before starts an epoch."""
    global epoch
    if (module, qualname) in _known:
        epoch += 1
    else:
        _known.add((module, qualname))


def changed() -> None:
    """Notes that something that was defined before changed."""
    global epoch
    epoch += 1


def meaning(source: Any, node: ast.expr) -> Any:
    """What a name or dotted name means outside its function now; None if nothing."""
    if isinstance(node, ast.Attribute):
        return getattr(meaning(source, node.value), node.attr, None)
    return source.peek(node.id) if isinstance(node, ast.Name) else None


def is_outdated(function: ir.Function) -> bool:
    """Whether a name in the function, or in one that it calls, means another function now."""
    return any(
        found.version != version or meaning(source, node) is not found
        for f in (*ir.all_callees(function), function)
        for source, node, found, version in f.uses
    )


def used_by(function: ir.Function) -> list[Any]:
    """The functions that a compiled function was made from, called ones included."""
    return [found for f in (*ir.all_callees(function), function) for _, _, found, _ in f.uses]

"""Which statements can leave a block early; the front end turns `return`, `break` and `continue` into structure."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable

#: Names in the environment of the compiler that stand for control flow; no Python name can hide them.
BROKE, CONTINUED, RETURNED, RESULT = "%break", "%continue", "%return", "%result"


_COMPOUND = (ast.If, ast.For, ast.While, ast.With)


def may_return(node: ast.stmt) -> bool:
    """Whether a statement may return from the function; looks at statements only."""
    if isinstance(node, ast.Return):
        return True
    inner = (*getattr(node, "body", ()), *getattr(node, "orelse", ())) if isinstance(node, _COMPOUND) else ()
    return any(map(may_return, inner))


def may_exit_loop(stmts: list[ast.stmt]) -> set[type]:
    """Of Break and Continue, those in `stmts` that concern the loop around them."""
    found: set[type] = set()
    for s in stmts:
        if isinstance(s, (ast.Break, ast.Continue)):
            found.add(type(s))
        elif isinstance(s, ast.If):
            found |= may_exit_loop(s.body) | may_exit_loop(s.orelse)
        elif isinstance(s, ast.With):
            found |= may_exit_loop(s.body)
    return found


def may_exit(stmt: ast.stmt) -> bool:
    """Whether control may not reach the statement after `stmt`."""
    return may_return(stmt) or bool(may_exit_loop([stmt]))


def always_exits(stmts: list[ast.stmt]) -> bool:
    if not stmts:
        return False
    last = stmts[-1]
    if isinstance(last, (ast.Return, ast.Break, ast.Continue)):
        return True
    return isinstance(last, ast.If) and always_exits(last.body) and always_exits(last.orelse)


def assigned_names(stmts: list[ast.stmt], changed_by_call: Callable[[ast.Call], list[ast.expr]]) -> set[str]:
    """Local names that `stmts` may bind; `changed_by_call` gives the arguments that a call changes in place."""
    names: set[str] = set()
    for s in stmts:
        for n in ast.walk(s):
            if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store):
                names.add(n.id)
            elif isinstance(n, (ast.Assign, ast.AugAssign)):
                for target in n.targets if isinstance(n, ast.Assign) else [n.target]:
                    for root in _roots(target):
                        names.add(root)
            elif isinstance(n, ast.Call):
                for changed in changed_by_call(n):
                    names.update(_roots(changed))
    return names


def _roots(target: ast.AST):
    if isinstance(target, (ast.Tuple, ast.List)):
        for e in target.elts:
            yield from _roots(e)
    while isinstance(target, (ast.Attribute, ast.Subscript, ast.Starred)):
        target = target.value
    if isinstance(target, ast.Name):
        yield target.id


def reads(node: ast.AST) -> Counter[str]:
    """How often each name is read below `node`; `x += 1` reads x."""
    names: Counter[str] = Counter()
    for n in ast.walk(node):
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load):
            names[n.id] += 1
        elif isinstance(n, ast.AugAssign) and isinstance(n.target, ast.Name):
            names[n.target.id] += 1
    return names

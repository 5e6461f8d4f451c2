"""What the kernel language does not have, and what to write instead."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterable

#: Class of syntax node: what it is called, what works instead.
_REFUSED: dict[type, tuple[str, str]] = {
    ast.ListComp: ("a list comprehension", "fill an array in a loop"),
    ast.SetComp: ("a set comprehension", "use a loop"),
    ast.DictComp: ("a dict comprehension", "use a loop"),
    ast.GeneratorExp: ("a generator", "use a loop"),
    ast.Dict: ("a dict", "use a struct or an array"),
    ast.Set: ("a set", "use a tuple or an array"),
    ast.JoinedStr: ("an f-string", "give the values to print() one after the other, or use printf()"),
    ast.Lambda: ("a lambda", "define a function with @func outside the kernel"),
    ast.NamedExpr: ("':='", "assign on a line of its own"),
    ast.Yield: ("yield", "write results to an array"),
    ast.YieldFrom: ("yield", "write results to an array"),
    ast.Await: ("await", "kernels run to their end at once"),
    ast.Try: ("try", "test with if before the operation"),
    ast.With: ("with", "open it around the launch"),
    ast.Raise: ("raise", "use assert (checked in debug mode), or write a code to an array"),
    ast.FunctionDef: ("a nested function", "define it outside the kernel with @func"),
    ast.AsyncFunctionDef: ("async def", "define a function with @func outside the kernel"),
    ast.ClassDef: ("a class", "define a struct with @struct outside the kernel"),
    ast.Global: ("global", "write to an array argument"),
    ast.Nonlocal: ("nonlocal", "write to an array argument"),
    ast.Delete: ("del", "names end with the kernel"),
    ast.Match: ("match", "use if and elif"),
    ast.Import: ("import", "import at the top of the file"),
    ast.ImportFrom: ("import", "import at the top of the file"),
}


def refusal(node: ast.AST) -> str:
    """The sentence that refuses `node`."""
    what, instead = _REFUSED.get(type(node), (f"'{ast.unparse(node)}'", ""))
    return f"{what} is not part of the kernel language" + (f"; {instead}" if instead else "")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the known name nearest to `name`, or nothing."""
    near = difflib.get_close_matches(name, list(known), 1, 0.75)
    return f"; did you mean '{near[0]}'?" if near else ""

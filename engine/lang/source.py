"""The Python source of a kernel: its syntax tree, the names it can see, and places for error messages."""

from __future__ import annotations

import ast
import builtins
import inspect
import textwrap
from typing import Any

from engine.errors import KernelError, KernelNameError, KernelSyntaxError


class Source:
    """Syntax tree and name scope of one Python function."""

    def __init__(self, function: Any):
        self.function, self.name = function, function.__name__
        code = function.__code__
        self.filename = code.co_filename
        try:
            lines, first = inspect.getsourcelines(function)
        except (OSError, TypeError):
            raise KernelSyntaxError(
                f"{self.name}: its source text cannot be read; define kernels in a file or notebook, not through exec()"
            ) from None
        text = "".join(lines)
        self.lines, self.first_line = lines, first
        body = textwrap.dedent(text)
        self.indent = len(lines[0]) - len(lines[0].lstrip())
        tree = ast.parse(body)
        self.tree = next(
            (
                n
                for n in ast.walk(tree)
                if isinstance(n, (ast.FunctionDef, ast.Lambda)) and getattr(n, "name", "<lambda>") == self.name
            ),
            None,
        )
        if self.tree is None:
            raise KernelSyntaxError(f"{self.name}: no function definition found in its source")
        self.globals = function.__globals__

    def closure(self) -> dict[str, Any]:
        names, cells = self.function.__code__.co_freevars, self.function.__closure__ or ()
        found = {}
        for name, cell in zip(names, cells):
            try:
                found[name] = cell.cell_contents
            except ValueError:
                pass
        return found

    def lookup(self, name: str, node: ast.AST) -> Any:
        closure = self.closure()
        if name in closure:
            return closure[name]
        if name in self.globals:
            return self.globals[name]
        if hasattr(builtins, name):
            return getattr(builtins, name)
        raise self.error(
            f"name '{name}' is not defined; assign it before this line or pass it as an argument", node, KernelNameError
        )

    def annotations(self) -> dict[str, Any]:
        raw = inspect.get_annotations(self.function)
        scope = self.closure()
        out = {}
        for name, hint in raw.items():
            if isinstance(hint, str):
                try:
                    hint = eval(hint, self.globals, scope)
                except Exception as why:
                    raise self.error(f"annotation {hint!r} of '{name}' cannot be evaluated: {why}", self.tree) from None
            out[name] = hint
        return out

    def error(self, reason: str, node: ast.AST, kind: type[KernelError] = KernelSyntaxError) -> KernelError:
        row = getattr(node, "lineno", 1)
        line = self.lines[row - 1].rstrip("\n") if row - 1 < len(self.lines) else ""
        column = getattr(node, "col_offset", 0) + self.indent
        end = getattr(node, "end_col_offset", None)
        width = end + self.indent - column if end is not None and getattr(node, "end_lineno", row) == row else 1
        shift = len(line) - len(line.lstrip())
        return kind(reason, self.filename, self.first_line + row - 1, line.strip(), max(0, column - shift), width)

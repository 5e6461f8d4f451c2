"""The Python source of a kernel: its syntax tree, the names it can see, and places for error messages."""

from __future__ import annotations

import ast
import builtins
import inspect
import linecache
import os
import threading
from typing import Any

from engine.errors import KernelError, KernelNameError, KernelSyntaxError
from engine.lang.refusals import did_you_mean


class Source:
    """Syntax tree and name scope of one Python function; line numbers are those of its file."""

    def __init__(self, function: Any):
        self.function, self.name = function, function.__name__
        code = function.__code__
        self.filename, self.globals = code.co_filename, function.__globals__
        linecache.checkcache(self.filename)
        self.lines = linecache.getlines(self.filename, self.globals)
        if not self.lines:
            raise KernelSyntaxError(
                f"{self.name}: its source text cannot be read from {self.filename}; "
                "define kernels in a file or notebook, not through exec()"
            )
        tree = _parse_block(self.lines, code.co_firstlineno)
        kind = ast.Lambda if self.name == "<lambda>" else ast.FunctionDef
        first = tree.body[-1] if tree.body else tree
        first = first.body[0] if isinstance(first, ast.If) else first  # the wrapper of indented code
        nodes = [first] if isinstance(first, ast.FunctionDef) else ast.walk(tree)
        found = [n for n in nodes if isinstance(n, kind) and getattr(n, "name", self.name) == self.name]
        if not found or (kind is ast.Lambda and len(found) > 1):
            raise KernelSyntaxError(
                f"{self.filename}:{code.co_firstlineno}: no definition of {self.name} alone on this line; "
                "if the file changed since it was imported, import it again; define functions with def"
            )
        self.tree = found[0]
        cells = zip(code.co_freevars, function.__closure__ or ())
        self.cells = dict(cells)

    def closure(self) -> dict[str, Any]:
        """Values of the enclosing functions' names, as they are now."""
        found = {}
        for name, cell in self.cells.items():
            try:
                found[name] = cell.cell_contents
            except ValueError:  # not assigned yet
                pass
        return found

    def peek(self, name: str) -> Any:
        """Like `lookup`, but None if there is no such name."""
        try:
            return self.lookup(name, self.tree)
        except KernelNameError:
            return None

    def lookup(self, name: str, node: ast.AST) -> Any:
        """The Python object that `name` means outside the function; raises KernelNameError if there is none."""
        cell = self.cells.get(name)
        if cell is not None:
            try:
                return cell.cell_contents
            except ValueError:
                pass
        elif name in self.globals:
            return self.globals[name]
        elif hasattr(builtins, name):
            return getattr(builtins, name)
        hint = (
            did_you_mean(name, [*self.cells, *self.globals]) or "; assign it before this line or pass it as an argument"
        )
        raise self.error(f"name '{name}' is not defined{hint}", node, KernelNameError)

    def annotations(self) -> dict[str, Any]:
        """Evaluated annotations of the parameters and, as 'return', of the result."""
        out = {}
        for name, hint in inspect.get_annotations(self.function).items():
            if isinstance(hint, str):
                try:
                    hint = eval(hint, self.globals, self.closure())
                except Exception as why:
                    raise self.error(
                        f"annotation {hint!r} of '{name}' cannot be evaluated: {why}", self.parameter(name)
                    ) from None
            out[name] = hint
        return out

    def parameter(self, name: str) -> ast.AST:
        """The syntax node of a parameter, or of the function if it has none of that name."""
        a = self.tree.args
        every = [*a.posonlyargs, *a.args, *a.kwonlyargs, *filter(None, (a.vararg, a.kwarg))]
        return next((p for p in every if p.arg == name), self.tree)

    def place(self, node: ast.AST) -> str:
        """`file:line` of a syntax node."""
        return f"{self.filename}:{node.lineno}"

    def line(self, node: ast.AST) -> str:
        """The text of the line on which `node` starts."""
        return self.lines[node.lineno - 1].rstrip("\n") if node.lineno <= len(self.lines) else ""

    def error(self, reason: str, node: ast.AST, kind: type[KernelError] = KernelSyntaxError) -> KernelError:
        """An error of class `kind` that shows the line of `node` with a caret under it."""
        line = self.line(node)
        column = _characters(line, node.col_offset)
        if isinstance(node, (ast.FunctionDef, ast.For, ast.While, ast.If, ast.With, ast.Try, ast.ClassDef)):
            width = len(line.rstrip(": ")) - column  # the head of the statement, not its body
        elif node.end_lineno == node.lineno:
            width = _characters(line, node.end_col_offset) - column
        else:
            width = len(line) - column
        shift = len(line) - len(line.lstrip())
        return kind(reason, self.filename, node.lineno, line.strip().replace("\t", " "), max(0, column - shift), width)


def _characters(line: str, utf8_offset: int) -> int:
    return len(line.encode()[:utf8_offset].decode(errors="replace"))


def _parse_block(lines: list[str], first: int) -> ast.Module:
    """The syntax tree of the statement that starts on line `first`, positions as in the file.

    Its end is the first line that is not indented deeper and before which the text parses.
    """
    start = lines[first - 1]
    indent = len(start) - len(start.lstrip())
    # lines above are blanked so that positions stay those of the file
    head = "\n" * (first - 1) if not indent else "\n" * (first - 2) + "if 1:\n"
    for end in range(first, len(lines) + 1):
        if end < len(lines):
            text = lines[end]
            bare = text.lstrip()
            if not bare or bare[0] == "#" or len(text) - len(bare) > indent:
                continue
        try:
            with _parse_lock:
                return ast.parse(head + "".join(lines[first - 1 : end]))
        except SyntaxError:
            continue
    return ast.Module([], [])


#: CPython keeps the depth of a tree that it makes in one place for all threads, and raises SystemError where two make
#: trees at once (python/cpython#106905)
_parse_lock = threading.Lock()


def _renew_lock() -> None:
    # a thread that does not exist after fork() may have held it
    global _parse_lock
    _parse_lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)

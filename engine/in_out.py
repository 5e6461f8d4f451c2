"""Functions that change their arguments: what `while hash_grid_query_next(query, index)` needs.

The kernel language passes values, so such a function is written as a pure one that returns the changed values behind
its result; a call binds them anew to the names that the caller gave. One name may stand for several forms, told apart
by the number of arguments (`mesh_query_point` with and without out-parameters).
"""

from __future__ import annotations

import ast
import inspect
from typing import Any

from engine.errors import KernelTypeError


class InOut:
    """A kernel function that binds arguments anew.

    Attributes:
        function: `@func` that returns `(result, changed...)`.
        mutates: Positions of the arguments that the changed values go to.
    """

    def __init__(self, function: Any, mutates: tuple[int, ...], name: str | None = None, kernel_only: bool = True):
        self.function, self.mutates, self.kernel_only = function, mutates, kernel_only
        self.__name__ = name or function.__name__
        self.__doc__ = function.__doc__
        self.__module__ = function.__module__

    def compile_call(self, caller: Any, args: list, kw: dict, node: ast.Call) -> Any:
        result, *changed = caller.compile_callee(caller, self.function, args, kw, node)
        names = list(inspect.signature(self.function.function).parameters)
        named = {k.arg: k.value for k in node.keywords}
        for position, value in zip(self.mutates, changed):
            target = node.args[position] if position < len(node.args) else named[names[position]]
            if isinstance(target, (ast.Name, ast.Subscript, ast.Attribute)):  # a temporary has no name to bind anew
                caller.assign(target, value, node)
        return result

    def __call__(self, *args: Any, **kw: Any) -> Any:
        """The result; arguments of Python scope stay as they are."""
        if self.kernel_only:
            raise KernelTypeError(f"{self.__name__}() works inside kernels only")
        return self.function(*args, **kw)[0]


def takes_out_parameters(function: Any, first: int, count: int) -> None:
    """Lets a function of `count` results also take names for them: `svd3(A, U, s, V)` for `U, s, V = svd3(A)`."""
    function.out_form = (first, count)


def out_places(function: Any, args: list) -> list:
    """The arguments of a call that stand for results."""
    first, count = getattr(function, "out_form", (0, 0))
    return args[first:] if count and len(args) == first + count else []


class ByArgumentCount:
    """One name for several functions; `forms` says which takes a call of how many arguments."""

    def __init__(self, name: str, default: Any, forms: dict[int, Any]):
        self.__name__, self.default, self.forms = name, default, forms
        self.__doc__ = default.__doc__
        self.__module__ = default.__module__
        every = [default, *forms.values()]
        #: what some form changes; a loop carries the names given there
        self.mutates = tuple(sorted({k for form in every for k in getattr(form, "mutates", ())}))

    def compile_call(self, caller: Any, args: list, kw: dict, node: ast.Call) -> Any:
        form = self.forms.get(len(args) + len(kw), self.default)
        return caller.call(form, args, kw, node)

    def __call__(self, *args: Any, **kw: Any) -> Any:
        return self.default(*args, **kw)

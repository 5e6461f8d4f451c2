"""Library functions that are written in the kernel language itself, and the register of them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from engine.function import Function
from engine.in_out import InOut

#: Public functions by name, with the group that the language reference lists them in.
FUNCTIONS: dict[str, tuple[Any, str]] = {}


def library(group: str, mutates: tuple[int, ...] = (), name: str | None = None) -> Callable[[Callable], Any]:
    """Decorator: makes a Python function a public function of the kernel language.

    Args:
        group: heading in the language reference.
        mutates: arguments that the function changes; it then returns `(result, changed...)`.
        name: public name, where it is not that of the Python function.
    """

    def register(function: Callable) -> Any:
        public = name or function.__name__
        earlier = sys._getframe(1).f_locals.get(function.__name__)
        made: Any = Function(function, earlier.overloads if isinstance(earlier, Function) else ())
        if isinstance(earlier, Function):
            made.__doc__ = made.__doc__ or earlier.__doc__
        shown = InOut(made, mutates, public, kernel_only=False) if mutates else made
        FUNCTIONS[public] = (shown, group)
        return made

    return register

"""Errors of the engine layer. Every message says where, what was found, what was expected and what to do next."""

from __future__ import annotations


class EngineError(RuntimeError):
    """Root of every error that the engine raises for a mistake of its user."""


class EngineTypeError(EngineError, TypeError):
    """An argument of a type that does not fit."""


class EngineIndexError(EngineError, IndexError):
    """An index or axis outside of what there is."""


class EngineValueError(EngineError, ValueError):
    """An argument of the right type that has no meaning."""


class KernelError(EngineError):
    """A kernel or function that cannot be compiled; carries the place in the user's source.

    Attributes:
        filename: source file of the kernel.
        lineno: 1-based line in that file.
        reason: the sentence that says what is wrong and what would work.
    """

    def __init__(
        self, reason: str, filename: str = "", lineno: int = 0, line: str = "", column: int = 0, width: int = 1
    ):
        self.reason, self.filename, self.lineno = reason, filename, lineno
        if filename:
            caret = " " * column + "^" * max(1, width)
            reason = f"{filename}:{lineno}: {reason}\n    {line}\n    {caret}"
        super().__init__(reason)


class KernelSyntaxError(KernelError):
    """The kernel uses Python that the kernel language does not have."""


class KernelTypeError(KernelError, TypeError):
    """The kernel mixes types, shapes or argument counts that do not fit."""


class KernelNameError(KernelError, NameError):
    """The kernel uses a name that is not defined."""


class LaunchError(EngineError):
    """A launch whose arguments do not fit the kernel's signature."""


class KernelAssertionError(EngineError):
    """An assertion or a bounds check failed inside a kernel (debug mode only)."""


class KernelValueError(KernelError, ValueError):
    """The kernel uses a number that has no meaning where it stands, such as a step of zero."""


class KernelAttributeError(KernelError, AttributeError):
    """The kernel asks a value for an attribute that it does not have."""


# the names by which programs written for Warp catch these
WarpCodegenError = KernelError
WarpCodegenTypeError = KernelTypeError
WarpCodegenValueError = KernelValueError
WarpCodegenAttributeError = KernelAttributeError
WarpCodegenIndexError = WarpCodegenKeyError = KernelError  # no kinds of their own here

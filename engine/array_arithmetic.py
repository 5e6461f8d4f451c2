"""Operators on whole arrays, outside kernels."""

from __future__ import annotations

from typing import Any

import numpy as np


class Arithmetic:
    """Operators on whole arrays, element by element as in kernels."""

    __array_priority__ = 1000  # so that a NumPy scalar plus an array comes to the array

    def __add__(self, o):
        return _operate("add", self, o)

    def __radd__(self, o):
        return _operate("add", o, self)

    def __sub__(self, o):
        return _operate("sub", self, o)

    def __rsub__(self, o):
        return _operate("sub", o, self)

    def __mul__(self, o):
        return _operate("mul", self, o)

    def __rmul__(self, o):
        return _operate("mul", o, self)

    def __truediv__(self, o):
        return _operate("div", self, o)

    def __rtruediv__(self, o):
        return _operate("div", o, self)

    def __floordiv__(self, o):
        return _operate("floordiv", self, o)

    def __rfloordiv__(self, o):
        return _operate("floordiv", o, self)

    def __mod__(self, o):
        return _operate("mod", self, o)

    def __rmod__(self, o):
        return _operate("mod", o, self)

    def __pow__(self, o):
        return _operate("pow", self, o)

    def __rpow__(self, o):
        return _operate("pow", o, self)

    def __iadd__(self, o):
        return _change("add", self, o)

    def __isub__(self, o):
        return _change("sub", self, o)

    def __imul__(self, o):
        return _change("mul", self, o)

    def __itruediv__(self, o):
        return _change("div", self, o)

    def __ifloordiv__(self, o):
        return _change("floordiv", self, o)

    def __imod__(self, o):
        return _change("mod", self, o)

    def __ipow__(self, o):
        return _change("pow", self, o)

    def __neg__(self):
        return _operate("neg", self)

    def __pos__(self):
        return self

    def __abs__(self):
        return _operate("abs", self)


def _operate(name: str, *operands: Any) -> Any:
    """A builtin on every element of arrays; with NumPy arrays NumPy computes."""
    if any(isinstance(o, np.ndarray) for o in operands):
        return getattr(np, _NUMPY_NAMES.get(name, name))(
            *(o.numpy() if isinstance(o, Arithmetic) else o for o in operands)
        )
    from engine.elementwise import map
    from engine.library.registry import BUILTINS

    like = next(o for o in operands if isinstance(o, Arithmetic))
    return map(BUILTINS[name], *(_adapted(o, like) for o in operands))


def _adapted(operand: Any, like: Any) -> Any:
    """A plain number as one of the array's scalar type, if it is one; else the operand itself."""
    if type(operand) not in (int, float) or like.dtype.kind == "struct":
        return operand
    scalar = like.dtype.scalar
    fits = scalar.is_float or (scalar.is_int and type(operand) is int and scalar.low <= operand <= scalar.high)
    return scalar(operand) if fits else operand


def _change(name: str, place: Any, operand: Any) -> Any:
    """A builtin on every element of an array and an operand, stored into that array."""
    from engine.elementwise import map
    from engine.library.registry import BUILTINS

    if isinstance(operand, np.ndarray) and operand.ndim:
        from engine.arrays import array

        operand = array(operand, dtype=place.dtype, device=place.device)
    map(BUILTINS[name], place, _adapted(operand, place), out=place)
    return place


_NUMPY_NAMES = {"sub": "subtract", "mul": "multiply", "div": "divide", "floordiv": "floor_divide", "mod": "fmod",
                "pow": "power", "neg": "negative", "abs": "absolute"}  # fmt: skip

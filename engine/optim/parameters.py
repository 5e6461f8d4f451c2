"""Arrays as the flat lists of numbers that optimisers work on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine import types as T
from engine.arrays import array
from engine.errors import EngineError, EngineTypeError, EngineValueError


def flat(a: array, what: str) -> array:
    """The numbers of an array of scalars, vectors or matrices as a one-dimensional array over the same memory.

    Raises:
        EngineError: the array is strided, or does not hold floating-point numbers.
    """
    if not isinstance(a, array):
        raise EngineError(f"{what}: got {type(a).__name__}; expected an engine array")
    if a.dtype.kind == "struct" or not a.dtype.scalar.is_float:
        raise EngineError(f"{what}: got an array of {T.type_name(a.dtype)}; expected floating-point numbers or vectors")
    if not a.is_contiguous:
        raise EngineError(f"{what}: got a strided view; expected a contiguous array")
    return array._view(a._data.reshape(-1), a.dtype.scalar, a.device, a)


class Parameters:
    """The arrays that an optimiser changes.

    Attributes:
        arrays: as given.   numbers: the same memory, flat.
    """

    def __init__(self, arrays: Any, owner: str):
        self.owner = owner
        self.arrays: list[array] = [arrays] if isinstance(arrays, array) else list(arrays or [])
        self.numbers = [flat(a, f"{owner}: parameter {k}") for k, a in enumerate(self.arrays)]

    def gradients(self, given: Sequence[array] | array | None) -> list[array]:
        """Gradients as flat numbers: those given, one per parameter, else `grad` of the parameters.

        Raises:
            EngineError: their number, types or sizes do not fit the parameters.
        """
        if not self.arrays:
            raise EngineError(f"{self.owner}: no parameters; pass them to {self.owner}() or to set_params()")
        if given is None:
            given = [a.grad for a in self.arrays]
            if any(g is None for g in given):
                raise EngineError(f"{self.owner}: no gradients given; make the parameters with requires_grad=True")
        given = [given] if isinstance(given, array) else list(given)
        if len(given) != len(self.arrays):
            raise EngineError(f"{self.owner}: got {len(given)} gradients for {len(self.arrays)} parameters")
        for k, (g, a) in enumerate(zip(given, self.arrays)):
            if not isinstance(g, array) or g.dtype is not a.dtype or g.shape != a.shape:
                got = f"{g.shape} of {T.type_name(g.dtype)}" if isinstance(g, array) else type(g).__name__
                same_type = isinstance(g, array) and g.dtype is a.dtype
                raise (EngineValueError if same_type else EngineTypeError)(
                    f"{self.owner}: gradient {k} is {got}; its parameter is {a.shape} of {T.type_name(a.dtype)}"
                )
        return [flat(g, f"{self.owner}: gradient {k}") for k, g in enumerate(given)]


def working_type(scalar: T.ScalarType) -> T.ScalarType:
    """The type in which running averages of `scalar` are kept: half precision keeps them in single precision."""
    return T.float32 if scalar.bits == 16 else scalar

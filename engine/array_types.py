"""The types of array parameters, and of local arrays that functions return."""

from __future__ import annotations

import math
from typing import Any

from engine import types as T
from engine.array_data import as_shape
from engine.errors import EngineError

MAX_DIMS = 4


class ArrayType:
    """The type of an array parameter: element type and number of dimensions."""

    kind = "array"
    kind_is_array = True
    scalar = T.pointer

    def __init__(self, dtype: Any, ndim: int = 1):
        self.dtype, self.ndim = (dtype if dtype is Any else T.as_type(dtype)), int(ndim)
        self.count = 1 + 2 * self.ndim  # address, shape, strides
        self.size, self.align = 8 * self.count, 8

    @property
    def name(self) -> str:
        return f"array{self.ndim}d({T.type_name(self.dtype)})"

    def __repr__(self) -> str:
        return self.name

    def __eq__(self, other) -> bool:
        return type(self) is type(other) and (self.dtype, self.ndim) == (other.dtype, other.ndim)

    def __hash__(self) -> int:
        return hash((id(self.dtype), self.ndim))


class FixedArrayType(ArrayType):
    """The type of a local array, whose shape is part of it. Functions return such arrays by value."""

    def __init__(self, dtype: Any, shape: Any):
        self.shape = as_shape(shape)
        super().__init__(dtype, len(self.shape))

    @property
    def name(self) -> str:
        return f"fixedarray({T.type_name(self.dtype)}, {self.shape})"

    def __eq__(self, other) -> bool:
        return type(self) is type(other) and (self.dtype, self.shape) == (other.dtype, other.shape)

    def __hash__(self) -> int:
        return hash((id(self.dtype), self.shape))

    @property
    def plain(self) -> ArrayType:
        """The type of arrays of any shape that may take it."""
        return ArrayType(self.dtype, self.ndim)


class FixedValue:
    """The elements of a local array, as functions return them."""

    kind = "fixed"
    scalar = T.int32

    def __init__(self, array: FixedArrayType):
        self.array, self.dtype = array, array.dtype
        self.elements = math.prod(array.shape)
        self.count = self.elements * self.dtype.count
        self.size, self.align = self.elements * self.dtype.size, self.dtype.align
        self.name = array.name

    def __eq__(self, other) -> bool:
        return isinstance(other, FixedValue) and self.array == other.array

    def __hash__(self) -> int:
        return hash(self.array)


class fixedarray:
    """Annotation of functions that return a local array: `-> fixedarray(dtype=float, shape=(2, 3))`."""

    def __new__(cls, dtype: Any = Any, shape: Any = None):
        if shape is None or dtype is Any:
            raise EngineError("fixedarray: got no shape or dtype; write fixedarray(dtype=float, shape=(2, 3))")
        return FixedArrayType(dtype, shape)

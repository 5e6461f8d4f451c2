"""Scalar types of the kernel language: bool, integers, floats, and the address type of the compiler."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from engine.brain_float import BFloat16


class TypedFloat64(np.float64):
    """A float64 made by `float64(x)`: kernels take it as that type, while a plain Python or NumPy float adapts."""

    __slots__ = ()
    value = property(np.float64.item)


def _number_class(name: str) -> type:
    """NumPy's scalar of that name with the attribute `value`, the plain Python number."""
    base = getattr(np, name)
    return type(base.__name__, (base,), {"__slots__": (), "value": property(base.item), "__module__": "numpy"})


_MAKERS = {
    name: _number_class(name)
    for name in ("float16", "float32", *(f"{u}int{n}" for u in ("", "u") for n in (8, 16, 32, 64)))
}
_MAKERS |= {"float64": TypedFloat64, "bfloat16": BFloat16}
_CTYPES = {
    "bool": ctypes.c_bool,
    "float16": ctypes.c_uint16,
    "bfloat16": ctypes.c_uint16,
    "float32": ctypes.c_float,
    "float64": ctypes.c_double,
}
_CTYPES |= {f"{u}int{n}": getattr(ctypes, f"c_{u}int{n}") for u in ("", "u") for n in (8, 16, 32, 64)}


class ScalarType:
    """A scalar type such as `float32`; calling it makes a NumPy scalar of that type in Python scope."""

    kind = "scalar"
    count = 1
    shape: tuple[int, ...] = ()

    def __init__(self, name: str, family: str, bits: int):
        self.name, self.family, self.bits = name, family, bits
        self.np_dtype = np.dtype({"ptr": "uint64", "bool": "bool", "bfloat16": "uint16"}.get(name, name))
        self.size = self.align = max(1, bits // 8)
        self.scalar = self
        self.__name__ = name
        #: whole numbers that adapt to the type; an unsigned bit pattern may be written for a signed type and vice versa
        self.low, self.high = -(1 << bits - 1), (1 << bits) - 1
        self._make = _MAKERS.get(name, self.np_dtype.type)

    @property
    def __numpy_dtype__(self) -> np.dtype:
        """What `numpy.dtype(float32)` gives (NumPy 2.4 and later)."""
        if self.name in ("bfloat16", "ptr"):
            raise AttributeError(f"NumPy has no {self.name}")
        return self.np_dtype

    @property
    def _type_(self) -> Any:
        """The type of `ctypes` with the same layout."""
        return _CTYPES[self.name]

    @property
    def is_float(self) -> bool:
        return self.family == "float"

    @property
    def is_int(self) -> bool:
        return self.family in ("int", "uint")

    @property
    def is_bool(self) -> bool:
        return self.family == "bool"

    @property
    def dtype(self) -> ScalarType:
        """The type itself, so that generic code may ask scalars and vectors alike."""
        return self

    def __call__(self, value: Any = 0):
        if self.is_int and isinstance(value, (int, np.integer)):
            bits = int(value) & ((1 << self.bits) - 1)
            value = bits - (1 << self.bits) if self.family == "int" and bits >> (self.bits - 1) else bits
        return self._make(value)

    def in_python(self, value: Any) -> Any:
        """A number of this type as Python scope shows it: Python's own for float32, int32 and bool, else NumPy's.

        A float64 becomes a plain `np.float64`, which adapts to what it meets.
        """
        if self.name == "bfloat16":
            return BFloat16(value)
        return value if self.name in ("float32", "int32", "bool", "ptr") else self.np_dtype.type(value)

    def __instancecheck__(self, value: Any) -> bool:
        return isinstance(value, BFloat16 if self.name == "bfloat16" else self.np_dtype.type)

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self):
        return (_scalar_by_name, (self.name,))


def _scalar_by_name(name: str) -> ScalarType:
    return SCALARS[name]


bool_ = ScalarType("bool", "bool", 1)
int8, int16, int32, int64 = (ScalarType(f"int{n}", "int", n) for n in (8, 16, 32, 64))
uint8, uint16, uint32, uint64 = (ScalarType(f"uint{n}", "uint", n) for n in (8, 16, 32, 64))
float16, float32, float64 = (ScalarType(f"float{n}", "float", n) for n in (16, 32, 64))
#: Upper half of a float32 (NumPy sees its bits as uint16).
bfloat16 = ScalarType("bfloat16", "float", 16)
#: An address inside the compiler; users see addresses as uint64.
pointer = ScalarType("ptr", "ptr", 64)

int_types = (int8, uint8, int16, uint16, int32, uint32, int64, uint64)
float_types = (float16, float32, float64)
scalar_types = int_types + float_types
scalar_and_bool_types = (*scalar_types, bool_)
SCALARS = {t.name: t for t in scalar_and_bool_types} | {"ptr": pointer}
FROM_NUMPY = {t.np_dtype: t for t in scalar_and_bool_types}
#: Letters after `vec3`, `mat33`, …, that name the scalar type.
SUFFIXES = {"h": float16, "f": float32, "d": float64, "b": int8, "s": int16, "i": int32, "l": int64}
SUFFIXES |= {"ub": uint8, "us": uint16, "ui": uint32, "ul": uint64}


def typed_scalar(value: Any) -> ScalarType | None:
    """The engine type that a Python value carries by itself (NumPy scalars); None for Python's own numbers."""
    if isinstance(value, BFloat16):
        return bfloat16
    if isinstance(value, np.generic) and (type(value) is not np.float64):
        return FROM_NUMPY.get(value.dtype)
    return None

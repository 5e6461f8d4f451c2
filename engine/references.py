"""`ref[T]`: parameters of functions that change what the caller passed, and `address_of`."""

from __future__ import annotations

from typing import Any

from engine import types as T
from engine.errors import EngineError


class RefType:
    """The annotation `ref[T]`: the function gets the value and, when it ends, gives it back to the same place."""

    def __init__(self, dtype: Any):
        self.dtype = self.value_type = T.as_type(dtype)

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, RefType) and self.dtype == other.dtype

    def __hash__(self) -> int:
        return hash(("ref", self.dtype))

    def __repr__(self) -> str:
        return f"ref[{T.type_name(self.dtype)}]"


class _Ref:
    """`ref[float]` in the annotation of a parameter of a function."""

    def __getitem__(self, dtype: Any) -> RefType:
        return RefType(dtype)

    def __repr__(self) -> str:
        return "ref"


ref = _Ref()


class AddressOf:
    """`address_of(a[i])`: the address of an element of an array, or of a part of it, as uint64."""

    __name__ = "address_of"

    def __call__(self, *_: Any) -> Any:
        raise EngineError("address_of() works inside kernels only")


address_of = AddressOf()

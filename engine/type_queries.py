"""Questions about types and values: what kind a type is, whether two are equal, how large, how it is spelled."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.array_types import ArrayType
from engine.arrays import array
from engine.composite_types import Composite
from engine.scalar_types import ScalarType
from engine.type_patterns import ScalarPattern, is_generic
from engine.types import as_type, type_name


def _kind(t: Any) -> str:
    return getattr(as_type(t), "kind", "")


def type_is_scalar(t: Any) -> bool:
    """Whether a type is an integer or float type (bool is not)."""
    t = as_type(t)
    return isinstance(t, ScalarType) and not t.is_bool


def type_is_int(t: Any) -> bool:
    """Whether a type is an integer type, or the pattern of one."""
    t = as_type(t)
    return (isinstance(t, ScalarType) and t.is_int) or (isinstance(t, ScalarPattern) and t.name == "Int")


def type_is_float(t: Any) -> bool:
    """Whether a type is a float type, or the pattern of one."""
    t = as_type(t)
    return (isinstance(t, ScalarType) and t.is_float) or (isinstance(t, ScalarPattern) and t.name == "Float")


def type_is_vector(t: Any) -> bool:
    return _kind(t) == "vec"


def type_is_matrix(t: Any) -> bool:
    return _kind(t) == "mat"


def type_is_quaternion(t: Any) -> bool:
    return _kind(t) == "quat"


def type_is_transformation(t: Any) -> bool:
    return _kind(t) == "transform"


def type_is_composite(t: Any) -> bool:
    """Whether values of a type have components: vectors, matrices, quaternions, transforms."""
    return _kind(t) in ("vec", "mat", "quat", "transform")


def type_is_struct(t: Any) -> bool:
    return _kind(t) == "struct"


def type_is_array(t: Any) -> bool:
    return isinstance(t, ArrayType)


def type_is_value(t: Any) -> bool:
    """Whether values of a type are passed by value: numbers and composites."""
    return _kind(t) == "scalar" or type_is_composite(t)


def is_scalar(x: Any) -> bool:
    """Whether a value is a number."""
    return isinstance(x, (int, float, np.number)) and not isinstance(x, bool)


def is_int(x: Any) -> bool:
    return isinstance(x, (int, np.integer)) and not isinstance(x, bool)


def is_float(x: Any) -> bool:
    return isinstance(x, (float, np.floating))


def is_value(x: Any) -> bool:
    return isinstance(x, (bool, np.bool_)) or is_scalar(x) or isinstance(x, Composite)


def is_array(x: Any) -> bool:
    return isinstance(x, array)


def is_composite(x: Any) -> bool:
    return isinstance(x, Composite)


def is_vector(x: Any) -> bool:
    return isinstance(x, Composite) and x.kind == "vec"


def is_matrix(x: Any) -> bool:
    return isinstance(x, Composite) and x.kind == "mat"


def is_quaternion(x: Any) -> bool:
    return isinstance(x, Composite) and x.kind == "quat"


def is_transformation(x: Any) -> bool:
    return isinstance(x, Composite) and x.kind == "transform"


def is_struct(x: Any) -> bool:
    return not isinstance(x, type) and hasattr(type(x), "__engine_struct__")


def types_equal(a: Any, b: Any, match_generic: bool = False) -> bool:
    """Whether two types are the same; with `match_generic`, whether one is a pattern that accepts the other."""
    from engine.type_patterns import fits

    a, b = as_type(a), as_type(b)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(types_equal(x, y, match_generic) for x, y in zip(a, b))
    if match_generic and (is_generic(a) or is_generic(b)):
        return fits(a, b) or fits(b, a)
    return a is b or a == b


def type_size(t: Any) -> int:
    """Number of scalars in a value of the type."""
    return as_type(t).count


def type_size_in_bytes(t: Any) -> int:
    """Bytes that a value of the type takes in memory."""
    return as_type(t).size


def type_scalar_type(t: Any) -> Any:
    """Scalar type of a composite type; of a scalar type, itself."""
    return as_type(t).scalar


def type_repr(t: Any) -> str:
    """The type as a user writes it."""
    t = as_type(t)
    if isinstance(t, ArrayType):
        return f"array(ndim={t.ndim}, dtype={type_repr(t.dtype)})"
    return type_name(t)


def dtype_from_numpy(dtype: Any) -> ScalarType:
    """The scalar type of a NumPy dtype; raises TypeError if there is none."""
    found = as_type(np.dtype(dtype))
    if not isinstance(found, ScalarType):
        raise TypeError(f"dtype_from_numpy: NumPy dtype {np.dtype(dtype)} has no engine type")
    return found


def dtype_to_numpy(t: Any) -> np.dtype:
    """The NumPy dtype of the scalars of a type."""
    return as_type(t).np_dtype

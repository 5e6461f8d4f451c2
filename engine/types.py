"""The types of the kernel language under one name: scalars, composites, generic types, and questions about them."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.brain_float import is_numpy_type
from engine.composite_types import (
    Composite,
    CompositeMeta,
    canonical,
    composite,
    letter,
    matrix_of,
    type_for_shape,
    vector_of,
)
from engine.scalar_types import (
    FROM_NUMPY,
    SCALARS,
    SUFFIXES,
    ScalarType,
    TypedFloat64,
    bfloat16,
    bool_,
    float16,
    float32,
    float64,
    float_types,
    int8,
    int16,
    int32,
    int64,
    int_types,
    pointer,
    scalar_and_bool_types,
    scalar_types,
    typed_scalar,
    uint8,
    uint16,
    uint32,
    uint64,
)
from engine.type_patterns import CompositePattern, Float, Int, Scalar, ScalarPattern, fits, is_generic

__all__ = [
    "SCALARS", "SUFFIXES", "Composite", "CompositeMeta", "CompositePattern", "Float", "Int", "Scalar", "ScalarPattern",
    "ScalarType", "TypedFloat64", "as_type", "bfloat16", "bool_", "composite", "fits", "float16", "float32", "float64", "float_types",
    "int8", "int16", "int32", "int64", "int_types", "is_generic", "letter", "matrix", "pointer", "quaternion",
    "scalar_and_bool_types", "scalar_types", "spelled", "transformation", "type_for_shape", "type_name", "typed_scalar",
    "uint8", "uint16", "uint32", "uint64", "vector",
]  # fmt: skip


def _open(*parts: Any) -> bool:
    return any(p is Any or isinstance(p, ScalarPattern) for p in parts)


def _is_type_like(x: Any) -> bool:
    return x is Any or isinstance(as_type(x), (ScalarType, ScalarPattern))


def _value(name: str, args: tuple, **kw: Any) -> Any:
    """The constructor of a value that kernels know under the same name."""
    from engine.library import registry

    return registry.call_in_python(name, args, {k: v for k, v in kw.items() if v is not Any})


def vector(*args: Any, length: Any = Any, dtype: Any = Any) -> Any:
    """Vector type `vector(length, dtype)` (`Any` leaves one open, for annotations), or the vector `vector(x, y, z)`."""
    if args and not (len(args) == 1 and isinstance(args[0], int)) and not (len(args) == 2 and _is_type_like(args[1])):
        if args[0] is not Any:
            return _value("vector", args, length=length, dtype=dtype)
    length, dtype = (*args, *(length, dtype)[len(args) :]) if args else (length, dtype)
    dtype = as_type(dtype)
    if _open(length, dtype):
        return CompositePattern("vec", dtype, (length,))
    return vector_of(int(length), _scalar("vector", dtype))


def matrix(*args: Any, shape: Any = Any, dtype: Any = Any) -> Any:
    """Matrix type `matrix((rows, columns), dtype)`, stored row by row, or a matrix of the given numbers or columns."""
    if (
        args
        and not (isinstance(args[0], (tuple, list)) and len(args) <= 2 and len(args[0]) == 2)
        and args[0] is not Any
    ):
        return _value("matrix", args, shape=shape, dtype=dtype)
    shape, dtype = (*args, *(shape, dtype)[len(args) :]) if args else (shape, dtype)
    dtype = as_type(dtype)
    rows, cols = (Any, Any) if shape is Any else shape
    if _open(rows, cols, dtype):
        return CompositePattern("mat", dtype, (rows, cols))
    return matrix_of(int(rows), int(cols), _scalar("matrix", dtype))


def quaternion(*args: Any, dtype: Any = float32) -> Any:
    """Quaternion type (x, y, z, w) `quaternion(dtype)`, or the quaternion `quaternion(x, y, z, w)`."""
    if args and not (len(args) == 1 and _is_type_like(args[0])):
        return _value("quaternion", args)
    dtype = as_type(args[0] if args else dtype)
    if _open(dtype):
        return CompositePattern("quat", dtype, (4,))
    return composite("quat", _scalar("quaternion", dtype), (4,), "quat" + letter(dtype))


def transformation(*args: Any, dtype: Any = float32) -> Any:
    """Rigid transform type `transformation(dtype)`: position (3) then quaternion (4); or the value `transformation(p, q)`."""
    if args and not (len(args) == 1 and _is_type_like(args[0])):
        return _value("transformation", args)
    dtype = as_type(args[0] if args else dtype)
    if _open(dtype):
        return CompositePattern("transform", dtype, (7,))
    return composite("transform", _scalar("transformation", dtype), (7,), "transform" + letter(dtype))


def transform_expand(t: Any) -> Any:
    """The transform (float32) of seven numbers, or of a position and a rotation, in one sequence."""
    return transformation()(*t)


def _scalar(what: str, dtype: Any) -> ScalarType:
    if not isinstance(dtype, ScalarType):
        raise TypeError(f"{what}() got dtype {type_name(dtype)}; expected a scalar type such as float32")
    return dtype


def as_type(annotation: Any) -> Any:
    """The engine type that a Python annotation or dtype means: `int` is int32, `float` is float32, `bool` is bool."""
    if annotation is float:
        return float32
    if annotation is int:
        return int32
    if annotation is bool:
        return bool_
    if isinstance(annotation, ScalarType):
        return annotation
    if isinstance(annotation, CompositeMeta):
        return canonical(annotation)
    if hasattr(annotation, "__engine_struct__"):
        return annotation.__engine_struct__
    if annotation is not Any and isinstance(annotation, (np.dtype, type)) and not hasattr(annotation, "kind_is_array"):
        try:
            plain = np.dtype(annotation)
            found = bfloat16 if is_numpy_type(plain) else FROM_NUMPY.get(plain)
        except TypeError:
            found = None
        if found is not None:
            return found
    return annotation


def type_name(t: Any) -> str:
    return getattr(t, "name", None) or getattr(t, "__name__", None) or repr(t)


def spelled(t: Any) -> str:
    """How a user writes the type in a kernel: `float` for float32, `int` for int32."""
    return {"float32": "float", "int32": "int"}.get(type_name(t), type_name(t))


def _named_types() -> dict[str, CompositeMeta]:
    """`vec3`, `mat33`, `quat`, … and the same with a letter for the scalar type: `vec3i`, `mat44d`, …"""
    named: dict[str, CompositeMeta] = {}
    for code, scalar in [("", float32), *SUFFIXES.items()]:
        for n in (2, 3, 4):
            named[f"vec{n}{code}"] = vector(n, scalar)
            if scalar.is_float:
                named[f"mat{n}{n}{code}"] = matrix((n, n), scalar)
        if scalar.is_float:
            named[f"quat{code}"] = quaternion(scalar)
            named[f"transform{code}"] = transformation(scalar)
            named[f"spatial_vector{code}"] = vector(6, scalar)
            named[f"spatial_matrix{code}"] = matrix((6, 6), scalar)
    return named


NAMED_TYPES = _named_types()
globals().update(NAMED_TYPES)


def __getattr__(name: str) -> Any:
    """Questions about types (`types_equal`, `type_is_vector`, …) live apart, because they know arrays too."""
    from engine import type_queries

    if not name.startswith("_") and hasattr(type_queries, name):
        return getattr(type_queries, name)
    raise AttributeError(f"module 'engine.types' has no attribute '{name}'")

"""Value types of the kernel language: scalars, vectors, matrices, quaternions, transforms.

A type describes itself by `scalar` (its element type), `count` (how many scalars it is made of, in memory order) and
`kind`. The compiler sees every composite as `count` scalars; there is no composite value below the front end.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np


class ScalarType:
    """A scalar type such as `float32`; calling it makes a NumPy scalar of that type in Python scope."""

    kind = "scalar"
    count = 1
    shape: tuple[int, ...] = ()

    def __init__(self, name: str, family: str, bits: int):
        self.name, self.family, self.bits = name, family, bits
        self.np_dtype = np.dtype("bool" if family == "bool" else name)
        self.size = self.align = max(1, bits // 8)
        self.scalar = self
        self.__name__ = name

    @property
    def is_float(self) -> bool:
        return self.family == "float"

    @property
    def is_int(self) -> bool:
        return self.family in ("int", "uint")

    @property
    def is_bool(self) -> bool:
        return self.family == "bool"

    def __call__(self, value: Any = 0):
        return self.np_dtype.type(value)

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
#: An address inside the compiler; users see addresses as uint64.
pointer = ScalarType.__new__(ScalarType)
pointer.name, pointer.family, pointer.bits, pointer.size, pointer.align = "ptr", "ptr", 64, 8, 8
pointer.np_dtype, pointer.scalar, pointer.__name__ = np.dtype("uint64"), pointer, "ptr"

_ALL = (bool_, int8, int16, int32, int64, uint8, uint16, uint32, uint64, float16, float32, float64)
SCALARS = {t.name: t for t in _ALL} | {"ptr": pointer}
_FROM_NUMPY = {t.np_dtype: t for t in _ALL}
_SUFFIX = {"h": float16, "f": float32, "d": float64, "b": int8, "s": int16, "i": int32, "l": int64}
_SUFFIX |= {"ub": uint8, "us": uint16, "ui": uint32, "ul": uint64}


class CompositeMeta(type):
    """Class of the composite types; two types of the same kind, scalar and shape are one class."""

    kind: str
    scalar: ScalarType
    shape: tuple[int, ...]
    count: int

    @property
    def name(cls) -> str:
        return cls.__name__

    @property
    def np_dtype(cls) -> np.dtype:
        return cls.scalar.np_dtype

    @property
    def size(cls) -> int:
        return cls.scalar.size * cls.count

    @property
    def align(cls) -> int:
        return cls.scalar.size

    def __repr__(cls) -> str:
        return cls.__name__


class Composite(metaclass=CompositeMeta):
    """A vector, matrix, quaternion or transform value in Python scope; immutable shape, components assignable."""

    __slots__ = ("_values",)
    kind = "abstract"

    def __init__(self, *args: Any):
        self._values = _gather(type(self), args)

    # sequence protocol -----------------------------------------------------------------------------------------
    def __len__(self) -> int:
        return self.shape[0] if self.kind == "mat" else self.count

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index):
        if self.kind == "mat":
            grid = np.array(self._values, dtype=object).reshape(self.shape)[index]
            if isinstance(grid, np.ndarray):
                return _type_for_shape(grid.shape, self.scalar)(*grid.ravel()) if grid.ndim else grid.item()
            return grid
        if isinstance(index, slice):
            part = self._values[index]
            return vector(len(part), self.scalar)(*part)
        return self._values[index]

    def __setitem__(self, index, value):
        grid = np.array(self._values, dtype=object).reshape(self.shape)
        grid[index] = (
            list(value)
            if isinstance(value, Composite) and value.kind != "mat"
            else (np.array(value._values, dtype=object).reshape(value.shape) if isinstance(value, Composite) else value)
        )
        self._values = _gather(type(self), tuple(grid.ravel()))

    def __array__(self, dtype=None, copy=None):
        return np.array(self._values, dtype=dtype or self.scalar.np_dtype).reshape(self.shape)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(str, self._values))})"

    def __eq__(self, other) -> bool:
        return type(self) is type(other) and self._values == other._values

    def __hash__(self):
        return hash((type(self), tuple(self._values)))

    # the same arithmetic as in kernels, through the same table of builtins
    def __add__(self, o):
        return _apply("add", self, o)

    def __radd__(self, o):
        return _apply("add", o, self)

    def __sub__(self, o):
        return _apply("sub", self, o)

    def __rsub__(self, o):
        return _apply("sub", o, self)

    def __mul__(self, o):
        return _apply("mul", self, o)

    def __rmul__(self, o):
        return _apply("mul", o, self)

    def __matmul__(self, o):
        return _apply("mul", self, o)

    def __truediv__(self, o):
        return _apply("div", self, o)

    def __rtruediv__(self, o):
        return _apply("div", o, self)

    def __neg__(self):
        return _apply("neg", self)

    def __pos__(self):
        return self


for _k, _axis in enumerate("xyzw"):

    def _make(k=_k, axis=_axis):
        def get(self):
            if self.kind in ("vec", "quat") and k < self.count:
                return self._values[k]
            raise AttributeError(f"{type(self).__name__} has no component '{axis}'")

        def put(self, value):
            get(self)
            self[k] = value

        return property(get, put)

    setattr(Composite, _axis, _make())


def _transform_part(first: int, last: int, what: str, make):
    def get(self):
        if self.kind != "transform":
            raise AttributeError(f"{type(self).__name__} has no part '{what}'")
        return make(self.scalar)(*self._values[first:last])

    return property(get)


def _apply(name: str, *args):
    from engine.library import registry

    return registry.call_in_python(name, args)


def _gather(cls: CompositeMeta, args: tuple) -> list:
    convert = float if cls.scalar.is_float else int
    if cls.scalar.is_float and cls.scalar.bits < 64:
        narrow = cls.scalar.np_dtype.type

        def convert(x):
            return float(narrow(x))

    if not args:
        values = [0] * cls.count
        return [convert(v) for v in values]
    flat: list = []
    columns = cls.kind == "mat" and len(args) > 1 and all(isinstance(a, Composite) for a in args)
    for a in args:
        if isinstance(a, Composite):
            flat.extend(a._values)
        elif isinstance(a, np.ndarray):
            flat.extend(a.ravel().tolist())
        elif isinstance(a, (list, tuple)):
            flat.extend(np.asarray(a).ravel().tolist())
        else:
            flat.append(a)
    if columns and len(flat) == cls.count:  # vectors given to a matrix constructor are its columns
        rows, cols = cls.shape
        flat = [flat[c * rows + r] for r in range(rows) for c in range(cols)]
    if len(flat) == 1 and cls.kind in ("vec", "mat"):
        flat = flat * cls.count
    if len(flat) != cls.count:
        raise ValueError(f"{cls.__name__}() got {len(flat)} numbers; expected {cls.count}, one, or none")
    return [convert(v) for v in flat]


_composites: dict[tuple, CompositeMeta] = {}


def _composite(kind: str, scalar: ScalarType, shape: tuple[int, ...], name: str) -> CompositeMeta:
    key = (kind, scalar, shape)
    if key not in _composites:
        body = {"__slots__": (), "kind": kind, "scalar": scalar, "shape": shape, "count": math.prod(shape)}
        if kind == "transform":
            body["p"] = _transform_part(0, 3, "p", lambda s: vector(3, s))
            body["q"] = _transform_part(3, 7, "q", quaternion)
        cls = CompositeMeta(name, (Composite,), body)
        cls.__module__ = __name__
        _composites[key] = cls
        globals().setdefault(name, cls)
    return _composites[key]


def _letter(scalar: ScalarType) -> str:
    if scalar is float32:
        return ""
    return next(k for k, v in _SUFFIX.items() if v is scalar)


def _suffixed(base: str, scalar: ScalarType) -> str:
    return base + _letter(scalar)


def vector(length: int, dtype: Any) -> CompositeMeta:
    """Vector type of `length` components of scalar type `dtype`."""
    dtype = as_type(dtype)
    return _composite("vec", dtype, (int(length),), _suffixed(f"vec{length}", dtype))


def matrix(shape: tuple[int, int], dtype: Any) -> CompositeMeta:
    """Matrix type of `shape` (rows, columns), stored row by row, of scalar type `dtype`."""
    dtype = as_type(dtype)
    rows, cols = shape
    name = f"mat{rows}{cols}" if rows < 10 and cols < 10 else f"mat{rows}x{cols}"
    return _composite("mat", dtype, (int(rows), int(cols)), _suffixed(name, dtype))


def quaternion(dtype: Any = float32) -> CompositeMeta:
    """Quaternion type (x, y, z, w) of scalar type `dtype`."""
    dtype = as_type(dtype)
    return _composite("quat", dtype, (4,), _suffixed("quat", dtype))


def transformation(dtype: Any = float32) -> CompositeMeta:
    """Rigid transform type: position (3) then quaternion (4), of scalar type `dtype`."""
    dtype = as_type(dtype)
    return _composite("transform", dtype, (7,), _suffixed("transform", dtype))


def _type_for_shape(shape: tuple[int, ...], scalar: ScalarType) -> CompositeMeta:
    return vector(shape[0], scalar) if len(shape) == 1 else matrix(shape, scalar)


def as_type(annotation: Any) -> Any:
    """The engine type that a Python annotation or dtype means: `int` is int32, `float` is float32, `bool` is bool."""
    if annotation is float:
        return float32
    if annotation is int:
        return int32
    if annotation is bool:
        return bool_
    if isinstance(annotation, (ScalarType, CompositeMeta)):
        return annotation
    if hasattr(annotation, "__engine_struct__"):
        return annotation.__engine_struct__
    if isinstance(annotation, (np.dtype, type)) and not hasattr(annotation, "kind_is_array"):
        try:
            found = _FROM_NUMPY.get(np.dtype(annotation))
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


_generated: dict[str, CompositeMeta] = {}
for _s in (float32, float16, float64, int8, int16, int32, int64, uint8, uint16, uint32, uint64):
    for _n in (2, 3, 4):
        _generated[f"vec{_n}{_letter(_s)}"] = vector(_n, _s)
        if _s.is_float:
            _generated[f"mat{_n}{_n}{_letter(_s)}"] = matrix((_n, _n), _s)
    if _s.is_float:
        _generated[f"quat{_letter(_s)}"] = quaternion(_s)
        _generated[f"transform{_letter(_s)}"] = transformation(_s)
        _generated[f"spatial_vector{_letter(_s)}"] = vector(6, _s)
        _generated[f"spatial_matrix{_letter(_s)}"] = matrix((6, 6), _s)
for _base in (
    "vec2",
    "vec3",
    "vec4",
    "mat22",
    "mat33",
    "mat44",
    "quat",
    "transform",
    "spatial_vector",
    "spatial_matrix",
):
    _generated[_base + "f"] = _generated[_base]
globals().update(_generated)
NAMED_TYPES = dict(_generated)

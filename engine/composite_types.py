"""Composite types: vectors, matrices, quaternions, transforms, as Python classes whose instances are values.

A type describes itself by `scalar` (its element type), `count` (how many scalars it is made of, in memory order) and
`kind`. The compiler sees every composite as `count` scalars; there is no composite value below the front end.
"""

from __future__ import annotations

import ctypes
import functools
import math
from typing import Any

import numpy as np

from engine.brain_float import rounded
from engine.scalar_types import SUFFIXES, ScalarType, float32


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

    @property
    def dtype(cls) -> ScalarType:
        return cls.scalar

    @property
    def length(cls) -> int:
        """Number of components; for users who write code over any vector type."""
        return cls.count

    # what code written for other kernel languages reads of a type
    _wp_scalar_type_ = property(lambda cls: cls.scalar)
    _shape_ = property(lambda cls: cls.shape)
    _length_ = property(lambda cls: cls.count)
    _type_ = property(lambda cls: cls.scalar._type_)

    def __repr__(cls) -> str:
        return cls.__name__


class Composite(metaclass=CompositeMeta):
    """A vector, matrix, quaternion or transform value in Python scope; immutable shape, components assignable."""

    __slots__ = ("_values",)
    __array_priority__ = 1000  # so that a NumPy scalar times a vector comes to the vector
    kind = "abstract"

    def __init__(self, *args: Any, **parts: Any):
        if parts or (self.kind == "transform" and len(args) == 2):
            args = _from_parts(type(self), args, parts)
        self._values = gather(type(self), args)

    # sequence protocol -----------------------------------------------------------------------------------------
    def __len__(self) -> int:
        return self.shape[0] if self.kind == "mat" else self.count

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    # what code written for other kernel languages reads of a value
    _shape_ = property(lambda self: self.shape)
    _length_ = property(lambda self: self.count)

    def get_row(self, k: int) -> Any:
        """Row `k` of a matrix, a vector."""
        return self[k]

    def set_row(self, k: int, values: Any) -> None:
        """Sets row `k` of a matrix."""
        self[k] = values

    def get_col(self, k: int) -> Any:
        """Column `k` of a matrix, a vector."""
        return self[:, k]

    def set_col(self, k: int, values: Any) -> None:
        """Sets column `k` of a matrix."""
        self[:, k] = values

    def _checked(self, index: Any) -> Any:
        """An index of whole numbers and slices, one for each dimension at most."""
        parts = index if isinstance(index, tuple) else (index,)
        if not all(isinstance(p, (int, np.integer, slice)) for p in parts) or len(parts) > len(self.shape):
            most = "an integer or slice" if len(self.shape) == 1 else "one or two integers or slices"
            raise KeyError(f"{type(self).__name__}: got index {index!r}; expected {most}")
        return index

    def _grid(self) -> np.ndarray:
        return _object_array(self._values, self.shape)

    def __getitem__(self, index):
        if type(index) is int and len(self.shape) == 1 and 0 <= index < self.count:
            part = self._values[index]
            return self.scalar.in_python(part) if self.scalar.is_float else part
        try:
            part = self._grid()[self._checked(index)]
        except IndexError as error:
            raise IndexError(f"{type(self).__name__}: {error}") from None
        if not isinstance(part, np.ndarray):
            return self.scalar.in_python(part) if self.scalar.is_float else part
        return type_for_shape(part.shape, self.scalar)._of(part.ravel().tolist())

    def __setitem__(self, index, value):
        grid = self._grid()
        new = value._grid() if isinstance(value, Composite) else value
        if not isinstance(new, np.ndarray) and hasattr(new, "__len__"):
            new = np.asarray(new)
        try:
            part = grid[self._checked(index)]
        except IndexError as error:
            raise IndexError(f"{type(self).__name__}: {error}") from None
        if isinstance(part, np.ndarray) and np.ndim(new) and np.shape(new) != part.shape:
            raise ValueError(f"{type(self).__name__}: got values of shape {np.shape(new)}; expected {part.shape}")
        if not isinstance(part, np.ndarray) and np.ndim(new):
            raise TypeError(f"{type(self).__name__}: one component takes a number, got {type(value).__name__}")
        grid[index] = new
        self._values = gather(type(self), grid.ravel().tolist())

    def __array__(self, dtype=None, copy=None):
        own = np.float32 if self.scalar.name == "bfloat16" else self.scalar.np_dtype
        return np.array(self._values, dtype=dtype or own).reshape(self.shape)

    def __str__(self) -> str:
        if self.kind == "mat":
            rows = (f"[{', '.join(map(str, row._values))}]" for row in self)
            return f"[{(',' + chr(10) + ' ').join(rows)}]"
        return f"[{', '.join(map(str, self._values))}]"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self})"

    def __eq__(self, other) -> bool:
        if isinstance(other, Composite):
            same_kind = {self.kind, other.kind} <= {"vec"} or self.kind == other.kind
            return same_kind and self.shape == other.shape and self._values == other._values
        if isinstance(other, (list, tuple, np.ndarray)):
            return np.shape(other) == self.shape and bool(np.all(np.asarray(self) == np.asarray(other)))
        return NotImplemented

    def __hash__(self):
        return hash((type(self), tuple(self._values)))

    def __copy__(self):
        return type(self)._of(list(self._values))

    def __deepcopy__(self, memo):
        return type(self)._of(list(self._values))

    def __reduce__(self):
        return (_rebuild, (self.kind, self.scalar, self.shape, list(self._values)))

    @classmethod
    def _of(cls, values: list) -> Composite:
        """A value of exactly these components, which already are Python numbers of the right kind."""
        out = object.__new__(cls)
        out._values = values
        return out

    @classmethod
    def zero(cls) -> Composite:
        """The value whose components are all zero."""
        return cls._of([_converter(cls.scalar)(0)] * cls.count)

    @classmethod
    def from_ptr(cls, ptr: int) -> Composite:
        """The value stored at a memory address."""
        import ctypes

        if not ptr:
            raise ValueError(f"{cls.__name__}.from_ptr: got address 0; expected the address of a {cls.__name__}")
        raw = ctypes.string_at(ptr, cls.size)
        return cls._of(np.frombuffer(raw, cls.np_dtype).tolist())

    def to_list(self) -> list:
        """Components as a (nested) list of Python numbers."""
        return np.asarray(self).tolist()

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

    __matmul__, __rmatmul__ = __mul__, __rmul__

    def __truediv__(self, o):
        return _apply("div", self, o)

    def __rtruediv__(self, o):
        return _apply("div", o, self)

    def __mod__(self, o):
        return _apply("mod", self, o)

    def __and__(self, o):
        return _apply("bit_and", self, o)

    def __or__(self, o):
        return _apply("bit_or", self, o)

    def __xor__(self, o):
        return _apply("bit_xor", self, o)

    def __lshift__(self, o):
        return _apply("lshift", self, o)

    def __rshift__(self, o):
        return _apply("rshift", self, o)

    def __invert__(self):
        return _apply("invert", self)

    def __neg__(self):
        return _apply("neg", self)

    def __pos__(self):
        return self


def _object_array(values: list, shape: tuple[int, ...]) -> np.ndarray:
    grid = np.empty(len(values), dtype=object)
    grid[:] = values
    return grid.reshape(shape)


for _k, _axis in enumerate("xyzw"):

    def _component(k=_k, axis=_axis):
        def get(self):
            if self.kind in ("vec", "quat") and k < self.count:
                return self[k]
            raise AttributeError(f"{type(self).__name__} has no component '{axis}'")

        def put(self, value):
            get(self)
            self[k] = value

        return property(get, put)

    setattr(Composite, _axis, _component())


def _transform_part(first: int, last: int, make) -> property:
    def get(self):
        return make(self.scalar)._of(self._values[first:last])

    def put(self, value):
        self._values[first:last] = gather(make(self.scalar), (value,))

    return property(get, put)


def _from_parts(cls: CompositeMeta, args: tuple, parts: dict) -> tuple:
    """Arguments of `transform(p=…, q=…)` in order; the part not given is the identity's."""
    allowed = ("p", "q") if cls.kind == "transform" else ()
    for name in parts:
        if name not in allowed:
            raise TypeError(f"{cls.__name__}() has no argument '{name}'; it takes {' and '.join(allowed)}")
    for k, name in enumerate(allowed):
        if len(args) > k and name in parts:
            raise TypeError(f"{cls.__name__}() got '{name}' twice; give it by place or by name")
    given = dict(zip(allowed, args)) | parts
    for name, count in zip(allowed, (3, 4)):
        value = given.get(name, [0] * count)
        if not hasattr(value, "__len__"):
            what = f"{cls.__name__}(): argument '{name}'"
            raise TypeError(
                f"{what} got {type(value).__name__}; it takes {count} numbers, e.g. a vector, tuple or list"
            )
        if len(value) != count:
            raise ValueError(f"{cls.__name__}(): argument '{name}' got {len(value)} numbers; expected {count}")
    return given.get("p", (0, 0, 0)), given.get("q", (0, 0, 0, 1))


def _apply(name: str, *args):
    from engine.library import registry

    return registry.call_in_python(name, args)


@functools.cache
def _converter(scalar: ScalarType):
    """What turns a Python number into a component; it raises TypeError for text, which `int` and `float` would read."""
    convert = _conversion(scalar)

    def checked(x: Any) -> Any:
        if isinstance(x, (str, bytes)):
            raise TypeError(f"got {x!r} where a number ({scalar.name}) is needed")
        return convert(x)

    return checked


def _conversion(scalar: ScalarType):
    if scalar.is_bool:
        return bool
    if not scalar.is_float:
        return lambda x: int(scalar(_whole(x)))
    if scalar.bits == 64:
        return float
    if scalar.name == "bfloat16":
        return rounded
    if scalar.bits == 32:
        return lambda x: ctypes.c_float(x).value
    narrow = scalar.np_dtype.type

    def convert(x):
        with np.errstate(over="ignore"):
            return float(narrow(x))

    return convert


def _whole(x: Any) -> int:
    if isinstance(x, (float, np.floating)):
        if not float(x).is_integer():
            raise TypeError(f"got the number {x} where an integer is needed; write int({x}) or a whole number")
        return int(x)
    return x


def gather(cls: CompositeMeta, args: Any) -> list:
    """The components that constructor arguments stand for, converted to what `cls` holds."""
    if not args:
        return [_converter(cls.scalar)(v) for v in identity_values(cls)]
    flat: list = []
    args = [a if not isinstance(a, np.ndarray) or a.ndim else a.item() for a in args]
    columns = (
        cls.kind == "mat" and len(args) > 1 and all(isinstance(a, (Composite, list, tuple, np.ndarray)) for a in args)
    )
    for a in args:
        if isinstance(a, Composite):
            flat.extend(a._values)
        elif isinstance(a, (list, tuple, np.ndarray)):
            flat.extend(np.asarray(a).ravel().tolist())
        elif hasattr(a, "__array__") and not isinstance(a, np.generic):
            flat.extend(np.asarray(a).ravel().tolist())
        else:
            flat.append(a)
    if columns and len(flat) == cls.count:  # vectors given to a matrix constructor are its columns
        rows, cols = cls.shape
        flat = [flat[c * rows + r] for r in range(rows) for c in range(cols)]
    if len(flat) == 1 and not isinstance(flat[0], (bool, int, float, np.generic)) and not hasattr(flat[0], "__float__"):
        what = f"{cls.__name__}(): argument"
        raise TypeError(f"{what} got {type(flat[0]).__name__}; it takes one number here")
    if len(flat) == 1:
        flat = flat * cls.count
    if len(flat) == 3 and len(args) == 1 and cls.kind == "transform":
        flat = [*flat, 0, 0, 0, 1]
    if len(flat) != cls.count:
        raise ValueError(f"{cls.__name__}() got {len(flat)} numbers; expected {cls.count}, one, or none")
    convert = _converter(cls.scalar)
    return [convert(v) for v in flat]


def identity_values(cls: CompositeMeta) -> list[int]:
    """Components of the value that a constructor without arguments makes: zeros, and the identity transform."""
    return [0, 0, 0, 0, 0, 0, 1] if cls.kind == "transform" else [0] * cls.count


_composites: dict[tuple, CompositeMeta] = {}


def composite(kind: str, scalar: ScalarType, shape: tuple[int, ...], name: str) -> CompositeMeta:
    """The one class of a kind, scalar type and shape."""
    key = (kind, scalar, shape)
    if key not in _composites:
        body = {"__slots__": (), "kind": kind, "scalar": scalar, "shape": shape, "count": math.prod(shape)}
        if kind == "transform":
            body["p"] = _transform_part(0, 3, lambda s: composite("vec", s, (3,), "vec3" + letter(s)))
            body["q"] = _transform_part(3, 7, lambda s: composite("quat", s, (4,), "quat" + letter(s)))
        cls = CompositeMeta(name, (Composite,), body)
        cls.__module__ = __name__
        _composites[key] = cls
    return _composites[key]


def canonical(cls: CompositeMeta) -> CompositeMeta:
    """The type itself, or for a user's subclass of it the type that kernels know."""
    return _composites.get((cls.kind, cls.scalar, cls.shape), cls)


def letter(scalar: ScalarType) -> str:
    """Suffix of the names of types with this scalar type; empty for float32."""
    if scalar is float32:
        return ""
    return next((k for k, v in SUFFIXES.items() if v is scalar), "_" + scalar.name)


def vector_of(length: int, scalar: ScalarType) -> CompositeMeta:
    return composite("vec", scalar, (int(length),), f"vec{length}{letter(scalar)}")


def matrix_of(rows: int, cols: int, scalar: ScalarType) -> CompositeMeta:
    name = f"mat{rows}{cols}" if rows < 10 and cols < 10 else f"mat{rows}x{cols}"
    return composite("mat", scalar, (int(rows), int(cols)), name + letter(scalar))


def type_for_shape(shape: tuple[int, ...], scalar: ScalarType) -> CompositeMeta:
    """Vector or matrix type of a shape."""
    return vector_of(shape[0], scalar) if len(shape) == 1 else matrix_of(*shape, scalar)


def _rebuild(kind: str, scalar: ScalarType, shape: tuple[int, ...], values: list) -> Composite:
    name = {"quat": "quat", "transform": "transform"}.get(kind, "") + letter(scalar)
    cls = type_for_shape(shape, scalar) if kind in ("vec", "mat") else composite(kind, scalar, shape, name)
    return cls._of(values)

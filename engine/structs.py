"""User structs: a Python class with annotated fields becomes a value type of the kernel language."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from engine import types as T
from engine.array_types import ArrayType
from engine.arrays import array
from engine.brain_float import from_bits, to_bits
from engine.errors import EngineError, EngineTypeError
from engine.indexed_arrays import IndexedArrayType, indexedarray


class StructType:
    """Memory layout and fields of a struct (C alignment, so that arrays of structs match a C++ or CUDA view)."""

    kind = "struct"

    def __init__(self, cls: type, fields: dict[str, Any]):
        self.cls, self.fields, self.name = cls, fields, cls.__name__
        self.scalar = T.int32
        offset, self.align, self.offsets, formats = 0, 1, {}, []
        for name, t in fields.items():
            offset += -offset % t.align
            self.offsets[name] = offset
            formats.append(_numpy_field(t))
            offset += t.size
            self.align = max(self.align, t.align)
        self.size = offset + (-offset % self.align) or 1
        self.count = sum(t.count for t in fields.values())
        self.np_dtype = np.dtype(
            {"names": list(fields), "formats": formats, "offsets": list(self.offsets.values()), "itemsize": self.size}
        )
        self.first: dict[str, int] = {}
        at = 0
        for name, t in fields.items():
            self.first[name] = at
            at += t.count

    def __repr__(self) -> str:
        return self.name

    def __eq__(self, other: Any) -> bool:
        return other is self or getattr(other, "__engine_struct__", None) is self

    __hash__ = object.__hash__

    def to_numpy(self, instance: Any) -> np.void:
        """One element of a structured NumPy array with the values of `instance`."""
        out = np.zeros((), dtype=self.np_dtype)
        for name, t in self.fields.items():
            value = getattr(instance, name)
            if t.kind == "struct":
                out[name] = t.to_numpy(value)
            elif t.kind == "array":
                out[name] = _array_slots(value, t)
            elif isinstance(value, T.Composite):
                out[name] = np.array(packed(t.scalar, value._values)).reshape(value.shape)
            else:
                out[name] = packed(t, [value])[0]
        return out[()]

    def from_numpy(self, value: Any) -> Any:
        out = self.cls()
        for name, t in self.fields.items():
            part = value[name]
            if t.kind == "struct":
                setattr(out, name, t.from_numpy(part))
            elif t.kind != "array":
                part = from_bits(part) if t.scalar is T.bfloat16 else part
                setattr(out, name, part.item() if t.kind == "scalar" else t(*np.ravel(part).tolist()))
        return out

    def numpy_dtype(self) -> dict[str, Any]:
        """The memory layout as NumPy's `dtype()` takes it."""
        parts = {name: self.np_dtype.fields[name] for name in self.fields}
        formats = [t[0].base if t[0].subdtype is None else t[0] for t in parts.values()]
        return {
            "names": list(parts),
            "formats": formats,
            "offsets": [t[1] for t in parts.values()],
            "itemsize": self.size,
        }

    def flatten(self, instance: Any) -> list:
        """The scalars of `instance` in field order, as a kernel receives them."""
        out: list = []
        for name, t in self.fields.items():
            value = getattr(instance, name)
            if t.kind == "struct":
                out.extend(t.flatten(value))
            elif t.kind == "array":
                out.extend(_array_slots(value, t))
            elif t.kind == "scalar":
                out.extend(packed(t, [value]))
            else:
                out.extend(packed(t.scalar, value._values))
        return out

    def arrays(self, instance: Any) -> list[array]:
        """The arrays that `instance` refers to, those of inner structs too."""
        out: list[array] = []
        for name, t in self.fields.items():
            value = getattr(instance, name)
            if t.kind == "struct":
                out += t.arrays(value)
            elif isinstance(value, indexedarray):
                out += [value.data, *value.index_arrays]
            elif t.kind == "array" and value is not None:
                out.append(value)
        return out

    def lift(self, b: Any, instance: Any) -> Any:
        from engine.lang.values import Val

        types = self.scalar_types()
        return Val(self, [b.const(v, t) for v, t in zip(self.flatten(instance), types)])

    def scalar_types(self) -> list[T.ScalarType]:
        return [s for t in self.fields.values() for s in scalar_types(t)]

    def from_values(self, values: list) -> Any:
        out = self.cls()
        for name, t in self.fields.items():
            part = values[self.first[name] : self.first[name] + t.count]
            if t.kind == "struct":
                setattr(out, name, t.from_values(part))
            elif t.kind == "scalar":
                setattr(out, name, part[0])
            elif t.kind != "array":
                setattr(out, name, t(*part))
        return out


def packed(t: T.ScalarType, values: list) -> list:
    """Numbers of a scalar type as an argument block holds them: bfloat16 as its bits."""
    return to_bits(values).tolist() if t is T.bfloat16 else values


def scalar_types(t: Any) -> list[T.ScalarType]:
    """The scalar types that a value of type `t` is made of."""
    if t.kind == "struct":
        return t.scalar_types()
    if t.kind == "array":
        return [T.pointer] + [T.int64] * (2 * t.ndim) + [T.pointer] * (t.count - 1 - 2 * t.ndim)
    if t.kind == "fixed":
        return scalar_types(t.dtype) * t.elements
    return [t.scalar] * t.count


def memory_offsets(t: Any) -> list[int]:
    """Byte offset of each scalar of a value of type `t` in memory."""
    if t.kind == "struct":
        return [t.offsets[name] + inner for name, f in t.fields.items() for inner in memory_offsets(f)]
    if t.kind == "array":
        return [8 * k for k in range(t.count)]
    return [k * t.scalar.size for k in range(t.count)]


def _numpy_field(t: Any):
    if t.kind == "array":
        return (np.uint64, (t.count,))
    if t.kind in ("scalar", "struct"):
        return t.np_dtype
    return (t.np_dtype, t.shape)


def _array_slots(value: Any, t: ArrayType) -> tuple:
    if value is None:
        return (0,) * t.count
    family = indexedarray if isinstance(t, IndexedArrayType) else array
    if not isinstance(value, family) or value.dtype is not t.dtype or value.ndim != t.ndim:
        raise EngineError(f"struct field: got {type(value).__name__} {getattr(value, 'dtype', '')}; expected {t.name}")
    return value._slots


def _fitted(place: str, t: Any, value: Any) -> Any:
    """`value` as a field of type `t` holds it; raises EngineError if it does not fit."""
    try:
        if t.kind == "array":
            _array_slots(value, t)
            return value
        if t.kind == "struct":
            fits = getattr(type(value), "__engine_struct__", None) is t
        elif t.kind == "scalar":
            fits = isinstance(value, (bool, int, float, np.generic)) and not (
                t.is_int and isinstance(value, (float, np.floating)) and not float(value).is_integer()
            )
        elif not isinstance(value, t):
            if not np.ndim(value) and not isinstance(value, T.Composite):
                raise TypeError("one number for several components")
            return t(*np.ravel(np.asarray(value)).tolist())
        else:
            fits = True
    except (EngineError, ValueError, TypeError):
        fits = False
    if not fits:
        got = f"{type(value).__name__} {value!r}".splitlines()[0][:60]
        raise EngineTypeError(f"{place} got {got}; expected {T.type_name(t)}")
    return value


def struct(cls: type) -> type:
    """Class decorator: makes an annotated class a struct of the kernel language; fields start at zero.

    A class made from another struct has its fields first.
    """
    module = inspect.getmodule(cls)
    frame = inspect.currentframe()
    local = frame.f_back.f_locals if frame and frame.f_back else {}
    hints = inspect.get_annotations(cls, eval_str=False)
    fields: dict[str, Any] = {}
    for base in reversed(cls.__mro__[1:]):
        if "__engine_struct__" in vars(base):
            fields |= base.__engine_struct__.fields
    for name, hint in hints.items():
        if isinstance(hint, str):
            hint = eval(hint, vars(module) if module else {}, dict(local))
        t = T.as_type(hint)
        if not hasattr(t, "kind"):
            raise EngineError(
                f"struct {cls.__name__}.{name}: got annotation {hint!r}; expected a kernel type such as float, vec3 or array"
            )
        fields[name] = t
    layout = StructType(cls, fields)

    def __init__(self, *args, **kw):
        if len(args) > len(fields) or set(kw) - set(fields):
            raise EngineError(f"struct {cls.__name__}: got {args} {kw}; its fields are {', '.join(fields)}")
        given = dict(zip(fields, args)) | kw
        for name, t in fields.items():
            if t.kind == "array":
                value = None
            elif t.kind == "struct":
                value = t.cls()
            else:
                value = 0 if t.kind == "scalar" and not t.is_float else 0.0 if t.kind == "scalar" else t.zero()
            object.__setattr__(self, name, value)
            if name in given:
                setattr(self, name, given[name])

    def __setattr__(self, name, value):
        t = fields.get(name)
        if t is None:
            raise EngineError(f"struct {cls.__name__} has no field '{name}'; its fields are {', '.join(fields)}")
        object.__setattr__(self, name, _fitted(f"{cls.__name__}.{name}", t, value))

    def __repr__(self):
        return f"{cls.__name__}({', '.join(f'{n}={getattr(self, n)!r}' for n in fields)})"

    def numpy_value(self):
        """The values as a tuple that fits `numpy_dtype()`."""
        return tuple(layout.to_numpy(self).tolist())

    def to(self, device):
        """A copy whose arrays are on `device`."""
        moved = cls()
        for name in fields:
            value = getattr(self, name)
            setattr(moved, name, value.to(device) if hasattr(value, "to") else value)
        return moved

    cls.__init__, cls.__setattr__, cls.__repr__ = __init__, __setattr__, __repr__
    cls.numpy_value, cls.to = numpy_value, to
    cls.numpy_dtype = staticmethod(layout.numpy_dtype)
    cls.__engine_struct__ = layout
    cls.cls = cls
    return cls

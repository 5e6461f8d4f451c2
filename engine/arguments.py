"""The arguments of a launch: whether they fit a kernel's parameters, and what scalars the machine code receives."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from engine import config
from engine import types as T
from engine.array_types import ArrayType
from engine.arrays import array
from engine.device import Device, get_device
from engine.errors import EngineError, LaunchError
from engine.foreign import adopt as adopt_foreign
from engine.function import type_of_value
from engine.indexed_arrays import IndexedArrayType, indexedarray
from engine.lang import definitions, ir
from engine.structs import packed

_INT_LIMIT = 1 << 31


def pack(kernel: Any, args: Sequence[Any], device: Device | None = None) -> tuple[Any, list]:
    """The variant that fits the arguments on `device` (None: the current one), and their scalars in order."""
    device = device or get_device()
    if kernel.epoch != definitions.epoch:
        kernel.look_again()
    key, values = [config.mode, device.ordinal], []
    for a in args:
        kind = type(a)
        if kind is array:
            key.append(a._layout)
            values += a._slots
        elif kind is float or (kind is int and -_INT_LIMIT <= a < _INT_LIMIT):
            key.append(kind)
            values.append(a)
        else:
            return _fit(kernel, args, device)
    key = tuple(key)
    variant = kernel.seen.get(key)
    if variant is not None and not (variant.alias_sensitive and _share_memory(args)):
        return variant, values
    variant, values = _fit(kernel, args, device)
    # numbers that reach the kernel as they are: launches like this one need no second look
    if not variant.aliased and all(
        type(a) is array or t.is_float or (type(a) is int and t in (T.int32, T.int64))
        for a, t in zip(args, variant.types)
    ):
        kernel.seen[key] = variant
    return variant, values


def _fit(kernel: Any, args: Sequence[Any], device: Device) -> tuple[Any, list]:
    """`pack` with every check and conversion; raises LaunchError where an argument does not fit."""
    parameters = kernel.parameters
    if len(args) != len(parameters):
        names = ", ".join(n for n, _ in parameters)
        raise LaunchError(f"kernel '{kernel.__name__}' got {len(args)} arguments; expected {len(parameters)}: {names}")
    args = adopt(kernel, args)
    values: list = []
    types: list = []
    contiguous, rows = True, ()
    for k, ((name, t, generic), a) in enumerate(zip(kernel.patterns, args)):
        if type(a) is array:
            if generic:
                pattern, t = t, ArrayType(a.dtype, a.ndim)
                if not T.fits(pattern, t):
                    _refuse(kernel, name, pattern, a)
            elif type(t) is not ArrayType or a.dtype is not t.dtype or a.ndim != t.ndim:
                _refuse(kernel, name, t, a)
            if a.device is not device:
                raise LaunchError(
                    f"kernel '{kernel.__name__}': argument '{name}' lives on {a.device}, the launch runs on {device}; "
                    f"copy it with .to('{device}') or launch with device='{a.device}'"
                )
            contiguous = contiguous and a.is_contiguous
            if a._row:
                rows += ((k, a._row),)
            values += a._slots
        elif type(a) is indexedarray:
            pattern, t = t, IndexedArrayType(a.dtype, a.ndim)
            if not T.fits(pattern, t) or a.device is not device:
                _refuse(kernel, name, pattern, a)
            values += a._slots
        else:
            t = _plain(kernel, name, t, a, values)
        types.append(t)
    layout = rows if contiguous else None
    variant = kernel.variant(types, layout, device=device)
    if variant.alias_sensitive and _share_memory(args):
        variant = kernel.variant(types, layout, aliased=True)
    return variant, values


def adopt(kernel: Any, args: Sequence[Any]) -> list[Any]:
    """The arguments, with arrays of ours over the memory of those of other libraries."""
    return [_adopted(kernel, name, t, a) for (name, t), a in zip(kernel.parameters, args)]


def _adopted(kernel: Any, name: str, t: Any, a: Any) -> Any:
    if type(a) is array or type(a) is indexedarray or getattr(t, "kind", None) != "array":
        return a
    try:
        found = adopt_foreign(a, None if T.is_generic(t) else t.dtype)
        return a if found is None else found
    except EngineError as error:
        raise LaunchError(f"kernel '{kernel.__name__}': argument '{name}': {error}") from None


def _plain(kernel: Any, name: str, t: Any, a: Any, values: list) -> Any:
    """Appends the scalars of a non-array argument; returns its type."""
    if T.is_generic(t):
        pattern, t = t, type_of_value(a)
        if t is None or not T.fits(pattern, t):
            raise LaunchError(
                f"kernel '{kernel.__name__}': argument '{name}' got {type(a).__name__}; expected a number, vector, struct or array"
            )
    kind = t.kind
    if kind == "scalar":
        if isinstance(a, np.ndarray):
            _refuse(kernel, name, t, a)
        if isinstance(a, (bool, int, float, np.generic)) or hasattr(a, "__index__"):
            values.append(_number(kernel, name, t, a))
            return t
        if t.is_float and hasattr(a, "__float__") and not isinstance(a, array):
            values += packed(t, [float(a)])
            return t
    elif kind == "array":
        if a is None:
            values += (0,) * t.count
            return t
    elif kind == "struct":
        if getattr(type(a), "__engine_struct__", None) is t:
            values += t.flatten(a)
            return t
    elif isinstance(a, t):
        values += packed(t.scalar, a._values)
        return t
    elif isinstance(a, (tuple, list, np.ndarray)) or isinstance(a, T.Composite):
        try:
            values += packed(t.scalar, t(*np.ravel(np.asarray(a)).tolist())._values)
            return t
        except (ValueError, TypeError):
            pass
    _refuse(kernel, name, t, a)


def _number(kernel: Any, name: str, t: T.ScalarType, a: Any) -> Any:
    if t.is_float:
        return packed(t, [float(a)])[0]
    if t.is_bool:
        return bool(a)
    if isinstance(a, (float, np.floating)) and not float(a).is_integer():
        _refuse(kernel, name, t, a)
    whole = int(a)
    if not t.low <= whole <= t.high:
        raise LaunchError(f"kernel '{kernel.__name__}': argument '{name}' got {whole}, which does not fit {t.name}")
    return ir.wrap(whole, t)


def _refuse(kernel: Any, name: str, t: Any, a: Any) -> None:
    got = T.type_name(type_of_value(a)) if isinstance(a, (array, indexedarray)) else f"{type(a).__name__} {a!r}"[:80]
    raise LaunchError(f"kernel '{kernel.__name__}': argument '{name}' got {got}; expected {T.type_name(t)}")


def _share_memory(args: Sequence[Any]) -> bool:
    """Whether any two arrays overlap (by the bounds of their memory)."""
    spans = sorted(
        [a._span for a in args if type(a) is array] + [a.data._span for a in args if type(a) is indexedarray]
    )
    return any(second[0] < first[1] for first, second in itertools.pairwise(spans))

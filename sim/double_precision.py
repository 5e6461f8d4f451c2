"""Kernels of single precision once more in double precision: the same source, compiled where float means float64.

A kernel's body and annotations name types through its module's globals. ``in_double`` gives copies of its functions other globals,
in which ``float``, ``en.vec3`` and the like mean their float64 siblings; structs are made anew with such fields, and functions
and structs that the body uses are followed. So there is one text for both, and single precision pays nothing for it.
"""

from __future__ import annotations

import inspect
import types
from typing import Any

import engine as en
from engine.array_types import ArrayType

SIBLING = {
    float: en.float64,
    en.float32: en.float64,
    **{getattr(en, name): getattr(en, f"{name}d") for name in (
        "vec2", "vec3", "vec4", "quat", "transform", "mat22", "mat33", "mat44", "spatial_vector", "spatial_matrix",
    )},
}  # fmt: skip


@en.func
def identity_double(size: int) -> en.mat33d:
    """The identity matrix; kernels of this layer ask for size 3 only."""
    return en.mat33d(1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


@en.func
def quat_identity_double() -> en.quatd:
    """No rotation."""
    return en.quatd(0.0, 0.0, 0.0, 1.0)


class _DoubleEngine:
    """What ``en`` means inside of copies: types are those of float64."""

    identity = identity_double
    quat_identity = quat_identity_double

    def __getattr__(self, name: str) -> Any:
        value = getattr(en, name)
        return SIBLING.get(value, value) if isinstance(value, type) else value


_ENGINE = _DoubleEngine()
_made: dict[int, tuple[Any, Any]] = {}


def in_double(thing: Any) -> Any:
    """The float64 form of a kernel, function, struct or type of the kernel language; made once for each.

    What holds no float32 stays what it is.
    """
    if thing is en:
        return _ENGINE
    if isinstance(thing, ArrayType):
        element = in_double(thing.dtype)
        return thing if element is thing.dtype else ArrayType(element, thing.ndim)
    if id(thing) not in _made:
        _made[id(thing)] = thing, _form(thing)
    return _made[id(thing)][1]


def _form(thing: Any) -> Any:
    if isinstance(thing, en.Kernel):
        return en.Kernel(_copied(thing.function))
    if isinstance(thing, en.Function):
        return en.Function(_copied(thing.function))
    layout = getattr(thing, "__engine_struct__", None) if isinstance(thing, type) else None
    if layout is not None:
        return _struct(thing, layout.fields)
    return SIBLING.get(thing, thing) if isinstance(thing, (type, type(en.float32))) else thing


def _copied(function: types.FunctionType) -> types.FunctionType:
    """A function of the same code whose global names mean their float64 forms."""
    assert not function.__closure__, f"{function.__qualname__} is made by another function"
    scope = dict(function.__globals__, float=en.float64)
    names = set(function.__code__.co_names)
    for name in names & function.__globals__.keys():
        scope[name] = in_double(scope[name])
    copy = types.FunctionType(function.__code__, scope, function.__name__, function.__defaults__)
    copy.__doc__, copy.__module__ = function.__doc__, function.__module__
    copy.__qualname__ = f"{function.__qualname__}_double"  # so that it does not replace the one it is made from
    hints = inspect.get_annotations(function, eval_str=True)
    copy.__annotations__ = {name: in_double(hint) for name, hint in hints.items()}
    return copy


def _struct(cls: type, fields: dict[str, Any]) -> type:
    # (a struct among the fields stands there as the type of its class)
    fields = {name: getattr(t, "cls", t) for name, t in fields.items()}
    hints = {name: in_double(t) for name, t in fields.items()}
    if all(hints[name] is t for name, t in fields.items()):
        return cls
    body = {"__annotations__": hints, "__module__": cls.__module__, "__doc__": cls.__doc__}
    return en.struct(type(f"{cls.__name__}Double", (), body))

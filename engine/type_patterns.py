"""Generic types: what an annotation such as `Any`, `Float`, `vector(3, Float)` or `array(dtype=Any)` accepts."""

from __future__ import annotations

from typing import Any

from engine import scalar_types as S
from engine.composite_types import CompositeMeta


class ScalarPattern:
    """Any scalar type of a family; `Scalar`, `Float` and `Int` are the ones that users name."""

    def __init__(self, name: str, types: tuple[S.ScalarType, ...]):
        self.name = self.__name__ = name
        self.types = types

    def accepts(self, t: Any) -> bool:
        return t in self.types

    def __repr__(self) -> str:
        return self.name


Scalar = ScalarPattern("Scalar", (*S.scalar_types, S.bfloat16))
Float = ScalarPattern("Float", (*S.float_types, S.bfloat16))
Int = ScalarPattern("Int", S.int_types)


class CompositePattern:
    """Vectors, matrices, … whose shape or scalar type is left open (`Any` in the place of a length or type)."""

    def __init__(self, composite: str, scalar: Any, shape: tuple[Any, ...]):
        self.composite, self.dtype, self.shape = composite, scalar, shape
        words = {"vec": "vector", "mat": "matrix", "quat": "quaternion", "transform": "transformation"}
        self.name = self.__name__ = f"{words[composite]}({', '.join(map(_shown, (*shape, scalar)))})"

    def accepts(self, t: Any) -> bool:
        return (
            isinstance(t, CompositeMeta)
            and t.kind == self.composite
            and len(t.shape) == len(self.shape)
            and all(want is Any or want == got for want, got in zip(self.shape, t.shape))
            and fits(self.dtype, t.scalar)
        )

    def __repr__(self) -> str:
        return self.name


def _shown(part: Any) -> str:
    return "Any" if part is Any else getattr(part, "name", str(part))


def is_generic(t: Any) -> bool:
    """Whether a type leaves something for the call or launch to decide."""
    if t is Any or isinstance(t, (ScalarPattern, CompositePattern)):
        return True
    return getattr(t, "kind", None) == "array" and is_generic(t.dtype)


def fits(pattern: Any, t: Any) -> bool:
    """Whether a value of type `t` may be given where the annotation is `pattern`."""
    if pattern is Any or pattern is t:
        return True
    if isinstance(pattern, (ScalarPattern, CompositePattern)):
        return pattern.accepts(t)
    if getattr(pattern, "kind", None) == "array":
        same = getattr(t, "kind", None) == "array" and t.ndim == pattern.ndim and fits(pattern.dtype, t.dtype)
        return same and type(getattr(t, "plain", t)) is type(pattern)
    return pattern == t

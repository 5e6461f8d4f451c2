"""`tape.gradients`: the gradient of an array, or the gradients of the arrays of a struct."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine import types as T
from engine.arrays import array
from engine.autodiff.errors import TapeError


class Gradients(Mapping):
    """By array with a gradient, that gradient. A struct instance gives one of its type that refers to gradients.

    Iterating gives the arrays on the tape that have `requires_grad`.
    """

    def __init__(self, leaves: list[array]):
        self._leaves = leaves

    def __getitem__(self, key: Any) -> Any:
        layout = getattr(type(key), "__engine_struct__", None)
        if layout is not None:
            return self._of_struct(layout, key)
        if not isinstance(key, array):
            raise KeyError(f"tape.gradients: got {type(key).__name__}; expected an array or a struct")
        if key.grad is None:
            raise KeyError(
                f"tape.gradients: an array of {T.type_name(key.dtype)}, shape {key.shape}, has no gradient; "
                "make it with requires_grad=True, or ask tape.gradient(a) for what the last backward left"
            )
        return key.grad

    def _of_struct(self, layout: Any, instance: Any) -> Any:
        out = layout.cls()
        for name, t in layout.fields.items():
            value = getattr(instance, name)
            if t.kind == "struct":
                setattr(out, name, self._of_struct(t, value))
            elif t.kind == "array" and value is not None and value.grad is not None:
                setattr(out, name, value.grad)
        return out

    def __iter__(self) -> Iterator[array]:
        return iter(self._leaves)

    def __len__(self) -> int:
        return len(self._leaves)


class Scopes:
    """Named stretches of a tape, for pictures of it.

    Attributes:
        marks: (number of the record before which it stands, name or None at an end, metadata or None at an end).
    """

    def __init__(self) -> None:
        self.marks: list[tuple[int, str | None, dict | None]] = []
        self._open: list[int] = []

    def begin(self, at: int, name: str, metadata: dict | None) -> None:
        self._open.append(len(self.marks))
        self.marks.append((at, name, dict(metadata or {})))

    def end(self, at: int, remove_empty: bool) -> None:
        if not self._open:
            raise TapeError("record_scope_end: no scope is open; call record_scope_begin(name) first")
        start = self._open.pop()
        if remove_empty and self.marks[start][0] == at:
            del self.marks[start:]
            return
        self.marks.append((at, None, None))

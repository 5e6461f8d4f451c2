"""Collects what is not simulated as authored, each kind named once."""

from __future__ import annotations

from usd_io.records import SceneWarning


class WarningLog:
    """Gathers warnings by kind: the first prim path is named, the others are counted."""

    def __init__(self) -> None:
        self._first: dict[str, SceneWarning] = {}
        self._paths: dict[str, set[str]] = {}

    def add(self, path: str, message: str, *, kind: str | None = None) -> None:
        """Notes ``message`` about ``path``; messages of one ``kind`` (by default the message) are reported once."""
        kind = kind or message
        self._first.setdefault(kind, SceneWarning(str(path), message))
        self._paths.setdefault(kind, set()).add(str(path))

    def warnings(self) -> list[SceneWarning]:
        """One warning for each kind, in order of appearance."""
        result = []
        for kind, first in self._first.items():
            more = len(self._paths[kind]) - 1
            suffix = f" (and {more} more prim{'s' if more > 1 else ''} like it)" if more else ""
            result.append(SceneWarning(first.path, first.message + suffix))
        return result

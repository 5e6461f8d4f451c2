"""Which tape is recording: what launches and array functions ask before they write."""

from __future__ import annotations

import threading
from typing import Any


class _Recording(threading.local):
    def __init__(self) -> None:
        self.tapes: list[Any] = []


_recording = _Recording()


def active_tape() -> Any:
    """The tape that records on this Python thread, or None."""
    tapes = _recording.tapes
    return tapes[-1] if tapes else None


def begin(tape: Any) -> None:
    _recording.tapes.append(tape)


def end(tape: Any) -> None:
    _recording.tapes.remove(tape)


class NotTaped:
    """Inside this `with` block nothing is recorded on tapes."""

    def __enter__(self) -> NotTaped:
        self._held, _recording.tapes = _recording.tapes, []
        return self

    def __exit__(self, *_) -> None:
        _recording.tapes = self._held

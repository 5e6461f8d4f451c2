"""What the person is told: warnings, errors, and what was done; each with the prim it is about."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass

LEVELS = ("info", "warning", "error")
#: how long a line stays in the bar [s]
ATTENTION = {"info": 4.0, "warning": 8.0, "error": 30.0}


@dataclass(frozen=True)
class Entry:
    """One line.

    Attributes:
        level: one of `LEVELS`.
        message: one line.
        path: prim that it is about, None for none.
        when: seconds since the epoch.
    """

    level: str
    message: str
    path: str | None = None
    when: float = 0.0


class Log:
    """The lines, the latest last; and the one that deserves attention now."""

    LONGEST = 2000

    def __init__(self):
        """No lines."""
        self.entries: deque[Entry] = deque(maxlen=self.LONGEST)

    def add(self, level: str, message: str, path: str | None = None) -> None:
        """Add a line."""
        self.entries.append(Entry(level, " ".join(str(message).split()), path, time.time()))

    def count(self, level: str) -> int:
        """How many lines of a level there are."""
        return sum(entry.level == level for entry in self.entries)

    def notice(self) -> Entry | None:
        """The line to show in the status bar; None when the last one is old."""
        if not self.entries:
            return None
        last = self.entries[-1]
        return last if time.time() - last.when < ATTENTION[last.level] else None

    def clear(self) -> None:
        """Drop every line."""
        self.entries.clear()

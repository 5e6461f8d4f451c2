"""What the person is told: warnings, errors, and what was done; each with the prim it is about."""

from __future__ import annotations

import re
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

LEVELS = ("info", "warning", "error")
#: how long a line stays in the bar [s]
ATTENTION = {"info": 4.0, "warning": 8.0, "error": 30.0}

#: a prim path within a sentence
PRIM = re.compile(r"(?<![\w./])/[A-Za-z_]\w*(?:/[A-Za-z_]\w*)*(?![\w./])")


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
        self._entries: deque[Entry] = deque(maxlen=self.LONGEST)
        self._lock = threading.Lock()

    @property
    def entries(self) -> list[Entry]:
        """The lines as they are now; the simulation's thread may add to them meanwhile."""
        with self._lock:
            return list(self._entries)

    def add(self, level: str, message: str, path: str | None = None) -> None:
        """Add a line."""
        entry = Entry(level, " ".join(str(message).split()), path, time.time())
        with self._lock:
            self._entries.append(entry)

    def add_warnings(self) -> Callable[[], None]:
        """Take in what Python warns of from now on, instead of standard error; returns the function that ends that.

        What the simulation warns of names prims: a line leads to the first.
        """
        before = warnings.showwarning

        def show(message, category, filename, lineno, file=None, line=None) -> None:
            found = PRIM.search(str(message))
            self.add("warning", str(message), found.group() if found else None)

        warnings.showwarning = show

        def end() -> None:
            if warnings.showwarning is show:
                warnings.showwarning = before

        return end

    def notice(self) -> Entry | None:
        """The line to show in the status bar; None when the last one is old."""
        with self._lock:
            last = self._entries[-1] if self._entries else None
        if last is None:
            return None
        return last if time.time() - last.when < ATTENTION[last.level] else None

    def clear(self) -> None:
        """Drop every line."""
        with self._lock:
            self._entries.clear()

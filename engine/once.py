"""Things that are made once in a process, whichever threads ask first."""

from __future__ import annotations

import functools
import os
import threading
import weakref
from collections.abc import Callable

_makers: weakref.WeakSet = weakref.WeakSet()


class _Maker:
    """Makes each thing under a lock of its own, so that makers may use each other."""

    def __init__(self, make: Callable):
        self.make, self.made = make, {}
        self.renew()
        _makers.add(self)

    def renew(self) -> None:
        self.lock = threading.RLock()

    def __call__(self, *args, **named):
        key = (args, tuple(sorted(named.items())))
        with self.lock:
            if key not in self.made:
                self.made[key] = self.make(*args, **named)
            return self.made[key]


def made_once(make: Callable) -> Callable:
    """Like ``functools.cache``, but threads that ask at the same time get the same object.

    ``functools.cache`` runs the function in each of them and keeps the last result; where that owns machine code, a device or
    a module, the others' are freed under those who hold their addresses.
    """
    maker = _Maker(make)
    ask = functools.wraps(make)(functools.cache(maker))

    def clear() -> None:
        maker.made.clear()
        type(ask).cache_clear(ask)

    ask.cache_clear = clear
    return ask


def _renew_locks() -> None:
    for maker in _makers:
        maker.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)

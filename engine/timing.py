"""Timers for people."""

from __future__ import annotations

import time

from engine.streams import synchronize as wait_for_devices


class ScopedTimer:
    """Times a `with` block; prints it and, with `dict`, appends milliseconds to `dict[name]`.

    With `synchronize` the clock waits, at both ends, until devices have done their work: launches on a GPU return at once.
    """

    def __init__(self, name: str, active: bool = True, print: bool = True, detailed: bool = False, dict: dict | None = None,
                 use_nvtx: bool = False, color: str = "rapids", synchronize: bool = False, **_):  # fmt: skip
        self.name, self.active, self.print, self.dict, self.elapsed = name, active, print, dict, 0.0
        self.synchronize = synchronize
        if dict is not None:
            dict.setdefault(name, [])

    def __enter__(self) -> ScopedTimer:
        if self.active and self.synchronize:
            wait_for_devices()
        self.start = time.perf_counter()
        return self

    def __exit__(self, *_) -> None:
        if self.active and self.synchronize:
            wait_for_devices()
        self.elapsed = (time.perf_counter() - self.start) * 1e3
        if not self.active:
            return
        if self.dict is not None:
            self.dict[self.name].append(self.elapsed)
        if self.print:
            print(f"{self.name} took {self.elapsed:.2f} ms")

"""Start-up and synchronisation, for those who expect to call them."""

from __future__ import annotations

from typing import Any


def init() -> None:
    """Starts the engine; optional, everything starts when first used."""


def synchronize() -> None:
    """Waits for all launches; on the CPU they have finished when `launch` returns."""


def synchronize_device(device: Any = None) -> None:
    """Waits for all launches on a device."""


def constant(value: Any) -> Any:
    """Marks a Python value for use in kernels; numbers and vectors can be captured without it too."""
    return value

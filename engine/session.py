"""Start-up and synchronisation, for those who expect to call them."""

from __future__ import annotations

from typing import Any

from engine.device import get_device, get_devices


def init() -> None:
    """Starts the engine; optional, everything starts when first used."""


def synchronize() -> None:
    """Waits for all launches on all devices; on the CPU they have finished when `launch` returns."""
    for device in get_devices():
        device.synchronize()


def synchronize_device(device: Any = None) -> None:
    """Waits for all launches on a device."""
    get_device(device).synchronize()


def constant(value: Any) -> Any:
    """Marks a Python value for use in kernels; numbers and vectors can be captured without it too."""
    return value

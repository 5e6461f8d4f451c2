"""Start-up and constants, for those who expect to call them."""

from __future__ import annotations

from typing import Any


def init() -> None:
    """Starts the engine; optional, everything starts when first used."""


def constant(value: Any) -> Any:
    """Marks a Python value for use in kernels; numbers and vectors can be captured without it too."""
    return value

"""Something that can be plotted over time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.frame_history import Frame


@dataclass(frozen=True)
class Quantity:
    """Something with a value in every frame.

    Attributes:
        name: unique, for people.
        unit: "J", "m", ...
        read: its value in a frame.
        prepare: what takes long before the first reading (kernels that are compiled); None for nothing.
    """

    name: str
    unit: str
    read: Callable[[Frame], float]
    prepare: Callable[[], object] | None = None

    @property
    def label(self) -> str:
        """Name with unit."""
        return f"{self.name} [{self.unit}]" if self.unit else self.name

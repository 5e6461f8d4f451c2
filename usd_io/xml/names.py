"""Prim paths for things that XML files name freely, or not at all."""

from __future__ import annotations

import re


class PathNames:
    """Hands out unique, valid prim names below one parent each."""

    def __init__(self) -> None:
        self._taken: dict[str, dict[str, int]] = {}

    def path(self, parent: str, name: str) -> str:
        """A new path below ``parent`` for a name in the file: made valid, numbered when taken."""
        base = re.sub(r"\W", "_", name, flags=re.ASCII) or "unnamed"
        base = f"_{base}" if base[0].isdigit() else base
        taken = self._taken.setdefault(parent, {})  # with the number that the next of the same name starts from
        unique, number = base, taken.get(base, 1)
        while unique in taken:
            unique, number = f"{base}_{number}", number + 1
        taken[base] = number
        taken.setdefault(unique, 1)
        return f"{parent.rstrip('/')}/{unique}"

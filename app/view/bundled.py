"""Scenes that come along."""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def bundled_scenes() -> tuple[Path, ...]:
    """The example scenes: those of the checkout, or those that were installed with the package."""
    app = Path(__file__).parents[1]
    installed = app / "examples" / "scenes"  # setup.py puts them there
    folder = installed if installed.is_dir() else app.parent / "scenes"
    return tuple(sorted(folder.glob("*.usd*"))) if folder.is_dir() else ()

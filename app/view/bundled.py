"""Scenes that come along."""

from __future__ import annotations

from pathlib import Path


def bundled_scenes() -> list[Path]:
    """The example scenes next to the program; none where only the packages were installed."""
    folder = Path(__file__).parents[2] / "scenes"
    return sorted(folder.glob("*.usd*")) if folder.is_dir() else []

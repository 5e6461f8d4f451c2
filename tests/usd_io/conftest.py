"""Fixtures of the file layer's tests: stages written as text, and the shared example stages."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from usd_io.read import read_usd
from usd_io.records import SceneRecord

HEADER = '#usda 1.0\n(\n    metersPerUnit = {meters}\n    upAxis = "{up}"\n    {more}\n)\n'


@pytest.fixture
def write_stage(tmp_path: Path) -> Callable[..., Path]:
    """Writes a .usda file from prim text: ``write_stage(body, meters=1, up="Y", more="")``."""
    count = 0

    def write(body: str, *, meters: float = 1.0, up: str = "Y", more: str = "", name: str | None = None) -> Path:
        nonlocal count
        count += 1
        path = tmp_path / (name or f"stage{count}.usda")
        # usda wants a new line before a closing brace; tests read better without
        body = re.sub(r"(?<=\S) +\}", "\n}", body)
        path.write_text(HEADER.format(meters=meters, up=up, more=more) + body)
        return path

    return write


@pytest.fixture
def read_text(write_stage: Callable[..., Path]) -> Callable[..., SceneRecord]:
    """Writes prim text as a stage and reads it: same arguments as ``write_stage``."""

    def read(body: str, *, allow_empty: bool = False, **stage: object) -> SceneRecord:
        return read_usd(write_stage(body, **stage), allow_empty=allow_empty)

    return read

"""The ``option`` element: time step and gravity."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from usd_io.mjcf.document import Document
from usd_io.records import SceneRecord
from usd_io.xml.attributes import number, numbers
from usd_io.xml.element import Element

DEFAULT_TIMESTEP = 0.002
"""[s]"""
LONGEST_STEP = 1.0 / 1920.0
"""[s]; MuJoCo solves contacts for their forces, ours are explicit and need shorter steps than models were made for."""


def read_options(document: Document, record: SceneRecord, warn: Callable[[Element, str], None]) -> None:
    """Sets gravity, up axis and substeps of the record."""
    gravity, timestep = np.array([0.0, 0.0, -9.81]), DEFAULT_TIMESTEP
    for option in document.root.each("option"):
        gravity = numbers(option, "gravity", gravity, count=3)
        timestep = number(option, "timestep", timestep, low=1e-7)
        for name in ("density", "viscosity"):
            if number(option, name, 0.0):
                warn(option, f"the {name} of the surrounding medium is not simulated")
    record.gravity = gravity
    record.settings.substeps = max(1, math.ceil(1.0 / (record.fps * min(timestep, LONGEST_STEP)) - 1e-6))

"""The ``option`` element: time step and gravity."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from usd_io.mjcf.document import Document
from usd_io.records import SceneRecord, VisualRecord
from usd_io.xml.attributes import choice, number, numbers
from usd_io.xml.element import Element

DEFAULT_TIMESTEP = 0.002
"""[s]"""
SWITCH = ("enable", "disable")
SWITCHES = (
    "gravity",
    "contact",
    "constraint",
    "equality",
    "frictionloss",
    "limit",
    "passive",
    "spring",
    "damper",
    "actuation",
)
"""Flags that change what is simulated here."""
LONGEST_STEP = 1.0 / 1920.0
"""[s]; MuJoCo solves contacts for their forces, ours are explicit and need shorter steps than models were made for."""


def read_options(document: Document, record: SceneRecord, warn: Callable[[Element, str], None]) -> set[str]:
    """Sets gravity and substeps of the record; returns which of ``SWITCHES`` are off."""
    gravity, timestep, off = np.array([0.0, 0.0, -9.81]), DEFAULT_TIMESTEP, set()
    for option in document.root.each("option"):
        gravity = numbers(option, "gravity", gravity, count=3)
        timestep = number(option, "timestep", timestep, low=1e-7)
        for name in ("density", "viscosity"):
            if number(option, name, 0.0):
                warn(option, f"the {name} of the surrounding medium is not simulated")
        for flags in option.each("flag"):
            off.update(name for name in SWITCHES if choice(flags, name, SWITCH, "enable") == "disable")
    record.gravity = np.zeros(3) if "gravity" in off else gravity
    record.settings.substeps = max(1, math.ceil(1.0 / (record.fps * min(timestep, LONGEST_STEP)) - 1e-6))
    return off


def switch_off(record: SceneRecord, off: set[str]) -> None:
    """Takes out of a complete record what the model's flags switch off."""
    for joint in record.joints:
        for each in (joint, *joint.axes):
            if "frictionloss" in off:
                each.friction = 0.0
            if off & {"passive", "spring"}:
                each.stiffness = 0.0
            if off & {"passive", "damper"}:
                each.damping = 0.0
        if "limit" in off:
            joint.angle_limit = None
        for axis in joint.axes:
            axis.lower, axis.upper = (None, None) if "limit" in off else (axis.lower, axis.upper)
            axis.drive = None if "actuation" in off else axis.drive
    if "actuation" in off:
        record.actuators.clear()
    if off & {"contact", "constraint"}:
        record.visuals += [
            VisualRecord(c.path, c.body_path, c.X_bs, c.shape, c.color) for c in record.colliders if not c.hidden
        ]
        record.colliders.clear()
        record.collision_groups.clear()
        record.filtered_pairs.clear()

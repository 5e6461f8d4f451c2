"""Actuator records into builder calls."""

from __future__ import annotations

from typing import Any

from usd_io.emit.equalities import axis_order
from usd_io.records import SceneRecord


def emit_actuators(scene: SceneRecord, builder: Any, joints: dict[str, int]) -> dict[str, int]:
    """Adds all actuators, in the order of the file; returns path to index."""
    if not scene.actuators:
        return {}
    order = axis_order(scene)
    return {
        record.path: builder.add_actuator(
            joints[record.axis[0]],
            axis=order[record.axis],
            gear=record.gear,
            gain=record.gain,
            bias=record.bias,
            ctrl_range=record.ctrl_range,
            force_range=record.force_range,
            ctrl=record.ctrl,
            name=record.path,
        )
        for record in scene.actuators
    }

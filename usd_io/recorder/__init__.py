"""Simulation results as time-sampled USD; ``recorder.py`` says what the files look like."""

from usd_io.recorder.errors import RecorderError
from usd_io.recorder.recorder import UsdRecorder
from usd_io.recorder.targets import (
    BodyTarget,
    InstancerTarget,
    PointsTarget,
    SurfaceMeshTarget,
    Target,
    targets_from_bindings,
)

__all__ = [
    "BodyTarget",
    "InstancerTarget",
    "PointsTarget",
    "RecorderError",
    "SurfaceMeshTarget",
    "Target",
    "UsdRecorder",
    "targets_from_bindings",
]

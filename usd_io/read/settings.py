"""Stage metadata and the PhysicsScene prim: units, time range, gravity, solver settings."""

from __future__ import annotations

import math

import numpy as np
from pxr import Sdf, Usd, UsdGeom, UsdPhysics

from usd_io.errors import SceneError
from usd_io.read.reading import LARGEST, Reading
from usd_io.read.values import integer, scalar, token, vector
from usd_io.read.warning_log import WarningLog
from usd_io.records import SceneRecord, SceneSettings

STANDARD_GRAVITY = 9.80665
"""[m/s^2]; UsdPhysics asks for "earth gravity" where a scene says nothing."""
SOLVERS = ("semi-implicit", "xpbd")
_DEFAULT_FPS = 24.0


def begin_reading(stage: Usd.Stage, source: str) -> tuple[Reading, SceneRecord]:
    """A Reading in the stage's units at its start time, and the record with the stage metadata filled in."""
    log = WarningLog()
    meters = _unit(source, "metersPerUnit", UsdGeom.GetStageMetersPerUnit(stage))
    kilograms = _unit(source, "kilogramsPerUnit", UsdPhysics.GetStageKilogramsPerUnit(stage))
    start, end = _time_range(stage, source, log)
    time = Usd.TimeCode(start) if start is not None else Usd.TimeCode.EarliestTime()
    reading = Reading(stage, source, time, meters, kilograms)
    reading.log = log
    record = SceneRecord(
        source_path=source,
        meters_per_unit=meters,
        kilograms_per_unit=kilograms,
        up_axis=_up_axis(stage, source, log),
        fps=_fps(stage, source, log),
        start_time_code=start,
        end_time_code=end,
    )
    reading.down = down(record.up_axis)
    record.gravity = STANDARD_GRAVITY * reading.down
    return reading, record


def down(up_axis: str) -> np.ndarray:
    """Unit vector against the up axis."""
    return -np.eye(3)["XYZ".index(up_axis)]


def read_physics_scene(reading: Reading, record: SceneRecord, scenes: list[Usd.Prim]) -> None:
    """Gravity and ``simrun:*`` settings from the first PhysicsScene; other scenes are named in a warning."""
    if not scenes:
        reading.log.add("/", "no PhysicsScene prim; standard gravity against the up axis is used")
        return
    prim = scenes[0]
    record.scene_path = prim.GetPath().pathString
    for other in scenes[1:]:
        reading.log.add(
            other.GetPath().pathString,
            f"more than one PhysicsScene; everything is simulated in {record.scene_path}",
            kind="second scene",
        )
    record.gravity = _gravity(reading, prim, record.up_axis)
    record.settings = SceneSettings(
        substeps=integer(reading, prim, "simrun:substeps", low=1),
        solver=_solver(reading, prim),
        iterations=integer(reading, prim, "simrun:iterations", low=1),
        frames=integer(reading, prim, "simrun:frames", low=0),
        soft_contact=_soft_contact(reading, prim),
    )


def _gravity(reading: Reading, prim: Usd.Prim, up_axis: str) -> np.ndarray:
    # UsdPhysicsScene: a zero direction asks for the negative up axis, a negative magnitude for earth gravity.
    direction = vector(reading, prim, "physics:gravityDirection")
    length = 0.0 if direction is None else float(np.linalg.norm(direction))
    unit = down(up_axis) if length == 0.0 else direction / length
    magnitude = scalar(reading, prim, "physics:gravityMagnitude")
    metric = STANDARD_GRAVITY if magnitude is None or magnitude < 0.0 else magnitude * reading.meters
    return metric * unit


def _soft_contact(reading: Reading, prim: Usd.Prim) -> dict[str, float]:
    names = ("ke", "kd", "kf", "mu", "restitution", "margin")
    values = {f"soft_contact_{n}": scalar(reading, prim, f"simrun:softContact{n.capitalize()}", low=0.0) for n in names}
    return {name: value for name, value in values.items() if value is not None}


def _solver(reading: Reading, prim: Usd.Prim) -> str | None:
    solver = token(reading, prim, "simrun:solver", "")
    if not solver:
        return None
    if solver not in SOLVERS:
        raise SceneError(
            f"{reading.at(prim)} simrun:solver",
            f"got '{solver}'",
            expected=" or ".join(SOLVERS),
            next_step="set one of these, or remove the attribute",
        )
    return solver


def _unit(source: str, name: str, value: float) -> float:
    if not 1.0 / LARGEST <= value <= LARGEST:
        raise SceneError(
            source, f"{name} is {value:g}", expected="a positive number", next_step="correct it in the stage metadata"
        )
    return value


def _up_axis(stage: Usd.Stage, source: str, log: WarningLog) -> str:
    # UsdGeom.GetStageUpAxis throws nothing and returns whatever is authored, or the site's fallback.
    axis = str(UsdGeom.GetStageUpAxis(stage)).upper()
    if axis not in ("X", "Y", "Z"):
        log.add("/", f"upAxis is '{axis}', expected X, Y or Z; Y is used")
        return "Y"
    return axis


def _fps(stage: Usd.Stage, source: str, log: WarningLog) -> float:
    fps = stage.GetTimeCodesPerSecond()
    if not math.isfinite(fps) or fps <= 0.0:
        log.add("/", f"timeCodesPerSecond is {fps:g}, expected a positive number; {_DEFAULT_FPS:g} is used")
        return _DEFAULT_FPS
    return fps


def _time_range(stage: Usd.Stage, source: str, log: WarningLog) -> tuple[float | None, float | None]:
    layer = stage.GetRootLayer()
    session = stage.GetSessionLayer()
    start, end = (
        value if any(_authored(each, name) for each in (layer, session)) else None
        for name, value in (("startTimeCode", stage.GetStartTimeCode()), ("endTimeCode", stage.GetEndTimeCode()))
    )
    if any(v is not None and not math.isfinite(v) for v in (start, end)):
        raise SceneError(source, f"start/endTimeCode are {start}, {end}", expected="finite numbers")
    if start is not None and end is not None and end < start:
        log.add("/", f"endTimeCode {end:g} is before startTimeCode {start:g}; the end is ignored")
        end = None
    return start, end


def _authored(layer: Sdf.Layer | None, name: str) -> bool:
    return bool(layer) and layer.pseudoRoot.HasInfo(name)

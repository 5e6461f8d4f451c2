"""Lights and cameras of a stage."""

from __future__ import annotations

import math

import numpy as np
from pxr import Usd, UsdGeom, UsdLux

from app.render.scene import CameraItem, LightItem

KINDS = {
    "DistantLight": "distant",
    "DomeLight": "dome",
    "DomeLight_1": "dome",
    "SphereLight": "sphere",
    "RectLight": "rect",
    "DiskLight": "disk",
    "CylinderLight": "cylinder",
}


BRIGHT, DIM = 0.9, 0.1
"""Shares of a focused light between which it is taken to fade evenly."""


def read_light(prim: Usd.Prim, time: Usd.TimeCode, matrix: np.ndarray) -> LightItem | None:
    """A light prim with its world matrix [4, 4] in metres; None for kinds that are not drawn."""
    kind = KINDS.get(str(prim.GetTypeName()))
    if kind is None:
        return None
    api = UsdLux.LightAPI(prim)
    intensity = _value(api.GetIntensityAttr(), time, 1.0) * 2.0 ** _value(api.GetExposureAttr(), time, 0.0)
    color = np.array(api.GetColorAttr().Get(time) or (1, 1, 1), float)
    if api.GetEnableColorTemperatureAttr().Get(time):
        kelvin = _value(api.GetColorTemperatureAttr(), time, 6500.0)
        color = color * np.array(UsdLux.BlackbodyTemperatureAsRgb(kelvin))
    scale = np.linalg.norm(matrix[:3, :3], axis=0)
    area, radius = _surface(prim, kind, time, scale)
    strength = np.clip(color, 0.0, None) * max(intensity, 0.0)
    if api.GetNormalizeAttr().Get(time) and area > 0.0:
        strength = strength / area
    angle = math.radians(_value(UsdLux.DistantLight(prim).GetAngleAttr(), time, 0.53)) if kind == "distant" else 0.0
    headlight = _headlight(prim, time) if kind == "dome" else None
    rigid = matrix.copy()
    rigid[:3, :3] /= np.maximum(scale, 1e-12)
    cone, softness = np.pi, 0.0
    if prim.HasAPI(UsdLux.ShapingAPI):
        shaping = UsdLux.ShapingAPI(prim)
        cone = math.radians(_value(shaping.GetShapingConeAngleAttr(), time, 90.0))
        softness = _value(shaping.GetShapingConeSoftnessAttr(), time, 0.0)
        cone, softness = _focused(cone, softness, _value(shaping.GetShapingFocusAttr(), time, 0.0))
    shadow = UsdLux.ShadowAPI(prim).GetShadowEnableAttr() if prim.HasAPI(UsdLux.ShadowAPI) else None
    return LightItem(
        str(prim.GetPath()), kind, strength, rigid, area=area, radius=radius, angle=angle, cone=cone, cone_softness=softness,
        casts_shadow=shadow is None or shadow.Get(time) is not False, headlight=headlight,
    )  # fmt: skip


def _headlight(prim: Usd.Prim, time: Usd.TimeCode) -> np.ndarray | None:
    attribute = prim.GetAttribute("simrun:headlight")
    value = attribute.Get(time) if attribute else None
    return None if value is None else np.clip(np.array(value, float).reshape(-1)[:3], 0.0, None)


def _focused(cone: float, softness: float, focus: float) -> tuple[float, float]:
    """A cone that fades as light does whose strength is a power (the focus) of the cosine from the axis."""
    if focus <= 0.0:
        return cone, softness
    inner, outer = (math.acos(share ** (1.0 / focus)) for share in (BRIGHT, DIM))
    outer = min(cone, outer)
    return outer, max(softness, 1.0 - inner / outer if inner < outer else 0.0)


def _surface(prim: Usd.Prim, kind: str, time: Usd.TimeCode, scale: np.ndarray) -> tuple[float, float]:
    """Area [m^2] and size [m] of what shines; `scale` is metres of one unit of the prim, by axis."""

    def length(name: str, default: float, axis: int) -> float:
        return abs(_value(prim.GetAttribute(f"inputs:{name}"), time, default)) * float(scale[axis])

    if kind == "sphere":
        radius = length("radius", 0.5, 0)
        return 4.0 * math.pi * radius**2, radius
    if kind == "disk":
        radius = length("radius", 0.5, 0)
        return math.pi * radius**2, radius
    if kind == "rect":
        width, height = length("width", 1.0, 0), length("height", 1.0, 1)
        return width * height, 0.5 * math.sqrt(width * height)
    if kind == "cylinder":
        radius, along = length("radius", 0.5, 1), length("length", 1.0, 0)
        return 2.0 * math.pi * radius * along, max(radius, 0.3 * along)
    return 0.0, 0.0


def read_camera(prim: Usd.Prim, time: Usd.TimeCode, matrix: np.ndarray, meters: float) -> CameraItem:
    """A camera prim with its world matrix [4, 4] in metres."""
    schema = UsdGeom.Camera(prim)
    camera = schema.GetCamera(time)
    across, high = camera.horizontalAperture, camera.verticalAperture
    scale = np.linalg.norm(matrix[:3, :3], axis=0)
    rigid = matrix.copy()
    rigid[:3, :3] /= np.maximum(scale, 1e-12)
    orthographic = camera.projection.name == "Orthographic"
    near = far = None
    if schema.GetClippingRangeAttr().HasAuthoredValue():
        near, far = camera.clippingRange.min * meters, camera.clippingRange.max * meters
    focus = camera.focusDistance * meters
    return CameraItem(
        str(prim.GetPath()),
        rigid,
        fov=2.0 * math.atan(0.5 * high / max(camera.focalLength, 1e-6)),
        # Apertures count in tenths of a unit.
        orthographic_height=0.1 * high * meters if orthographic else None,
        aspect=across / max(high, 1e-9),
        near=near,
        far=far,
        focus=focus if focus > 0.0 else 0.0,
    )


def _value(attribute: Usd.Attribute, time: Usd.TimeCode, default: float) -> float:
    value = attribute.Get(time) if attribute else None
    return default if value is None or not math.isfinite(float(value)) else float(value)

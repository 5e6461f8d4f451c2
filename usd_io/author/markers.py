"""Sites, cameras and lights on a stage."""

from __future__ import annotations

import numpy as np
from pxr import Gf, Usd, UsdGeom, UsdLux

from usd_io.records import MarkerRecord

APERTURE = 24.0
"""Vertical, in tenths of a stage unit as USD counts it; the focal length follows from the field of view."""
SUN, LAMP = 1.0, 1e3
"""Intensities that light a robot a few metres away about as MuJoCo's viewer does."""


def author_marker(stage: Usd.Stage, record: MarkerRecord) -> None:
    """Defines the prim of a site, camera or light in its place."""
    prim = _TABLE.get(record.kind, _lamp)(stage, record)
    prim.AddTranslateOp().Set(Gf.Vec3d(*np.asarray(record.X_bs[:3]).tolist()))
    x, y, z, w = np.asarray(record.X_bs[3:]).tolist()
    prim.AddOrientOp(UsdGeom.XformOp.PrecisionDouble).Set(Gf.Quatd(w, x, y, z))


def _site(stage: Usd.Stage, record: MarkerRecord):
    prim = UsdGeom.Xform.Define(stage, record.path)
    prim.CreatePurposeAttr(UsdGeom.Tokens.guide)
    return prim


def _camera(stage: Usd.Stage, record: MarkerRecord):
    camera = UsdGeom.Camera.Define(stage, record.path)
    half = min(max(0.5 * record.vertical_fov, 1e-3), 1.5)
    camera.CreateVerticalApertureAttr(APERTURE)
    camera.CreateHorizontalApertureAttr(APERTURE * 4.0 / 3.0)
    camera.CreateFocalLengthAttr(float(0.5 * APERTURE / np.tan(half)))
    camera.CreateClippingRangeAttr(Gf.Vec2f(0.01, 1e4))
    return camera


def _sun(stage: Usd.Stage, record: MarkerRecord):
    light = UsdLux.DistantLight.Define(stage, record.path)
    light.CreateIntensityAttr(SUN)
    light.CreateColorAttr(Gf.Vec3f(*record.color))
    return light


def _lamp(stage: Usd.Stage, record: MarkerRecord):
    light = UsdLux.SphereLight.Define(stage, record.path)
    light.CreateRadiusAttr(0.05)
    light.CreateIntensityAttr(LAMP)
    light.CreateColorAttr(Gf.Vec3f(*record.color))
    if record.kind == "spot":
        UsdLux.ShapingAPI.Apply(light.GetPrim()).CreateShapingConeAngleAttr(float(np.degrees(record.cutoff)))
    return light


_TABLE = {"site": _site, "camera": _camera, "directional": _sun}

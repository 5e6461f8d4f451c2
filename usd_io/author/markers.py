"""Sites, cameras and lights on a stage."""

from __future__ import annotations

import numpy as np
from pxr import Gf, Usd, UsdGeom

from usd_io.author.lights import author_light, author_surroundings, lit_by_lights
from usd_io.marker_records import MarkerRecord
from usd_io.records import SceneRecord

APERTURE = 24.0
"""Vertical, in tenths of a stage unit as USD counts it; the focal length follows from the field of view."""


def author_markers(stage: Usd.Stage, scene: SceneRecord) -> None:
    """Defines the prims of all sites, cameras and lights of a scene whose bodies are on the stage."""
    lit = None
    for record in scene.markers:
        if record.kind in _TABLE:
            prim, X = _TABLE[record.kind](stage, record), record.X_bs
        elif record.kind == "headlight":
            continue
        else:
            lit = lit or lit_by_lights(stage, scene.bodies)
            prim, X = author_light(stage, record, lit)
        prim.AddTranslateOp().Set(Gf.Vec3d(*np.asarray(X[:3]).tolist()))
        x, y, z, w = np.asarray(X[3:]).tolist()
        prim.AddOrientOp(UsdGeom.XformOp.PrecisionDouble).Set(Gf.Quatd(w, x, y, z))
    author_surroundings(stage, scene.markers)


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


_TABLE = {"site": _site, "camera": _camera}

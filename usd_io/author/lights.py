"""Lights on a stage, as bright as where they come from.

MuJoCo shades in shares of white: a surface that faces a light of 0.7 shows 0.7 of its colour, at any distance unless the
light is attenuated. A light of USD gives irradiance, and a white surface shows that over pi.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pxr import Gf, Sdf, Usd, UsdGeom, UsdLux

from sim.geometry.rotation import IDENTITY_TRANSFORM, transform_inverse, transform_multiply
from usd_io.marker_records import LIGHT_KINDS, MarkerRecord
from usd_io.records import BodyRecord

FAR = 3.0
"""Radii of what moves that a lamp which does not fade has to be away from it: lamps of USD fade with the distance squared,
so a near one would light the head of a robot and not its feet."""
BULB = 0.02
"""Radius of a lamp as a share of its distance: MuJoCo's own 2 cm at a metre."""
FACING = 2.0 / 3.0
"""Mean cosine over what is seen of a ball, which is what a light at the camera gives."""


@dataclass(frozen=True)
class Lit:
    """What a stage's lights are for: its bodies, in a ball.

    Attributes:
        center: in the world [m].
        radius: [m].
        poses: of bodies by path.
    """

    center: np.ndarray
    radius: float
    poses: dict[str | None, np.ndarray]


def lit_by_lights(stage: Usd.Stage, bodies: list[BodyRecord]) -> Lit:
    """The ball around the bodies on a stage."""
    cache = UsdGeom.BBoxCache(Usd.TimeCode.Default(), [UsdGeom.Tokens.default_, UsdGeom.Tokens.render])
    total = Gf.Range3d()
    for body in bodies:
        box = cache.ComputeWorldBound(stage.GetPrimAtPath(body.path)).ComputeAlignedRange()
        total.UnionWith(box if not box.IsEmpty() else Gf.Range3d(*2 * [Gf.Vec3d(*body.X_wb[:3].tolist())]))
    poses = {None: IDENTITY_TRANSFORM, **{body.path: body.X_wb for body in bodies}}
    if total.IsEmpty():
        return Lit(np.zeros(3), 1.0, poses)
    return Lit(np.array(total.GetMidpoint()), max(0.5 * total.GetSize().GetLength(), 1e-3), poses)


def author_light(stage: Usd.Stage, record: MarkerRecord, lit: Lit):
    """Defines the prim of a light; returns it with the frame it gets in its body."""
    light, X = _TABLE[record.kind](stage, record, lit)
    light.CreateColorAttr(Gf.Vec3f(*record.color))
    if not record.casts_shadow:
        UsdLux.ShadowAPI.Apply(light.GetPrim()).CreateShadowEnableAttr(False)
    if not record.active:
        light.CreateVisibilityAttr(UsdGeom.Tokens.invisible)
    return light, X


def author_surroundings(stage: Usd.Stage, markers: list[MarkerRecord]) -> None:
    """A dome for the light at the camera, which USD lacks, and for what all lights add everywhere.

    Only beside lights that are on: programs that draw stages without lights bring better ones along than a dome.
    """
    lights = [each for each in markers if each.kind in LIGHT_KINDS and each.active]
    headlight = next((each for each in lights if each.kind == "headlight"), None)
    if not any(each.kind not in ("headlight", "image") for each in lights):
        return
    color = np.sum([each.ambient for each in lights], axis=0)
    if headlight is not None:
        color = color + FACING * np.array(headlight.color)
    if color.max() > 0.0:
        path = headlight.path if headlight is not None else f"{lights[0].path}_surroundings"
        dome = UsdLux.DomeLight.Define(stage, path)
        dome.CreateIntensityAttr(1.0)
        dome.CreateColorAttr(Gf.Vec3f(*color.tolist()))
        if headlight is not None:
            # For programs that can put it at the camera, and take it from the dome then.
            attribute = dome.GetPrim().CreateAttribute("simrun:headlight", Sdf.ValueTypeNames.Color3f, custom=True)
            attribute.Set(Gf.Vec3f(*headlight.color))


def _sun(stage: Usd.Stage, record: MarkerRecord, lit: Lit):
    light = UsdLux.DistantLight.Define(stage, record.path)
    light.CreateAngleAttr(1.0)
    # Normalised, the intensity is the irradiance, whatever the angle.
    light.CreateNormalizeAttr(True)
    light.CreateIntensityAttr(float(np.pi))
    return light, record.X_bs


def _image(stage: Usd.Stage, record: MarkerRecord, lit: Lit):
    # MuJoCo's own viewer does not draw lights of images either.
    light = UsdLux.DomeLight.Define(stage, record.path)
    light.CreateVisibilityAttr(UsdGeom.Tokens.invisible)
    return light, record.X_bs


def _lamp(stage: Usd.Stage, record: MarkerRecord, lit: Lit):
    X_wl = transform_multiply(lit.poses[record.body_path], record.X_bs)
    spot = record.kind == "spot" and record.cutoff < 0.5 * np.pi
    away = X_wl[:3] - lit.center
    backward = _axis(X_wl) if spot else away / max(float(np.linalg.norm(away)), 1e-9)
    near = float(away @ backward)
    # A lamp of the robot itself, or one that shines past it, stays where it is.
    outside = near > 0.5 * lit.radius and float(np.linalg.norm(away)) > lit.radius
    constant = not (record.attenuation[1] or record.attenuation[2])
    narrowing = 1.0
    distance = max(float(np.linalg.norm(away)), lit.radius)
    share = 1.0 / max(float(np.polyval(record.attenuation[::-1], distance)), 1e-6)
    if outside and constant and near < FAR * lit.radius:
        narrowing = near / (FAR * lit.radius)
        X_wl = np.concatenate([X_wl[:3] + (FAR * lit.radius - near) * backward, X_wl[3:]])
        distance = max(float(np.linalg.norm(X_wl[:3] - lit.center)), lit.radius)
    light = UsdLux.SphereLight.Define(stage, record.path)
    radius = BULB * distance
    light.CreateRadiusAttr(radius)
    # Irradiance from afar is radiance times the disc that is seen, over the distance squared.
    light.CreateIntensityAttr(float(share * (distance / radius) ** 2))
    if spot:
        shaping = UsdLux.ShapingAPI.Apply(light.GetPrim())
        shaping.CreateShapingConeAngleAttr(float(np.degrees(np.arctan(narrowing * np.tan(record.cutoff)))))
        shaping.CreateShapingFocusAttr(float(record.exponent / narrowing**2))
    return light, transform_multiply(transform_inverse(lit.poses[record.body_path]), X_wl)


def _axis(X: np.ndarray) -> np.ndarray:
    x, y, z, w = X[3:]
    return np.array([2.0 * (x * z + w * y), 2.0 * (y * z - w * x), 1.0 - 2.0 * (x * x + y * y)])


_TABLE = {"directional": _sun, "image": _image, "spot": _lamp, "point": _lamp}

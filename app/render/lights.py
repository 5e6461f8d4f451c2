"""The lights of a picture: those of the stage, or a key light with a sky, and the exposure that suits them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from app.render.dome import Dome, brightest_side, diffuse_polynomial
from app.render.scene import LightItem, RenderScene
from usd_io.author.lights import FACING

MAX_LIGHTS = 8
MAX_SHADOWS = 3
"""Lights that cast shadows, the strongest first."""
FAINT = 0.12
"""A light with less than this share of the strongest one's light casts none: nobody would see it."""
NAIVE_INTENSITY = 100.0
"""A distant light below this is taken by its number, as if that were its irradiance: exporters write "3" for a sun. UsdLux
means radiance over the light's disc, which leaves nothing at such numbers."""
TARGET = 0.52
"""Light reflected by a white surface that the key light meets at 45°, after exposure; 1 is the screen's white. Bright
enough to look sunlit, with room for highlights."""


@dataclass
class LightRig:
    """Lights as the shaders take them.

    Attributes:
        places: [k, 4]: position and 1, or direction towards the light and 0.
        colors: [k, 4]: irradiance (times distance squared for lights with a position), and radius.
        axes: [k, 4]: where a one-sided light faces, and 1; zeros for others.
        cones: [k, 4]: cosine of the half angle of a cone of light, and how fast it fades at the edge; wide open for others.
        sky, earth: light from above and below [3].
        exposure: factor on everything.
        casters: [c, 3]: towards the lights that cast shadows, which are the first c, from the middle of the scene.
        softness: [c]: width of the edge of each shadow, as a share of the distance to what casts it.
        shares: [c]: of the ground's light that each shadow takes away.
        dome: the image around the scene, which then gives the light from all sides; None without one.
    """

    places: np.ndarray
    colors: np.ndarray
    axes: np.ndarray
    cones: np.ndarray
    sky: np.ndarray
    earth: np.ndarray
    exposure: float
    casters: np.ndarray
    softness: np.ndarray
    shares: np.ndarray
    dome: Dome | None = None

    @property
    def variant(self) -> tuple[str, ...]:
        """What shaders are compiled for."""
        directed = (self.axes[:, 3] > 0.5).any() or (self.cones[:, 0] > -1.0).any()
        local = ("LOCAL_LIGHTS",) if directed or (self.places[:, 3] > 0.5).any() else ()
        image = ("DOME",) if self.dome is not None else ()
        return (f"LIGHTS {min(len(self.places), MAX_LIGHTS)}", *local, *image)


@dataclass
class _Sum:
    places: list = field(default_factory=list)
    colors: list = field(default_factory=list)
    axes: list = field(default_factory=list)
    cones: list = field(default_factory=list)
    at_center: list = field(default_factory=list)
    directions: list = field(default_factory=list)
    softness: list = field(default_factory=list)
    casts: list = field(default_factory=list)


WIDE = (-2.0, 1.0, 0.0, 0.0)
"""The cone of a light that has none."""


def default_rig(up_axis: int) -> LightRig:
    """A warm key light from the front left above, a bluish sky, and a faint light from behind for edges."""
    up = np.eye(3)[up_axis]
    right, front = ground_axes(up_axis)
    key = up * 1.0 + front * 0.62 - right * 0.55
    rim = up * 0.5 - front * 0.9 + right * 0.7
    key, rim = key / np.linalg.norm(key), rim / np.linalg.norm(rim)
    return LightRig(
        places=np.array([[*key, 0.0], [*rim, 0.0]]),
        colors=np.array([[2.35, 2.25, 2.1, 0.0], [0.35, 0.4, 0.5, 0.0]]),
        axes=np.zeros((2, 4)),
        cones=np.array([WIDE, WIDE]),
        sky=np.array([0.62, 0.67, 0.74]),
        earth=np.array([0.25, 0.24, 0.23]),
        exposure=1.0,
        casters=key[None],
        softness=np.array([0.03]),
        shares=np.ones(1),
    )


def ground_axes(up_axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Right and front (towards the usual viewer) on the ground of a scene with this up axis."""
    right, front = {0: ((0, 1, 0), (0, 0, 1)), 1: ((1, 0, 0), (0, 0, 1)), 2: ((1, 0, 0), (0, -1, 0))}[up_axis]
    return np.array(right, float), np.array(front, float)


def light_rig(
    scene: RenderScene, poses: np.ndarray, center: np.ndarray, *, stage_lights: bool = True, view=None
) -> LightRig:
    """The lights for a scene whose bodies are at `poses` [n, 4, 4], exposed for what is around `center`; `view` [3] points to the camera."""
    lights = [light for light in scene.lights if light.visible and np.any(light.color > 0.0)] if stage_lights else []
    if not lights:
        return default_rig(scene.up_axis)
    up = scene.up
    total, dome, headlight, images = _Sum(), np.zeros(3), np.zeros(3), []
    for light in lights:
        if light.kind == "dome":
            at_camera = light.headlight if light.headlight is not None and view is not None else np.zeros(3)
            headlight += at_camera
            even = np.maximum(light.color - FACING * at_camera, 0.0)
            dome += even if light.image is None else even * light.image.mean
            images += [] if light.image is None else [light]
        else:
            _add(total, light, poses, center)
    order = np.argsort([-a for a in total.at_center])[:MAX_LIGHTS]
    casting = _casting(total, order)
    order = [*casting, *(n for n in order.tolist() if n not in casting)]
    places, colors, axes, cones = (
        np.array([rows[i] for i in order], float).reshape(-1, 4)
        for rows in (total.places, total.colors, total.axes, total.cones)
    )
    direct = float(sum(total.at_center[i] for i in order))
    sky, factor = dome, 1.0
    if not dome.any():
        # In a closed world light also comes from everywhere, a little.
        sky = 0.5 * direct / np.pi * np.array([0.95, 1.0, 1.08])
    elif direct > 0.0:
        # Dome intensities are set with other programs' tone curves in mind: keep form visible.
        level = np.pi * float(dome.mean())
        factor = np.clip(level, 0.25 * direct, 0.9 * direct) / level
        sky = dome * factor
    sky = np.maximum(sky, 1e-9)
    picture = _picture(images, poses, factor, dome) if images else None
    earth = 0.42 * sky * np.array([1.02, 1.0, 0.96])
    if not direct:
        earth = 0.35 * sky
    white = 0.72 * _most_at_once(total, order) / np.pi + float(sky.mean()) * 0.75
    if len(order):
        casters = np.array([total.directions[n] for n in casting]).reshape(-1, 3)
        softness = np.array([total.softness[n] for n in casting])
        fall = np.array([total.at_center[n] for n in casting]) * np.maximum(casters @ up, 0.05)
        shares = fall / max(float(fall.sum()), 1e-12)
    else:
        # A dome alone: a broad light from above gives things a foot on the ground; from an image, only its shadow is left.
        side = _tilted(scene.up_axis) if picture is None else brightest_side(picture, up)
        places, axes = np.array([[*side, 0.0]]), np.zeros((1, 4))
        colors, cones = np.array([[*(1.3 * sky * (picture is None)), 0.0]]), np.array([WIDE])
        casters, softness, shares = places[:, :3], np.array([0.2]), np.ones(1)
        white += 0.72 * 1.3 * float(sky.mean()) / np.pi
    if headlight.any():
        row = [*np.asarray(view, float), 0.0], [*(np.pi * headlight), 0.0], np.zeros(4), WIDE
        # Not counted in the exposure: it brightens what other lights leave dark.
        # In the place of the weakest light where there are too many, and after those that cast shadows.
        most = MAX_LIGHTS - 1
        places, colors, axes, cones = (
            np.concatenate([rows[:most], np.reshape(added, (1, 4))])
            for rows, added in zip((places, colors, axes, cones), row, strict=True)
        )
    exposure = TARGET / max(white, 1e-12) * 1.25
    return LightRig(places, colors, axes, cones, sky, earth, exposure, casters, softness, shares, picture)


def _picture(images: list[LightItem], poses: np.ndarray, factor: float, total: np.ndarray) -> Dome:
    """The image of the brightest dome, made brighter by `factor`; `total` light of all domes [3], evenly from the others."""
    light = max(images, key=lambda each: float((each.color * each.image.mean).mean()))
    matrix = np.asarray(light.transform, float)
    if light.body >= 0:
        matrix = poses[light.body] @ matrix
    to_world = matrix[:3, :3] @ light.image.pole
    color = factor * np.asarray(light.color, float)
    diffuse = color * diffuse_polynomial(light.image, to_world)
    diffuse[0] += np.maximum(factor * total - color * light.image.mean, 0.0)
    return Dome(light.image, np.linalg.pinv(to_world), color, diffuse)


def _casting(total: _Sum, order: np.ndarray) -> list[int]:
    """Which lights cast shadows, the strongest first."""
    least = FAINT * max(total.at_center, default=0.0)
    return [n for n in order.tolist() if total.casts[n] and total.at_center[n] >= least][:MAX_SHADOWS]


def _most_at_once(total: _Sum, order: list[int]) -> float:
    """The most that these lights give to a surface that faces one of them: lights from two sides do not add up."""
    if not order:
        return 0.0
    directions = np.array([total.directions[n] for n in order])
    cosines = np.clip(directions @ directions.T, 0.0, 1.0)
    return float((cosines @ np.array([total.at_center[n] for n in order])).max())


def _tilted(up_axis: int) -> np.ndarray:
    right, front = ground_axes(up_axis)
    direction = np.eye(3)[up_axis] + 0.35 * front - 0.3 * right
    return direction / np.linalg.norm(direction)


def _add(total: _Sum, light: LightItem, poses: np.ndarray, center: np.ndarray) -> None:
    matrix = np.asarray(light.transform, float)
    if light.body >= 0:
        matrix = poses[light.body] @ matrix
    axis = -matrix[:3, 2] / max(np.linalg.norm(matrix[:3, 2]), 1e-12)
    color = np.asarray(light.color, float)
    total.casts.append(light.casts_shadow)
    if light.kind == "distant":
        if color.max() > NAIVE_INTENSITY:
            color = color * np.pi * np.sin(0.5 * max(light.angle, 0.009)) ** 2
        total.places.append([*-axis, 0.0])
        total.colors.append([*color, 0.0])
        total.axes.append([0.0] * 4)
        total.cones.append(WIDE)
        total.at_center.append(float(color.mean()))
        total.directions.append(-axis)
        total.softness.append(float(np.clip(light.angle, 0.01, 0.3)))
        return
    # Radiance times the area seen from afar gives intensity; irradiance is that over distance squared.
    seen = {"sphere": 0.25, "cylinder": 1.0 / np.pi}.get(light.kind, 1.0)
    intensity = color * light.area * seen
    position = matrix[:3, 3]
    away = position - center
    distance = max(float(np.linalg.norm(away)), light.radius, 1e-6)
    one_sided = light.kind in ("rect", "disk")
    total.places.append([*position, 1.0])
    total.colors.append([*intensity, light.radius])
    toward = float(np.dot(-away / distance, axis))
    cone = WIDE
    if light.cone < 0.5 * np.pi:
        outer, inner = np.cos(light.cone), np.cos(light.cone * (1.0 - np.clip(light.cone_softness, 0.0, 1.0)))
        cone = (outer, 1.0 / max(inner - outer, 0.005), 0.0, 0.0)
    total.cones.append(cone)
    total.axes.append([*axis, 1.0] if one_sided else [*axis, 0.0])
    facing = max(toward, 0.0) if one_sided else 1.0
    facing *= float(np.clip((toward - cone[0]) * cone[1], 0.0, 1.0))
    total.at_center.append(float(intensity.mean()) * facing / distance**2)
    total.directions.append(away / distance if np.linalg.norm(away) > 1e-9 else np.array([0.0, 1.0, 0.0]))
    total.softness.append(float(np.clip(2.0 * light.radius / distance, 0.01, 0.4)))

"""The lights of a picture: those of the stage, or a key light with a sky, and the exposure that suits them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from app.render.scene import LightItem, RenderScene

MAX_LIGHTS = 8
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
        sky, earth: light from above and below [3].
        exposure: factor on everything.
        caster_direction: towards the first light, which casts the shadow, from the middle of the scene [3].
        softness: width of the shadow's edge, as a share of the distance to what casts it.
    """

    places: np.ndarray
    colors: np.ndarray
    axes: np.ndarray
    sky: np.ndarray
    earth: np.ndarray
    exposure: float
    caster_direction: np.ndarray
    softness: float = 0.03

    @property
    def variant(self) -> tuple[str, ...]:
        """What shaders are compiled for."""
        local = ("LOCAL_LIGHTS",) if (self.places[:, 3] > 0.5).any() or (self.axes[:, 3] > 0.5).any() else ()
        return (f"LIGHTS {min(len(self.places), MAX_LIGHTS)}", *local)


@dataclass
class _Sum:
    places: list = field(default_factory=list)
    colors: list = field(default_factory=list)
    axes: list = field(default_factory=list)
    at_center: list = field(default_factory=list)
    directions: list = field(default_factory=list)
    softness: list = field(default_factory=list)


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
        sky=np.array([0.62, 0.67, 0.74]),
        earth=np.array([0.25, 0.24, 0.23]),
        exposure=1.0,
        caster_direction=key,
    )


def ground_axes(up_axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Right and front (towards the usual viewer) on the ground of a scene with this up axis."""
    right, front = {0: ((0, 1, 0), (0, 0, 1)), 1: ((1, 0, 0), (0, 0, 1)), 2: ((1, 0, 0), (0, -1, 0))}[up_axis]
    return np.array(right, float), np.array(front, float)


def light_rig(scene: RenderScene, poses: np.ndarray, center: np.ndarray, *, stage_lights: bool = True) -> LightRig:
    """The lights for a scene whose bodies are at `poses` [n, 4, 4], exposed for what is around `center`."""
    lights = [light for light in scene.lights if light.visible and np.any(light.color > 0.0)] if stage_lights else []
    if not lights:
        return default_rig(scene.up_axis)
    up = scene.up
    total, dome = _Sum(), np.zeros(3)
    for light in lights:
        if light.kind == "dome":
            dome += light.color
        else:
            _add(total, light, poses, center)
    order = np.argsort([-a for a in total.at_center])[:MAX_LIGHTS]
    places, colors, axes = (
        np.array([rows[i] for i in order], float).reshape(-1, 4) for rows in (total.places, total.colors, total.axes)
    )
    direct = float(sum(total.at_center[i] for i in order))
    sky = dome
    if not dome.any():
        # In a closed world light also comes from everywhere, a little.
        sky = 0.5 * direct / np.pi * np.array([0.95, 1.0, 1.08])
    elif direct > 0.0:
        # Dome intensities are set with other programs' tone curves in mind: keep form visible.
        level = np.pi * float(dome.mean())
        factor = np.clip(level, 0.25 * direct, 0.9 * direct) / level
        sky = dome * factor
    sky = np.maximum(sky, 1e-9)
    earth = 0.42 * sky * np.array([1.02, 1.0, 0.96])
    if not direct:
        earth = 0.35 * sky
    white = 0.72 * direct / np.pi + float(sky.mean()) * 0.75
    if len(order):
        first = int(order[0])
        direction, softness = np.array(total.directions[first]), total.softness[first]
    else:
        direction, softness = up, 0.2
        # A dome alone: a broad light from above gives things a foot on the ground.
        places, axes = np.array([[*_tilted(scene.up_axis), 0.0]]), np.zeros((1, 4))
        colors = np.array([[*(1.3 * sky), 0.0]])
        direction = places[0, :3]
        white += 0.72 * 1.3 * float(sky.mean()) / np.pi
    return LightRig(places, colors, axes, sky, earth, TARGET / max(white, 1e-12) * 1.25, direction, softness)


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
    if light.kind == "distant":
        if color.max() > NAIVE_INTENSITY:
            color = color * np.pi * np.sin(0.5 * max(light.angle, 0.009)) ** 2
        total.places.append([*-axis, 0.0])
        total.colors.append([*color, 0.0])
        total.axes.append([0.0] * 4)
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
    total.axes.append([*axis, 1.0] if one_sided else [0.0] * 4)
    facing = max(float(np.dot(-away / distance, axis)), 0.0) if one_sided else 1.0
    total.at_center.append(float(intensity.mean()) * facing / distance**2)
    total.directions.append(away / distance if np.linalg.norm(away) > 1e-9 else np.array([0.0, 1.0, 0.0]))
    total.softness.append(float(np.clip(2.0 * light.radius / distance, 0.01, 0.4)))

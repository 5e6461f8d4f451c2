"""The floor of the studio: the scene's ground, or a plain that catches shadows, with a grid on it."""

from __future__ import annotations

from itertools import pairwise

import moderngl
import numpy as np

from app.render.camera import Camera
from app.render.lights import LightRig
from app.render.options import BACKGROUNDS, DrawOptions
from app.render.placement import Placement
from app.render.scene import MeshItem, RenderScene
from app.render.screen_quad import ScreenQuad
from app.render.shader_source import Programs, set_uniforms

REACH = 10.0
"""Half width of the drawn ground, in radii of the scene."""


class GroundPass:
    """Draws the ground of one scene at a time."""

    def __init__(self, programs: Programs, screen: ScreenQuad):
        self._programs, self._screen = programs, screen

    def draw(
        self,
        scene: RenderScene,
        placement: Placement,
        camera: Camera,
        options: DrawOptions,
        rig: LightRig,
        light_variant: tuple[str, ...],
        target: moderngl.Framebuffer,
    ) -> None:
        """Blend it into `target`, behind what is drawn there.

        Where no shadow can fall, nobody looks for one: that is half of what the ground costs where the processor draws.
        """
        grounds = [m for m in scene.meshes if m.ground and m.visible and m.purpose in options.purposes]
        if not (grounds or options.grid) or options.shading == "normals":
            return
        bounds = placement.bounds
        dark = options.background in ("dark", "black")
        _, bottom = BACKGROUNDS[options.background]
        tint, floor = np.array(bottom), 0.0
        if grounds:
            floor = 0.0 if options.transparent else 1.0
            tint = np.clip(_color(scene, grounds[0]), 0.02, 0.86)  # what is as bright as the screen shows no form
        height = scene.ground_height or 0.0
        # Lines every power of ten that is about a twelfth of the distance looked over.
        cell = 10.0 ** np.floor(np.log10(max(0.6 * camera.distance, 1e-6)))
        axes = ("WITH_AXES",) if options.grid and not grounds else ()
        light = float(tint.mean()) < 0.4 if grounds else dark
        ink = np.array([0.75, 0.78, 0.82]) if light else np.array([0.18, 0.2, 0.24])
        lines = (0.20 if light else 0.28) if options.grid else 0.0
        extent = REACH * bounds.radius
        casters = [_shadow_reach(placement, toward, scene.up, height, extent) for toward in rig.casters]
        casters = casters or [(np.zeros(2), np.zeros(2))]
        low, high = (pick([reach[k] for reach in casters], axis=0) for k, pick in enumerate((np.min, np.max)))
        uniforms = {
            "extent": extent,
            "height": height - 2e-4 * bounds.radius,
            "cell": float(cell),
            "tint": tuple(map(float, tint)),
            "ink": tuple(map(float, ink)),
            "floor_opacity": floor,
            "line_opacity": lines,
            "below": float(np.dot(camera.eye, scene.up)) <= height,
        }
        # A floor that is there has depths, so that things darken it where they stand; a grid alone has none.
        above = float(np.dot(camera.eye, scene.up)) > height
        target.depth_mask = floor > 0.0 and above
        bare = tuple(each for each in light_variant if not each.startswith("SHADOWS"))
        strips = self._axis_strips(placement, camera, scene.up, extent) if axes and self._programs.lean else None
        for part, is_shadowed, has_axis in _parts(low, high, strips):
            variant = (*(axes if has_axis else ()), *(light_variant if is_shadowed else bare))
            program = self._programs.get("ground", "ground", *variant)
            set_uniforms(program, part=part, **uniforms)
            self._screen.draw(program)

    @staticmethod
    def _axis_strips(placement: Placement, camera: Camera, up: np.ndarray, extent: float) -> np.ndarray:
        """Lower and upper bounds [2, 2], -1 .. 1, of the strips along both axes that their lines lie in."""
        bounds = placement.bounds
        far = camera.distance + 2.0 * bounds.radius
        half = 24.0 * camera.pixel_size(far, 800) / extent
        u = np.roll(up, 1)
        middle = -(np.stack([u, np.cross(up, u)]) @ bounds.center) / extent
        return np.stack([middle - half, middle + half], axis=1)


Part = tuple[tuple[float, float, float, float], bool, bool]
"""Low and high corner of a part of the ground, whether shadows fall there, whether an axis crosses it."""


def _parts(low: np.ndarray, high: np.ndarray, strips: np.ndarray | None) -> list[Part]:
    """The ground cut where shadows end and, if strips are given, along the axes.

    Every cut goes right through, so that parts have corners in common and no cracks between them.
    """
    cuts = []
    for k in (0, 1):
        wanted = [-1.0, float(low[k]), float(high[k]), 1.0, *([] if strips is None else strips[k].tolist())]
        cuts.append(sorted({min(max(c, -1.0), 1.0) for c in wanted}))
    out = []
    for a, b in pairwise(cuts[0]):
        for c, d in pairwise(cuts[1]):
            middle = np.array([0.5 * (a + b), 0.5 * (c + d)])
            shadowed = bool(((low < middle) & (middle < high)).all())
            crossed = strips is None or bool(((strips[:, 0] < middle) & (middle < strips[:, 1])).any())
            out.append(((a, c, b, d), shadowed, crossed))
    return out


def _shadow_reach(
    placement: Placement, toward: np.ndarray, up: np.ndarray, height: float, extent: float
) -> tuple[np.ndarray, np.ndarray]:
    """Corners of the part of the ground, -1 .. 1, that shadows from the light in a direction can fall on."""
    bounds = placement.bounds
    climb = float(np.dot(toward, up))
    if bounds.is_empty or climb < 0.05:
        return -np.ones(2), np.ones(2)
    u = np.roll(up, 1)
    axes = np.stack([u, np.cross(up, u)])
    center = axes @ bounds.center

    def reach(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of shadows of some points."""
        above = points @ up - height
        places = ((points - above[:, None] / climb * toward) @ axes.T - center) / extent
        return places.min(axis=0), places.max(axis=0)

    corners = placement.everything.corners()
    low, high = reach(
        np.where((corners @ up > height)[:, None], corners, corners + (height - corners @ up)[:, None] * up)
    )
    # What the shadow map does not hold casts none.
    sideways, upward, _ = Camera(bounds.center + toward, bounds.center, up).axes()
    square = [1.06 * bounds.radius * (i * sideways + j * upward) for i in (-1, 1) for j in (-1, 1)]
    held_low, held_high = reach(bounds.center + np.array(square))
    margin = 0.02 * bounds.radius / extent
    low, high = np.maximum(low - margin, held_low), np.minimum(high + margin, held_high)
    return np.clip(low, -1.0, 1.0), np.clip(np.maximum(low, high), -1.0, 1.0)


def _color(scene: RenderScene, item: MeshItem) -> np.ndarray:
    """sRGB colour of the ground's look."""
    material = scene.materials[item.material]
    linear = np.asarray(item.color[:3] if material.diffuse is None else material.diffuse, float)
    if material.texture is not None:
        return material.texture.pixels[..., :3].reshape(-1, 3).mean(axis=0) / 255.0
    return np.where(linear < 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-6) ** (1 / 2.4) - 0.055)

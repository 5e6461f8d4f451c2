"""The floor of the studio: the scene's ground, or a plain that catches shadows, with a grid on it."""

from __future__ import annotations

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
        ink = np.array([0.75, 0.78, 0.82]) if dark and not grounds else np.array([0.18, 0.2, 0.24])
        lines = (0.20 if dark and not grounds else 0.28) if options.grid else 0.0
        extent = REACH * bounds.radius
        casters = [_shadow_reach(placement, toward, scene.up, height, extent) for toward in rig.casters]
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
        # Nine parts with corners in common, so that there are no cracks between them.
        edges = [np.array([-1.0, low[k], high[k], 1.0]) for k in (0, 1)]
        bare = tuple(each for each in light_variant if not each.startswith("SHADOWS"))
        for i, j in np.ndindex(3, 3):
            part = (edges[0][i], edges[1][j], edges[0][i + 1], edges[1][j + 1])
            if part[0] >= part[2] or part[1] >= part[3]:
                continue
            lit = light_variant if i == j == 1 else bare
            program = self._programs.get("ground", "ground", *axes, *lit)
            set_uniforms(program, part=tuple(map(float, part)), **uniforms)
            self._screen.draw(program)


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

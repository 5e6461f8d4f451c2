"""The floor of the studio: the scene's ground, or a plain that catches shadows, with a grid on it."""

from __future__ import annotations

import moderngl
import numpy as np

from app.render.camera import Camera
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
        light_variant: tuple[str, ...],
        target: moderngl.Framebuffer,
    ) -> None:
        """Blend it into `target`, behind what is drawn there."""
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
        program = self._programs.get("ground", "ground", *axes, *light_variant)
        ink = np.array([0.75, 0.78, 0.82]) if dark and not grounds else np.array([0.18, 0.2, 0.24])
        lines = (0.20 if dark and not grounds else 0.28) if options.grid else 0.0
        set_uniforms(
            program,
            extent=REACH * bounds.radius,
            height=height - 2e-4 * bounds.radius,
            cell=float(cell),
            tint=tuple(map(float, tint)),
            ink=tuple(map(float, ink)),
            floor_opacity=floor,
            line_opacity=lines,
        )
        # A floor that is there has depths, so that things darken it where they stand; a grid alone has none.
        above = float(np.dot(camera.eye, scene.up)) > height
        target.depth_mask = floor > 0.0 and above
        self._screen.draw(program)


def _color(scene: RenderScene, item: MeshItem) -> np.ndarray:
    """sRGB colour of the ground's look."""
    material = scene.materials[item.material]
    linear = np.asarray(item.color[:3] if material.diffuse is None else material.diffuse, float)
    if material.texture is not None:
        return material.texture.pixels[..., :3].reshape(-1, 3).mean(axis=0) / 255.0
    return np.where(linear < 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-6) ** (1 / 2.4) - 0.055)

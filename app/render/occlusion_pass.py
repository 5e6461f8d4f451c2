"""Darkens crevices and the places where things stand, from the depths of the picture."""

from __future__ import annotations

from collections.abc import Callable

import moderngl
import numpy as np

from app.render.shader_source import Programs, set_uniforms
from app.render.targets import PictureTarget

REACH = 0.09
"""How far surfaces darken each other, in radii of the scene."""


class OcclusionPass:
    """Ambient occlusion of one picture size at a time."""

    def __init__(self, context: moderngl.Context, programs: Programs, draw_screen: Callable[[moderngl.Program], None]):
        self._context, self._draw_screen = context, draw_screen
        self._find, self._apply = programs.get("screen", "occlusion"), programs.get("screen", "darken")
        self._texture: moderngl.Texture | None = None
        self._framebuffer: moderngl.Framebuffer | None = None

    def draw(self, target: PictureTarget, view_projection: np.ndarray, radius: float) -> None:
        """Multiply the resolved picture of `target` by its occlusion; `radius` is the scene's [m]."""
        if self._texture is None or self._texture.size != target.size:
            self.release()
            self._texture = self._context.texture(target.size, 1)
            self._framebuffer = self._context.framebuffer([self._texture])
        context = self._context
        self._framebuffer.use()
        context.viewport = (0, 0, *target.size)
        context.enable_only(moderngl.NOTHING)
        target.depths.use(5)
        set_uniforms(self._find, to_world=np.linalg.inv(view_projection), reach=REACH * radius)
        self._draw_screen(self._find)
        target.resolved_color.use()
        context.viewport = (0, 0, *target.size)
        context.enable_only(moderngl.BLEND)
        context.blend_func = moderngl.DST_COLOR, moderngl.ZERO, moderngl.ZERO, moderngl.ONE
        self._texture.use(6)
        self._draw_screen(self._apply)
        context.enable_only(moderngl.NOTHING)

    def release(self) -> None:
        """Give the textures back."""
        for each in (self._framebuffer, self._texture):
            if each is not None:
                each.release()
        self._framebuffer = self._texture = None

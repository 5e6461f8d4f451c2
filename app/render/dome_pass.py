"""The picture around a scene: its texture for reflections, and the background it gives."""

from __future__ import annotations

import math

import moderngl
import numpy as np

from app.render.camera import Camera
from app.render.dome import Dome, DomeImage
from app.render.screen_quad import ScreenQuad
from app.render.shader_source import DOME_UNIT, Programs, set_uniforms

LARGEST_HALF = 65504.0
"""The largest number that texels of 16 bits hold."""


class DomePass:
    """Keeps the texture of the dome that was last drawn."""

    def __init__(self, context: moderngl.Context, programs: Programs, screen: ScreenQuad):
        self._context, self._programs, self._screen = context, programs, screen
        self._of: DomeImage | None = None
        self._texture: moderngl.Texture | None = None

    def bind(self, dome: Dome) -> None:
        """For all that is lit by it."""
        if self._of is not dome.image:
            self.release()
            height, width = dome.image.pixels.shape[:2]
            texels = np.minimum(dome.image.pixels, LARGEST_HALF).astype(np.float16)
            self._texture = self._context.texture((width, height), 3, texels.tobytes(), alignment=1, dtype="f2")
            self._texture.build_mipmaps()
            self._texture.filter = (moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR)
            self._texture.repeat_x, self._texture.repeat_y = True, False
            self._of = dome.image
        self._texture.use(DOME_UNIT)

    def draw(self, dome: Dome, camera: Camera, size: tuple[int, int]) -> None:
        """Fill what nothing opaque covers in the picture that is bound."""
        program = self._programs.get("deferred", "dome_background", "DOME")
        across, up, back = camera.axes()
        x, y = camera.half_extent(size[0] / size[1])
        # Where the image has more texels than the picture has pixels, a level with as many is read.
        pixel = 0.0 if camera.orthographic_height else 2.0 * y / size[1]
        texel = np.pi / dome.image.pixels.shape[0]
        set_uniforms(
            program,
            right=tuple(map(float, x * across)),
            upward=tuple(map(float, y * up)),
            ahead=tuple(map(float, -back)),
            level=max(math.log2(pixel / texel), 0.0) if pixel > 0.0 else 0.0,
        )
        self._screen.draw(program)

    def release(self) -> None:
        """Give the texture back."""
        if self._texture is not None:
            self._texture.release()
        self._texture = self._of = None

"""A quad over the whole picture, for passes that look at every pixel."""

from __future__ import annotations

import moderngl
import numpy as np

_CORNERS = np.array([[-1, -1], [1, -1], [-1, 1], [1, 1]], np.float32)


class ScreenQuad:
    """Draws the square from -1 to 1 with any program that takes `in_corner`."""

    def __init__(self, context: moderngl.Context):
        self._context = context
        self._corners = context.buffer(_CORNERS.tobytes())
        self._arrays: dict[moderngl.Program, moderngl.VertexArray] = {}

    def draw(self, program: moderngl.Program) -> None:
        """Into whatever framebuffer is bound."""
        if program not in self._arrays:
            self._arrays[program] = self._context.vertex_array(program, [(self._corners, "2f", "in_corner")])
        self._arrays[program].render(moderngl.TRIANGLE_STRIP)

    def release(self) -> None:
        """Give everything back."""
        for each in (*self._arrays.values(), self._corners):
            each.release()
        self._arrays.clear()

"""Draws overlays: lines and dots of a width in pixels, text, the axis tripod in the corner."""

from __future__ import annotations

import moderngl
import numpy as np

from app.render.camera import Camera
from app.render.options import AXIS_COLORS, Overlay
from app.render.shader_source import Programs, set_uniforms
from app.render.text_atlas import TextAtlas

_LINE_CORNERS = np.array([[0, -1], [1, -1], [0, 1], [1, 1]], np.float32)
_DOT_CORNERS = np.array([[-1, -1], [1, -1], [-1, 1], [1, 1]], np.float32)
_GLYPH_CORNERS = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], np.float32)
TRIPOD_SIZE = 42.0
"""Length of an axis of the tripod, in pixels."""


class _Stream:
    """A buffer that is filled with new instances before every draw, and the vertex array that reads it."""

    def __init__(
        self, context: moderngl.Context, program: moderngl.Program, corners: np.ndarray, layout: tuple[str, ...]
    ):
        self._context, self._program, self._layout = context, program, layout
        self._corners = context.buffer(corners.tobytes())
        self._buffer = None
        self._array = None

    def draw(self, instances: np.ndarray) -> None:
        data = np.ascontiguousarray(instances, np.float32)
        if self._buffer is None or self._buffer.size < data.nbytes:
            self.release_stream()
            self._buffer = self._context.buffer(reserve=max(2 * data.nbytes, 4096), dynamic=True)
            content = [(self._corners, "2f", "in_corner"), (self._buffer, *self._layout)]
            self._array = self._context.vertex_array(self._program, content)
        self._buffer.orphan()
        self._buffer.write(data.tobytes())
        self._array.render(moderngl.TRIANGLE_STRIP, vertices=4, instances=len(data))

    def release_stream(self) -> None:
        for each in (self._array, self._buffer):
            if each is not None:
                each.release()
        self._array = self._buffer = None

    def release(self) -> None:
        self.release_stream()
        self._corners.release()


class OverlayPass:
    """Draws `Overlay` lists into whatever framebuffer is bound."""

    def __init__(self, context: moderngl.Context, programs: Programs):
        self._context = context
        self._lines = programs.get("line", "line")
        self._dots = programs.get("dot", "dot")
        self._glyphs = programs.get("glyph", "glyph")
        self._line_stream = _Stream(
            context, self._lines, _LINE_CORNERS, ("3f 3f 4f /i", "in_start", "in_end", "in_line_color")
        )
        self._dot_stream = _Stream(context, self._dots, _DOT_CORNERS, ("3f 4f /i", "in_start", "in_line_color"))
        self._glyph_stream = _Stream(
            context, self._glyphs, _GLYPH_CORNERS, ("4f 4f 4f /i", "in_box", "in_texels", "in_line_color")
        )
        self._atlas: TextAtlas | None = None
        self._atlas_texture: moderngl.Texture | None = None

    def draw(self, overlay: Overlay, projection: np.ndarray, *, through: bool, scale: float) -> None:
        """The lines and dots that are (or are not) drawn through surfaces."""
        for ends, colors, width, is_through in overlay.segments:
            if is_through == through:
                set_uniforms(self._lines, width=width * scale, projection_used=projection)
                self._line_stream.draw(np.concatenate([ends.reshape(-1, 6), colors], axis=1))
        for points, colors, size, is_through in overlay.dots:
            if is_through == through:
                set_uniforms(self._dots, width=size * scale, projection_used=projection)
                self._dot_stream.draw(np.concatenate([points, colors], axis=1))

    def texts(self, overlay: Overlay, camera: Camera, size: tuple[int, int], *, scale: float) -> None:
        """The labels, at their points' places in the picture."""
        if not overlay.texts:
            return
        places = camera.project(np.stack([t[0] for t in overlay.texts]), *size)
        letters = []
        for (x, y, depth), (_, text, color, points) in zip(places, overlay.texts, strict=True):
            if depth > 0.0 and -200.0 < x < size[0] + 200.0 and -50.0 < y < size[1] + 50.0:
                letters += self._letters(text, x + 4.0 * scale, y - 0.6 * points * scale, points * scale, color)
        self._draw_letters(letters)

    def _letters(self, text: str, left: float, top: float, size: float, color: np.ndarray) -> list[np.ndarray]:
        if self._atlas is None:
            self._atlas = TextAtlas()
            height, width = self._atlas.pixels.shape
            self._atlas_texture = self._context.texture((width, height), 1, self._atlas.pixels.tobytes())
            self._atlas_texture.build_mipmaps()
            self._atlas_texture.filter = (moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR)
        return [np.concatenate([box, texels, color]) for box, texels in self._atlas.layout(text, left, top, size)]

    def _draw_letters(self, letters: list[np.ndarray]) -> None:
        if letters:
            self._atlas_texture.use(4)
            self._glyph_stream.draw(np.stack(letters))

    def tripod(self, camera: Camera, size: tuple[int, int], *, scale: float) -> None:
        """The axes' directions in the lower left corner, the one pointing away drawn first."""
        length = TRIPOD_SIZE * scale
        center = np.array([1.45 * length, size[1] - 1.45 * length])
        axes = camera.axes()
        letters = []
        to_clip = np.array([2.0 / size[0], -2.0 / size[1]])
        for axis in np.argsort(axes[2]):
            tip = center + length * np.array([axes[0, axis], -axes[1, axis]])
            color = np.array([*AXIS_COLORS[axis], 1.0])
            ends = [np.array([*(p * to_clip + [-1.0, 1.0]), 0.0]) for p in (center, tip)]
            set_uniforms(self._lines, width=2.5 * scale, projection_used=np.eye(4))
            self._line_stream.draw(np.concatenate([*ends, color])[None])
            beyond = center + 1.22 * (tip - center)
            name, points = "xyz"[axis], 15.0 * scale
            letters += self._letters(name, beyond[0] - 0.28 * points, beyond[1] - 0.62 * points, points, color)
        self._draw_letters(letters)

    def release(self) -> None:
        """Give the buffers back."""
        for stream in (self._line_stream, self._dot_stream, self._glyph_stream):
            stream.release()
        if self._atlas_texture is not None:
            self._atlas_texture.release()

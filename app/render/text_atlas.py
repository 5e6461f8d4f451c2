"""Letters as one texture: rendered once with the font that comes with Pillow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.render.errors import NoGraphics

CHARACTERS = "".join(chr(code) for code in range(32, 127)) + "°±²³·×µ–…→"
RENDERED_SIZE = 32


@dataclass(frozen=True)
class Glyph:
    """Place in the atlas (left, top, width, height in texels), offset from the pen, and step of the pen."""

    box: tuple[int, int, int, int]
    offset: tuple[float, float]
    advance: float


class TextAtlas:
    """All letters side by side.

    Attributes:
        pixels: [height, width] uint8.
        glyphs: by character.
        line_height: of a line at `RENDERED_SIZE`.
    """

    def __init__(self):
        try:
            from PIL import Image, ImageDraw, ImageFont
        except ImportError:
            raise NoGraphics('the package pillow is not installed; pip install "simrun[view]"') from None
        font = ImageFont.load_default(RENDERED_SIZE)
        ascent, descent = font.getmetrics()
        self.line_height = float(ascent + descent)
        columns, cell = 16, RENDERED_SIZE * 2
        rows = -(-len(CHARACTERS) // columns)
        image = Image.new("L", (columns * cell, rows * cell), 0)
        draw = ImageDraw.Draw(image)
        self.glyphs: dict[str, Glyph] = {}
        for k, character in enumerate(CHARACTERS):
            left, top, right, bottom = font.getbbox(character)
            x, y = (k % columns) * cell + 4, (k // columns) * cell + 4
            draw.text((x - left, y - top), character, font=font, fill=255)
            box = (x - 1, y - 1, right - left + 2, bottom - top + 2)
            self.glyphs[character] = Glyph(box, (left - 1, top - 1), font.getlength(character))
        self.pixels = np.asarray(image)

    def layout(self, text: str, left: float, top: float, size: float) -> list[tuple[np.ndarray, np.ndarray]]:
        """Boxes on the screen and in the atlas (0 .. 1) of the letters of a line starting at a pixel."""
        scale, pen, out = size / RENDERED_SIZE, left, []
        height, width = self.pixels.shape
        for character in text:
            glyph = self.glyphs.get(character, self.glyphs["?"])
            x, y, w, h = glyph.box
            if character != " ":
                place = np.array([pen + scale * glyph.offset[0], top + scale * glyph.offset[1], scale * w, scale * h])
                out.append((place, np.array([x / width, y / height, w / width, h / height])))
            pen += scale * glyph.advance
        return out

    def width(self, text: str, size: float) -> float:
        """Width of a line [pixels]."""
        return size / RENDERED_SIZE * sum(self.glyphs.get(c, self.glyphs["?"]).advance for c in text)

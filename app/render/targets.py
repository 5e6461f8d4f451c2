"""Framebuffers: the picture with its samples, the finished picture, shadow map, selection mask, picking."""

from __future__ import annotations

import moderngl

PICK_SIZE = 5
"""Pixels around the pointer that are looked at, so that thin things can be hit."""


class PictureTarget:
    """Framebuffers of one size.

    Attributes:
        samples: samples a pixel of `scene`.
        scene: colour and depth that the scene is drawn into.
        resolved: the same, one sample, readable as `picture` and `depths`.
        resolved_color: its colour alone, to draw while the depths are read.
        final: the finished picture, readable as `final_texture`.
        mask: what is selected.
    """

    def __init__(self, context: moderngl.Context, size: tuple[int, int], samples: int):
        self._context, self.size, self.samples = context, size, samples
        self.picture = context.texture(size, 4)
        self.picture.filter = (moderngl.LINEAR, moderngl.LINEAR)
        self.picture.repeat_x = self.picture.repeat_y = False
        self.depths = context.depth_texture(size)
        self.depths.compare_func = ""
        self.depths.filter = (moderngl.NEAREST, moderngl.NEAREST)
        self.resolved = context.framebuffer([self.picture], self.depths)
        self.resolved_color = context.framebuffer([self.picture])
        self._owned = [self.resolved, self.resolved_color, self.picture, self.depths]
        self.scene = self.resolved
        if samples > 1:
            color, depth = (
                context.renderbuffer(size, 4, samples=samples),
                context.depth_renderbuffer(size, samples=samples),
            )
            self.scene = context.framebuffer([color], depth)
            self._owned = [self.scene, color, depth, *self._owned]
        self.final_texture = context.texture(size, 4)
        self.final = context.framebuffer([self.final_texture])
        self._owned += [self.final_texture, self.final]
        self._mask: moderngl.Framebuffer | None = None

    @property
    def mask(self) -> moderngl.Framebuffer:
        """Made when first needed."""
        if self._mask is None:
            self.mask_texture = self._context.texture(self.size, 1)
            self.mask_texture.repeat_x = self.mask_texture.repeat_y = False
            depth = self._context.depth_renderbuffer(self.size)
            self._mask = self._context.framebuffer([self.mask_texture], depth)
            self._owned += [self.mask_texture, depth, self._mask]
        return self._mask

    def release(self) -> None:
        """Give everything back."""
        for each in self._owned:
            each.release()


class ShadowTarget:
    """Square depth maps side by side, in one texture that compares when it is sampled."""

    def __init__(self, context: moderngl.Context, size: int, count: int = 1):
        self.size, self.count = size, count
        self.texture = context.depth_texture((size * count, size))
        self.texture.compare_func = "<="
        self.texture.filter = (moderngl.LINEAR, moderngl.LINEAR)
        self.texture.repeat_x = self.texture.repeat_y = False
        self.framebuffer = context.framebuffer(depth_attachment=self.texture)

    def release(self) -> None:
        """Give everything back."""
        self.framebuffer.release()
        self.texture.release()


class PickTarget:
    """A few pixels of item, instance, triangle and depth."""

    def __init__(self, context: moderngl.Context):
        size = (PICK_SIZE, PICK_SIZE)
        self._color, self._depth = context.texture(size, 4, dtype="u4"), context.depth_renderbuffer(size)
        self._color.filter = (moderngl.NEAREST, moderngl.NEAREST)
        self.framebuffer = context.framebuffer([self._color], self._depth)

    def read(self) -> bytes:
        """uint32 [size, size, 4], bottom row first."""
        return self._color.read()

    def release(self) -> None:
        """Give everything back."""
        for each in (self.framebuffer, self._color, self._depth):
            each.release()


def best_samples(context: moderngl.Context, wanted: int | None, *, software: bool) -> int:
    """Samples a pixel: what was asked for as far as the hardware goes; by default 4, or 1 where the processor draws."""
    wanted = (1 if software else 4) if wanted is None else wanted
    allowed = [n for n in (1, 2, 4, 8, 16) if n <= max(context.max_samples, 1)]
    return max([n for n in allowed if n <= wanted], default=1)

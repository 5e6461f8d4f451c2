"""Opaque meshes in two steps, for where the processor draws: what is seen, then its light, once a pixel.

Software GL shades whole blocks of pixels for every triangle that touches them; triangles of a cloth are smaller than a block,
so lighting them directly costs four times the pixels that are seen.
"""

from __future__ import annotations

import moderngl

from app.render.batches import MeshBatch
from app.render.camera import Camera
from app.render.material_binder import MaterialBinder
from app.render.materials import Material
from app.render.screen_quad import ScreenQuad
from app.render.shader_source import Programs, set_uniforms
from app.render.targets import PictureTarget


class DeferredPass:
    """Draws opaque meshes of one renderer."""

    def __init__(self, context: moderngl.Context, programs: Programs, screen: ScreenQuad, binder: MaterialBinder):
        self._context, self._programs, self._screen, self._binder = context, programs, screen, binder
        self._of: PictureTarget | None = None
        self._owned: list = []

    def suits(self, batch: MeshBatch, material: Material) -> bool:
        """Whether a batch can be drawn here: what gives off light has no place for it."""
        return not batch.transparent and not any(material.emissive) and "emissive" not in material.maps

    def gather(self, batches: list[MeshBatch], materials: list[Material], target: PictureTarget) -> None:
        """Colour, normal and distance of what is seen, and the depths of `target`; clears them."""
        self._prepare(target)
        context = self._context
        self._surfaces.use()
        context.viewport = (0, 0, *target.size)
        context.enable_only(moderngl.DEPTH_TEST)
        context.depth_func = "<="
        self._surfaces.depth_mask = True
        target.resolved.clear(depth=1.0)
        self._surfaces.use()
        for batch in batches:
            material = materials[batch.material]
            program = self._programs.get("mesh", "mesh", "DEFERRED", *self._binder.variant(material))
            self._binder.bind(program, material)
            batch.draw(program)

    def light(self, camera: Camera, size: tuple[int, int], light_variant: tuple[str, ...]) -> None:
        """Light what was gathered, into the picture that is bound with the depths of its target."""
        context = self._context
        context.enable_only(moderngl.DEPTH_TEST)
        context.depth_func = ">"  # wherever something is nearer than the far plane
        program = self._programs.get("deferred", "deferred", *light_variant)
        self._albedo.use(9)
        self._geometry.use(10)
        across, up, back = camera.axes()
        x, y = camera.half_extent(size[0] / size[1])
        set_uniforms(
            program,
            right=tuple(map(float, x * across)),
            upward=tuple(map(float, y * up)),
            ahead=tuple(map(float, -back)),
        )
        self._screen.draw(program)
        context.depth_func = "<="

    def _prepare(self, target: PictureTarget) -> None:
        if self._of is target:
            return
        self.release()
        self._of = target
        self._albedo = self._context.texture(target.size, 4)
        self._geometry = self._context.texture(target.size, 4, dtype="f4")
        for each in (self._albedo, self._geometry):
            each.filter = (moderngl.NEAREST, moderngl.NEAREST)
        self._surfaces = self._context.framebuffer([self._albedo, self._geometry], target.depths)
        self._owned = [self._surfaces, self._albedo, self._geometry]

    def release(self) -> None:
        """Give everything back."""
        for each in self._owned:
            each.release()
        self._owned, self._of = [], None

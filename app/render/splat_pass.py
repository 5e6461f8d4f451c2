"""Many spheres, drawn by compute shaders (OpenGL 4.3): the nearest at each sample, then its shade (`shaders/splat*`).

Large GPUs have few units for graphics: an H100 draws a million small spheres as quads in 38 ms.
"""

from __future__ import annotations

import moderngl
import numpy as np

from app.render.batches import GrainBatch
from app.render.camera import Bounds, Camera
from app.render.material_binder import MaterialBinder
from app.render.materials import Material
from app.render.screen_quad import ScreenQuad
from app.render.shader_source import Programs, set_uniforms

FEWEST = 4096
"""Spheres from which on this is worth it."""
_ACROSS = 1024
"""Work groups in a row; more are further rows."""
_LARGE_GROUPS = (128, 8)


class SplatPass:
    """Draws spheres of whole batches, one batch at a time."""

    def __init__(self, context: moderngl.Context, programs: Programs, screen: ScreenQuad, binder: MaterialBinder):
        self._context, self._programs, self._screen, self._binder = context, programs, screen, binder
        self._works = context.version_code >= 430
        self._buffers: dict[str, moderngl.Buffer] = {}
        self._images: list[moderngl.Texture] = []

    def suits(self, grains: GrainBatch) -> bool:
        """Whether a batch is better drawn here than as quads."""
        return self._works and not grains.capsules and grains.count >= FEWEST

    def draw(
        self,
        grains: GrainBatch,
        model: np.ndarray,
        camera: Camera,
        target: moderngl.Framebuffer,
        clip_bounds: Bounds,
        *variant: str,
        material: Material,
    ) -> None:
        """Into `target`, which is bound, with its depth test.

        Args:
            grains: opaque spheres.
            model: their space to the world [4, 4].
            camera: from where.
            target: framebuffer of the picture.
            clip_bounds: what the clip planes are fitted to.
            variant: how they are lit.
            material: their look.
        """
        size = target.size
        samples = max(target.samples, 1)
        side = 2 if samples >= 4 else 1
        grid = (side * size[0], side * size[1])
        self._find(grains, model, camera, grid, camera.clipping(clip_bounds), numbers=True)
        if not self._images or self._images[0].size != size:
            self._release_images()
            self._images = [self._context.texture(size, 4), self._context.texture(size, 2, dtype="f4")]
        shade = self._programs.compute("splat_shade", *variant)
        self._set_lens(shade, model, camera, grid, camera.clipping(clip_bounds))
        set_uniforms(shade, to_world=np.linalg.inv(camera.view_matrix()), side=side)
        self._binder.bind_numbers(shade, material)
        for unit, image in enumerate(self._images):
            image.bind_to_image(unit, read=False, write=True)
        shade.run(-(-size[0] // 8), -(-size[1] // 8))
        self._context.memory_barrier()
        target.use()
        self._context.viewport = (0, 0, *size)
        self._images[0].use(7)
        self._images[1].use(8)
        self._screen.draw(self._programs.get("screen", "splat_put", *(("MANY_SAMPLES",) if samples > 1 else ())))

    def draw_depths(
        self, grains: GrainBatch, model: np.ndarray, light: Camera, corner: tuple[int, int], size: int
    ) -> None:
        """Depths as a light sees them, into the bound framebuffer: its viewport is the square at `corner`."""
        self._find(grains, model, light, (size, size), light.clipping(), numbers=False)
        program = self._programs.get("screen", "splat_depth")
        set_uniforms(program, grid=(size, size), corner=corner)
        self._screen.draw(program)

    def _find(
        self,
        grains: GrainBatch,
        model: np.ndarray,
        camera: Camera,
        grid: tuple[int, int],
        clipping: tuple[float, float],
        *,
        numbers: bool,
    ) -> None:
        """The nearest depth at every sample, and whose it is where `numbers` are wanted."""
        context, places = self._context, grid[0] * grid[1]
        for number, buffer in enumerate((grains.place_buffer, grains.radius_buffer, grains.static_buffer)):
            buffer.bind_to_storage_buffer(number)
        self._buffer("nearest", 4 * places).bind_to_storage_buffer(3)
        self._buffer("owners", 4 * places if numbers else 4).bind_to_storage_buffer(4)
        self._buffer("large", 4 * grains.count + 4).bind_to_storage_buffer(5)
        clear = self._programs.compute("splat_clear")
        set_uniforms(clear, grid=grid, numbers=numbers)
        clear.run(*_rows(places, 256))
        context.memory_barrier()
        program = self._programs.compute("splat")
        self._set_lens(program, model, camera, grid, clipping)
        set_uniforms(program, count=grains.count)
        for number in (False, True) if numbers else (False,):
            set_uniforms(program, number=number, are_large=False)
            program.run(*_rows(grains.count, 64))
            context.memory_barrier()
            set_uniforms(program, are_large=True)
            program.run(*_LARGE_GROUPS)
            context.memory_barrier()

    def _set_lens(
        self,
        program: moderngl.ComputeShader,
        model: np.ndarray,
        camera: Camera,
        grid: tuple[int, int],
        clipping: tuple[float, float],
    ) -> None:
        set_uniforms(
            program,
            to_eye=camera.view_matrix() @ model,
            lens=(*camera.half_extent(grid[0] / grid[1]), *clipping),
            orthographic=bool(camera.orthographic_height),
            grid=grid,
        )

    def _buffer(self, name: str, size: int) -> moderngl.Buffer:
        kept = self._buffers.get(name)
        if kept is None or kept.size < size:
            if kept is not None:
                kept.release()
            kept = self._buffers[name] = self._context.buffer(reserve=size)
        return kept

    def _release_images(self) -> None:
        for each in self._images:
            each.release()
        self._images = []

    def release(self) -> None:
        """Give everything back."""
        self._release_images()
        for each in self._buffers.values():
            each.release()
        self._buffers.clear()


def _rows(count: int, group: int) -> tuple[int, int]:
    """Work groups of `group` threads for `count` of them, as a rectangle: a row has at most 65,535."""
    groups = -(-count // group)
    return (groups, 1) if groups <= _ACROSS else (_ACROSS, -(-groups // _ACROSS))

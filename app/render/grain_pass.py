"""Spheres and capsules: boxes that rays are cast in, or, many spheres at once, compute shaders."""

from __future__ import annotations

import moderngl
import numpy as np

from app.render.batches import GrainBatch
from app.render.camera import Bounds, Camera
from app.render.material_binder import MaterialBinder
from app.render.materials import Material
from app.render.placement import Placement
from app.render.shader_source import Programs, set_uniforms
from app.render.splat_pass import SplatPass


class GrainPass:
    """Draws the grains of one renderer into whatever framebuffer is bound."""

    def __init__(self, context: moderngl.Context, programs: Programs, binder: MaterialBinder, splats: SplatPass):
        self._context, self._programs, self._binder, self._splats = context, programs, binder, splats

    def draw(
        self,
        grains: GrainBatch,
        placement: Placement,
        camera: Camera,
        projection: np.ndarray,
        fragment: str,
        *variant: str,
        material: Material | None = None,
        needed: int = 0,
    ) -> None:
        """Cast rays: `fragment` names the shader, `projection` takes world to clip space, `needed` are flags to have."""
        if grains.all_hidden:
            return
        kind = ("grain", fragment, "CAPSULE") if grains.capsules else ("sphere", fragment)
        program = self._programs.get(*kind, *variant)
        seen_from = [*camera.axes()[2], 0.0] if camera.orthographic_height else [*camera.eye, 1.0]
        matrix = placement.grain_matrix(grains)
        set_uniforms(program, model=matrix, projection_used=projection, seen_from=tuple(seen_from), needed=needed)
        if material is not None:
            self._binder.bind_numbers(program, material)
        if grains.capsules:
            # The far faces of the box: seen from inside, too.
            self._context.enable(moderngl.CULL_FACE)
            self._context.cull_face = "front"
        grains.draw(program)
        self._context.disable(moderngl.CULL_FACE)

    def shade(
        self,
        grains: GrainBatch,
        placement: Placement,
        camera: Camera,
        projection: np.ndarray,
        target: moderngl.Framebuffer,
        clip_bounds: Bounds,
        *variant: str,
        material: Material,
    ) -> None:
        """As the picture shows them."""
        if self._splats.suits(grains) and not grains.transparent:
            matrix = placement.grain_matrix(grains)
            self._splats.draw(grains, matrix, camera, target, clip_bounds, *variant, material=material)
        else:
            self.draw(grains, placement, camera, projection, "ray", *variant, material=material)

    def darken(
        self,
        grains: GrainBatch,
        placement: Placement,
        light: Camera,
        projection: np.ndarray,
        corner: tuple[int, int],
        size: int,
    ) -> None:
        """Their depths as a light sees them, into the square of the bound framebuffer that is its viewport."""
        if self._splats.suits(grains):
            self._splats.draw_depths(grains, placement.grain_matrix(grains), light, corner, size)
        else:
            self.draw(grains, placement, light, projection, "ray_depth")

"""Depth as the lights that cast shadows see it."""

from __future__ import annotations

import moderngl
import numpy as np

from app.render.batches import GrainBatch, MeshBatch
from app.render.camera import Bounds, Camera
from app.render.grain_pass import GrainPass
from app.render.lights import LightRig
from app.render.placement import Placement
from app.render.scene import RenderScene
from app.render.shader_source import Programs, set_uniforms
from app.render.targets import ShadowTarget

CROWD = 65_536
"""Spheres from which on a GPU's map is halved: their depths cost as many samples as it has, and their shadows blur anyway."""
MANY = 4096
"""The same for instances of meshes."""


class ShadowPass:
    """The shadow map of one renderer, drawn anew when something moves.

    Attributes:
        target: the map.
        most: lights that cast shadows, at most.
    """

    def __init__(self, context: moderngl.Context, programs: Programs, grains: GrainPass, size: int, most: int):
        self.most = most
        self._context, self._programs, self._grains = context, programs, grains
        self._size = size
        self.target = ShadowTarget(context, size)
        self._drawn_of: tuple | None = None

    def fit(self, meshes: list[MeshBatch], grains: list[GrainBatch]) -> None:
        """Choose the size of the map for what will cast shadows; call it when the scene changes."""
        crowd = any(not each.capsules and each.count >= CROWD for each in grains)
        crowd |= sum(batch.count for batch in meshes) >= MANY
        size = max(self._size // 2, 1024) if crowd else self._size
        if size != self.target.size:
            self._replace(size, self.target.count)
        self._drawn_of = None

    def forget(self) -> None:
        """What is drawn has changed."""
        self._drawn_of = None

    def draw(
        self,
        scene: RenderScene,
        placement: Placement,
        meshes: list[MeshBatch],
        grains: list[GrainBatch],
        rig: LightRig,
        moved: int,
    ) -> list[np.ndarray]:
        """Draw the maps unless they are still right; `moved` counts changes of positions.

        Returns:
            World to clip space of each light that casts a shadow; none where there is nothing to see.
        """
        bounds = placement.bounds
        if not len(rig.casters) or bounds.is_empty:
            return []
        lights = [self._light(bounds, toward, scene.up) for toward in rig.casters[: self.most]]
        matrices = [light.projection_matrix(1.0) @ light.view_matrix() for light in lights]
        if len(lights) != self.target.count:
            self._replace(self.target.size, len(lights))
        key = (moved, scene.version, *(matrix.tobytes() for matrix in matrices))
        if key == self._drawn_of:
            return matrices
        self._drawn_of = key
        target, size = self.target.framebuffer, self.target.size
        target.use()
        target.viewport = (0, 0, size * len(lights), size)
        target.clear(depth=1.0)
        for column, (light, matrix) in enumerate(zip(lights, matrices, strict=True)):
            target.viewport = (column * size, 0, size, size)
            target.use()
            self._context.enable_only(moderngl.DEPTH_TEST)
            self._context.depth_func = "<="
            program = self._programs.get("shadow", "shadow")
            set_uniforms(program, light_matrix=matrix)
            for batch in meshes:
                if not batch.all_hidden and not batch.transparent:
                    batch.draw(program)
            for each in grains:
                if not each.transparent and not each.all_hidden:
                    self._grains.darken(each, placement, light, matrix, (column * size, 0), size)
        return matrices

    @staticmethod
    def _light(bounds: Bounds, toward: np.ndarray, up: np.ndarray) -> Camera:
        """A camera that looks from a light, or from as far away as it takes, at the whole scene."""
        radius = 1.05 * bounds.radius
        light = Camera(bounds.center + 2.0 * radius * toward, bounds.center, up)
        # What is lit lies between the light and far behind the scene: the ground catches long shadows.
        light.orthographic_height, light.near, light.far = 2.0 * radius, radius, 12.0 * radius
        return light

    def _replace(self, size: int, count: int) -> None:
        self.target.release()
        self.target = ShadowTarget(self._context, size, count)
        self._drawn_of = None

    def release(self) -> None:
        """Give the map back."""
        self.target.release()

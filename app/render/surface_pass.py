"""The surfaces of a scene: meshes and grains, opaque or seen through, in the shading that is asked for."""

from __future__ import annotations

from dataclasses import dataclass

import moderngl
import numpy as np

from app.render.batches import GrainBatch, MeshBatch
from app.render.camera import Camera
from app.render.deferred_pass import DeferredPass
from app.render.grain_pass import GrainPass
from app.render.material_binder import MaterialBinder
from app.render.options import DrawOptions
from app.render.placement import Placement
from app.render.scene import RenderScene
from app.render.shader_source import Programs, set_uniforms
from app.render.targets import PictureTarget

_POLYGON_OFFSET_LINE = 0x2A02


@dataclass(frozen=True, eq=False)
class Shot:
    """One picture that is being taken.

    Attributes:
        scene, placement, meshes, grains: what is drawn, and where it is.
        camera, size, options: from where, how large, how.
        target: framebuffers it goes through.
        projection: world to clip space [4, 4].
        light_variant: what shaders are compiled for, because of the lights.
    """

    scene: RenderScene
    placement: Placement
    meshes: list[MeshBatch]
    grains: list[GrainBatch]
    camera: Camera
    size: tuple[int, int]
    options: DrawOptions
    target: PictureTarget
    projection: np.ndarray
    light_variant: tuple[str, ...]


class SurfacePass:
    """Draws surfaces into the scene framebuffer of a shot, which is bound.

    Attributes:
        deferred: what lights opaque meshes once a pixel, where the processor draws; else None.
    """

    def __init__(
        self, context: moderngl.Context, programs: Programs, binder: MaterialBinder, grains: GrainPass,
        deferred: DeferredPass | None,
    ):  # fmt: skip
        self._context, self._programs, self._binder, self._grains = context, programs, binder, grains
        self.deferred = deferred

    def draw_opaque(self, shot: Shot) -> None:
        """What hides what is behind it, with depths."""
        lit = self._light_gathered(shot)
        self._context.enable_only(moderngl.DEPTH_TEST | moderngl.PROGRAM_POINT_SIZE)
        self._context.depth_func = "<="
        shot.target.scene.depth_mask = True
        self._draw(shot, transparent=False, lit=lit)

    def draw_transparent(self, shot: Shot) -> None:
        """What is seen through, blended over the picture."""
        self._draw(shot, transparent=True, lit=frozenset())

    def _light_gathered(self, shot: Shot) -> set[int]:
        """Draw the opaque meshes in two steps where the processor draws; returns which were, by `id`."""
        modes = ("shaded", "wireframe on shaded")
        if self.deferred is None or shot.target.samples > 1 or shot.options.shading not in modes:
            return set()
        materials = shot.scene.materials
        batches = [b for b in shot.meshes if not b.all_hidden and self.deferred.suits(b, materials[b.material])]
        if batches:
            self.deferred.gather(batches, materials, shot.target)
            shot.target.scene.use()
            shot.target.scene.depth_mask = False
            self.deferred.light(shot.camera, shot.size, shot.light_variant)
        return {id(b) for b in batches}

    def _draw(self, shot: Shot, *, transparent: bool, lit: set[int]) -> None:
        """Surfaces; those in `lit` show their light already."""
        meshes = [b for b in shot.meshes if b.transparent == transparent and not b.all_hidden]
        grains = [g for g in shot.grains if g.transparent == transparent and not g.all_hidden]
        if transparent and len(meshes) > 1:
            eye = shot.camera.eye
            meshes.sort(key=lambda b: -np.linalg.norm(shot.placement.batch_center(b) - eye))
        mode = shot.options.shading
        variant = ("SHOW_NORMALS",) if mode == "normals" else ()
        if mode in ("shaded", "wireframe on shaded", "normals"):
            for batch in meshes:
                if id(batch) not in lit:
                    self._draw_mesh(batch, self._program(shot, batch, variant), transparent=transparent)
        if mode in ("wireframe", "wireframe on shaded"):
            self._draw_edges(shot, meshes, on_shaded=mode != "wireframe")
        if mode == "points":
            for batch in meshes:
                program = self._program(shot, batch, ("SHOW_COLOR",))
                set_uniforms(program, point_size=3.0)
                batch.draw(program, moderngl.POINTS)
        for each in grains:
            self._grains.shade(
                each, shot.placement, shot.camera, shot.projection, shot.target.scene, shot.placement.everything,
                *variant, *shot.light_variant, material=shot.scene.materials[each.material],
            )  # fmt: skip

    def _draw_mesh(self, batch: MeshBatch, program: moderngl.Program, *, transparent: bool) -> None:
        if not transparent:
            batch.draw(program)
            return
        # What is behind shows through what is in front: far sides first.
        self._context.enable(moderngl.CULL_FACE)
        for side in ("front", "back"):
            self._context.cull_face = side
            batch.draw(program)
        self._context.disable(moderngl.CULL_FACE)

    def _program(self, shot: Shot, batch: MeshBatch, variant: tuple[str, ...]) -> moderngl.Program:
        """The program that shades a batch, its material set."""
        material = shot.scene.materials[batch.material]
        images = self._binder.variant(material)
        if "SHOW_NORMALS" in variant:
            images = tuple(each for each in images if each == "NORMAL_MAP")
        program = self._programs.get("mesh", "mesh", *variant, *images, *shot.light_variant)
        self._binder.bind(program, material)
        return program

    def _draw_edges(self, shot: Shot, meshes: list[MeshBatch], *, on_shaded: bool) -> None:
        program = self._programs.get("mesh", "flat")
        dark = shot.options.background in ("dark", "black")
        ink = (0.85, 0.88, 0.92, 1.0) if dark and not on_shaded else (0.08, 0.09, 0.11, 1.0)
        set_uniforms(program, ink=ink)
        context = self._context
        context.wireframe = True
        if on_shaded:
            context.enable_direct(_POLYGON_OFFSET_LINE)
            context.polygon_offset = -1.0, -1.0
        for batch in meshes:
            batch.draw(program)
        if on_shaded:
            context.polygon_offset = 0.0, 0.0
            context.disable_direct(_POLYGON_OFFSET_LINE)
        context.wireframe = False

"""Draws a scene with OpenGL: shadow map, surfaces, ground, what is transparent, outlines, overlays."""

from __future__ import annotations

from dataclasses import dataclass

import moderngl
import numpy as np

from app.render.batches import GrainBatch, MeshBatch, flag_sets, make_batches, shown_by
from app.render.camera import Camera
from app.render.context import headless_context, is_software
from app.render.deferred_pass import DeferredPass
from app.render.dome_pass import DomePass
from app.render.frame_block import FLOATS, frame_block
from app.render.grain_pass import GrainPass
from app.render.ground_pass import GroundPass
from app.render.lights import MAX_SHADOWS, LightRig, light_rig
from app.render.material_binder import MaterialBinder
from app.render.occlusion_pass import OcclusionPass
from app.render.options import BACKGROUNDS, DrawOptions, Overlay
from app.render.overlay_pass import OverlayPass
from app.render.picking import Pick, ground_hit, nearest_hit, zoom_matrix
from app.render.placement import Placement
from app.render.scene import RenderScene
from app.render.screen_quad import ScreenQuad
from app.render.shader_source import Programs, set_uniforms
from app.render.shadow_pass import ShadowPass
from app.render.splat_pass import SplatPass
from app.render.surface_pass import Shot, SurfacePass
from app.render.targets import PickTarget, PictureTarget, best_samples


@dataclass
class _View:
    """What the last picture was taken with, for picking."""

    camera: Camera
    size: tuple[int, int]
    options: DrawOptions


class Renderer:
    """Draws one `RenderScene`; positions are handed in with `update`.

    Args:
        context: the GL context to draw with; None makes one without a window.
        lean: shade for speed; None does so where the processor draws.

    Raises:
        NoGraphics: if there is no OpenGL.
    """

    def __init__(self, context: moderngl.Context | None = None, *, lean: bool | None = None):
        self.context = headless_context() if context is None else context
        self._owns_context = context is None
        self.software = is_software(self.context)
        self.programs = Programs(self.context, lean=self.software if lean is None else lean)
        self.scene = RenderScene()
        self.placement: Placement | None = None
        self._meshes: list[MeshBatch] = []
        self._grains: list[GrainBatch] = []
        self._frame = self.context.buffer(reserve=4 * FLOATS, dynamic=True)
        self._screen = ScreenQuad(self.context)
        self._binder = MaterialBinder(self.context, software=self.software)
        self._splats = SplatPass(self.context, self.programs, self._screen, self._binder)
        self._grain_pass = GrainPass(self.context, self.programs, self._binder, self._splats)
        map_size, most = (1024 if self.software else 4096), (1 if self.programs.lean else MAX_SHADOWS)
        self._shadow = ShadowPass(self.context, self.programs, self._grain_pass, map_size, most)
        self._dome = DomePass(self.context, self.programs, self._screen)
        self._ground = GroundPass(self.programs, self._screen)
        deferred = None
        if self.programs.lean:
            deferred = DeferredPass(self.context, self.programs, self._screen, self._binder)
        self._surfaces = SurfacePass(self.context, self.programs, self._binder, self._grain_pass, deferred)
        self._target: PictureTarget | None = None
        self._pick: PickTarget | None = None
        self._overlay = OverlayPass(self.context, self.programs)
        self._occlusion: OcclusionPass | None = None
        self._flags_of: tuple | None = None
        self._finished: tuple[moderngl.Framebuffer, moderngl.Texture] | None = None
        self._moved = self._moved_before = 0
        self._view: _View | None = None

    # what is drawn -------------------------------------------------------------------------------------------------
    def set_scene(self, scene: RenderScene) -> None:
        """Draw another scene from now on, at its start."""
        self._release_scene()
        self.scene = scene
        self._meshes, self._grains = make_batches(self.context, scene)
        self.placement = Placement(self.context, scene, self._meshes, self._grains)
        self._flags_of = None
        self._shadow.fit(self._meshes, self._grains)
        self._moved += 1

    def update(
        self, body_q: object | None = None, particle_q: object | None = None, time_code: float | None = None
    ) -> None:
        """Take new poses of bodies [n, 7] and positions of particles [n, 3]: NumPy or engine arrays, None if unchanged.

        Arrays on the GPU that draws go from there into what is drawn without visiting the host. `time_code` lets what the
        stage itself animates follow.
        """
        if self.placement is None:
            return
        self.placement.update(body_q, particle_q)
        if self.scene.animation is not None and time_code is not None:
            changes = self.scene.animation.at(time_code)
            self.placement.follow_stage(changes)
            shown = [c for c in changes if c.visible is not None and c.visible != c.item.visible]
            for change in shown:
                change.item.visible = change.visible
            if shown:
                self.scene.changed()
        self._moved += 1

    @property
    def bounds(self):
        """Box around what is looked at now, for framing."""
        return self.placement.bounds

    # a picture -----------------------------------------------------------------------------------------------------
    def draw(
        self,
        camera: Camera,
        options: DrawOptions,
        size: tuple[int, int],
        *,
        overlay: Overlay | None = None,
        target: moderngl.Framebuffer | None = None,
        viewport: tuple[int, int, int, int] | None = None,
        scale: float = 1.0,
    ) -> None:
        """Take a picture.

        Args:
            camera: from where.
            options: how.
            size: width and height [pixels]; nothing is drawn when one is 0.
            overlay: lines, arrows and labels over it.
            target: framebuffer to put the picture in; None keeps it for `read_pixels` and `texture`.
            viewport: left, bottom, width, height of the part of `target` to fill.
            scale: pixels of a unit of line width and text size (hi-dpi).
        """
        if min(size) < 1 or self.placement is None:
            return
        self._view = _View(camera, size, options)
        self._prepare_target(size, options)
        self._refresh_flags(options)
        bounds = self.placement.bounds
        rig = light_rig(
            self.scene, self.placement.poses, bounds.center, stage_lights=options.stage_lights, view=camera.axes()[2]
        )
        self._frame.bind_to_uniform_block(0)
        shadows: list[np.ndarray] = []
        if options.shadows and options.shading != "normals":
            shadows = self._shadow.draw(self.scene, self.placement, self._meshes, self._grains, rig, self._moved)
        self._write_frame(camera, size, rig, options, shadows)
        shot = Shot(
            self.scene, self.placement, self._meshes, self._grains, camera, size, options, self._target,
            projection=self._view_projection(camera, size),
            light_variant=(*rig.variant, f"SHADOWS {len(shadows)}") if shadows else rig.variant,
        )  # fmt: skip
        context, scene_target = self.context, self._target.scene
        scene_target.use()
        context.viewport = (0, 0, *size)
        scene_target.depth_mask = True
        scene_target.clear(depth=1.0)
        self._surfaces.draw_opaque(shot)
        scene_target.depth_mask = False
        self._draw_background(camera, size, options, rig)
        context.enable(moderngl.BLEND)
        context.blend_func = moderngl.ONE, moderngl.ONE_MINUS_SRC_ALPHA
        self._ground.draw(self.scene, self.placement, camera, options, rig, shot.light_variant, scene_target)
        scene_target.depth_mask = False
        self._surfaces.draw_transparent(shot)
        if overlay is not None:
            self._overlay.draw(overlay, shot.projection, through=False, scale=scale)
        scene_target.depth_mask = True
        self._finish(camera, size, options, overlay, shot.projection, scale)
        if target is not None:
            self._copy_to(target, viewport or (0, 0, *size))

    def read_pixels(self) -> np.ndarray:
        """The last picture, uint8 [height, width, 4], top row first, straight (not premultiplied) alpha."""
        width, height = self._target.size
        data = self._finished[0].read(components=4, alignment=1)
        pixels = np.frombuffer(data, np.uint8).reshape(height, width, 4)[::-1]
        alpha = pixels[..., 3:]
        if (alpha == 255).all():
            return np.ascontiguousarray(pixels)
        color = pixels[..., :3].astype(np.float32) * 255.0 / np.maximum(alpha, 1)
        return np.concatenate([np.minimum(color + 0.5, 255.0).astype(np.uint8), alpha], axis=2)

    @property
    def texture(self) -> moderngl.Texture:
        """The last picture as a texture (bottom row first), for a window that shows it as an image."""
        return self._finished[1]

    def pick(self, x: float, y: float) -> Pick | None:
        """What the last picture shows at a pixel, counted from the top left corner; None for the background."""
        if self._view is None or self.placement is None:
            return None
        view = self._view
        self._pick = self._pick or PickTarget(self.context)
        zoom = zoom_matrix(x, y, view.size)
        projection = self._view_projection(view.camera, view.size)
        target = self._pick.framebuffer
        target.use()
        target.clear(depth=1.0)
        self.context.enable_only(moderngl.DEPTH_TEST)
        self.context.depth_func = "<="
        program = self.programs.get("pick", "pick")
        set_uniforms(program, zoom=zoom)
        for batch in self._meshes:
            if not batch.all_hidden:
                batch.draw(program)
        for grains in self._grains:
            self._grain_pass.draw(grains, self.placement, view.camera, zoom @ projection, "ray_pick")
        hit = nearest_hit(self._pick.read(), (x, y), view.size, projection, self.scene, self._meshes)
        return hit or ground_hit(self.scene, view.camera, (x, y), view.size)

    # parts of a picture --------------------------------------------------------------------------------------------
    def _prepare_target(self, size: tuple[int, int], options: DrawOptions) -> None:
        samples = best_samples(self.context, options.samples, software=self.software)
        if self._target is None or self._target.size != tuple(size) or self._target.samples != samples:
            if self._target is not None:
                self._target.release()
            self._target = PictureTarget(self.context, tuple(size), samples)

    def _refresh_flags(self, options: DrawOptions) -> None:
        """Colours and flags of the instances, when what is shown or selected changed."""
        key = (self.scene.version, options.purposes, options.selected, options.selected_instance, options.highlighted)
        if key == self._flags_of:
            return
        self._flags_of = key
        self._shadow.forget()
        selected = flag_sets(self.scene, options.selected)
        highlighted = flag_sets(self.scene, (options.highlighted,)) if options.highlighted else set()
        for batch in (*self._meshes, *self._grains):
            batch.refresh(self.scene, shown_by(options.purposes), selected, highlighted, options.selected_instance)

    def _view_projection(self, camera: Camera, size: tuple[int, int]) -> np.ndarray:
        return camera.projection_matrix(size[0] / size[1], self.placement.everything) @ camera.view_matrix()

    def _write_frame(
        self, camera: Camera, size: tuple[int, int], rig: LightRig, options: DrawOptions, shadows: list[np.ndarray]
    ) -> None:
        self._frame.write(
            frame_block(
                camera,
                size,
                self.placement.bounds,
                self.scene.up,
                rig,
                exposure=2.0**options.exposure,
                shadow_matrices=shadows,
                shadow_size=self._shadow.target.size,
                ground_height=self.scene.ground_height or 0.0,
                clip_bounds=self.placement.everything,
            )
        )
        self._frame.bind_to_uniform_block(0)
        self._shadow.target.texture.use(1)
        if rig.dome is not None:
            self._dome.bind(rig.dome)

    def _draw_background(self, camera: Camera, size: tuple[int, int], options: DrawOptions, rig: LightRig) -> None:
        """Where nothing opaque is."""
        self.context.enable_only(moderngl.DEPTH_TEST | moderngl.PROGRAM_POINT_SIZE)
        if rig.dome is not None and options.dome_background and not options.transparent:
            self._dome.draw(rig.dome, camera, size)
            return
        top, bottom = BACKGROUNDS[options.background]
        program = self.programs.get("screen", "background")
        set_uniforms(program, top=top, bottom=bottom, opacity=0.0 if options.transparent else 1.0)
        self._screen.draw(program)

    def _finish(
        self,
        camera: Camera,
        size: tuple[int, int],
        options: DrawOptions,
        overlay: Overlay | None,
        projection: np.ndarray,
        scale: float,
    ) -> None:
        """From samples to the finished picture, and what lies on top of it."""
        context, target = self.context, self._target
        selected = bool(options.selected or options.highlighted) and self._draw_mask(camera, size, projection)
        if target.samples > 1:
            context.copy_framebuffer(target.resolved, target.scene)
        if options.ambient_occlusion and options.shading in ("shaded", "wireframe on shaded"):
            self._occlusion = self._occlusion or OcclusionPass(context, self.programs, self._screen.draw)
            self._occlusion.draw(target, projection, self.placement.bounds.radius)
        # Where the processor draws, edges are smoothed once things stand still: that costs a tenth of a frame.
        moved, self._moved_before = self._moved != self._moved_before, self._moved
        smoothed = target.samples == 1 and options.samples != 1 and not (self.software and moved)
        self._finished = (target.final, target.final_texture) if smoothed else (target.resolved_color, target.picture)
        self._finished[0].use()
        context.viewport = (0, 0, *size)
        context.enable_only(moderngl.NOTHING)
        if smoothed:
            target.picture.use(3)
            program = self.programs.get("screen", "resolve", "SMOOTH_EDGES")
            set_uniforms(program, corner=(0, 0))
            self._screen.draw(program)
        context.enable_only(moderngl.BLEND)
        context.blend_func = moderngl.ONE, moderngl.ONE_MINUS_SRC_ALPHA
        if selected:
            target.mask_texture.use(2)
            program = self.programs.get("screen", "outline")
            set_uniforms(program, ink=options.selection_color, width=2.5 * scale)
            self._screen.draw(program)
        if overlay is not None:
            self._overlay.draw(overlay, projection, through=True, scale=scale)
            self._overlay.texts(overlay, camera, size, scale=scale)
        if options.axes:
            self._overlay.tripod(camera, size, scale=scale)
        context.enable_only(moderngl.NOTHING)

    def _draw_mask(self, camera: Camera, size: tuple[int, int], projection: np.ndarray) -> bool:
        flagged = [b for b in (*self._meshes, *self._grains) if b.any_flagged and not b.all_hidden]
        if not flagged:
            return False
        self._target.mask.use()
        self.context.viewport = (0, 0, *size)
        self._target.mask.clear()
        self.context.enable_only(moderngl.NOTHING)
        for batch in flagged:
            if isinstance(batch, MeshBatch):
                batch.draw(self.programs.get("mask", "mask"))
            else:
                self._grain_pass.draw(batch, self.placement, camera, projection, "ray_mask", needed=6)
        return True

    def _copy_to(self, target: moderngl.Framebuffer, viewport: tuple[int, int, int, int]) -> None:
        target.use()
        self.context.viewport = viewport
        self.context.enable_only(moderngl.NOTHING)
        self._finished[1].use(3)
        program = self.programs.get("screen", "resolve")
        set_uniforms(program, corner=viewport[:2])
        self._screen.draw(program)

    # the end -------------------------------------------------------------------------------------------------------
    def _release_scene(self) -> None:
        if self.placement is not None:
            self.placement.release()
        for each in (*self._meshes, *self._grains, self._binder, self._dome):
            each.release()
        self._meshes, self._grains = [], []

    def release(self) -> None:
        """Give everything on the GPU back."""
        self._release_scene()
        for each in (
            self._target,
            self._shadow,
            self._pick,
            self._overlay,
            self._occlusion,
            self._frame,
            self._splats,
            self._surfaces.deferred,
            self._screen,
        ):
            if each is not None:
                each.release()
        self._target = self._pick = None
        if self._owns_context:
            self.context.release()

"""Renders the gallery: one frame of each simulated scene, with Blender's Cycles on the CPU.

Run it with a Python that has `bpy`, on the outputs of simrun:

    mkdir -p /tmp/gallery; for scene in scenes/*.usda; do simrun $scene -o /tmp/gallery --overwrite; done
    python docs/gallery/render.py /tmp/gallery                 # all
    python docs/gallery/render.py /tmp/gallery rigid_pile 120  # one, at another frame
"""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path

import bpy
from mathutils import Vector

GALLERY = Path(__file__).parent
FRAMES = {
    "cloth_over_sphere": 120,
    "cloth_over_statue": 34,
    "rigid_pile": 170,
    "soft_body_drop": 35,
    "particle_fountain": 28,
    "dominoes": 240,
}
WIDTH, HEIGHT, SAMPLES = 960, 540, int(os.environ.get("GALLERY_SAMPLES", "32"))


def load(path: Path, frame: int) -> None:
    """Import a stage into an empty file and go to a frame."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.wm.usd_import(
        filepath=str(path),
        import_materials=True,
        import_usd_preview=True,
        create_world_material=False,
        set_frame_range=True,
        read_mesh_colors=True,
        import_visible_only=True,
        import_guide=False,
    )
    scene = bpy.context.scene
    scene.frame_set(frame)
    for thing in scene.objects:
        if thing.type == "MESH" and len(thing.data.polygons) > 24:
            thing.data.shade_smooth()
        if thing.type == "CAMERA":
            scene.camera = thing


def paint() -> None:
    """Give its display colour to what came without a material: Blender imports none for spheres, cubes and points."""
    materials = {}
    for thing in bpy.context.scene.objects:
        attributes = getattr(thing.data, "attributes", {})
        if len(getattr(thing.data, "materials", [0])) or "displayColor" not in attributes:
            continue
        colour = tuple(round(value, 3) for value in attributes["displayColor"].data[0].color)
        if colour not in materials:
            material = bpy.data.materials.new("Display colour")
            material.use_nodes = True
            shader = material.node_tree.nodes["Principled BSDF"]
            shader.inputs["Base Color"].default_value = colour
            shader.inputs["Roughness"].default_value = 0.45
            materials[colour] = material
        thing.data.materials.append(materials[colour])
        if len(getattr(thing.data, "polygons", ())) > 24:  # spheres and capsules come rather angular
            thing.modifiers.new("Round", "SUBSURF").render_levels = 2
        if thing.name == "Ground":  # up to the horizon
            thing.scale *= 20
            materials[colour].node_tree.nodes["Principled BSDF"].inputs["Roughness"].default_value = 0.9


def light() -> None:
    """A soft sky, a sun and a wide floor take the place of the stage's lights, whose units Blender reads otherwise."""
    for thing in list(bpy.data.objects):
        if thing.type == "LIGHT":
            bpy.data.objects.remove(thing)
    world = bpy.data.worlds.new("Sky")
    bpy.context.scene.world = world
    world.use_nodes = True
    background = world.node_tree.nodes["Background"]
    background.inputs["Color"].default_value = (0.72, 0.82, 1.0, 1.0)
    background.inputs["Strength"].default_value = 0.45
    sun = bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", "SUN"))
    sun.data.energy, sun.data.angle = 3.2, math.radians(6)
    sun.data.color = (1.0, 0.95, 0.88)
    camera = bpy.context.scene.camera
    right = camera.matrix_world.to_3x3() @ Vector((1, 0, 0))
    back = camera.matrix_world.to_3x3() @ Vector((0, 0, 1))
    direction = Vector((0, 0, 1)) * 1.15 - right * 0.75 + Vector((back.x, back.y, 0)).normalized() * 0.35
    sun.rotation_euler = direction.to_track_quat("Z", "Y").to_euler()
    bpy.context.collection.objects.link(sun)


def render(target: Path) -> None:
    """Render the present frame to a JPEG."""
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = SAMPLES
    scene.cycles.use_denoising = True
    scene.cycles.max_bounces = 6
    scene.render.resolution_x, scene.render.resolution_y = WIDTH, HEIGHT
    scene.render.resolution_percentage = 100
    scene.view_settings.view_transform = "AgX"
    scene.view_settings.look = "AgX - Medium High Contrast"
    scene.view_settings.exposure = -0.1
    scene.render.image_settings.file_format = "PNG" if target.suffix == ".png" else "JPEG"
    scene.render.image_settings.quality = 88
    scene.render.filepath = str(target)
    bpy.ops.render.render(write_still=True)


def main() -> None:
    folder = Path(sys.argv[1])
    names = sys.argv[2:3] or list(FRAMES)
    for name in names:
        frame = int(sys.argv[3]) if len(sys.argv) > 3 else FRAMES[name]
        source = next(path for path in (folder / f"{name}_sim.usd", folder / f"{name}.usda") if path.exists())
        target = Path(sys.argv[4]) if len(sys.argv) > 4 else GALLERY / f"{name}.jpg"
        load(source, frame)
        paint()
        light()
        render(target)
        print(f"{target}: {target.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()

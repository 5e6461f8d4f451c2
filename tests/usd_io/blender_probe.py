"""Runs inside Blender's Python: imports a stage, steps to a frame, prints where everything is as JSON.

PYTHON blender_probe.py STAGE FRAME
"""

import json
import sys

import bpy


def main() -> None:
    stage, frame = sys.argv[1], float(sys.argv[2])
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.wm.usd_import(filepath=stage)
    scene = bpy.context.scene
    scene.frame_set(int(frame), subframe=frame - int(frame))
    graph = bpy.context.evaluated_depsgraph_get()
    objects = {}
    for item in bpy.data.objects:
        shown = item.evaluated_get(graph)
        entry = {"matrix": [list(row) for row in shown.matrix_world]}
        if shown.type in ("MESH", "POINTCLOUD"):
            points = shown.data.vertices if shown.type == "MESH" else shown.data.points
            entry["points"] = [list(shown.matrix_world @ point.co) for point in points]
        objects[item.name] = entry
    result = {"frame_start": scene.frame_start, "frame_end": scene.frame_end, "fps": scene.render.fps}
    print("PROBE " + json.dumps({**result, "objects": objects}), flush=True)


main()

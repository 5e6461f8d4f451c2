"""Writes scenes/dominoes.usda: a rolling ball knocks over a winding row of dominoes. Lengths are in centimetres.

Run: python scenes/generate/dominoes.py
"""

from pathlib import Path

import numpy as np
from stage_text import LOOKS, ground, header, material, materials, number, physics_scene, stage_dressing, vector

TARGET = Path(__file__).parent.parent / "dominoes.usda"
COUNT, PITCH = 58, 22.0
WIDTH, HEIGHT, DEPTH = 24.0, 48.0, 8.0
DOC = """A rolling ball knocks over a winding row of dominoes. Lengths are in centimetres (metersPerUnit = 0.01).
    Written by scenes/generate/dominoes.py."""


def path_point(s: float) -> tuple[float, float, float]:
    """Place and heading of the row at arc length `s` [cm]: x, z and the angle of the tangent about y [deg]."""
    points = path_table()
    index = min(int(np.searchsorted(points[:, 0], s)), len(points) - 2)
    x, z = points[index, 1:]
    dx, dz = points[index + 1, 1:] - points[index, 1:]
    return float(x), float(z), float(np.degrees(np.arctan2(dx, dz)))


def path_table() -> np.ndarray:
    """The winding line, finely: arc length, x, z [cm], shape [n, 3]."""
    t = np.linspace(0, 1, 4001)
    x, z = -420 + 860 * t, 190 * np.sin(2.25 * np.pi * t)
    s = np.concatenate([[0], np.cumsum(np.hypot(np.diff(x), np.diff(z)))])
    return np.stack([s, x, z], axis=-1)


def domino(index: int) -> str:
    x, z, heading = path_point(PITCH * index)
    look = ["Coral", "Amber", "Ivory", "Leaf", "Sky", "Plum"][index * 6 // COUNT]
    return f"""        def Cube "Domino_{index:02d}" (
            prepend inherits = </World/Domino>
        )
        {{
            rel material:binding = </World/Looks/{look}>
            color3f[] primvars:displayColor = [{vector(LOOKS[look])}]
            double3 xformOp:translate = {vector((x, HEIGHT / 2, z))}
            float xformOp:rotateY = {number(heading)}
            float3 xformOp:scale = {vector((WIDTH, HEIGHT, DEPTH))}
        }}

"""


def main() -> None:
    x, z, heading = path_point(0.0)
    back = np.array([np.sin(np.radians(heading)), np.cos(np.radians(heading))])
    ball_x, ball_z = x - 60 * back[0], z - 60 * back[1]
    speed = 180.0
    text = header(DOC, up="Y", frames=480, metres=0.01)
    text += physics_scene(down=(0, -1, 0), gravity=981, solver="xpbd", substeps=16, iterations=2)
    text += """    class Cube "Domino" (
        prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsMassAPI", "PhysicsCollisionAPI", "MaterialBindingAPI"]
    )
    {
        double size = 1
        float3[] extent = [(-0.5, -0.5, -0.5), (0.5, 0.5, 0.5)]
        float physics:mass = 4
        rel material:binding:physics = </World/Materials/Wood>
        uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateY", "xformOp:scale"]
    }

"""
    text += (
        '    def Xform "Row"\n    {\n' + "".join(domino(index) for index in range(COUNT)).rstrip("\n") + "\n    }\n\n"
    )
    text += f"""    def Sphere "Ball" (
        prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsMassAPI", "PhysicsCollisionAPI", "MaterialBindingAPI"]
    )
    {{
        double radius = 16
        float3[] extent = [(-16, -16, -16), (16, 16, 16)]
        float physics:mass = 8
        vector3f physics:velocity = {vector((speed * back[0], 0, speed * back[1]))}
        rel material:binding = </World/Looks/Slate>
        rel material:binding:physics = </World/Materials/Wood>
        color3f[] primvars:displayColor = [{vector(LOOKS["Slate"])}]
        double3 xformOp:translate = {vector((ball_x, 16, ball_z))}
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }}

"""
    text += ground("Y", 3000)
    text += materials(material("Wood", friction=0.35), material("Ground", friction=0.7))
    text += stage_dressing(position=(170, 470, 830), turn=(-29.5, 11.0, 0), sun=(-50, -25, 0), focal_length=33)
    TARGET.write_text(text)


if __name__ == "__main__":
    main()

"""Writes scenes/rigid_pile.usda: a hundred spheres, boxes and capsules pour into a tray.

Run: python scenes/generate/rigid_pile.py
"""

from pathlib import Path

import numpy as np
from stage_text import LOOKS, ground, header, material, materials, physics_scene, stage_dressing, vector

TARGET = Path(__file__).parent.parent / "rigid_pile.usda"

KINDS = {
    "Ball": ("Sphere", "double radius = 0.17\n        float3[] extent = [(-0.17, -0.17, -0.17), (0.17, 0.17, 0.17)]"),
    "Box": ("Cube", "double size = 0.28\n        float3[] extent = [(-0.14, -0.14, -0.14), (0.14, 0.14, 0.14)]"),
    "Pill": (
        "Capsule",
        'uniform token axis = "Z"\n        double radius = 0.11\n        double height = 0.24\n'
        "        float3[] extent = [(-0.11, -0.11, -0.23), (0.11, 0.11, 0.23)]",
    ),
}
DOC = """A hundred spheres, boxes and capsules pour into a tray and come to rest.
    Each kind is described once, as a class; the pieces inherit from it and differ in place and colour.
    Written by scenes/generate/rigid_pile.py."""


def kind(name: str, schema: str, size: str) -> str:
    return f'''    class {schema} "{name}" (
        prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsCollisionAPI", "MaterialBindingAPI"]
    )
    {{
        {size}
        rel material:binding:physics = </World/Materials/Wood>
    }}

'''


def piece(number: int, name: str, schema: str, look: str, place: tuple, turn: tuple) -> str:
    return f'''        def {schema} "{name}_{number:03d}" (
            prepend inherits = </World/{name}>
        )
        {{
            rel material:binding = </World/Looks/{look}>
            color3f[] primvars:displayColor = [{vector(LOOKS[look])}]
            double3 xformOp:translate = {vector(place)}
            float3 xformOp:rotateXYZ = {vector(turn)}
            uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateXYZ"]
        }}

'''


def wall(name: str, place: tuple, size: tuple) -> str:
    return f'''    def Cube "{name}" (
        prepend apiSchemas = ["PhysicsCollisionAPI", "MaterialBindingAPI"]
    )
    {{
        double size = 1
        float3[] extent = [(-0.5, -0.5, -0.5), (0.5, 0.5, 0.5)]
        rel material:binding = </World/Looks/Slate>
        rel material:binding:physics = </World/Materials/Ground>
        color3f[] primvars:displayColor = [{vector(LOOKS["Slate"])}]
        double3 xformOp:translate = {vector(place)}
        float3 xformOp:scale = {vector(size)}
        uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:scale"]
    }}

'''


def main() -> None:
    random = np.random.default_rng(4)
    names, looks = list(KINDS), list(LOOKS)[:7]
    pieces = []
    for number in range(100):
        layer, cell = divmod(number, 9)
        name = names[(number + layer) % 3]
        x, y = 0.55 * (cell % 3 - 1), 0.55 * (cell // 3 - 1)
        jitter = random.uniform(-0.02, 0.02, 2)
        place = (x + jitter[0], y + jitter[1], 0.6 + 0.55 * layer)
        turn = tuple(random.integers(-90, 90, 3))
        pieces.append(piece(number, name, KINDS[name][0], looks[random.integers(len(looks))], place, turn))
    text = header(DOC, up="Z", frames=300)
    text += physics_scene(down=(0, 0, -1), gravity=9.81, solver="xpbd", substeps=16, iterations=2)
    text += "".join(kind(name, *rest) for name, rest in KINDS.items())
    text += '    def Xform "Pieces"\n    {\n' + "".join(pieces).rstrip("\n") + "\n    }\n\n"
    text += wall("North", (0, 1.25, 0.2), (2.6, 0.1, 0.4)) + wall("South", (0, -1.25, 0.2), (2.6, 0.1, 0.4))
    text += wall("East", (1.25, 0, 0.2), (0.1, 2.4, 0.4)) + wall("West", (-1.25, 0, 0.2), (0.1, 2.4, 0.4))
    text += ground("Z", 20)
    text += materials(material("Wood", friction=0.5, restitution=0.1, density=600), material("Ground", friction=0.7))
    text += stage_dressing(position=(5.2, -6.2, 4.6), turn=(62.48, 0, 40.53), sun=(38, 20, 0), focal_length=50)
    TARGET.write_text(text)


if __name__ == "__main__":
    main()

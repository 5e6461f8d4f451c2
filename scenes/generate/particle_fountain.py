"""Writes scenes/particle_fountain.usda: six thousand drops shoot up, fan out and rain on a ring of stones.

Run: python scenes/generate/particle_fountain.py
"""

from pathlib import Path

import numpy as np
from pxr import Usd, UsdGeom, Vt
from stage_text import LOOKS, ground, header, material, materials, number, physics_scene, stage_dressing, vector

TARGET = Path(__file__).parent.parent / "particle_fountain.usda"
ASSET = TARGET.parent.parent / "assets" / "fountain_drops.usdc"
COUNT, RADIUS, GRAVITY, STONES = 6000, 0.025, 9.81, 10
DOC = """Six thousand drops shoot up, fan out and rain on a ring of stones.
    Where each drop starts and how fast it flies is in assets/fountain_drops.usdc.
    Written by scenes/generate/particle_fountain.py."""


def drops() -> tuple[np.ndarray, np.ndarray]:
    """Positions [m] and velocities [m/s] of a fountain that has been running for a second, shape [n, 3] each.

    Every drop left the nozzle, 0.25 m above the ground, at some moment of the last second and has flown freely since;
    those that would have landed by now are not there, so the jet stays thick.
    """
    random = np.random.default_rng(11)
    positions, velocities = [], []
    nozzle = np.array([0.0, 0.25, 0.0])
    while len(positions) < COUNT:
        age = random.uniform(0.0, 1.0)
        angle, spread = random.uniform(0, 2 * np.pi), 1.9 * np.sqrt(random.uniform())
        velocity = np.array([spread * np.cos(angle), random.normal(6.6, 0.35), spread * np.sin(angle)])
        fall = np.array([0.0, -GRAVITY, 0.0])
        position = nozzle + velocity * age + fall * age * age / 2
        if position[1] > 4 * RADIUS:
            positions.append(position)
            velocities.append(velocity + fall * age)
    return np.array(positions, np.float32), np.array(velocities, np.float32)


def write_asset() -> None:
    positions, velocities = drops()
    ASSET.unlink(missing_ok=True)
    stage = Usd.Stage.CreateNew(str(ASSET))
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    points = UsdGeom.Points.Define(stage, "/Drops")
    stage.SetDefaultPrim(points.GetPrim())
    points.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(positions))
    points.CreateVelocitiesAttr(Vt.Vec3fArray.FromNumpy(velocities))
    # USD wants one width a point where points collide.
    points.CreateWidthsAttr(Vt.FloatArray(COUNT, 2 * RADIUS))
    points.SetWidthsInterpolation(UsdGeom.Tokens.vertex)
    low, high = positions.min(0) - RADIUS, positions.max(0) + RADIUS
    points.CreateExtentAttr(Vt.Vec3fArray.FromNumpy(np.stack([low, high])))
    stage.GetRootLayer().documentation = (
        "A fountain that has run for a second, by scenes/generate/particle_fountain.py."
    )
    stage.Save()


def stone(index: int) -> str:
    angle = 2 * np.pi * index / STONES
    radius = 0.3 + 0.08 * (index % 3)
    look = ["Slate", "Amber", "Coral"][index % 3]
    return f"""        def Sphere "Stone_{index}" (
            prepend inherits = </World/Stone>
        )
        {{
            double radius = {number(radius)}
            float3[] extent = [{vector((-radius,) * 3)}, {vector((radius,) * 3)}]
            rel material:binding = </World/Looks/{look}>
            color3f[] primvars:displayColor = [{vector(LOOKS[look])}]
            double3 xformOp:translate = {vector((1.75 * np.cos(angle), 0.6 * radius, 1.75 * np.sin(angle)))}
            uniform token[] xformOpOrder = ["xformOp:translate"]
        }}

"""


def main() -> None:
    write_asset()
    text = header(DOC, up="Y", frames=180)
    text += physics_scene(down=(0, -1, 0), gravity=GRAVITY, solver="semi-implicit", substeps=16)
    text += """    class Sphere "Stone" (
        prepend apiSchemas = ["PhysicsCollisionAPI", "MaterialBindingAPI"]
    )
    {
        rel material:binding:physics = </World/Materials/Ground>
    }

"""
    text += f"""    def Points "Drops" (
        prepend references = @../assets/fountain_drops.usdc@
        prepend apiSchemas = [
            "PhysicsDeformableBodyAPI", "PhysicsParticleSetAPI", "PhysicsCollisionAPI", "MaterialBindingAPI"]
    )
    {{
        float physics:density = 1000
        rel material:binding = </World/Looks/Sky>
        color3f[] primvars:displayColor = [{vector(LOOKS["Sky"])}]
    }}

    def Xform "Ring"
    {{
"""
    text += "".join(stone(index) for index in range(STONES)).rstrip("\n") + "\n    }\n\n"
    text += ground("Y", 20) + materials(material("Ground", friction=0.5, restitution=0.2))
    text += stage_dressing(position=(0, 3.4, 9.6), turn=(-12.62, 0.0, 0), sun=(-50, -25, 0), focal_length=48)
    TARGET.write_text(text)


if __name__ == "__main__":
    main()

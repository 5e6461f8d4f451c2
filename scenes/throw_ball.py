"""Throw a ball so that it bounces off the floor and a wall and hits a target: trajectory optimisation through contact.

The initial velocity is optimised with L-BFGS; gradients go backward through every step, bounces included.
`python scenes/throw_ball.py [throw.usda]` writes the path of every iteration and the flight of the last one.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import numpy as np

import engine as en
import sim

try:
    from scipy.optimize import minimize
except ImportError:
    raise SystemExit("throw_ball.py needs SciPy for its L-BFGS; run: pip install scipy") from None

DURATION, STEPS = 0.7, 336
START = np.array([-0.5, 1.0, 0.0])
TARGET = np.array([-1.4, 1.3, 0.2])
WALL = {"pos": (1.4, 1.0, 0.0), "half": (0.2, 1.0, 1.0)}
RADIUS = 0.05


@en.kernel
def squared_distance(q: en.array(dtype=en.vec3), target: en.vec3, loss: en.array(dtype=float)):
    d = q[0] - target
    loss[0] = en.dot(d, d)


class Throw:
    """The ball, the floor, the wall, and a flight for a given initial velocity."""

    def __init__(self) -> None:
        builder = sim.ModelBuilder()
        builder.add_particle(en.vec3(*START), en.vec3(0.0, 0.0, 0.0), 1.0, radius=RADIUS)
        hx, hy, hz = WALL["half"]
        builder.add_shape_box(body=-1, pos=en.vec3(*WALL["pos"]), hx=hx, hy=hy, hz=hz, ke=1.0e4, kf=0.0, kd=0.0, mu=0.2)
        self.model = builder.finalize()
        self.model.ground = True
        self.model.soft_contact_ke, self.model.soft_contact_kd = 1.0e4, 0.0
        self.model.soft_contact_kf, self.model.soft_contact_mu = 0.0, 0.2
        self.model.soft_contact_margin = 0.2
        self.integrator = sim.SemiImplicitIntegrator()
        self.states = [self.model.state() for _ in range(STEPS + 1)]
        self.velocity = self.states[0].particle_qd
        self.velocity.requires_grad = True
        self.loss = en.zeros(1, dtype=float, requires_grad=True)

    def fly(self) -> None:
        """Flies for the whole duration and measures the squared distance to the target [m^2]."""
        for step, (before, after) in enumerate(itertools.pairwise(self.states)):
            if step % 8 == 0:
                sim.collide(self.model, before)
            self.integrator.simulate(self.model, before, after, DURATION / STEPS)
        en.launch(squared_distance, 1, [self.states[-1].particle_q, en.vec3(*TARGET)], [self.loss])

    def objective(self, velocity: np.ndarray) -> tuple[float, np.ndarray]:
        """Squared distance [m^2] and its gradient with respect to the initial velocity."""
        self.velocity.assign(velocity[None].astype(np.float32))
        tape = en.Tape()
        with tape:
            self.fly()
        tape.backward(self.loss)
        gradient = self.velocity.grad.numpy()[0].astype(float)
        tape.zero()
        return float(self.loss.numpy()[0]), gradient

    def path(self) -> np.ndarray:
        """Positions of the ball [m], shape [STEPS + 1, 3]."""
        return np.array([s.particle_q.numpy()[0] for s in self.states])


def optimise(velocity=(6.0, -4.0, 0.0), iterations: int = 7) -> tuple[list[float], list[np.ndarray]]:
    """Distances to the target [m] and paths, before and after each L-BFGS iteration."""
    throw = Throw()
    distances, paths = [], []

    def note(velocity: np.ndarray) -> None:
        distances.append(throw.objective(velocity)[0] ** 0.5)
        paths.append(throw.path())

    start = np.array(velocity)
    note(start)
    options = {"maxiter": iterations, "gtol": 1e-9, "ftol": 0.0}
    minimize(throw.objective, start, jac=True, method="L-BFGS-B", callback=note, options=options)
    return distances, paths


def write_usd(filename: str, paths: list[np.ndarray]) -> None:
    """One curve for each iteration, the target, the wall, and the ball on the last path."""
    from pxr import Gf, Usd, UsdGeom, Vt

    frames = round(60 * DURATION)
    stage = Usd.Stage.CreateNew(filename)
    stage.SetTimeCodesPerSecond(60)
    stage.SetStartTimeCode(0)
    stage.SetEndTimeCode(frames)
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    stage.SetDefaultPrim(UsdGeom.Xform.Define(stage, "/throw").GetPrim())
    for k, path in enumerate(paths):
        curve = UsdGeom.BasisCurves.Define(stage, f"/throw/iteration_{k}")
        curve.CreateTypeAttr("linear")
        curve.CreateCurveVertexCountsAttr([len(path)])
        curve.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(path.astype(np.float32)))
        curve.CreateWidthsAttr([0.01])
        curve.SetWidthsInterpolation(UsdGeom.Tokens.constant)
        shade = k / max(1, len(paths) - 1)
        curve.CreateDisplayColorAttr([Gf.Vec3f(1 - shade, 0.2, shade)])
    wall = UsdGeom.Cube.Define(stage, "/throw/wall")
    wall.CreateSizeAttr(2.0)
    wall.AddTranslateOp().Set(Gf.Vec3d(*WALL["pos"]))
    wall.AddScaleOp().Set(Gf.Vec3f(*WALL["half"]))
    target = UsdGeom.Sphere.Define(stage, "/throw/target")
    target.CreateRadiusAttr(RADIUS)
    target.CreateDisplayColorAttr([Gf.Vec3f(0, 0, 0)])
    target.AddTranslateOp().Set(Gf.Vec3d(*map(float, TARGET)))
    ball = UsdGeom.Sphere.Define(stage, "/throw/ball")
    ball.CreateRadiusAttr(RADIUS)
    place = ball.AddTranslateOp()
    for frame in range(frames + 1):
        place.Set(Gf.Vec3d(*map(float, paths[-1][round(frame * STEPS / frames)])), frame)
    stage.Save()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", nargs="?", help="USD file for the motion: .usd, .usda or .usdc")
    output = parser.parse_args().output
    if output is not None and Path(output).suffix not in (".usd", ".usda", ".usdc"):
        parser.error(f"output '{output}': expected a name that ends in .usd, .usda or .usdc")
    distances, paths = optimise()
    for k, d in enumerate(distances):
        print(f"iteration {k}: {1000 * d:8.3f} mm from the target")
    if output is not None:
        write_usd(output, paths)


if __name__ == "__main__":
    main()

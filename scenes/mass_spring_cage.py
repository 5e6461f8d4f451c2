"""A mass in a cage of springs reaches a target: gradient-based optimisation through 2 seconds of simulation.

The mass hangs in the middle of a cube of fixed corners. The rest lengths of its eight springs are optimised with L-BFGS so
that it is at the target after 2 s. `python scenes/mass_spring_cage.py [cage.usda]` writes the motion of every iteration.
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
    raise SystemExit("mass_spring_cage.py needs SciPy for its L-BFGS; run: pip install scipy") from None

DURATION, STEPS = 2.0, 480
TARGET = np.array([0.25, 0.15, -0.2])


@en.kernel
def squared_distance(q: en.array(dtype=en.vec3), p: int, target: en.vec3, loss: en.array(dtype=float)):
    d = q[p] - target
    loss[0] = en.dot(d, d)


class Cage:
    """The model, and its motion for given rest lengths."""

    def __init__(self) -> None:
        builder = sim.ModelBuilder()
        corners = [
            builder.add_particle(en.vec3(*c), en.vec3(0.0, 0.0, 0.0), 0.0) for c in itertools.product((-1, 1), repeat=3)
        ]
        self.mass = builder.add_particle(en.vec3(0.0, 0.0, 0.0), en.vec3(0.0, 0.0, 0.0), 1.0)
        for corner in corners:
            builder.add_spring(corner, self.mass, ke=30.0, kd=1.0, control=0)
        self.model = builder.finalize()
        self.model.ground = False
        self.model.spring_rest_length.requires_grad = True
        self.integrator = sim.SemiImplicitIntegrator()
        self.states = [self.model.state() for _ in range(STEPS + 1)]
        self.loss = en.zeros(1, dtype=float, requires_grad=True)

    def simulate(self) -> None:
        """Moves from rest for the whole duration and measures the squared distance to the target [m^2]."""
        for before, after in itertools.pairwise(self.states):
            self.integrator.simulate(self.model, before, after, DURATION / STEPS)
        target = en.vec3(*TARGET)
        en.launch(squared_distance, 1, [self.states[-1].particle_q, self.mass, target], [self.loss])

    def objective(self, rest_length: np.ndarray) -> tuple[float, np.ndarray]:
        """Squared distance and its gradient with respect to the rest lengths."""
        self.model.spring_rest_length.assign(rest_length.astype(np.float32))
        tape = en.Tape()
        with tape:
            self.simulate()
        tape.backward(self.loss)
        gradient = self.model.spring_rest_length.grad.numpy().astype(float)
        tape.zero()
        return float(self.loss.numpy()[0]), gradient

    def path(self) -> np.ndarray:
        """Positions of the mass [m], shape [STEPS + 1, 3]."""
        return np.array([s.particle_q.numpy()[self.mass] for s in self.states])


def optimise(iterations: int = 4) -> tuple[list[float], list[np.ndarray]]:
    """Distances to the target [m] and paths, before and after each L-BFGS iteration."""
    cage = Cage()
    start = cage.model.spring_rest_length.numpy().astype(float)
    distances, paths = [], []

    def note(rest_length: np.ndarray) -> None:
        value, _ = cage.objective(rest_length)
        distances.append(value**0.5)
        paths.append(cage.path())

    note(start)
    minimize(cage.objective, start, jac=True, method="L-BFGS-B", callback=note, options={"maxiter": iterations})
    return distances, paths


def write_usd(filename: str, paths: list[np.ndarray]) -> None:
    """One curve for each iteration, and the mass moving along the last one."""
    from pxr import Gf, Usd, UsdGeom, Vt

    stage = Usd.Stage.CreateNew(filename)
    stage.SetTimeCodesPerSecond(60)
    stage.SetStartTimeCode(0)
    stage.SetEndTimeCode(60 * DURATION)
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    stage.SetDefaultPrim(UsdGeom.Xform.Define(stage, "/cage").GetPrim())
    for k, path in enumerate(paths):
        curve = UsdGeom.BasisCurves.Define(stage, f"/cage/iteration_{k}")
        curve.CreateTypeAttr("linear")
        curve.CreateCurveVertexCountsAttr([len(path)])
        curve.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(path.astype(np.float32)))
        curve.CreateWidthsAttr([0.005])
        curve.SetWidthsInterpolation(UsdGeom.Tokens.constant)
        shade = k / max(1, len(paths) - 1)
        curve.CreateDisplayColorAttr([Gf.Vec3f(1 - shade, 0.2, shade)])
    for name, radius, color in (("target", 0.03, (0.0, 0.0, 0.0)), ("mass", 0.05, (0.1, 0.4, 1.0))):
        ball = UsdGeom.Sphere.Define(stage, f"/cage/{name}")
        ball.CreateRadiusAttr(radius)
        ball.CreateDisplayColorAttr([Gf.Vec3f(*color)])
        place = ball.AddTranslateOp()
        if name == "target":
            place.Set(Gf.Vec3d(*map(float, TARGET)))
        else:
            for frame in range(int(60 * DURATION) + 1):
                at = paths[-1][round(frame * STEPS / (60 * DURATION))]
                place.Set(Gf.Vec3d(*map(float, at)), frame)
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

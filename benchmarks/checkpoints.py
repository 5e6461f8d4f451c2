"""Time and memory of a gradient through 1,000 steps of the seed cloth, with and without checkpoints.

`python benchmarks/checkpoints.py [--steps N] [--json FILE]`. Each measurement runs in a process of its own; memory is
the peak of that process less its peak before the tape began. Gradients are compared with those of the plain tape.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import numpy as np

DT = 1.0 / 60.0 / 32.0


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def measure(solver: str, steps: int, every: int) -> dict:
    """One gradient; `every` 0: without checkpoints."""
    from gradients import distance_to
    from seed_cloth import build

    import engine as en
    import sim

    model = build(en, sim)
    integrator = sim.SemiImplicitIntegrator() if solver == "semi-implicit" else sim.XPBDIntegrator()
    states = [model.state() for _ in range(2)]
    velocity = en.zeros_like(states[0].particle_qd, requires_grad=True)
    model.tri_materials.requires_grad = True
    loss = en.zeros(1, dtype=float)
    start = states[0].particle_q.numpy().copy()

    def step(k: int) -> None:
        here, there = states[k % 2], states[(k + 1) % 2]
        if k % 32 == 0:
            sim.collide(model, here)
        integrator.simulate(model, here, there, DT)

    def objective(count: int) -> None:
        en.copy(states[0].particle_qd, velocity)
        states[0].particle_q.assign(start)
        loss.zero_()
        if every:
            en.checkpoint(step, count, every=every)
        else:
            for k in range(count):
                step(k)
        goal = [states[count % 2].particle_q, en.vec3(0.0, 1.0, 0.0)]
        en.launch(distance_to, dim=model.particle_count, inputs=goal, outputs=[loss])

    def gradient(count: int) -> None:
        with en.Tape() as tape:
            objective(count)
        tape.backward(loss)

    gradient(2)  # compile
    tic = time.perf_counter()
    for k in range(steps):
        step(k)
    forward = time.perf_counter() - tic
    velocity.grad.zero_()
    model.tri_materials.grad.zero_()
    before = peak_mb()
    tic = time.perf_counter()
    gradient(steps)
    spent = time.perf_counter() - tic
    return {
        "solver": solver, "every": every, "forward_s": forward, "gradient_s": spent, "memory_MB": peak_mb() - before,
        "velocity": velocity.grad.numpy().ravel().tolist(), "material": model.tri_materials.grad.numpy().ravel().tolist(),
    }  # fmt: skip


def _difference(a: dict, b: dict) -> float:
    parts = []
    for name in ("velocity", "material"):
        x, y = np.array(a[name]), np.array(b[name])
        parts.append(np.linalg.norm(x - y) / np.linalg.norm(y))
    return max(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--json")
    parser.add_argument("--one", nargs=2)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(args.one[0], args.steps, int(args.one[1]))))
        return
    out = []
    for solver in ("semi-implicit", "xpbd"):
        plain = None
        for every in (0, 8, 32, 125):
            command = [sys.executable, __file__, "--steps", str(args.steps), "--one", solver, str(every)]
            found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            plain = plain or found
            found["difference"] = _difference(found, plain)
            found = {k: v for k, v in found.items() if k not in ("velocity", "material")}
            print({k: round(v, 7) if isinstance(v, float) else v for k, v in found.items()}, flush=True)
            out.append(found)
    if args.json:
        with open(args.json, "w") as file:
            json.dump(out, file, indent=1)


if __name__ == "__main__":
    main()

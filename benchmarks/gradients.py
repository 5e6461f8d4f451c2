"""What a gradient costs: one frame (32 substeps) of the seed cloth, forward, on a tape, and backward.

`python benchmarks/gradients.py [--json FILE]`. "forward" launches one by one, as a tape needs it; "replayed" is that
frame replayed as a graph.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import numpy as np
from seed_cloth import FPS, SUBSTEPS, build

import engine as en
import sim


@en.kernel
def distance_to(q: en.array(dtype=en.vec3), target: en.vec3, loss: en.array(dtype=float)):
    d = q[en.tid()] - target
    en.atomic_add(loss, 0, en.dot(d, d))


def median_ms(run, repeats: int = 7) -> float:
    run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return 1e3 * float(np.median(times))


def measure(solver: str) -> dict[str, float]:
    model = build(en, sim)
    integrator = sim.SemiImplicitIntegrator() if solver == "semi-implicit" else sim.XPBDIntegrator()
    states = [model.state() for _ in range(SUBSTEPS + 1)]
    states[0].particle_qd.requires_grad = True
    model.tri_materials.requires_grad = True
    loss = en.zeros(1, dtype=float)
    dt = 1.0 / FPS / SUBSTEPS

    def frame():
        sim.collide(model, states[0])
        for a, b in itertools.pairwise(states):
            integrator.simulate(model, a, b, dt)

    def objective():
        frame()
        loss.zero_()
        en.launch(
            distance_to,
            dim=model.particle_count,
            inputs=[states[-1].particle_q, en.vec3(0.0, 1.0, 0.0)],
            outputs=[loss],
        )

    def taped():
        tape = en.Tape()
        with tape:
            objective()
        return tape

    forward = median_ms(objective)
    recorded = median_ms(taped)
    tape = taped()
    start = time.perf_counter()
    tape.backward(loss)
    cold = 1e3 * (time.perf_counter() - start)
    backward = median_ms(lambda: tape.backward(loss))
    with en.ScopedCapture() as capture:
        frame()
    replayed = median_ms(lambda: en.capture_launch(capture.graph))
    kept = sum(c.data.nbytes for b in tape._buffers for c in b.snapshots.values()) / 1e6
    return {
        "replayed_ms": replayed, "forward_ms": forward, "taped_ms": recorded, "backward_ms": backward,
        "first_backward_ms": cold, "launches": len(tape.launches), "kept_MB": kept,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json")
    args = parser.parse_args()
    out = {}
    for solver in ("semi-implicit", "xpbd"):
        out[solver] = measure(solver)
        print(solver, {k: round(v, 3) for k, v in out[solver].items()})
    if args.json:
        with open(args.json, "w") as file:
            json.dump(out, file, indent=1)


if __name__ == "__main__":
    main()

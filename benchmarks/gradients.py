"""What a gradient costs: one frame (32 substeps) of the seed cloth, forward, on a tape, and backward.

`python benchmarks/gradients.py [--json FILE]`. "forward" launches one by one, as a tape needs it; "replayed" is that
frame replayed as a graph. Where the peer is installed (`warp-lang==1.9.1`), the semi-implicit frame is also measured with
it, both sides taking turns on one thread and on all.
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
from sidebyside import alternate, peer, row

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


def of_the_peer(wp):
    """Tasks like those of `measure`, done by the peer."""
    import warp.sim

    @wp.kernel
    def distance(q: wp.array(dtype=wp.vec3), target: wp.vec3, loss: wp.array(dtype=float)):
        d = q[wp.tid()] - target
        wp.atomic_add(loss, 0, wp.dot(d, d))

    wp.set_device("cpu")
    model = build(wp, warp.sim)
    model.particle_qd.requires_grad = model.tri_materials.requires_grad = True
    integrator = warp.sim.SemiImplicitIntegrator()
    states = [model.state(requires_grad=True) for _ in range(SUBSTEPS + 1)]
    loss = wp.zeros(1, dtype=float, requires_grad=True)

    def objective():
        warp.sim.collide(model, states[0])
        for a, b in itertools.pairwise(states):
            a.clear_forces()
            integrator.simulate(model, a, b, 1.0 / FPS / SUBSTEPS)
        loss.zero_()
        goal = [states[-1].particle_q, wp.vec3(0.0, 1.0, 0.0)]
        wp.launch(distance, dim=model.particle_count, inputs=goal, outputs=[loss])

    return tasks(wp.Tape, objective, loss)


def of_ours():
    model = build(en, sim)
    integrator = sim.SemiImplicitIntegrator()
    states = [model.state() for _ in range(SUBSTEPS + 1)]
    states[0].particle_qd.requires_grad = model.tri_materials.requires_grad = True
    loss = en.zeros(1, dtype=float)

    def objective():
        sim.collide(model, states[0])
        for a, b in itertools.pairwise(states):
            integrator.simulate(model, a, b, 1.0 / FPS / SUBSTEPS)
        loss.zero_()
        goal = [states[-1].particle_q, en.vec3(0.0, 1.0, 0.0)]
        en.launch(distance_to, dim=model.particle_count, inputs=goal, outputs=[loss])

    return tasks(en.Tape, objective, loss)


def tasks(tape_class, objective, loss) -> dict:
    """What is timed: a frame, a frame on a tape, a backward pass, and a whole gradient."""

    def taped():
        tape = tape_class()
        with tape:
            objective()
        return tape

    def gradient():
        tape = taped()
        tape.backward(loss)
        tape.zero()

    kept = taped()
    return {"forward": objective, "taped": taped, "backward": lambda: kept.backward(loss), "gradient": gradient}


def side_by_side(wp) -> list[dict]:
    out = []
    for threads in (1, en.get_threads()):
        en.set_threads(threads)
        ours, theirs = of_ours(), of_the_peer(wp)
        for name in ours:
            medians = alternate({"simrun": ours[name], "warp": theirs[name]}, repeats=9)
            out.append(row(f"seed cloth, a frame, {name}, {threads} threads", "ms", 1e3, medians))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json")
    args = parser.parse_args()
    out = {}
    for solver in ("semi-implicit", "xpbd"):
        out[solver] = measure(solver)
        print(solver, {k: round(v, 3) for k, v in out[solver].items()})
    wp = peer()
    if wp is not None:
        out["beside the peer"] = side_by_side(wp)
    if args.json:
        with open(args.json, "w") as file:
            json.dump(out, file, indent=1)


if __name__ == "__main__":
    main()

"""Cost against size: cloth from 1k to 1M particles, on one and on all threads: `python benchmarks/scaling.py [--json FILE]`.

One frame is collide + 8 substeps, semi-implicit, captured. Reported per particle and substep, so a flat column is a
linear law.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from seed_cloth import build
from sidebyside import alternate, save

import engine as en
import sim

SUBSTEPS = 8
SIZES = ((32, 31), (64, 48), (128, 78), (200, 157), (400, 250), (640, 492), (1024, 976))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json")
    args = parser.parse_args()
    rows = []
    cores = en.get_threads()
    print(
        f"{'particles':>10} {'build s':>8} {'1 thread ms':>12} {f'{cores} threads ms':>14} {'speed-up':>9} {'ns/particle/substep':>20}"
    )
    for dim_x, dim_y in SIZES:
        start = time.perf_counter()
        model = build(en, sim, dim_x, dim_y)
        built = time.perf_counter() - start
        integrator = sim.SemiImplicitIntegrator()
        a, b = model.state(), model.state()

        def frame(model=model, integrator=integrator, a=a, b=b):
            sim.collide(model, a)
            for _ in range(SUBSTEPS):
                a.clear_forces()
                integrator.simulate(model, a, b, 1e-4)
                a, b = b, a

        frame()
        with en.ScopedCapture() as capture:
            frame()
        result = {}
        for threads in (1, cores):
            en.set_threads(threads)
            repeats = 15 if model.particle_count < 200_000 else 5
            result[threads] = (
                alternate({"simrun": lambda c=capture: en.capture_launch(c.graph)}, repeats)["simrun"] * 1e3
            )
        n = model.particle_count
        each = result[cores] * 1e6 / n / SUBSTEPS
        rows.append({"particles": n, "build_s": built, "ms_1": result[1], "ms_all": result[cores], "ns": each})
        print(
            f"{n:>10,} {built:>8.3f} {result[1]:>12.2f} {result[cores]:>14.2f} {result[1] / result[cores]:>8.2f}x {each:>20.1f}",
            flush=True,
        )
    save(rows, args.json)


if __name__ == "__main__":
    main()

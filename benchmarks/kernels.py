"""Engine benchmarks, side by side with the peer: `python benchmarks/kernels.py [--json FILE]`.

Launch overhead, pre-bound launch, graph replay, saxpy 10M, integrate from 1k to 1M, scaling from 1 to 2 threads.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import engine_kernels
import numpy as np
from sidebyside import alternate, peer, row, save

import engine as en


def arrays(wp, n: int):
    rng = np.random.default_rng(1)
    x, v, f = (wp.array(rng.random((n, 3)).astype(np.float32), dtype=wp.vec3, device="cpu") for _ in range(3))
    w = wp.array(np.ones(n, np.float32), dtype=float, device="cpu")
    return x, v, f, w


def many(count, run):
    def go():
        for _ in range(count):
            run()

    return go


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json")
    path = parser.parse_args().json
    wp = peer()
    rows = []
    sides = {"simrun": en} | ({"warp": wp} if wp else {})
    kernels = {name: engine_kernels.make(m) for name, m in sides.items()}
    print(f"{'work':<58} {'simrun':>10} {'warp':>10} {'unit':<8} {'ratio':>7}   ({en.get_threads()} threads)")

    def both(work, unit, scale, make, repeats=15):
        tasks = {name: make(m, kernels[name]) for name, m in sides.items()}
        rows.append(row(work, unit, scale, alternate(tasks, repeats)))

    def launch3(m, k):
        a, b, c = (m.zeros(16, dtype=float, device="cpu") for _ in range(3))
        return many(1000, lambda: m.launch(k[2], dim=16, inputs=[a, b, c, 2.0], device="cpu"))

    def bound3(m, k):
        a, b, c = (m.zeros(16, dtype=float, device="cpu") for _ in range(3))
        cmd = m.launch(k[2], dim=16, inputs=[a, b, c, 2.0], device="cpu", record_cmd=True)
        cmd.arrays = (a, b, c)  # the peer's command does not keep its arrays alive
        return many(1000, cmd.launch)

    both("launch, 3 arrays + float", "us", 1e3, launch3)
    both("pre-bound launch", "us", 1e3, bound3)

    a, b, c = (en.zeros(16) for _ in range(3))
    with en.ScopedCapture() as capture:
        for _ in range(1000):
            en.launch(kernels["simrun"][2], dim=16, inputs=[a, b, c, 2.0])
    rows.append(
        row("graph replay, per node", "us", 1e3, alternate({"simrun": lambda: en.capture_launch(capture.graph)}))
    )

    def saxpy(m, k):
        x, y = (m.zeros(10_000_000, dtype=float, device="cpu") for _ in range(2))
        return lambda: m.launch(k[0], dim=10_000_000, inputs=[2.0, x, y], device="cpu")

    both("saxpy, 10M floats", "ms", 1e3, saxpy)
    for n in (1_000, 10_000, 100_000, 1_000_000):

        def integrate(m, k, n=n):
            x, v, f, w = arrays(m, n)
            return lambda: m.launch(k[1], dim=n, inputs=[x, v, f, w, m.vec3(0.0, -9.8, 0.0), 1e-3], device="cpu")

        both(f"integrate, {n:,} particles", "ms", 1e3, integrate)

    x, v, f, w = arrays(en, 1_000_000)
    for threads in (1, 2):
        en.set_threads(threads)
        run = {
            "simrun": lambda: en.launch(
                kernels["simrun"][1], dim=1_000_000, inputs=[x, v, f, w, en.vec3(0.0, -9.8, 0.0), 1e-3]
            )
        }
        rows.append(row(f"integrate, 1,000,000 particles, {threads} thread(s)", "ms", 1e3, alternate(run)))
    save(rows, path)


if __name__ == "__main__":
    start = time.perf_counter()
    main()
    print(f"took {time.perf_counter() - start:.1f} s")

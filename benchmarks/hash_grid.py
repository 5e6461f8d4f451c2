"""Hash grid: build and neighbour sum over a million points, beside the peer (NVIDIA Warp, from its own interpreter).

    PYTHONPATH=. python benchmarks/hash_grid.py --peer /path/to/venv-with-warp/bin/python

One million points in a 10 m box, radius 0.1 m. Times are the best of several runs, the first (compiling) one left out.
"""

# ruff: noqa: UP018, RUF046
import argparse
import json
import os
import subprocess
import sys
import time

import numpy as np

POINTS = 1_000_000
BOX, RADIUS = 10.0, 0.1


def measure(en) -> dict:
    """Milliseconds with `en`, a module that speaks the common names, and the sum of the results to compare."""

    @en.kernel
    def neighbour_sum(grid: en.uint64, points: en.array(dtype=en.vec3), radius: float, out: en.array(dtype=float)):
        tid = en.tid()
        i = en.hash_grid_point_id(grid, tid)
        p = points[i]
        total = float(0.0)  # the peer needs the conversion
        query = en.hash_grid_query(grid, p, radius)
        index = int(0)
        while en.hash_grid_query_next(query, index):
            d = en.length(p - points[index])
            if d < radius:
                total += radius - d
        out[i] = total

    rng = np.random.default_rng(0)
    points = en.array(rng.uniform(0, BOX, (POINTS, 3)).astype(np.float32), dtype=en.vec3, device="cpu")
    grid = en.HashGrid(128, 128, 128, device="cpu")
    out = en.zeros(POINTS, dtype=float, device="cpu")

    def best(run, repeats: int = 7) -> float:
        run()
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            run()
            times.append(time.perf_counter() - start)
        return 1e3 * min(times)

    build = best(lambda: grid.build(points, RADIUS))
    query = best(lambda: en.launch(neighbour_sum, dim=POINTS, inputs=[grid.id, points, RADIUS, out], device="cpu"), 4)
    return {"build": build, "neighbour sum": query, "check": float(out.numpy().astype(np.float64).sum())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", default=os.environ.get("SIMRUN_PEER_PYTHON"), help="interpreter that has the peer")
    parser.add_argument("--as-peer", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.as_peer:
        import warp

        warp.config.quiet = True
        print(json.dumps(measure(warp)))
        return
    import engine

    ours = measure(engine)
    peer: dict = {}
    if options.peer:
        run = subprocess.run([options.peer, __file__, "--as-peer"], capture_output=True, text=True, check=False)
        if run.returncode:
            sys.exit(f"the peer failed:\n{run.stderr}")
        peer = json.loads(run.stdout.splitlines()[-1])
    print(f"{POINTS:,} points, {engine.get_threads()} threads; milliseconds (check: sum of results)")
    for name, value in ours.items():
        line = f"{name:16}{value:14.2f}"
        if name in peer:
            line += f"{peer[name]:14.2f}" + (f"{peer[name] / value:8.1f}x" if name != "check" else "")
        print(line)


if __name__ == "__main__":
    main()

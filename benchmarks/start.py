"""Time to the first simulated frame of the seed cloth, in fresh processes: `python benchmarks/start.py [--json FILE]`.

Cold: empty kernel cache. Warm: kernels compiled by the run before. The clock starts before the interpreter does and
stops when the first frame has been simulated. Also: compile time of each kernel of that scene.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path.insert(0, ROOT)
from sidebyside import row, save  # noqa: E402

_OURS = """
import sys; sys.path[:0] = [{root!r}, {here!r}]
import seed_cloth, engine, sim
run, state, _ = seed_cloth.stepper(engine, sim, {solver!r})
run(); state.particle_q.numpy()
"""
_PEER = """
import sys; sys.path[:0] = [{root!r}, {here!r}]
import warp as wp
wp.config.quiet = True
wp.config.kernel_cache_dir = {cache!r}
import warp.sim, seed_cloth
run, state, _ = seed_cloth.stepper(wp, warp.sim, {solver!r})
run(); state.particle_q.numpy()
"""


def timed(code: str, cache: str) -> float:
    env = dict(os.environ, SIMRUN_CACHE=cache, WARP_CACHE_PATH=cache)
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", code], check=True, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return time.perf_counter() - start


def cold_and_warm(template: str, solver: str, cold_runs: int, warm_runs: int) -> tuple[float, float]:
    cold, warm = [], []
    for _ in range(cold_runs):
        with tempfile.TemporaryDirectory() as cache:
            code = template.format(root=ROOT, here=HERE, cache=cache, solver=solver)
            cold.append(timed(code, cache))
            warm += [timed(code, cache) for _ in range(warm_runs)]
    return statistics.median(cold), statistics.median(warm)


def compile_times() -> None:
    """Milliseconds that each kernel of the cloth takes to compile, with an empty cache."""
    with tempfile.TemporaryDirectory() as cache:
        os.environ["SIMRUN_CACHE"] = cache
        import seed_cloth

        import engine as en
        import sim

        times = []
        original = en.Kernel.variant

        def variant(self, *args, **kw):
            known = len(self._variants)
            start = time.perf_counter()
            out = original(self, *args, **kw)
            if len(self._variants) > known:
                times.append((1e3 * (time.perf_counter() - start), self.__name__, out.module.size))
            return out

        en.Kernel.variant = variant
        for solver in ("semi-implicit", "xpbd"):
            seed_cloth.stepper(en, sim, solver)[0]()
        for ms, name, size in times:
            print(f"    {name:<40} {size:>6} instructions {ms:8.1f} ms")
        print(
            f"    {len(times)} kernels, median {statistics.median(t[0] for t in times):.1f} ms, total {sum(t[0] for t in times):.0f} ms"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json")
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    rows = []
    try:
        import warp  # noqa: F401

        with_peer = True
    except ImportError:
        with_peer = False
    for solver in ("semi-implicit", "xpbd"):
        cold, warm = cold_and_warm(_OURS, solver, args.runs, 3)
        cold_peer = warm_peer = None
        if with_peer:
            cold_peer, warm_peer = cold_and_warm(_PEER, solver, 1, 2)
        rows.append(
            row(f"cold start to first frame, seed cloth, {solver}", "s", 1.0, {"simrun": cold, "warp": cold_peer})
        )
        rows.append(
            row(f"warm start to first frame, seed cloth, {solver}", "s", 1.0, {"simrun": warm, "warp": warm_peer})
        )
    compile_times()
    save(rows, args.json)


if __name__ == "__main__":
    main()

"""Compile time with an empty cache: `python benchmarks/compile.py [--json FILE] [--suite TESTS]`.

Five kernels of some forty lines beside the peer, each in a fresh process, from the first launch to the last compiled;
then one kernel of growing size, to see that time grows with size. With `--suite` (the folder of the peer's tests) the
kernels of that test suite too.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path[:0] = [ROOT, HERE]
from sidebyside import row, save  # noqa: E402

_FIVE = """
import sys, time; sys.path[:0] = [{root!r}, {here!r}]
import {module} as wp
if {module!r} == "warp":
    wp.config.quiet, wp.config.kernel_cache_dir, wp.config.enable_backward = True, {cache!r}, False
    wp.init()
import compile_kernels
compile_kernels.start_compiler(wp)
start = time.perf_counter()
kernels = compile_kernels.make(wp)
wp.load_module(compile_kernels, device="cpu")
print("seconds", time.perf_counter() - start)
"""


def five(module: str) -> float:
    """Seconds to compile the five kernels in a fresh process with an empty cache."""
    with tempfile.TemporaryDirectory() as cache:
        code = _FIVE.format(root=ROOT, here=HERE, module=module, cache=cache)
        env = dict(os.environ, SIMRUN_CACHE=cache, WARP_CACHE_PATH=cache)
        out = subprocess.run([sys.executable, "-c", code], check=True, env=env, capture_output=True, text=True)
    return float(out.stdout.split("seconds")[-1])


def large(statements: int) -> tuple[int, float, float]:
    """Instructions of a straight-line kernel of so many statements; seconds of the front end and of everything."""

    lines = [
        "import engine as en",
        "@en.kernel",
        "def big(x: en.array(dtype=float), y: en.array(dtype=float)):",
        "    i = en.tid()",
        "    a0 = x[i]",
        "    b0 = y[i]",
    ]
    for k in range(statements):
        lines.append(f"    a{k + 1} = en.sin(a{k}) * b{k} + {k % 7}.5")
        lines.append(f"    b{k + 1} = en.max(a{k + 1}, b{k}) - a{k}")
    lines.append(f"    y[i] = a{statements} + b{statements}")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, f"big{statements}.py")
        with open(path, "w") as file:
            file.write("\n".join(lines) + "\n")
        scope: dict = {}
        with open(path) as file:
            exec(compile(file.read(), path, "exec"), scope)
        kernel = scope["big"]
        start = time.perf_counter()
        kernel.lower([t for _, t in kernel.parameters], (), False)
        front = time.perf_counter() - start
        start = time.perf_counter()
        variant = kernel.variant([t for _, t in kernel.parameters])
        return len(kernel.ir().splitlines()), front, time.perf_counter() - start if variant else 0.0


def suite(tests: str) -> list[float]:
    """Milliseconds of every kernel that the peer's listed tests compile, forward only."""
    times: list[float] = []
    script = os.path.join(HERE, "compile_suite.py")
    for file in ("arithmetic", "operators", "math", "vec", "spatial", "func", "generics", "atomic", "rand", "tape"):
        with tempfile.TemporaryDirectory() as cache:
            env = dict(os.environ, SIMRUN_CACHE=cache)
            out = subprocess.run(
                [sys.executable, script, tests, f"test_{file}"], env=env, capture_output=True, text=True, cwd=ROOT
            )
            times += json.loads(out.stdout.rpartition("times ")[2] or "[]")
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json")
    parser.add_argument("--suite")
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()
    times = {"simrun": statistics.median(five("engine") for _ in range(args.runs))}
    try:
        import warp  # noqa: F401

        times["warp"] = statistics.median(five("warp") for _ in range(2))
    except ImportError:
        pass
    rows = [row("five 40-line kernels, cold, forward only", "s", 1.0, times)]
    with tempfile.TemporaryDirectory() as cache:
        os.environ["SIMRUN_CACHE"] = cache
        large(20)
        for statements in (125, 250, 500, 1000, 2000):
            size, front, whole = large(statements)
            print(
                f"    {size:>6} lines of IR: front end {1e3 * front:6.0f} ms, whole {1e3 * whole:6.0f} ms, {1e6 * whole / size:5.0f} us a line"
            )
            rows.append({"work": f"straight-line kernel, {size} lines of IR", "unit": "ms", "simrun": 1e3 * whole})
    if args.suite:
        found = sorted(suite(args.suite))
        print(
            f"    {len(found)} kernels of the peer's tests: median {statistics.median(found):.1f} ms, 90 % below {found[int(0.9 * len(found))]:.1f} ms"
        )
        rows.append({"work": "median kernel of the peer's tests", "unit": "ms", "simrun": statistics.median(found)})
    save(rows, args.json)


if __name__ == "__main__":
    main()

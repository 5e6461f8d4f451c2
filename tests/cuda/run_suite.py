"""Runs the test suite on a GPU, one process a file: `python tests/cuda/run_suite.py`.

A crash costs one file, a hang its time limit; the longest files are split over several processes. Prints a line a file
and the failures; writes logs and `suite.json`. Files that need a package which is not there (USD, MuJoCo) are named, and
count as failures.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

_QUIET = ["-q", "-p", "no:cacheprovider", "--tb=short", "-rfE", "--durations=3"]
ROOT = Path(__file__).resolve().parents[2]
#: the files with the longest tests, which compile hundreds of kernels, and over how many processes they are spread
_PARTS = {
    "tests/engine/autodiff/test_random_programs.py": 10,
    "tests/sim/maximal/test_gradients.py": 8,
    "tests/engine/autodiff/test_builtins.py": 6,
    "tests/engine/autodiff/test_builtin_edges.py": 2,
    "tests/sim/featherstone/test_gradients.py": 4,
    "tests/sim/physics/test_particle_motion.py": 3,
    "tests/sim/physics/test_bodies.py": 3,
    "tests/engine/library/test_linear_algebra.py": 2,
    "tests/engine/lang/test_types.py": 2,
    "tests/engine/autodiff/test_rebuilt_structures.py": 2,
    "tests/engine/autodiff/test_mesh_queries.py": 2,
    "tests/sim/test_gradients.py": 2,
    "tests/sim/featherstone/test_analytic.py": 2,
    "tests/sim/physics/test_solids.py": 2,
}


def pieces(files: list[Path]) -> list[tuple[Path, str]]:
    """Each file with the share of its tests that one process runs, the longest first."""
    parts = {f: _PARTS.get(f.relative_to(ROOT).as_posix(), 1) for f in files}
    ordered = sorted(files, key=lambda f: (-parts[f], -f.stat().st_size))
    return [(f, f"{k + 1}/{parts[f]}") for f in ordered for k in range(parts[f])]


def run(file: Path, shard: str, device: str, out: Path, limit: float) -> dict:
    """One file's tests, or a share of them, in a process of their own."""
    name = file.relative_to(ROOT).as_posix()
    env = {
        **os.environ,
        "SIMRUN_TEST_DEVICE": device,
        "SIMRUN_TEST_SHARD": shard,
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "SIMRUN_THREADS": "2",
        "JAX_PLATFORMS": "cpu",
    }
    env.pop("SIMRUN_CACHE", None)
    start = time.perf_counter()
    command = [sys.executable, "-m", "pytest", "-o", "addopts=", "--import-mode=importlib", *_QUIET, name]
    shown = name if shard == "1/1" else f"{name} ({shard})"
    log = out / (re.sub(r"[^\w.]+", "_", shown) + ".log")
    with open(log, "w") as text:
        try:
            code = subprocess.run(
                command, cwd=ROOT, env=env, stdout=text, stderr=subprocess.STDOUT, timeout=limit
            ).returncode
        except subprocess.TimeoutExpired:
            code = "over its time limit"
    said = log.read_text(errors="replace")
    counts = {what: int(n) for n, what in re.findall(r"(\d+) (passed|failed|skipped|error)", said)}
    failed = re.findall(r"^(?:FAILED|ERROR) (\S.*)$", said, re.M)
    return {"file": shown, "code": code, "seconds": round(time.perf_counter() - start, 1), "failures": failed, **counts}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "paths", nargs="*", default=["tests/engine", "tests/sim", "tests/cuda", "tests/app", "tests/usd_io"]
    )
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--jobs", type=int, default=min(14, os.cpu_count() or 1), help="files at a time")
    parser.add_argument("--limit", type=float, default=300.0, help="seconds a file may take")
    parser.add_argument("--out", default="/tmp/simrun_suite", help="folder for logs")
    options = parser.parse_args()
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    files = [
        f for p in options.paths for f in ([ROOT / p] if p.endswith(".py") else sorted((ROOT / p).rglob("test_*.py")))
    ]
    results = []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        waiting = [pool.submit(run, f, part, options.device, out, options.limit) for f, part in pieces(files)]
        for done in concurrent.futures.as_completed(waiting):
            r = done.result()
            results.append(r)
            shown = ", ".join(f"{r[k]} {k}" for k in ("passed", "failed", "error", "skipped") if k in r)
            print(f"{r['file']}: {shown or r['code']} ({r['seconds']} s)", flush=True)
            (out / "suite.json").write_text(json.dumps(results, indent=1))
    bad = [r for r in results if r["code"] != 0 and r["code"] != 5]
    for r in bad:
        print(f"\n{r['file']}: exit {r['code']}", *r["failures"], sep="\n  ")
    total = {k: sum(r.get(k, 0) for r in results) for k in ("passed", "failed", "error", "skipped")}
    print(f"\n{total}, {len(bad)} of {len(results)} processes with failures")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())

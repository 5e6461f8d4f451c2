"""Runs the engine's and the simulation's tests on a GPU, one process a file: `python tests/cuda/run_suite.py`.

A crash costs one file, a hang its time limit. Prints a line a file and the failures; writes logs and `suite.json`.
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


def run(file: Path, device: str, out: Path, limit: float) -> dict:
    """One file's tests in a process of their own."""
    name = str(file.relative_to(ROOT))
    env = {
        **os.environ,
        "SIMRUN_TEST_DEVICE": device,
        "PYTHONPATH": str(ROOT),
        "SIMRUN_THREADS": "2",
        "JAX_PLATFORMS": "cpu",
    }
    env.pop("SIMRUN_CACHE", None)
    start = time.perf_counter()
    command = [sys.executable, "-m", "pytest", "-o", "addopts=", "--import-mode=importlib", *_QUIET, name]
    log = out / (name.replace("/", "_") + ".log")
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
    return {"file": name, "code": code, "seconds": round(time.perf_counter() - start, 1), "failures": failed, **counts}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="*", default=["tests/engine", "tests/sim", "tests/cuda"])
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
    files.sort(key=lambda f: -f.stat().st_size)
    results = []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        waiting = [pool.submit(run, f, options.device, out, options.limit) for f in files]
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
    print(f"\n{total}, {len(bad)} of {len(results)} files with failures")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())

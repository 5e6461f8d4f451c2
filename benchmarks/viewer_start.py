"""Time from the start of `simview SCENE` to the first picture of the scene, in fresh processes.

    xvfb-run -s "-screen 0 1440x900x24" python benchmarks/viewer_start.py [SCENE...] [--runs N]

Warm: a run before has compiled the kernels and read everything into the system's file cache. The clock starts before the
interpreter does. Without scenes, those that come along.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]

SCRIPT = """
import os, sys, time
began = float(os.environ["BEGAN"])
marks = [("interpreter", time.time())]
from app.view import cli, window

def turn(loop, turn=window.Loop.turn):
    if loop.pictures == 0 and len(marks) == 1:
        marks.append(("window", time.time()))
    drawn = turn(loop)
    if loop._app.view is not None and drawn and not loop._app.wants_close:
        marks.append(("scene", time.time()))
        print(" ".join(f"{name}={at - began:.3f}" for name, at in marks), flush=True)
        loop._app.wants_close = True
    return drawn

window.Loop.turn = turn
cli.main([sys.argv[1], "--fresh"])
"""


def start(scene: Path) -> dict[str, float]:
    """Seconds until the interpreter, the window and the scene were there."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "BEGAN": repr(time.time())}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(scene)], env=environment, capture_output=True, text=True, check=True
    )
    return {name: float(at) for name, at in (word.split("=") for word in done.stdout.split())}


def main() -> None:
    """Measure, and print a line a scene."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenes", nargs="*", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    for scene in arguments.scenes or sorted((ROOT / "scenes").glob("*.usd*")):
        start(scene)
        found = [start(scene) for _ in range(arguments.runs)]
        parts = {name: statistics.median(each[name] for each in found) for name in found[0]}
        print(f"{scene.name:<28} {parts['scene']:.2f} s  (window {parts['window']:.2f} s)", flush=True)


if __name__ == "__main__":
    main()

"""How long the viewer's pictures take while it plays, and whether its memory grows.

    xvfb-run -s "-screen 0 1280x800x24" python benchmarks/viewer_record.py scenes/cloth_over_sphere.usda --seconds 600

Prints pictures and simulated frames a second, the longest gap between two pictures and the memory in use, once every ten
seconds, then a summary as JSON. The history is kept small, so that it is full early and anything that grows is a leak.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

from app.settings import RunOptions
from app.view.application import Application
from app.view.preferences import Preferences
from app.view.window import Loop, leave_a_core, open_window


def memory() -> float:
    """Resident memory of this process [MB]."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def main() -> None:
    """Play, and write down."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scene", type=Path)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--size", default="1280x800")
    parser.add_argument("--still", action="store_true", help="turn the camera instead of simulating")
    arguments = parser.parse_args()
    width, height = map(int, arguments.size.split("x"))
    app = Application(Preferences(window_size=[width, height], history_megabytes=16), RunOptions())
    leave_a_core()
    window = open_window(app, remember=False)
    loop = Loop(app, window)
    app.open(arguments.scene)
    while app.view is None:
        loop.turn()
    if not arguments.still:
        app.toggle_play()
    gaps, rows = [], []
    warm = time.perf_counter() + 5.0
    began = last = time.perf_counter()
    line, frames, count = began + 10.0, 0, 0
    while last - began < arguments.seconds:
        if arguments.still:
            app.camera.drag("orbit", 2.0, 0.0, width, height)
        loop._awake_until = float("inf")  # a picture every turn, also where nothing changes
        assert loop.turn()
        now = time.perf_counter()
        if now > warm:
            gaps.append(now - last)
        last = now
        if now > line and len(gaps) > count:
            recent = np.array(gaps[count:])
            row = {
                "seconds": round(now - began),
                "pictures_a_second": round(1.0 / float(recent.mean()), 1),
                "longest_gap_ms": round(1000.0 * float(recent.max()), 1),
                "frames_a_second": round((app.session.frame - frames) / 10.0, 1),
                "megabytes": round(memory(), 1),
            }
            rows.append(row)
            print(row, flush=True)
            line, frames, count = now + 10.0, app.session.frame, len(gaps)
    gaps = np.array(gaps)
    print(json.dumps({
        "scene": arguments.scene.name,
        "size": arguments.size,
        "triangles": int(sum(len(m.geometry.triangles) * len(m.bodies) for m in app.view.render.meshes)),
        "pictures_a_second": round(1.0 / float(gaps.mean()), 1),
        "median_ms": round(1000.0 * float(np.median(gaps)), 2),
        "longest_gap_ms": round(1000.0 * float(gaps.max()), 1),
        "gaps_over_200_ms": int((gaps > 0.2).sum()),
        "megabytes_first": rows[0]["megabytes"],
        "megabytes_last": rows[-1]["megabytes"],
    }))  # fmt: skip
    window.end()
    app.close()


if __name__ == "__main__":
    main()

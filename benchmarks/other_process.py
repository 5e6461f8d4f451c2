"""A peer's side of a benchmark in a process of its own, and replays of our frames to take turns with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import engine as en


class Peer:
    """The other process, of a script in this folder: asked for seconds, answers them. `where` is its PYTHONPATH."""

    def __init__(self, script: str, robot: Path, where: str, device: str):
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name(script)), str(robot), "--device", device],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": where},
        )  # fmt: skip
        print("peer:", self.answer(), flush=True)

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the peer's process ended; its reason stands above")
        return json.loads(line)

    def seconds(self, *question) -> list[float]:
        print(*question, file=self.process.stdin, flush=True)
        return self.answer()


def replays(frame, repeats: int) -> list[float]:
    """Seconds of each replay of a captured frame (`gpu_robots.Frame`)."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        en.capture_launch(frame.graph)
        en.synchronize_device(frame.model.device)
        times.append(time.perf_counter() - began)
    return times

"""Humanoids beside MuJoCo Warp on one GPU: `python benchmarks/gpu_mujoco.py ROBOT.xml --peer DIR[:DIR…] [--json FILE]`.

DIR… hold warp-lang 1.19, mujoco, mujoco-warp and what they need; they are imported only by the peer's process. Both sides read
the same file, replay captured graphs and take turns; medians with synchronisation.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import numpy as np

import sim
from benchmarks.gpu_robots import Frame, humanoid
from benchmarks.other_process import Peer, replays
from benchmarks.sidebyside import save

WORK = [  # worlds, contacts, steps a graph
    (512, False, 10),
    (512, True, 10),
    (8192, False, 1),
    (8192, True, 1),
]
TURNS, REPEATS, STEP = 6, 5, 0.002


def ours(robot: Path, worlds: int, contacts: bool, steps: int, device: str) -> Frame:
    return Frame(humanoid(robot, worlds, contacts, device), sim.FeatherstoneIntegrator(), steps, STEP)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("robot", type=Path)
    parser.add_argument("--peer", required=True)
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--json")
    arguments = parser.parse_args()
    peer, rows = Peer("mujoco_warp_frames.py", arguments.robot, arguments.peer, arguments.device), []
    for worlds, contacts, steps in WORK:
        began = time.perf_counter()
        frame = ours(arguments.robot, worlds, contacts, steps, arguments.device)
        built = time.perf_counter() - began
        began = time.perf_counter()
        peer.seconds(worlds, int(contacts), steps, 3)
        peer_built = time.perf_counter() - began
        replays(frame, 3)
        mine: list[float] = []
        theirs: list[float] = []
        for _ in range(TURNS):
            mine += replays(frame, REPEATS)
            theirs += peer.seconds(worlds, int(contacts), steps, REPEATS)
        finite = bool(np.isfinite(frame.now.joint_q.numpy()).all())
        a, b = 1e3 * statistics.median(mine), 1e3 * statistics.median(theirs)
        rows.append(
            {"worlds": worlds, "contacts": contacts, "steps": steps, "ms": a, "peer_ms": b, "ratio": b / a,
             "ready_s": built, "peer_ready_s": peer_built, "finite": finite}
        )  # fmt: skip
        print(
            f"humanoid x{worlds}, {'contacts' if contacts else 'contact-free'}, {steps} steps: {a:.3f} ms, peer {b:.3f} ms, "
            f"{b / a:.1f}x; ready in {built:.1f} s, peer {peer_built:.1f} s{'' if finite else '  NOT FINITE'}",
            flush=True,
        )
        save(rows, arguments.json)


if __name__ == "__main__":
    main()

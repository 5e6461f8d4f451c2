"""Robots with contacts beside warp.sim on one GPU: `python benchmarks/gpu_warp_sim.py DIR --peer DIR[:DIR…] [--json FILE]`.

DIR holds `nv_ant.xml` and `nv_humanoid.xml`, which come with the peer; both sides read the same files, 512 copies, 10 substeps,
contacts looked for in every substep, replay captured graphs and take turns; medians with synchronisation. Ours once as the
peer does (contacts with the ground only) and once with contacts between links.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

import numpy as np

import sim
from benchmarks.gpu_robots import DT, Frame
from benchmarks.other_process import Peer, replays
from benchmarks.sidebyside import save
from usd_io import emit, read_mjcf

TURNS, REPEATS, COPIES, SUBSTEPS = 6, 5, 512, 10
HEIGHTS = {"nv_ant": 0.75, "nv_humanoid": 1.4}  # of the torsos
SOLVERS = {"xpbd": sim.XPBDIntegrator, "featherstone": sim.FeatherstoneIntegrator}


def ours(robot: Path, solver: str, links_touch: bool, device: str) -> Frame:
    scene, one = read_mjcf(robot), sim.ModelBuilder()
    emit(scene, one)
    if not links_touch:
        one.shape_shape_collision = [False] * one.shape_count
    placed = sim.ModelBuilder(up_vector=(0, 0, 1), gravity=-9.81)
    height = HEIGHTS[robot.stem] - float(one.joint_q[2])
    placed.add_builder(one, ((0.0, 0.0, height), (0.0, 0.0, 0.0, 1.0)))
    builder = sim.ModelBuilder(up_vector=(0, 0, 1), gravity=-9.81)
    builder.replicate(placed, COPIES, (4.0, 4.0, 0.0))
    builder.ground = True
    return Frame(builder.finalize(device), SOLVERS[solver](), SUBSTEPS, DT)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("robots", type=Path)
    parser.add_argument("--peer", required=True)
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--solvers", nargs="*", default=["xpbd"], choices=SOLVERS)
    parser.add_argument("--json")
    arguments, rows = parser.parse_args(), []
    for name in ("ant", "humanoid"):
        robot = arguments.robots / f"nv_{name}.xml"
        peer = Peer("warp_sim_frames.py", robot, arguments.peer, arguments.device)
        for solver in arguments.solvers:
            frames = {touch: ours(robot, solver, touch, arguments.device) for touch in (False, True)}
            question = (solver, COPIES, SUBSTEPS)
            peer.seconds(*question, 3)
            times: dict = {False: [], True: [], "peer": []}
            for turn in range(TURNS + 1):
                for touch, frame in frames.items():
                    times[touch] += replays(frame, REPEATS) if turn else (replays(frame, REPEATS) and [])
                times["peer"] += peer.seconds(*question, REPEATS)
            ms = {key: 1e3 * statistics.median(spans) for key, spans in times.items()}
            finite = all(bool(np.isfinite(frame.now.body_q.numpy()).all()) for frame in frames.values())
            rows.append(
                {"robot": name, "solver": solver, "ms": ms[False], "links_ms": ms[True], "peer_ms": ms["peer"], "finite": finite}
            )  # fmt: skip
            print(
                f"{name} x{COPIES}, {solver}, {SUBSTEPS} substeps: {ms[False]:.3f} ms, with contacts between links {ms[True]:.3f}, "
                f"peer {ms['peer']:.3f} ms{'' if finite else '  NOT FINITE'}",
                flush=True,
            )
            save(rows, arguments.json)


if __name__ == "__main__":
    main()

"""Time to build models: cloth, replicated robots, long chains; ours, and the peer's cloth beside it.

    python benchmarks/build_model.py [--peer /path/to/venv-with-warp-lang-1.9.1]

The peer runs in its own environment and process. Its 512 x 256 cloth takes minutes, so it gets 64 x 32.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

IDENTITY = (0.0, 0.0, 0.0, 1.0)

PEER = """
import json, time
import warp as wp, warp.sim
wp.config.quiet = True
wp.init()
start = time.perf_counter()
builder = wp.sim.ModelBuilder()
builder.add_cloth_grid(wp.vec3(0.0, 1.0, 0.0), wp.quat_identity(), wp.vec3(0.0, 0.0, 0.0), 64, 32, 0.1, 0.1, 0.1)
print(json.dumps({"peer add_cloth_grid 64x32": time.perf_counter() - start}))
"""


def cloth(nx: int, ny: int) -> dict[str, float]:
    """Seconds of each stage of one cloth."""
    import sim

    marks = [time.perf_counter()]
    builder = sim.ModelBuilder()
    builder.add_cloth_grid((0, 1, 0), IDENTITY, (0, 0, 0), nx, ny, 0.1, 0.1, 0.1)
    marks.append(time.perf_counter())
    model = builder.finalize("cpu")
    marks.append(time.perf_counter())
    assert model.particle_adjacency is not None
    marks.append(time.perf_counter())
    for family in ("tri", "edge"):
        model.coloring(family)
    marks.append(time.perf_counter())
    names = ("add_cloth_grid", "finalize", "adjacency", "colouring")
    stages = {f"cloth {nx}x{ny}: {n}": b - a for n, a, b in zip(names, marks, marks[1:], strict=False)}
    return stages | {f"cloth {nx}x{ny}: total": marks[-1] - marks[0]}


def robots(count: int) -> dict[str, float]:
    """Seconds to replicate a robot of 13 bodies and 26 shapes, in one call and in a loop."""
    import sim

    robot = sim.ModelBuilder()
    for i in range(13):
        body = robot.add_body(((i, 0, 0), IDENTITY))
        robot.add_shape_capsule(body, radius=0.1, half_height=0.2)
        robot.add_shape_box(body, hx=0.1, hy=0.1, hz=0.1)
    start = time.perf_counter()
    builder = sim.ModelBuilder()
    builder.replicate(robot, count)
    replicated = time.perf_counter()
    builder.finalize("cpu")
    finished = time.perf_counter()
    looped = sim.ModelBuilder()
    for i in range(count):
        looped.add_builder(robot, ((i, 0, 0), IDENTITY))
    return {
        f"{count} robots: replicate": replicated - start,
        f"{count} robots: finalize": finished - replicated,
        f"{count} robots: add_builder in a loop": time.perf_counter() - finished,
    }


def chain(count: int) -> dict[str, float]:
    """Seconds to add particles and springs one by one."""
    import sim

    start = time.perf_counter()
    builder = sim.ModelBuilder()
    for i in range(count):
        builder.add_particle((i, 0, 0), (0, 0, 0), 1.0)
    for i in range(count - 1):
        builder.add_spring(i, i + 1, 1.0e3, 0.0, 0)
    return {f"chain of {count}, one call each": time.perf_counter() - start}


def soft(n: int) -> dict[str, float]:
    """Seconds to build a soft block of n^3 cells."""
    import sim

    start = time.perf_counter()
    builder = sim.ModelBuilder()
    builder.add_soft_grid((0, 1, 0), IDENTITY, (0, 0, 0), n, n, n, 0.1, 0.1, 0.1, 1e3, 1e3, 1e3, 0.0)
    model = builder.finalize("cpu")
    model.particle_adjacency  # noqa: B018
    model.coloring("tet")
    return {f"soft block {n}^3: total": time.perf_counter() - start}


def main() -> None:
    """Prints one line a measurement: the best of three runs in seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", type=pathlib.Path, help="virtual environment that holds warp-lang 1.9.1")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    options = parser.parse_args()
    rows: dict[str, float] = {}
    for run in (
        lambda: cloth(64, 32),
        lambda: cloth(512, 256),
        lambda: robots(4096),
        lambda: chain(10_000),
        lambda: soft(32),
    ):
        results = [run() for _ in range(3)]
        rows |= {name: min(r[name] for r in results) for name in results[0]}
    if options.peer:
        python = options.peer / "bin" / "python"
        out = subprocess.run([python, "-W", "ignore", "-c", PEER], capture_output=True, text=True, check=True)
        rows |= json.loads(out.stdout.strip().splitlines()[-1])
    if options.json:
        print(json.dumps(rows, indent=1))
    else:
        for name, seconds in rows.items():
            print(f"{name:42s} {seconds:9.4f} s")


if __name__ == "__main__":
    main()

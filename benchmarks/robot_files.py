"""How many robot files of other packages come in with MuJoCo's masses and degrees of freedom.

    python benchmarks/robot_files.py FOLDER… [--json OUT.json] [--limit N] [--workers N]

Every .xml and .urdf below the folders that MuJoCo itself loads is read. A file counts as equal when bodies, degrees of freedom, masses,
principal moments of inertia and, at a random configuration, body positions and (up to 200 degrees of freedom) mass matrix and bias
forces agree; as refused when our reader says so in one message; everything else is a miss. Each file has its own process and a time limit.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections import Counter
from pathlib import Path

SECONDS = 120
MOST_DYNAMICS = 200


def examine(path: Path) -> dict:
    """What becomes of one file, in this process."""
    import mujoco
    import numpy as np

    from usd_io import SceneError

    mujoco.set_mju_user_warning(lambda message: None)
    try:
        mj = mujoco.MjModel.from_xml_path(str(path))
    except Exception as error:  # whatever MuJoCo says to a file that is none
        return {"state": "not loaded by MuJoCo", "detail": str(error)[:200]}
    begin = time.perf_counter()
    try:
        problems, warnings = compare(path, mj, np)
    except SceneError as error:
        return {"state": "refused", "detail": str(error)}
    except Exception as error:
        return {"state": "crash", "detail": f"{type(error).__name__}: {error}"}
    seconds = time.perf_counter() - begin
    state = "equal" if not problems else "different"
    return {"state": state, "detail": "; ".join(problems), "warnings": warnings, "seconds": seconds, "dofs": int(mj.nv)}


def compare(path: Path, mj, np) -> tuple[list[str], list[str]]:
    """Names what differs from MuJoCo's model, and the warnings of our reader."""
    from tests.usd_io.mjcf.against_mujoco import Pair

    if path.suffix == ".urdf":
        return compare_urdf(path, mj, np)
    pair = Pair(path, mj)
    bodies = [pair.record.bodies[i] for i in pair.real_bodies]
    problems = []
    if len(bodies) != mj.nbody - 1:
        return [f"{len(bodies)} bodies, not {mj.nbody - 1}"], []
    if pair.model.joint_dof_count != mj.nv:
        return [f"{pair.model.joint_dof_count} degrees of freedom, not {mj.nv}"], []
    masses = np.array([b.mass for b in bodies])
    if not np.allclose(masses, mj.body_mass[1:], rtol=1e-4):
        worst = int(np.argmax(np.abs(masses - mj.body_mass[1:])))
        problems.append(f"mass of {bodies[worst].path} {masses[worst]:g}, not {mj.body_mass[1 + worst]:g}")
    moments = np.array([np.linalg.eigvalsh(b.inertia)[::-1] for b in bodies]).reshape(-1, 3)
    theirs = np.sort(mj.body_inertia[1:], axis=1)[:, ::-1]
    if not np.allclose(moments, theirs, rtol=1e-4, atol=1e-12):
        worst = int(np.argmax((np.abs(moments - theirs) / np.maximum(theirs, 1e-12)).max(axis=1)))
        problems.append(f"moments of {bodies[worst].path} {moments[worst]}, not {theirs[worst]}")
    if mj.nv:
        problems += compare_motion(pair, np)
    return problems, sorted({w.message for w in pair.record.warnings})


def compare_motion(pair, np) -> list[str]:
    """Positions, mass matrix and bias forces at a random configuration."""
    import mujoco

    import sim

    problems, mj = [], pair.mj
    pair.randomise(1, spread=0.3)
    q, qd = pair.arrays()
    state = pair.model.state()
    sim.eval_fk(pair.model, q, qd, None, state)
    reach = max(1.0, np.abs(pair.data.xpos).max())
    moving = [i for i in range(1, mj.nbody) if mj.body_mocapid[i] < 0]
    ours = state.body_q.numpy().astype(float)[pair.real_bodies][:, :3]
    error = np.abs(ours - pair.data.xpos[1:])[[i - 1 for i in moving]].max(initial=0.0)
    if error > 2e-5 * reach:
        problems.append(f"positions differ by {error:.2g} m")
    if mj.nv <= MOST_DYNAMICS:
        bias = pair.force_to_mujoco(sim.eval_bias_forces(pair.model, q, qd).numpy().astype(float))
        mujoco.mj_rne(mj, pair.data, 0, force := np.zeros(mj.nv))
        scale = max(np.abs(force).max(), 1e-2 * mj.body_mass.max(), 1e-6)
        error = np.abs(bias - force).max()
        if error > 2e-4 * scale:
            problems.append(f"bias forces differ by {error / scale:.2g}")
    return problems


def compare_urdf(path: Path, mj, np) -> tuple[list[str], list[str]]:
    """MuJoCo merges fixed links, so moving parts are compared: total mass and degrees of freedom."""
    import sim
    from usd_io import emit, read_scene

    scene = read_scene(path)
    builder = sim.ModelBuilder()
    emit(scene, builder)
    builder.collapse_fixed_joints()
    problems = []
    joints = [j for j in scene.joints if j.parent_path is not None]
    dofs = sum({"free": 6, "ball": 3}.get(j.kind, len(j.axes)) for j in joints)
    if dofs != mj.nv:
        problems.append(f"{dofs} degrees of freedom, not {mj.nv}")
    total = float(sum(builder.body_mass))
    if mj.body_mass.sum() > 0 and abs(total - mj.body_mass.sum()) > 1e-4 * total:
        # What is fixed to the world has no body in one of the programs.
        everything = sum(b.mass for b in scene.bodies)
        if min(abs(everything - mj.body_mass.sum()), abs(total - mj.body_mass.sum())) > 1e-4 * everything:
            problems.append(f"total mass {everything:g}, not {mj.body_mass.sum():g}")
    return problems, sorted({w.message for w in scene.warnings})


def worker(task: str, pipe) -> None:
    """Examines one file and sends what came of it."""
    with open(os.devnull, "w") as quiet:
        os.dup2(quiet.fileno(), 2)
    pipe.send(examine(Path(task)))


def run(path: Path) -> dict:
    """Examines a file in a process of its own."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=worker, args=(str(path), there))
    process.start()
    there.close()
    try:
        result = here.recv() if here.poll(SECONDS) else {"state": "time limit", "detail": f"{SECONDS} s"}
    except EOFError:
        result = {"state": "crash", "detail": "the process died"}
    process.kill()
    process.join()
    return result


def main() -> None:
    """Runs over all files and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--limit", type=int, help="at most so many files a folder")
    arguments = parser.parse_args()
    # Loaded once, inherited by every process.
    import mujoco  # noqa: F401

    from tests.usd_io.mjcf.against_mujoco import Pair  # noqa: F401

    results = {}
    for folder in arguments.folders:
        files = sorted(p for p in folder.rglob("*") if p.suffix in (".xml", ".urdf"))[: arguments.limit]
        for path in files:
            results[str(path)] = result = run(path)
            if result["state"] not in ("equal", "not loaded by MuJoCo"):
                print(f"{result['state']}: {path}: {result['detail'][:300]}", flush=True)
        states = Counter(results[str(p)]["state"] for p in files)
        loaded = sum(states.values()) - states["not loaded by MuJoCo"]
        good = states["equal"] + states["refused"]
        share = f"{100.0 * good / loaded:.1f} %" if loaded else "-"
        print(
            f"{folder}: {loaded} files that MuJoCo loads: {dict(states)}; equal or refused by name {share}", flush=True
        )
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main()

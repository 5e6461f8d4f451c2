"""Runs `simrun` on a GPU and on the CPU and compares what they wrote: `python tests/cuda/compare_scenes.py [SCENE ...]`.

By default every scene of the project. Prints for some frames the largest difference of any number in the recording
(metres for points and translations), for each scene. Piles that collapse are chaotic: there only the first frames agree.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]


def simulate(scene: Path, device: str, output: Path, frames: int, options: list[str]) -> float:
    """Seconds of the whole command; raises RuntimeError with its message if it fails."""
    run = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from app.cli import main; sys.exit(main(sys.argv[1:]))"
    arguments = [str(scene), "-o", str(output), "--device", device, "--frames", str(frames), "--quiet", *options]
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", run, *arguments], capture_output=True, text=True, timeout=280)
    if done.returncode:
        raise RuntimeError(f"exit {done.returncode}: {done.stderr.strip()[-600:]}")
    return time.perf_counter() - began


def numbers(value: object) -> np.ndarray:
    """A USD value as numbers; quaternions as real part, then the rest."""
    if hasattr(value, "GetImaginary"):
        value = [value.GetReal(), *value.GetImaginary()]
    return np.array(value, dtype=float)


def samples(path: Path) -> dict[str, dict[float, np.ndarray]]:
    """Every recorded number by attribute and time."""
    from pxr import Usd, UsdGeom

    found = {}
    stage = Usd.Stage.Open(str(path))
    metres = UsdGeom.GetStageMetersPerUnit(stage)
    for prim in stage.Traverse():
        for attribute in prim.GetAuthoredAttributes():
            name = attribute.GetName()
            scale = 1.0 if "rot" in name or "orient" in name else metres
            times = attribute.GetTimeSamples()
            values = {t: scale * numbers(attribute.Get(t)) for t in times if name != "velocities"}
            if values:
                found[str(attribute.GetPath())] = values
    return found


def distances(ours: dict, theirs: dict) -> dict[float, float]:
    """The largest difference at each time; raises ValueError if the recordings differ in kind."""
    if ours.keys() != theirs.keys() or not ours:
        raise ValueError(f"recorded attributes differ: {sorted(ours.keys() ^ theirs.keys())[:5]}, {len(ours)} recorded")
    out: dict[float, float] = {}
    for path, values in ours.items():
        if values.keys() != theirs[path].keys():
            raise ValueError(f"{path}: recorded at other times")
        for t, value in values.items():
            out[t] = max(out.get(t, 0.0), float(np.abs(value - theirs[path][t]).max(initial=0.0)))
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenes", nargs="*", type=Path, default=sorted((ROOT / "scenes").glob("*.usda")))
    parser.add_argument("--frames", type=int, default=30)
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("options", nargs=argparse.REMAINDER, help="after --: options of simrun")
    arguments = parser.parse_args()
    failed = 0
    for scene in arguments.scenes:
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder) / f"{k}.usd" for k in range(2)]
            try:
                seconds = [
                    simulate(scene, device, path, arguments.frames, arguments.options)
                    for device, path in zip((arguments.device, "cpu"), paths, strict=True)
                ]
                apart = distances(*map(samples, paths))
            except (RuntimeError, ValueError, subprocess.TimeoutExpired) as error:
                failed += 1
                print(f"{scene.name}: FAILED {error}", flush=True)
                continue
        times = sorted(apart)
        shown = ", ".join(
            f"frame {k}: {apart[times[k]]:.2g}" for k in (1, 2, 5, 10, 20, len(times) - 1) if k < len(times)
        )
        print(f"{scene.name}: GPU {seconds[0]:.1f} s, CPU {seconds[1]:.1f} s; apart {shown}", flush=True)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())

"""Time to write recordings: 300 frames of 1,000 bodies, of the seed cloth, and of a larger cloth.

    python benchmarks/usd_write.py [--folder DIR] [--json]

Targets: 1,000 bodies under 3 s, the seed cloth (2,145 points) under 0.2 s, both for 300 frames from the first
``write_frame`` to the closed file. "chunked" flushes every 30 frames, as a run of twenty seconds would.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from pxr import Usd, UsdGeom, Vt

from usd_io.recorder import BodyTarget, PointsTarget, Target, UsdRecorder

FRAMES = 300


def bodies_scene(folder: Path, count: int) -> tuple[Path, list[Target]]:
    """A stage of cubes under one Xform."""
    cubes = "".join(f'    def Cube "b{i}" {{ }}\n' for i in range(count))
    path = folder / "bodies.usda"
    path.write_text(f'#usda 1.0\n(\n    defaultPrim = "World"\n)\ndef Xform "World"\n{{\n{cubes}}}\n')
    return path, [BodyTarget(f"/World/b{i}", i) for i in range(count)]


def cloth_scene(folder: Path, columns: int, rows: int) -> tuple[Path, list[Target]]:
    """A stage with one grid mesh of (columns + 1) x (rows + 1) points."""
    path = folder / f"cloth_{columns}x{rows}.usdc"
    stage = Usd.Stage.CreateNew(str(path))
    mesh = UsdGeom.Mesh.Define(stage, "/Cloth")
    stage.SetDefaultPrim(mesh.GetPrim())
    i, j = np.meshgrid(np.arange(columns), np.arange(rows), indexing="ij")
    corner = (j * (columns + 1) + i).ravel()
    quads = np.stack([corner, corner + 1, corner + columns + 2, corner + columns + 1], axis=1).astype(np.int32)
    count = (columns + 1) * (rows + 1)
    mesh.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(np.zeros((count, 3), np.float32)))
    mesh.CreateFaceVertexCountsAttr(Vt.IntArray.FromNumpy(np.full(len(quads), 4, np.int32)))
    mesh.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(quads.ravel()))
    stage.Save()
    return path, [PointsTarget("/Cloth", slice(0, count))]


def body_frames(count: int) -> list[dict]:
    """Bodies that tumble and fall; every value differs from every other."""
    rng = np.random.default_rng(0)
    start, spin = rng.normal(size=(count, 3)), rng.normal(size=(count, 4))
    frames = []
    for frame in range(FRAMES):
        q = np.array([0.0, 0.0, 0.0, 1.0]) + 0.01 * frame * spin
        p = start - [0.0, 0.001 * frame**2, 0.0]
        q /= np.linalg.norm(q, axis=1, keepdims=True)
        frames.append({"body_q": np.concatenate([p, q], axis=1).astype(np.float32)})
    return frames


def cloth_frames(count: int) -> list[dict]:
    """Points that all move in every frame."""
    rng = np.random.default_rng(0)
    start = rng.normal(size=(count, 3)).astype(np.float32)
    return [{"particle_q": start * np.float32(1.0 + 0.001 * frame)} for frame in range(FRAMES)]


def measure(folder: Path, scene: tuple[Path, list[Target]], frames: list[dict], **options: object) -> dict:
    """Seconds to open the recorder, and from the first frame to the closed file."""
    source, targets = scene
    output = folder / "out.usd"
    before = time.perf_counter()
    recorder = UsdRecorder(source, output, targets, fps=60.0, overwrite=True, **options)
    opened = time.perf_counter()
    slowest = 0.0
    for state in frames:
        start = time.perf_counter()
        recorder.write_frame(**state)
        slowest = max(slowest, time.perf_counter() - start)
    recorder.close()
    done = time.perf_counter()
    return {
        "open_s": round(opened - before, 3),
        "write_s": round(done - opened, 3),
        "slowest_frame_ms": round(1e3 * slowest, 1),
        "mb": round(output.stat().st_size / 1e6, 2),
    }


def run(folder: Path) -> dict[str, dict]:
    """All rows of the table."""
    cases: dict[str, Callable[[], tuple]] = {
        "1,000 bodies": lambda: (bodies_scene(folder, 1000), body_frames(1000)),
        "seed cloth, 2,145 points": lambda: (cloth_scene(folder, 64, 32), cloth_frames(65 * 33)),
        "cloth, 131,841 points": lambda: (cloth_scene(folder, 512, 256), cloth_frames(513 * 257)),
    }
    rows = {}
    for name, make in cases.items():
        scene, frames = make()
        rows[name] = measure(folder, scene, frames)
        rows[f"{name}, chunked"] = measure(folder, scene, frames, chunk_frames=30)
        rows[f"{name}, flatten"] = measure(folder, scene, frames, flatten=True)
    return rows


def main() -> None:
    """Prints the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where to write (default: a temporary folder)")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        rows = run(Path(folder))
    if arguments.json:
        print(json.dumps({"frames": FRAMES, "rows": rows}, indent=2))
        return
    print(f"{FRAMES} frames                           open s   write s   slowest frame ms       MB")
    for name, row in rows.items():
        cells = f"{row['open_s']:8.3f} {row['write_s']:9.3f} {row['slowest_frame_ms']:18.1f} {row['mb']:8.2f}"
        print(f"{name:34}{cells}")


if __name__ == "__main__":
    main()

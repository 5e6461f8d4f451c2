"""Reads broken copies of real files: `python benchmarks/fuzz_files.py FOLDER… [--seconds 60] [--seed 1] [--keep DIR]`.

Each case takes a file from the folders (MJCF, URDF, USD), damages it in one to four places and reads it in a process of its own:
emitted, finalized, written as USD and read back where it is sound enough. Allowed is a model, or a SceneError or SimError;
anything else (another exception, a crash, 25 seconds without an end) is printed with its seed and kept in DIR. The same seed and
folders give the same cases.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

TEXTS, BINARIES = (".xml", ".urdf", ".usda"), (".usd", ".usdc", ".usdz")
LARGEST_FILE = 200_000
"""[B]; larger ones cost time and hold nothing else."""
LARGEST_MODEL = 300
"""Bodies up to which a model is built."""
PATIENCE = 25
"""[s]"""
READ, REFUSED, FAILED = 0, 1, 2


def damaged(data: bytes, rng: random.Random) -> bytes:
    """A binary file with bytes changed or cut out."""
    result = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(result))
        kind = rng.randrange(4)
        if kind == 0:
            result[at] = rng.randrange(256)
        elif kind == 1:
            result[at : at + 8] = bytes(rng.choice((0, 255, 127, 128, 1)) for _ in range(8))
        elif kind == 2:
            del result[at : at + rng.randint(1, 64)]
        else:
            result[at : at + 4] = rng.randbytes(4)
        result = result or bytearray(b"x")
    return bytes(result)


def examine(file: Path, folder: Path, place: Path) -> None:
    """Takes a file all the way, as far as it goes; ``folder`` has its meshes, ``place`` takes what is written."""
    import sim
    from usd_io import emit, read_scene
    from usd_io.author import author_stage

    scene = read_scene(file, search_paths=[folder])
    if len(scene.bodies) > LARGEST_MODEL:
        return
    builder = sim.ModelBuilder()
    emit(scene, builder)
    builder.finalize()
    if file.suffix in (".xml", ".urdf"):
        copy = place / "copy.usda"
        author_stage(scene, copy, physics=True)
        emit(read_scene(copy), sim.ModelBuilder())


def in_child(file: Path, folder: Path, place: Path) -> int:
    """Exit status of a process that examines a file; below zero, the signal that ended it."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    from sim import SimError
    from usd_io import SceneError

    status = FAILED
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        signal.alarm(PATIENCE)
        examine(file, folder, place)
        status = READ
    except (SceneError, SimError):
        status = REFUSED
    except BaseException:
        print(" | ".join(traceback.format_exc().splitlines()[-4:])[:400], flush=True)
    os._exit(status)


def main() -> None:
    """Runs cases until the time is over and prints how many ended how."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path("fuzz_failures"))
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    from tests.usd_io.test_bad_robots import mutated

    found = (p for folder in options.folders for p in sorted(folder.rglob("*")) if p.suffix in TEXTS + BINARIES)
    files = [p for p in found if p.is_file() and 0 < p.stat().st_size < LARGEST_FILE]
    random.Random(options.seed).shuffle(files)
    counts: Counter[int] = Counter()
    start, case = time.monotonic(), 0
    with tempfile.TemporaryDirectory() as place:
        for file in [p for p in files if p.suffix in TEXTS][:20]:  # Imports and caches, paid before the processes part.
            try:
                examine(file, file.parent, Path(place))
            except Exception:
                continue
        while files and time.monotonic() - start < options.seconds:
            file, seed = files[case % len(files)], options.seed * 1_000_000 + case
            rng, data = random.Random(seed), file.read_bytes()
            if file.suffix in TEXTS:
                text = data.decode(errors="replace")
                for _ in range(rng.randint(1, 3)):
                    text = mutated(text, rng) or "x"
                data = text.encode(errors="replace")
            else:
                data = damaged(data, rng)
            broken = Path(place, f"case{file.suffix}")
            broken.write_bytes(data)
            status = in_child(broken, file.parent, Path(place))
            counts[status] += 1
            case += 1
            if status not in (READ, REFUSED):
                options.keep.mkdir(parents=True, exist_ok=True)
                kept = options.keep / f"{seed}{file.suffix}"
                kept.write_bytes(data)
                print(f"{status}: {file}, kept as {kept}", flush=True)
    failed = sum(n for status, n in counts.items() if status not in (READ, REFUSED))
    print(f"{case} cases of {len(files)} files: {counts[READ]} read, {counts[REFUSED]} refused, {failed} failed")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main()

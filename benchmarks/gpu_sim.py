"""Simulation on a GPU, beside the peer where it is installed: `python benchmarks/gpu_sim.py [--json FILE] [--parts ...]`.

Both programs build the seed cloth through the same calls, capture a frame as a graph and replay it, taking turns; medians
with synchronisation. The peer needs five minutes of host work for the large cloth, so there it gets its arrays from ours.

Parts: frames (beside the peer), start (fresh processes, empty caches), recording, size, scenes (cost against size and
against the number of small scenes; `gpu_plot.py` draws them).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path[:0] = [ROOT, HERE]

import numpy as np  # noqa: E402
from cloth_scene import DT, SUBSTEPS, cloth, dressed  # noqa: E402
from sidebyside import row, save  # noqa: E402

import engine as en  # noqa: E402
import sim  # noqa: E402

DEVICE = "cuda:0"


# scenes ---------------------------------------------------------------------------------------------------------------


_ARRAYS = """particle_q particle_qd particle_mass particle_inv_mass particle_radius particle_flags tri_indices tri_poses
tri_activations tri_materials edge_indices edge_rest_angle edge_rest_length edge_bending_properties""".split()


class Peer:
    """The peer's frames of the same cloth, in a process of its own."""

    def __init__(self, ours, solver: str, folder: str):
        arrays = os.path.join(folder, "cloth.npz")
        np.savez(arrays, **{name: getattr(ours, name).numpy() for name in _ARRAYS})
        self.end = os.path.join(folder, "end.npy")
        command = [sys.executable, os.path.join(HERE, "peer_frames.py"), arrays, solver]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE)
        self.how = self._answer()

    def _answer(self):
        for line in self.process.stdout:
            if line.startswith(("[", '"')):
                return json.loads(line)
        raise RuntimeError("the peer's process ended early")

    def run(self, count: int) -> list[float]:
        """Seconds of each of `count` frames."""
        print(count, file=self.process.stdin, flush=True)
        return self._answer()

    def finish(self) -> np.ndarray:
        """Positions at the end."""
        print(f"end {self.end}", file=self.process.stdin, flush=True)
        self.process.wait(60)
        return np.load(self.end)


class Frame:
    """One captured frame of a model of ours."""

    def __init__(self, model, integrator, substeps: int = SUBSTEPS, dt: float = DT):
        self.state, other = model.state(), model.state()

        def frame():
            a, b = self.state, other
            sim.collide(model, a)
            with en.ScopedSequence(DEVICE):
                for _ in range(substeps):
                    a.clear_forces()
                    integrator.simulate(model, a, b, dt)
                    a, b = b, a

        frame()  # compiles; what it changed is undone
        fresh = model.state()
        for name in ("particle_q", "particle_qd", "body_q", "body_qd"):
            if getattr(fresh, name) is not None:
                getattr(self.state, name).assign(getattr(fresh, name))
        with en.ScopedCapture() as capture:
            frame()
        self.graph = capture.graph

    def run(self, count: int = 1) -> list[float]:
        """Seconds of each of `count` frames."""
        times = []
        for _ in range(count):
            began = time.perf_counter()
            en.capture_launch(self.graph)
            en.synchronize_device(DEVICE)
            times.append(time.perf_counter() - began)
        return times


def alternate(sides: dict, repeats: int) -> dict[str, float]:
    """Median seconds of a frame; the programs take turns of five frames."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(repeats // 5 + 1):
        for name, side in sides.items():
            spans = side.run(5)
            times[name] += spans if turn else []
    return {name: statistics.median(t) for name, t in times.items()}


# parts ----------------------------------------------------------------------------------------------------------------


def frames(rows: list, wp) -> None:
    """The table of issue 4."""
    solvers = {
        "semi-implicit": lambda: sim.SemiImplicitIntegrator(),
        "XPBD": lambda: sim.XPBDIntegrator(),
        "XPBD, colored": lambda: sim.XPBDIntegrator(sweep="colored"),
    }
    for size in ((64, 32), (512, 256)):
        for solver, make in solvers.items():
            if size == (512, 256) and solver == "XPBD, colored":
                continue
            began = time.perf_counter()
            model = cloth(en, sim, *size)
            built = time.perf_counter() - began
            ours = Frame(model, make())
            with tempfile.TemporaryDirectory() as folder:
                sides, how = {"simrun": ours}, None
                if wp and solver != "XPBD, colored":
                    sides["warp"] = Peer(model, solver, folder)
                    how = sides["warp"].how
                work = f"cloth {size[0]}x{size[1]}, 32 substeps, {solver}, a frame"
                rows.append(row(work, "ms", 1e3, alternate(sides, 60 if size == (64, 32) else 30)))
                q = ours.state.particle_q.numpy()
                apart = float(np.abs(q - sides["warp"].finish()).max()) if how else None
            rows[-1] |= {"lowest": float(q[:, 1].min()), "apart": apart, "peer_runs": how, "build_s": built}
            print(f"    lowest point {q[:, 1].min():.3f}, apart {apart} m, peer runs by {how}, built in {built:.2f} s",
                  flush=True)  # fmt: skip


_OURS = """
import sys; sys.path[:0] = [{root!r}, {here!r}]
import engine, sim, cloth_scene
cloth_scene.first_frame(engine, sim, sim.SemiImplicitIntegrator())
"""
_PEER = """
import sys; sys.path[:0] = [{here!r}]
import warp
warp.config.quiet = True
import warp.sim, cloth_scene
cloth_scene.first_frame(warp, warp.sim, warp.sim.SemiImplicitIntegrator())
"""


def started(code: str, cache: str) -> float:
    """Seconds of a whole process."""
    env = dict(os.environ, SIMRUN_CACHE=cache, WARP_CACHE_PATH=cache)
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code.format(root=ROOT, here=HERE)], check=True, env=env, stdout=sys.stderr)
    return time.perf_counter() - began


def start(rows: list, wp) -> None:
    """Whole process, from before the interpreter starts to the first frame on the host.

    The peer's cold cache is `WARP_CACHE_PATH` if that is set and not there yet: later parts then need not compile again.
    """
    cold, warm = [], []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as cache:
            cold.append(started(_OURS, cache))
            warm.append(started(_OURS, cache))
    found = {"cold": {"simrun": statistics.median(cold)}, "warm": {"simrun": statistics.median(warm)}}
    kept = os.environ.get("WARP_CACHE_PATH")
    if wp:
        with tempfile.TemporaryDirectory() as cache:
            place = cache if not kept or os.path.exists(kept) else kept
            found["cold"]["warp"] = started(_PEER, place)
            found["warm"]["warp"] = started(_PEER, place)
    for kind, medians in found.items():
        rows.append(row(f"seed cloth, {kind} start of the process to the first frame", "s", 1.0, medians))


def recording(rows: list, wp) -> None:
    """Frames with all positions on the host: waiting for each, or fetched while the next is computed."""
    from app.frame_readback import FrameReadback
    from sim.diagnostics import DivergenceWatch

    for size in ((64, 32), (512, 256)):
        frame = Frame(cloth(en, sim, *size), sim.SemiImplicitIntegrator())
        watch = DivergenceWatch(frame.state)
        readback = FrameReadback(frame.state, watch)
        kept = np.empty((frame.state.particle_count, 3), np.float32)

        def alone(frame=frame):
            frame.run()

        def waiting(frame=frame, kept=kept):
            frame.run()
            kept[...] = frame.state.particle_q.numpy()

        def overlapped(frame=frame, kept=kept, readback=readback, watch=watch):
            en.capture_launch(frame.graph)
            watch.look()
            readback.take(0, 0.0, ["particle_q"])
            while len(readback) > 1:
                kept[...] = readback.pop().arrays["particle_q"]

        found = {}
        for name, step in (("alone", alone), ("waiting", waiting), ("overlapped", overlapped)):
            spans = []
            for _ in range(7):
                en.synchronize()
                began = time.perf_counter()
                for _ in range(20):
                    step()
                en.synchronize()
                spans.append((time.perf_counter() - began) / 20)
            found[name] = 1e3 * statistics.median(spans)
        rows.append({"work": f"recording {size[0]}x{size[1]}", "unit": "ms", **found})
        print(f"recording {size}: " + ", ".join(f"{k} {v:.3f} ms a frame" for k, v in found.items()), flush=True)


def sized(count: int) -> tuple[int, int]:
    """Cells of a cloth of about `count` particles, twice as long as wide."""
    y = max(2, round(math.sqrt(count / 2.0)) - 1)
    return 2 * y, y


def cloth_of(count: int):
    """A model of about `count` particles: one cloth up to a million, then copies of that."""
    if count <= 1_000_000:
        return cloth(en, sim, *sized(count))
    one, builder = sim.ModelBuilder(), sim.ModelBuilder()
    x, y = sized(1_000_000)
    one.add_cloth_grid(
        pos=en.vec3(0.0, 4.0, -1.6), rot=en.quat_from_axis_angle(en.vec3(1.0, 0.0, 0.0), math.pi * 0.5), vel=en.vec3(0.0, 0.0, 0.0),
        dim_x=x, dim_y=y, cell_x=0.1, cell_y=0.1, mass=0.1, fix_left=True, tri_ke=1.0e3, tri_ka=1.0e3, tri_kd=1.0e1,
    )  # fmt: skip
    builder.replicate(one, round(count / 1e6), spacing=en.vec3(0.0, 0.0, 500.0))
    builder.add_shape_sphere(body=-1, pos=en.vec3(0.0, 0.0, 0.0), radius=2.0, ke=1.0e2, kd=1.0e2, kf=1.0e1)
    return dressed(builder.finalize(device=DEVICE))


SIZES = [1e3, 3e3, 1e4, 3e4, 1e5, 3e5, 1e6, 3e6, 1e7]


def size(rows: list, wp) -> None:
    """Cost of semi-implicit cloth against its number of particles, 8 substeps a frame."""
    for count in SIZES:
        began = time.perf_counter()
        model = cloth_of(int(count))
        built = time.perf_counter() - began
        frame = Frame(model, sim.SemiImplicitIntegrator(), substeps=8)
        seconds = alternate({"simrun": frame}, 15)["simrun"]
        n = model.particle_count
        rows.append(
            {"work": "size", "particles": n, "build_s": built, "ms": 1e3 * seconds, "ns": 1e9 * seconds / n / 8}
        )
        print(f"{n:>9} particles: build {built:.2f} s, {1e3 * seconds:.3f} ms a frame, "
              f"{1e9 * seconds / n / 8:.3f} ns a particle and substep", flush=True)  # fmt: skip


def small_scene() -> sim.ModelBuilder:
    """A cloth of 81 particles that falls on the ground."""
    builder = sim.ModelBuilder()
    builder.add_cloth_grid(
        pos=en.vec3(0.0, 0.5, 0.0), rot=en.quat_from_axis_angle(en.vec3(1.0, 0.0, 0.0), math.pi * 0.5), vel=en.vec3(0.0, 0.0, 0.0),
        dim_x=8, dim_y=8, cell_x=0.1, cell_y=0.1, mass=0.1, tri_ke=1.0e3, tri_ka=1.0e3, tri_kd=1.0e1,
    )  # fmt: skip
    return builder


def rigid_scene() -> sim.ModelBuilder:
    """A box, a ball and a capsule beside each other on a slab on the ground: four bodies, in contact from the start."""
    builder = sim.ModelBuilder()

    def body(x: float, height: float):
        return builder.add_body(origin=en.transform(en.vec3(x, height, 0.0), en.quat_identity()))

    builder.add_shape_box(body(0.0, 0.1), hx=0.9, hy=0.1, hz=0.5, density=500.0)
    builder.add_shape_box(body(-0.6, 0.4), hx=0.2, hy=0.2, hz=0.2)
    builder.add_shape_sphere(body(0.0, 0.4), radius=0.2)
    builder.add_shape_capsule(body(0.6, 0.55), radius=0.15, half_height=0.2)
    return builder


#: (name, scene, integrator) of the copies
_COPIES = (
    ("semi-implicit", small_scene, lambda: sim.SemiImplicitIntegrator()),
    ("xpbd", small_scene, lambda: sim.XPBDIntegrator(sweep="simultaneous")),
    ("rigid, semi-implicit", rigid_scene, lambda: sim.SemiImplicitIntegrator()),
    ("rigid, xpbd", rigid_scene, lambda: sim.XPBDIntegrator()),
)


def scenes(rows: list, wp) -> None:
    """Cost of many copies of a small scene, 8 substeps a frame: a cloth of 81 particles, or four rigid bodies."""
    for count in (1, 4, 16, 64, 256, 1024, 4096, 16384):
        for solver, scene, make in _COPIES:
            began = time.perf_counter()
            builder = sim.ModelBuilder()
            builder.replicate(scene(), count)
            model = dressed(builder.finalize(device=DEVICE))
            built = time.perf_counter() - began
            seconds = alternate({"simrun": Frame(model, make(), substeps=8)}, 15)["simrun"]
            rows.append(
                {"work": "scenes", "scenes": count, "solver": solver, "build_s": built, "ms": 1e3 * seconds, "us": 1e6 * seconds / count}
            )  # fmt: skip
            print(f"{count:>6} scenes, {solver}: build {built:.2f} s, {1e3 * seconds:.3f} ms a frame, "
                  f"{1e6 * seconds / count:.3f} us a scene", flush=True)  # fmt: skip


PARTS = {f.__name__: f for f in (start, frames, recording, scenes, size)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json")
    parser.add_argument("--parts", nargs="*", default=list(PARTS), choices=list(PARTS))
    parser.add_argument("--sizes", nargs="*", type=float, default=SIZES, help="particles, for the part `size`")
    options = parser.parse_args()
    SIZES[:] = options.sizes
    wp = importlib.util.find_spec("warp")
    en.set_device(DEVICE)
    rows: list = [{"work": "device", "name": en.get_device().name}]
    print(f"{rows[0]['name']}; {'work':<50} {'simrun':>10} {'warp':>10} {'unit':<8} {'ratio':>7}", flush=True)
    for name in options.parts:
        try:
            PARTS[name](rows, wp)
        except Exception as error:  # the other parts are worth having
            print(f"{name}: {type(error).__name__}: {str(error)[:800]}", flush=True)
            rows.append({"work": name, "error": str(error)[:800]})
        save(rows, options.json)
    if options.json:
        print(json.dumps(rows)[:200], "...")


if __name__ == "__main__":
    main()

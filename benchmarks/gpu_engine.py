"""The engine on a GPU, beside the peer where it is installed: `python benchmarks/gpu_engine.py [--json FILE]`.

Medians with synchronisation; the two sides take turns on the same device in one process. Work of less than a millisecond is
timed over several launches between two synchronisations. `copy` is the driver's own device-to-device copy: the ceiling
of what a kernel that only moves memory can reach.
"""

# ruff: noqa: UP018, RUF046
from __future__ import annotations

import argparse
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import engine_kernels
import numpy as np
from mesh_query import bumpy_sphere
from sidebyside import alternate, peer, row, save

import engine as en

DEVICE = "cuda:0"
BIG = 16 << 20


def make(wp):
    """Kernels over spatial structures, from one source for both sides."""

    @wp.kernel
    def neighbour_sum(grid: wp.uint64, points: wp.array(dtype=wp.vec3), radius: float, out: wp.array(dtype=float)):
        tid = wp.tid()
        i = wp.hash_grid_point_id(grid, tid)
        p = points[i]
        total = float(0.0)  # the peer needs the conversion
        query = wp.hash_grid_query(grid, p, radius)
        index = int(0)
        while wp.hash_grid_query_next(query, index):
            d = wp.length(p - points[index])
            if d < radius:
                total += radius - d
        out[i] = total

    @wp.kernel
    def signed_distance(id: wp.uint64, points: wp.array(dtype=wp.vec3), out: wp.array(dtype=float)):
        i = wp.tid()
        q = wp.mesh_query_point(id, points[i], 1.0e6)
        out[i] = q.sign * wp.length(wp.mesh_eval_position(id, q.face, q.u, q.v) - points[i])

    @wp.kernel
    def signed_by_normal(id: wp.uint64, points: wp.array(dtype=wp.vec3), out: wp.array(dtype=float)):
        i = wp.tid()
        q = wp.mesh_query_point_sign_normal(id, points[i], 1.0e6)
        out[i] = q.sign * wp.length(wp.mesh_eval_position(id, q.face, q.u, q.v) - points[i])

    @wp.kernel
    def unsigned(id: wp.uint64, points: wp.array(dtype=wp.vec3), out: wp.array(dtype=float)):
        i = wp.tid()
        q = wp.mesh_query_point_no_sign(id, points[i], 1.0e6)
        out[i] = wp.length(wp.mesh_eval_position(id, q.face, q.u, q.v) - points[i])

    @wp.kernel
    def ray(id: wp.uint64, starts: wp.array(dtype=wp.vec3), ways: wp.array(dtype=wp.vec3), out: wp.array(dtype=float)):
        i = wp.tid()
        q = wp.mesh_query_ray(id, starts[i], ways[i], 1.0e6)
        out[i] = -1.0
        if q.result:
            out[i] = q.t

    @wp.kernel
    def square_sum(x: wp.array(dtype=float), out: wp.array(dtype=float)):
        i = wp.tid()
        wp.atomic_add(out, 0, x[i] * x[i])

    return {
        "neighbour_sum": neighbour_sum,
        "signed_distance": signed_distance,
        "signed_by_normal": signed_by_normal,
        "unsigned": unsigned,
        "ray": ray,
        "square_sum": square_sum,
    }


class Bench:
    """Both sides, their kernels, and the table."""

    def __init__(self) -> None:
        other = peer()
        self.sides = {"simrun": en} | ({"warp": other} if other else {})
        self.simple = {name: engine_kernels.make(m) for name, m in self.sides.items()}
        self.kernels = {name: make(m) for name, m in self.sides.items()}
        self.rows: list[dict] = []
        self.checks: dict[str, dict[str, float]] = {}

    def both(self, work: str, unit: str, scale: float, prepare, count: int = 1, repeats: int = 15) -> dict:
        """One line: `prepare(module, its kernels)` gives what to run `count` times between two synchronisations."""
        tasks = {}
        for name, m in self.sides.items():
            run = prepare(m, {**self.kernels[name], "simple": self.simple[name]})
            tasks[name] = self.task(m, run, count)
        try:
            self.rows.append(row(work, unit, scale / count, alternate(tasks, repeats)))
        except Exception as error:  # one line that fails leaves the others
            print(f"{work}: {type(error).__name__}: {str(error)[:300]}", flush=True)
        return self.rows[-1]

    @staticmethod
    def task(m, run, count):
        def go() -> None:
            for _ in range(count):
                run()
            m.synchronize_device(DEVICE)

        return go

    def captured(self, m, run):
        """`run` as a graph."""
        run()
        with m.ScopedCapture(device=DEVICE) as c:
            run()
        return lambda: m.capture_launch(c.graph)


def launches(b: Bench) -> None:
    """What a launch costs the host, and a node costs in a graph."""

    def plain(m, k):
        x = m.zeros(16, dtype=float, device=DEVICE)
        y = m.zeros(16, dtype=float, device=DEVICE)
        return lambda: m.launch(k["square_sum"], dim=16, inputs=[x, y], device=DEVICE)

    def one(m, k):
        import_kernel = k["one"]
        x = m.zeros(16, dtype=float, device=DEVICE)
        return lambda: m.launch(import_kernel, dim=16, inputs=[x], device=DEVICE)

    for name, m in b.sides.items():
        b.kernels[name]["one"] = one_array(m)
    b.both("launch, one array, enqueue only", "us", 1e6, lambda m, k: enqueue(m, one(m, k)), 1)
    b.both("launch, one array, 500 in a row with the device", "us", 1e6, one, 500)
    b.both("launch, two arrays, 500 in a row with the device", "us", 1e6, plain, 500)

    def bound(m, k):
        x = m.zeros(16, dtype=float, device=DEVICE)
        cmd = m.launch(k["one"], dim=16, inputs=[x], device=DEVICE, record_cmd=True)
        cmd.arrays = x
        return cmd.launch

    b.both("bound launch, 500 in a row with the device", "us", 1e6, bound, 500)

    def nodes(m, k):
        run = one(m, k)

        def many() -> None:
            for _ in range(500):
                run()

        return b.captured(m, many)

    b.both("graph of 500 launches, per node", "us", 1e6 / 500, nodes, 4)


def enqueue(m, run):
    """`run` 200 times with an idle queue before, as one measured unit of 1/200."""
    import time

    m.synchronize_device(DEVICE)
    for _ in range(50):
        run()
    m.synchronize_device(DEVICE)
    times = []
    for _ in range(400):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    m.synchronize_device(DEVICE)
    median = sorted(times)[len(times) // 2]
    print(f"    median of single launches on the host, {m.__name__}: {median * 1e6:.2f} us", flush=True)
    return run


def one_array(wp):
    @wp.kernel
    def one(x: wp.array(dtype=float)):
        i = wp.tid()
        x[i] = x[i] + 1.0

    return one


def memory(b: Bench) -> None:
    """Kernels that move memory, against a copy."""

    def copy(m, k):
        x, y = (m.zeros(BIG * 4, dtype=float, device=DEVICE) for _ in range(2))
        return lambda: m.copy(y, x)

    def integrate(m, k):
        x, v, f = (m.zeros(BIG, dtype=m.vec3, device=DEVICE) for _ in range(3))
        w = m.ones(BIG, dtype=float, device=DEVICE)
        inputs = [x, v, f, w, m.vec3(0.0, -9.8, 0.0), 1e-3]
        return lambda: m.launch(k["simple"][1], dim=BIG, inputs=inputs, device=DEVICE)

    def saxpy(m, k):
        x, y = (m.zeros(BIG, dtype=float, device=DEVICE) for _ in range(2))
        return lambda: m.launch(k["simple"][0], dim=BIG, inputs=[2.0, x, y], device=DEVICE)

    copied = b.both("device-to-device copy of 268 MB", "ms", 1e3, copy, 5)
    moved = b.both("integrate 16M particles (64 bytes each)", "ms", 1e3, integrate, 5)
    b.both("saxpy 16M", "ms", 1e3, saxpy, 5)
    for name in b.sides:
        if moved.get(name) and copied.get(name):
            rate, ceiling = BIG * 64 / moved[name] / 1e9, 2 * BIG * 16 / copied[name] / 1e9
            print(
                f"    {name}: integrate {rate:.2f} TB/s, {100 * rate / ceiling:.0f}% of the copy ({ceiling:.2f} TB/s)"
            )


def grid(b: Bench) -> None:
    n, radius = 1_000_000, 0.1
    points = np.random.default_rng(0).uniform(0, 10.0, (n, 3)).astype(np.float32)
    state = {}

    def build(m, k):
        g = m.HashGrid(128, 128, 128, device=DEVICE)
        p = m.array(points, dtype=m.vec3, device=DEVICE)
        g.build(p, radius)
        state[m.__name__] = (g, p)
        return lambda: g.build(p, radius)

    def query(m, k):
        g, p = state[m.__name__]
        out = m.zeros(n, dtype=float, device=DEVICE)
        run = lambda: m.launch(k["neighbour_sum"], dim=n, inputs=[g.id, p, radius, out], device=DEVICE)  # noqa: E731
        run()
        b.checks.setdefault("neighbour sum", {})[m.__name__] = float(out.numpy().astype(np.float64).sum())
        return run

    b.both("hash grid 1M points, build", "ms", 1e3, build, 20)
    b.both("hash grid 1M points, build as a graph", "ms", 1e3, lambda m, k: b.captured(m, build(m, k)), 20)
    b.both("hash grid 1M points, neighbour sum", "ms", 1e3, query, 10)


def meshes(b: Bench) -> None:
    count = 60_000
    points, faces = bumpy_sphere()
    rng = np.random.default_rng(0)
    anywhere = rng.uniform(-1.5, 1.5, (count, 3)).astype(np.float32)
    near = (points[rng.integers(len(points), size=count)] * rng.uniform(0.95, 1.05, (count, 1))).astype(np.float32)
    ways = rng.normal(size=(count, 3))
    ways = (ways / np.linalg.norm(ways, axis=1)[:, None]).astype(np.float32)
    state = {}

    def surface(m):
        return m.array(points, dtype=m.vec3, device=DEVICE), m.array(faces.ravel(), dtype=m.int32, device=DEVICE)

    def mesh(m, constructor=None):
        key = m.__name__, constructor
        if key not in state:
            state[key] = m.Mesh(*surface(m), bvh_constructor=constructor) if constructor else m.Mesh(*surface(m))
        return state[key]

    def built(constructor):
        def prepare(m, k):
            arrays = surface(m)
            return lambda: m.Mesh(*arrays, bvh_constructor=constructor)

        return prepare

    def query(name, *arrays, constructor=None):
        def prepare(m, k):
            given = [m.array(a, dtype=m.vec3, device=DEVICE) for a in arrays]
            out = m.zeros(count, dtype=float, device=DEVICE)
            run = lambda: m.launch(k[name], dim=count, inputs=[mesh(m, constructor).id, *given, out], device=DEVICE)  # noqa: E731
            run()
            b.checks.setdefault(f"{name} {len(b.rows)}", {})[m.__name__] = float(out.numpy().astype(np.float64).sum())
            return run

        return prepare

    b.both(
        "closest point with sign, 60,000 anywhere, 32,040 triangles", "ms", 1e3, query("signed_distance", anywhere), 5
    )
    b.both("closest point with sign, 60,000 near the surface", "ms", 1e3, query("signed_distance", near), 5)
    b.both("closest point with sign by normals, anywhere", "ms", 1e3, query("signed_by_normal", anywhere), 5)
    b.both("closest point without sign, anywhere", "ms", 1e3, query("unsigned", anywhere), 5)
    b.both("rays, 60,000", "ms", 1e3, query("ray", anywhere, ways), 5)
    for how in ("sah", "lbvh"):
        b.both(f"mesh build, {how}", "ms", 1e3, built(how), 3, 5)
    by_kernels = "lbvh"
    b.both("closest point, anywhere, mesh by kernels", "ms", 1e3,
           query("signed_distance", anywhere, constructor=by_kernels), 5)  # fmt: skip
    b.both("closest point, near, mesh by kernels", "ms", 1e3, query("signed_distance", near, constructor=by_kernels), 5)
    b.both("rays, mesh by kernels", "ms", 1e3, query("ray", anywhere, ways, constructor=by_kernels), 5)
    b.both("mesh refit", "ms", 1e3, lambda m, k: mesh(m).refit, 20)
    b.both("mesh refit as a graph", "ms", 1e3, lambda m, k: b.captured(m, mesh(m).refit), 20)


def algorithms(b: Bench) -> None:
    n = 1_000_000

    def sort(m, k):
        keys = m.array(np.random.default_rng(0).integers(0, 2**31 - 1, 2 * n).astype(np.int32), device=DEVICE)
        values = m.zeros(2 * n, dtype=int, device=DEVICE)
        return lambda: m.utils.radix_sort_pairs(keys, values, n)

    def scan(m, k):
        a, out = m.ones(n, dtype=int, device=DEVICE), m.zeros(n, dtype=int, device=DEVICE)
        return lambda: m.utils.array_scan(a, out)

    def total(m, k):
        a, out = m.ones(n, dtype=float, device=DEVICE), m.zeros(1, dtype=float, device=DEVICE)
        return lambda: m.utils.array_sum(a, out=out)

    def gradient(m, k):
        x, loss = m.ones(n, dtype=float, device=DEVICE, requires_grad=True), m.zeros(1, dtype=float, device=DEVICE, requires_grad=True)  # fmt: skip
        tape = m.Tape()
        with tape:
            m.launch(k["square_sum"], dim=n, inputs=[x], outputs=[loss], device=DEVICE)
        return lambda: tape.backward(loss)

    b.both("radix sort of 1M int32 pairs", "ms", 1e3, sort, 10)
    b.both("scan of 1M int32", "ms", 1e3, scan, 20)
    b.both("sum of 1M float32", "ms", 1e3, total, 20)
    b.both("backward pass of one launch over 1M", "ms", 1e3, gradient, 20)


def deterministic(b: Bench) -> None:
    """What deterministic mode costs a kernel of atomic additions."""
    n = 1_000_000
    a, x = en.ones(n, dtype=float, device=DEVICE), en.zeros(1, dtype=float, device=DEVICE)
    run = lambda: en.launch(b.kernels["simrun"]["square_sum"], dim=n, inputs=[a, x], device=DEVICE)  # noqa: E731
    for mode in (False, True):
        en.config.deterministic = mode
        try:
            seconds = alternate({"simrun": Bench.task(en, run, 5)}, 5)["simrun"] / 5
        finally:
            en.config.deterministic = False
        print(f"    1M atomic additions into one number, deterministic={mode}: {seconds * 1e3:.3f} ms", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json")
    options = parser.parse_args()
    b = Bench()
    print(f"{en.get_device(DEVICE).name}; {'work':<40} {'simrun':>10} {'warp':>10} {'unit':<8} {'ratio':>7}")
    for part in (launches, memory, grid, meshes, algorithms, deterministic):
        try:
            part(b)
        except Exception as error:  # the other parts are worth having
            print(f"{part.__name__}: {type(error).__name__}: {str(error)[:500]}", flush=True)
        save(b.rows, options.json)
    for name, sums in b.checks.items():
        print(f"    sums of results, {name}: {', '.join(f'{k} {v:.6g}' for k, v in sums.items())}")


if __name__ == "__main__":
    main()

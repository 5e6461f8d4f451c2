"""Closest points and rays against a triangle mesh, beside the peer (NVIDIA Warp, from an interpreter of its own).

    PYTHONPATH=. python benchmarks/mesh_query.py --peer /path/to/venv-with-warp/bin/python

Times are the best of several launches, the first (compiling) one left out. Both sides get the same mesh and queries.
"""

import argparse
import json
import os
import subprocess
import sys
import time

import numpy as np

QUERIES = 60_000


def bumpy_sphere(rings: int = 90) -> tuple[np.ndarray, np.ndarray]:
    """A closed sphere with bumps, 4 rings² - 4 rings triangles (32,040 for 90)."""
    around = 2 * rings
    u, v = np.meshgrid(np.arange(around) * (2 * np.pi / around), np.linspace(0, np.pi, rings + 1)[1:-1])
    r = 1 + 0.2 * np.sin(5 * u) * np.sin(4 * v)
    points = np.stack([r * np.sin(v) * np.cos(u), r * np.sin(v) * np.sin(u), r * np.cos(v)], -1).reshape(-1, 3)
    points = np.vstack([points, [0, 0, 1], [0, 0, -1]])
    i, j = (k.ravel() for k in np.meshgrid(np.arange(rings - 2), np.arange(around), indexing="ij"))
    a, b = i * around + j, i * around + (j + 1) % around
    c, d = a + around, b + around
    j, top = np.arange(around), len(points) - 2
    last = (rings - 2) * around
    faces = [
        np.stack([a, c, b], 1),
        np.stack([b, c, d], 1),
        np.stack([np.full(around, top), j, (j + 1) % around], 1),
        np.stack([np.full(around, top + 1), last + (j + 1) % around, last + j], 1),
    ]
    return points.astype(np.float32), np.vstack(faces).astype(np.int32)


def measure(en) -> dict[str, dict[str, float]]:
    """Times in milliseconds with `en`, a module that speaks the common names, and sums of the results to compare."""

    @en.kernel
    def signed_distance(id: en.uint64, points: en.array(dtype=en.vec3), out: en.array(dtype=float)):
        i = en.tid()
        q = en.mesh_query_point(id, points[i], 1.0e6)
        out[i] = q.sign * en.length(en.mesh_eval_position(id, q.face, q.u, q.v) - points[i])

    @en.kernel
    def signed_distance_by_normal(id: en.uint64, points: en.array(dtype=en.vec3), out: en.array(dtype=float)):
        i = en.tid()
        q = en.mesh_query_point_sign_normal(id, points[i], 1.0e6)
        out[i] = q.sign * en.length(en.mesh_eval_position(id, q.face, q.u, q.v) - points[i])

    @en.kernel
    def distance(id: en.uint64, points: en.array(dtype=en.vec3), out: en.array(dtype=float)):
        i = en.tid()
        q = en.mesh_query_point_no_sign(id, points[i], 1.0e6)
        out[i] = en.length(en.mesh_eval_position(id, q.face, q.u, q.v) - points[i])

    @en.kernel
    def ray(
        id: en.uint64, starts: en.array(dtype=en.vec3), directions: en.array(dtype=en.vec3), out: en.array(dtype=float)
    ):
        i = en.tid()
        q = en.mesh_query_ray(id, starts[i], directions[i], 1.0e6)
        out[i] = -1.0
        if q.result:
            out[i] = q.t

    points, faces = bumpy_sphere()
    rng = np.random.default_rng(0)
    anywhere = rng.uniform(-1.5, 1.5, (QUERIES, 3)).astype(np.float32)
    near = (points[rng.integers(len(points), size=QUERIES)] * rng.uniform(0.95, 1.05, (QUERIES, 1))).astype(np.float32)
    directions = rng.normal(size=(QUERIES, 3))
    directions = (directions / np.linalg.norm(directions, axis=1)[:, None]).astype(np.float32)

    def array(values, dtype):
        return en.array(values, dtype=dtype, device="cpu")

    def best(run, repeats: int = 12) -> float:
        run()
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            run()
            times.append(time.perf_counter() - start)
        return 1e3 * min(times)

    mesh_points, mesh_indices = array(points, en.vec3), array(faces.ravel(), en.int32)
    mesh = en.Mesh(mesh_points, mesh_indices)
    out = en.zeros(QUERIES, dtype=float, device="cpu")
    results = {"build": best(lambda: en.Mesh(mesh_points, mesh_indices), 3), "refit": best(mesh.refit)}
    checks = {}

    def timed(name, kernel, inputs):
        results[name] = best(lambda: en.launch(kernel, dim=QUERIES, inputs=inputs, device="cpu"))
        checks[name] = float(out.numpy().astype(np.float64).sum())

    for where, values in (("anywhere", anywhere), ("near", near)):
        queries = array(values, en.vec3)
        timed(f"signed distance, {where}", signed_distance, [mesh.id, queries, out])
        timed(f"signed distance by normals, {where}", signed_distance_by_normal, [mesh.id, queries, out])
        timed(f"distance, {where}", distance, [mesh.id, queries, out])
    timed("ray", ray, [mesh.id, array(anywhere, en.vec3), array(directions, en.vec3), out])
    return {"ms": results, "checks": checks}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", default=os.environ.get("SIMRUN_PEER_PYTHON"), help="interpreter that has the peer")
    parser.add_argument("--as-peer", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.as_peer:
        import warp

        warp.config.quiet = True
        print(json.dumps(measure(warp)))
        return
    import engine

    ours = measure(engine)
    peer = {"ms": {}, "checks": {}}
    if options.peer:
        run = subprocess.run([options.peer, __file__, "--as-peer"], capture_output=True, text=True, check=False)
        if run.returncode:
            sys.exit(f"the peer failed:\n{run.stderr}")
        peer = json.loads(run.stdout.splitlines()[-1])
    print(f"{QUERIES:,} queries, {len(bumpy_sphere()[1]):,} triangles, {engine.get_threads()} threads; milliseconds")
    print(f"{'':36}{'ours':>10}{'peer':>10}{'ratio':>8}   sums of results")
    for name, ms in ours["ms"].items():
        theirs = peer["ms"].get(name)
        line = f"{name:36}{ms:10.2f}"
        if theirs is not None:
            line += f"{theirs:10.2f}{theirs / ms:8.1f}"
        if name in ours["checks"]:
            sums = [side["checks"][name] for side in (ours, peer) if name in side["checks"]]
            line += "   " + " ".join(f"{x:.1f}" for x in sums)
        print(line)


if __name__ == "__main__":
    main()

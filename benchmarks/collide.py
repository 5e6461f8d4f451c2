"""Contact detection and whole frames with many contacts; MuJoCo's C library beside us where it loads the same file.

    python benchmarks/collide.py [--threads N] [--models FOLDER] [--only NAME]

A frame is 1/60 s in ten steps, of files in 32 as `simrun` takes them. Ours is a captured graph on all threads; MuJoCo runs on one core with as many steps as its
own time step needs. "near" and "points" are what the last step found: counts that do not depend on the machine.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import numpy as np

import engine as en
import sim
from sim.collide.pipeline import collide_in_step

SUBSTEPS, FPS = 10, 60


def at(x: float, y: float, z: float):
    return en.transform(en.vec3(float(x), float(y), float(z)), en.quat_identity())


def pile(count: int = 1000) -> sim.ModelBuilder:
    """Spheres, boxes, capsules, cylinders, ellipsoids and hulls dropped into a heap."""
    rng = np.random.default_rng(0)
    from sim.geometry.hull import convex_hull

    hull = sim.Mesh(*convex_hull(rng.normal(size=(30, 3)) * 0.06))
    add = [
        lambda b, i: b.add_shape_sphere(i, radius=0.1),
        lambda b, i: b.add_shape_box(i, hx=0.1, hy=0.08, hz=0.09),
        lambda b, i: b.add_shape_capsule(i, radius=0.06, half_height=0.08),
        lambda b, i: b.add_shape_cylinder(i, radius=0.09, half_height=0.08),
        lambda b, i: b.add_shape_ellipsoid(i, rx=0.12, ry=0.09, rz=0.07),
        lambda b, i: b.add_shape_convex_hull(i, mesh=hull),
    ]
    builder = sim.ModelBuilder()
    side = 10
    for k in range(count):
        x, z, y = k % side, k // side % side, k // side**2
        place = np.array([x, y, z]) * [0.23, 0.22, 0.23] + rng.uniform(-0.01, 0.01, 3) + [-1.0, 0.12, -1.0]
        add[k % len(add)](builder, builder.add_body(origin=at(*place)))
    return builder


def tower(count: int = 10) -> sim.ModelBuilder:
    """Boxes on each other."""
    builder = sim.ModelBuilder()
    for k in range(count):
        builder.add_shape_box(builder.add_body(origin=at(0.0, 0.1 + 0.2 * k, 0.0)), hx=0.1, hy=0.1, hz=0.1)
    return builder


def exact_bunnies(path: Path, count: int = 2) -> sim.ModelBuilder:
    """Bunnies of 4,968 triangles each that collide as they are, sunk into each other by a tenth."""
    import trimesh

    shape = trimesh.load(path, force="mesh")
    mesh = sim.Mesh(shape.vertices, shape.faces, compute_inertia=False)
    builder = sim.ModelBuilder()
    for k in range(count):
        body = builder.add_body(origin=at(0.9 * shape.extents[0] * k, 0.2, 0.0), m=0.1, I_m=np.eye(3) * 1e-4)
        builder.add_shape_mesh(body, mesh=mesh, density=0.0)
    return builder


def from_file(path: Path) -> sim.ModelBuilder:
    """A scene file as it is simulated."""
    from usd_io import emit, read_scene

    builder = sim.ModelBuilder()
    emit(read_scene(path), builder)
    return builder


def measure(
    name: str, builder: sim.ModelBuilder, integrator, frames: int, settle: int = 0, substeps: int = SUBSTEPS
) -> None:
    """Times the detection of one step, and a frame; prints one line."""
    model = builder.finalize()
    now, after = model.state(), model.state()
    if model.joint_count:
        sim.eval_fk(model, now.joint_q, now.joint_qd, None, now)
    dt = 1.0 / FPS / substeps
    start = time.perf_counter()
    collide_in_step(model, now)
    first = time.perf_counter() - start
    with en.ScopedCapture() as detection:
        collide_in_step(model, now)
    with en.ScopedCapture() as frame:
        for _ in range(substeps // 2):
            integrator.simulate(model, now, after, dt)
            integrator.simulate(model, after, now, dt)
    for _ in range(settle):
        en.capture_launch(frame.graph)
    times = {"detection": [], "frame": []}
    for k in range(frames):
        for what, graph in (("detection", detection.graph), ("frame", frame.graph)):
            start = time.perf_counter()
            en.capture_launch(graph)
            if k:
                times[what].append(1e3 * (time.perf_counter() - start))
    contacts = model.rigid_contacts
    near = int(contacts.active_count.numpy()[0])
    points = int(contacts.points.count.numpy()[:near].sum())
    if not np.isfinite(now.body_q.numpy()).all():
        name += " (blew up)"
    medians = {what: statistics.median(t) for what, t in times.items()}
    solver = type(integrator).__name__.removesuffix("Integrator")
    print(
        f"| {name}, {solver} | {medians['detection']:.2f} | {medians['frame']:.1f} | {near} | {points} | {first:.1f} |",
        flush=True,
    )


def mujoco_frame(path: Path, frames: int) -> None:
    """MuJoCo on the same file."""
    try:
        import mujoco

        model = mujoco.MjModel.from_xml_path(str(path))
    except (ImportError, ValueError):
        return
    data = mujoco.MjData(model)
    steps = max(1, round(1.0 / FPS / model.opt.timestep))
    times, detect = [], []
    for k in range(frames):
        start = time.perf_counter()
        for _ in range(steps):
            mujoco.mj_step(model, data)
        times.append(1e3 * (time.perf_counter() - start))
        start = time.perf_counter()
        mujoco.mj_collision(model, data)
        detect.append(1e3 * (time.perf_counter() - start))
        del k
    print(
        f"| {path.name}, MuJoCo C, {steps} steps | {statistics.median(detect):.2f} | {statistics.median(times):.1f} "
        f"| | {data.ncon} | |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--models", type=Path, default=Path("../shared/models"))
    parser.add_argument("--only", default="", help="part of a name")
    options = parser.parse_args()
    en.set_threads(options.threads)
    models = options.models if options.models.exists() else Path("/work/shared/models")
    scenes = models / "mjcf" / "mujoco" / "replicate"
    xpbd, semi = sim.XPBDIntegrator(), sim.SemiImplicitIntegrator()
    featherstone = sim.FeatherstoneIntegrator()
    kuka = models / "urdf" / "bullet3" / "kuka_iiwa" / "model.urdf"
    work = [
        ("pile of 1,000", pile, semi, 30, 60),
        ("pile of 1,000", pile, xpbd, 30, 60),
        ("tower of 10", tower, semi, 60, 30),
        ("tower of 10", tower, xpbd, 60, 30),
        ("two exact bunnies", lambda: exact_bunnies(scenes / "bunny.obj"), xpbd, 5, 0),
        *((name, lambda n=name: from_file(scenes / n), featherstone, 20, 15, 32) for name in FILES),
        ("kuka_iiwa, 7 hulls", lambda: from_file(kuka), featherstone, 60, 0, 32),
    ]
    print("| work | detection, ms | frame, ms | near | points | first call, s |\n|---|---|---|---|---|---|")
    for name, make, integrator, *counts in work:
        if options.only in name:
            measure(name, make(), integrator, *counts)
            if name in FILES:
                mujoco_frame(scenes / name, counts[0])


FILES = ("leaves.xml", "bunnies.xml", "particle_free2d.xml")

if __name__ == "__main__":
    main()

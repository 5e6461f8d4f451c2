"""Frames a second on a GPU, without a window, while the simulation runs: `python benchmarks/gpu_render.py [--json FILE]`.

Every frame simulates (a captured graph), updates what is drawn, draws 1280 x 800 with shadows, and waits for the picture.
Positions go from the simulation's arrays into GL buffers, or by way of the host for comparison.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), HERE]

import numpy as np  # noqa: E402
from gpu_sim import DEVICE, Frame  # noqa: E402

import engine as en  # noqa: E402
import sim  # noqa: E402
from app.render.camera import Camera  # noqa: E402
from app.render.options import DrawOptions  # noqa: E402
from app.render.renderer import Renderer  # noqa: E402
from app.render.scene import Geometry, MeshItem, ParticleRange, PointsItem, RenderScene  # noqa: E402
from app.render.stage.solids import unit_box  # noqa: E402

SIZE = (1280, 800)


def particles(count: int):
    """Spheres that fall as a block on the ground and run into each other: semi-implicit, 4 steps a frame."""
    side = max(2, round(count ** (1 / 3)))
    builder = sim.ModelBuilder()
    builder.add_particle_grid(
        pos=en.vec3(-0.06 * side, 0.1, -0.06 * side), rot=en.quat_identity(), vel=en.vec3(0.0, 0.0, 0.0),
        dim_x=side, dim_y=side, dim_z=side, cell_x=0.12, cell_y=0.12, cell_z=0.12, mass=0.1, jitter=0.01,
        radius_mean=0.05,
    )  # fmt: skip
    model = builder.finalize(device=DEVICE)
    model.ground = True
    n = model.particle_count
    start = model.particle_q.numpy().reshape(-1, 3)
    colors = np.ones((n, 4), np.float32)
    colors[:, :3] = 0.25 + 0.7 * (start - start.min(axis=0)) / np.ptp(start, axis=0)
    item = PointsItem(
        "/p", positions=start, radii=np.full(n, 0.05, np.float32), colors=colors, particles=ParticleRange(np.arange(n))
    )
    scene = RenderScene(points=[item], particle_q=start, ground_height=0.0)
    return f"{n:,} particles that collide", scene, Frame(model, sim.SemiImplicitIntegrator(), 4, 1 / 240)


def bodies(count: int):
    """Boxes in a loose stack that falls on the ground: semi-implicit, 8 steps a frame, contacts found once a frame."""
    side = max(2, int(np.ceil(count ** (1 / 3))))
    places = np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij"), axis=3).reshape(-1, 3)[:count]
    places = places[:, [0, 2, 1]] * 0.25 + [0.0, 0.15, 0.0]
    builder = sim.ModelBuilder()
    for k, place in enumerate(places):
        turn = en.quat_from_axis_angle(en.vec3(0.0, 1.0, 0.0), 0.01 * (k % 90))
        body = builder.add_body(origin=en.transform(en.vec3(*map(float, place)), turn))
        builder.add_shape_box(body, hx=0.08, hy=0.08, hz=0.08, density=500.0, ke=2.0e3, kd=20.0, kf=20.0)
    model = builder.finalize(device=DEVICE)
    model.ground = True
    colors = np.random.default_rng(0).uniform(0.2, 0.9, (count, 4)).astype(np.float32)
    colors[:, 3] = 1.0
    item = MeshItem(
        "/boxes", geometry=unit_box(), instance_colors=colors,
        transforms=np.tile(np.diag([0.08, 0.08, 0.08, 1.0]).astype(np.float32), (count, 1, 1)),
        bodies=np.arange(count, dtype=np.int32),
    )  # fmt: skip
    scene = RenderScene(meshes=[item], body_q=model.body_q.numpy().reshape(-1, 7), ground_height=0.0)
    return f"{count:,} boxes in contact", scene, Frame(model, sim.SemiImplicitIntegrator(), 8, 1 / 480)


def cloth(count: int):
    """The seed cloth over its ball: semi-implicit, 32 steps a frame."""
    from gpu_sim import cloth as seed_cloth

    width = max(4, 2 * round((count / 4) ** 0.5))
    model = seed_cloth(en, sim, width, width // 2)
    start = model.particle_q.numpy().reshape(-1, 3)
    triangles = model.tri_indices.numpy().reshape(-1, 3)
    item = MeshItem("/cloth", geometry=Geometry(start, triangles), particles=ParticleRange(np.arange(len(start))))
    scene = RenderScene(meshes=[item], particle_q=start, ground_height=0.0)
    return f"cloth of {len(triangles):,} triangles", scene, Frame(model, sim.SemiImplicitIntegrator())


CASES = {
    "cloth": (cloth, 20_000),
    "large cloth": (cloth, 131_072),
    "bodies": (bodies, 10_000),
    "particles": (particles, 1_000_000),
}
PASSES = (
    ("_shadow", "draw"),
    ("_surfaces", "draw_opaque"),
    ("", "_draw_background"),
    ("_ground", "draw"),
    ("", "_finish"),
)
"""Methods of the renderer (or of a part of it) that draw one part of a picture."""


def median_ms(step, seconds: float) -> float:
    """Median of repeated calls [ms], after three that do not count; of a step that takes longer, of the calls there is time for."""
    spans, ends = [], time.perf_counter() + seconds
    while len(spans) < 4 or time.perf_counter() < ends:
        began = time.perf_counter()
        step()
        spans.append(time.perf_counter() - began)
        if time.perf_counter() > ends and len(spans) > 1:
            break
    return 1e3 * statistics.median(spans[3:] or spans[1:])


def frames(frame: Frame, update, draw, seconds: float) -> dict[str, float]:
    """Medians over frames that follow each other: whole ones, and, in turn, ones whose parts are waited for [ms]."""
    spans: dict[str, list[float]] = {name: [] for name in ("direct_ms", "simulate_ms", "update_direct_ms", "draw_ms")}
    ends = time.perf_counter() + seconds
    count = 0
    while len(spans["draw_ms"]) < 4 or time.perf_counter() < ends:
        marks = [time.perf_counter()]

        def mark(apart: bool = count % 2 == 1, marks: list = marks) -> None:
            if apart:
                en.synchronize_device(DEVICE)
            marks.append(time.perf_counter())

        en.capture_launch(frame.graph)
        mark()
        update(False)
        mark()
        draw()
        mark()
        if count >= 4:
            parts = np.diff(marks) * 1e3
            if count % 2:
                for name, span in zip(("simulate_ms", "update_direct_ms", "draw_ms"), parts, strict=True):
                    spans[name].append(span)
            else:
                spans["direct_ms"].append(float(parts.sum()))
        count += 1
    return {**{name: statistics.median(values) for name, values in spans.items()}, "frames": count}


def pass_times(renderer: Renderer, draw) -> dict[str, float]:
    """What the GPU spends on each part of a picture [ms], by its own clock, everything drawn anew."""
    query, times, found = renderer.context.query(time=True), {}, []

    def timed(owner, name: str, label: str):
        method = getattr(owner, name)

        def run(*args, **more):
            with query:
                out = method(*args, **more)
            times[label] = times.get(label, 0.0) + query.elapsed * 1e-6
            return out

        setattr(owner, name, run)
        return lambda: delattr(owner, name)

    undo = [
        timed(getattr(renderer, part) if part else renderer, name, (part + " " + name).replace("_", " ").strip())
        for part, name in PASSES
    ]
    for _ in range(5):
        times.clear()
        renderer._moved += 1
        draw()
        found.append(dict(times))
    for each in undo:
        each()
    return {label: statistics.median(f.get(label, 0.0) for f in found) for label in found[-1]}


def measure(renderer: Renderer, make, count: int, seconds: float, picture: str | None) -> dict:
    """One line of the table."""
    began = time.perf_counter()
    title, scene, frame = make(count)
    renderer.set_scene(scene)
    camera, options = Camera.framing(renderer.bounds, aspect=SIZE[0] / SIZE[1]), DrawOptions()
    state = frame.state

    def lies(name: str):
        values = getattr(state, name)
        return values if values is not None and len(values) else None

    def update(host: bool) -> None:
        values = [lies("body_q"), lies("particle_q")]
        renderer.update(*(v.numpy() if host and v is not None else v for v in values))

    def draw() -> None:
        renderer.draw(camera, options, SIZE)
        renderer.context.finish()

    def whole(host: bool) -> None:
        en.capture_launch(frame.graph)
        update(host)
        draw()

    out = {"work": title, "ready_s": time.perf_counter() - began}
    update(False)
    out["direct"] = renderer.placement.on_gpu
    draw()
    out["draw_still_ms"] = median_ms(draw, seconds / 2)
    out["passes_ms"] = pass_times(renderer, draw)
    out |= frames(frame, update, draw, seconds)
    out["host_ms"] = median_ms(lambda: whole(True), seconds / 2)
    out["update_host_ms"] = median_ms(lambda: update(True), seconds / 4)
    update(False)
    draw()
    if picture:
        save(renderer.read_pixels(), picture)
    out["finite"] = all(
        bool(np.isfinite(v.numpy()).all()) for v in (lies("body_q"), lies("particle_q")) if v is not None
    )
    out["fps"], out["fps_host"] = 1e3 / out["direct_ms"], 1e3 / out["host_ms"]
    return out


def save(pixels: np.ndarray, place: str) -> None:
    """Write a picture where the package for it is there."""
    try:
        from PIL import Image
    except ImportError:
        return
    Image.fromarray(pixels[..., :3]).save(place)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", nargs="*", choices=list(CASES), default=list(CASES))
    parser.add_argument("--json", help="file for the figures")
    parser.add_argument("--pictures", help="folder for a picture of each case")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the sizes, to try it out")
    options = parser.parse_args()
    en.set_device(DEVICE)
    renderer = Renderer()
    drawn_by = renderer.context.info["GL_RENDERER"]
    rows = [{"device": en.get_device().name, "opengl": drawn_by, "size": SIZE}]
    print(f"simulated by {rows[0]['device']}, drawn by {drawn_by}, {SIZE[0]} x {SIZE[1]}")
    print(f"{'':34}{'fps':>8}{'by host':>9}   ms: {'simulate':>9}{'update':>9}{'by host':>9}{'draw':>8}", flush=True)
    for name in options.cases:
        make, count = CASES[name]
        picture = os.path.join(options.pictures, f"{name}.png") if options.pictures else None
        try:
            row = measure(renderer, make, max(8, int(options.scale * count)), options.seconds, picture)
        except Exception as error:  # the other cases are worth having
            print(f"{name}: {type(error).__name__}: {str(error)[:600]}", flush=True)
            rows.append({"work": name, "error": str(error)[:600]})
            continue
        rows.append(row)
        print(
            f"{row['work']:34}{row['fps']:8.1f}{row['fps_host']:9.1f}       {row['simulate_ms']:9.2f}"
            f"{row['update_direct_ms']:9.2f}{row['update_host_ms']:9.2f}{row['draw_ms']:8.2f}"
            f"   {'' if row['direct'] else 'NOT DIRECT '}{'' if row['finite'] else 'NOT FINITE '}(ready in {row['ready_s']:.1f} s)",
            flush=True,
        )
        print("    passes, ms: " + ", ".join(f"{name} {ms:.2f}" for name, ms in row["passes_ms"].items()), flush=True)
        if options.json:
            with open(options.json, "w") as file:
                json.dump(rows, file, indent=1)
    renderer.release()


if __name__ == "__main__":
    main()

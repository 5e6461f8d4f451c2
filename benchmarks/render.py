"""Frame rates of the renderer, without a window: what a viewer would draw, at 1280 x 800.

    python benchmarks/render.py              # all cases
    python benchmarks/render.py instances    # one

Prints milliseconds a frame with everything moving (buffers and shadow map anew each frame) and with a still scene and a
moving camera, and the processor time of the first, which tells software OpenGL's cost whatever else the machine does.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np

from app.render.camera import Camera
from app.render.options import DrawOptions
from app.render.renderer import Renderer
from app.render.scene import Geometry, MeshItem, ParticleRange, PointsItem, RenderScene
from app.render.stage.solids import unit_box

SIZE = (1280, 800)


def cloth(side: int = 101) -> tuple[RenderScene, Callable[[int], tuple]]:
    """2 (side - 1)^2 triangles that wave: 20,000 by default."""
    x, z = np.meshgrid(np.linspace(-1, 1, side), np.linspace(-1, 1, side), indexing="ij")
    grid = np.arange(side * side).reshape(side, side)
    a, b, c, d = grid[:-1, :-1].ravel(), grid[1:, :-1].ravel(), grid[1:, 1:].ravel(), grid[:-1, 1:].ravel()
    triangles = np.concatenate([np.stack([a, d, c], 1), np.stack([a, c, b], 1)]).astype(np.int32)

    def points(frame: int) -> np.ndarray:
        y = 0.6 + 0.15 * np.sin(5.0 * x + 0.2 * frame) * np.cos(4.0 * z)
        return np.stack([x, y, z], axis=2).reshape(-1, 3).astype(np.float32)

    item = MeshItem("/cloth", geometry=Geometry(points(0), triangles), particles=ParticleRange(np.arange(side * side)))
    return RenderScene(meshes=[item], particle_q=points(0)), lambda frame: (None, points(frame))


def instances(count: int = 10_000) -> tuple[RenderScene, Callable[[int], tuple]]:
    """Boxes, each a body."""
    side = round(count ** (1 / 3) + 0.5)
    places = np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij"), axis=3).reshape(-1, 3)[:count]
    poses = np.zeros((count, 7), np.float32)
    poses[:, :3], poses[:, 6] = 0.1 * places, 1.0
    transforms = np.tile(np.diag([0.04, 0.04, 0.04, 1.0]).astype(np.float32), (count, 1, 1))
    colors = np.random.default_rng(0).uniform(0.2, 0.9, (count, 4)).astype(np.float32)
    colors[:, 3] = 1.0
    item = MeshItem(
        "/boxes", geometry=unit_box(), transforms=transforms, bodies=np.arange(count), instance_colors=colors
    )

    def moved(frame: int) -> tuple:
        out = poses.copy()
        out[:, 1] += 0.02 * np.sin(0.3 * frame + out[:, 0])
        return out, None

    return RenderScene(meshes=[item], body_q=poses), moved


def particles(count: int = 100_000) -> tuple[RenderScene, Callable[[int], tuple]]:
    """Spheres."""
    start = np.random.default_rng(1).uniform(-1, 1, (count, 3)).astype(np.float32)
    start[:, 1] += 1.0
    item = PointsItem(
        "/p", positions=start, radii=np.full(count, 0.006, np.float32), particles=ParticleRange(np.arange(count))
    )
    return RenderScene(points=[item], particle_q=start), lambda frame: (None, start * (1.0 + 0.01 * np.sin(frame)))


CASES = {
    "cloth": ("cloth, 20,000 triangles", cloth),
    "instances": ("10,000 boxes, each a body", instances),
    "particles": ("100,000 spheres", particles),
    "million": ("1,000,000 spheres", lambda: particles(1_000_000)),
}


def measure(renderer: Renderer, make: Callable, options: DrawOptions, frames: int) -> tuple[float, float, float]:
    """Milliseconds a frame moving, still, and processor time moving."""
    scene, state = make()
    renderer.set_scene(scene)
    camera = Camera.framing(renderer.bounds, aspect=SIZE[0] / SIZE[1])

    def frame(k: int, moving: bool) -> None:
        if moving:
            renderer.update(*state(k))
        camera.eye = camera.eye + 1e-3 * np.array([1.0, 0.0, 0.0])
        renderer.draw(camera, options, SIZE)
        renderer.context.finish()

    out = []
    for moving in (True, False):
        for k in range(3):
            frame(k, moving)
        began, used = time.perf_counter(), time.process_time()
        for k in range(frames):
            frame(k, moving)
        out += [1e3 * (time.perf_counter() - began) / frames, 1e3 * (time.process_time() - used) / frames]
    return out[0], out[2], out[1]


def main() -> None:
    """Print a table."""
    renderer = Renderer()
    print(f"{renderer.context.info['GL_RENDERER']}, {SIZE[0]} x {SIZE[1]}")
    wanted = sys.argv[1:] or (["cloth", "instances", "particles"] if renderer.software else list(CASES))
    for name in wanted:
        title, make = CASES[name]
        moving, still, used = measure(renderer, make, DrawOptions(), 20 if renderer.software else 200)
        print(f"{title:28} moving {moving:6.1f} ms  still {still:6.1f} ms  (processor {used:6.1f} ms)")


if __name__ == "__main__":
    main()

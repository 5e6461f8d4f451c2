"""Draws the gallery's pictures of simrun's own renderer: one frame of each example scene, and of robots.

    python docs/gallery/draw.py                              # the scenes
    python docs/gallery/draw.py humanoid.xml right_hand.xml  # robot files, given by path

Needs OpenGL, no display. Pictures have 256 colours, so that they stay small.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

from app.render.options import DrawOptions
from app.render.renderer import Renderer
from app.render.stage import open_render_scene
from app.render.views import choose_camera
from app.session import Session

GALLERY, SCENES = Path(__file__).parent, Path(__file__).parents[2] / "scenes"
FRAMES = {
    "cloth_over_sphere": 90,
    "cloth_over_statue": 34,
    "rigid_pile": 120,
    "soft_body_drop": 35,
    "particle_fountain": 28,
    "dominoes": 160,
}
SIZE = (800, 450)


def draw(renderer: Renderer, path: Path, frames: int) -> None:
    """Simulate some frames and write a picture beside this script."""
    session = Session.open(path)
    scene = open_render_scene(path, session.scene, session.bindings, session.model)
    renderer.set_scene(scene)
    camera = choose_camera(scene, None, renderer.bounds, scene.body_q, aspect=SIZE[0] / SIZE[1])
    for _ in range(frames):
        session.step()
    session.finish()
    model, state = session.model, session.state
    renderer.update(state.body_q if model.body_count else None, state.particle_q if model.particle_count else None)
    # Twice as large, then averaged: smooth edges on shadows, too.
    renderer.draw(
        camera, DrawOptions(samples=4, axes=False, ambient_occlusion=True), (2 * SIZE[0], 2 * SIZE[1]), scale=2.0
    )
    picture = Image.fromarray(renderer.read_pixels()[..., :3]).resize(SIZE, Image.Resampling.BOX)
    picture.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.FLOYDSTEINBERG).save(
        GALLERY / f"drawn_{path.stem}.png", optimize=True
    )


def main() -> None:
    """Draw what was named, or all scenes."""
    renderer = Renderer(lean=False)
    robots = [Path(name) for name in sys.argv[1:]]
    for path in robots:
        draw(renderer, path, 20)
    if not robots:
        for name, frames in FRAMES.items():
            draw(renderer, SCENES / f"{name}.usda", frames)


if __name__ == "__main__":
    main()

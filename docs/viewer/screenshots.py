"""Makes the screenshots of docs/viewer.md: `python docs/viewer/screenshots.py`, on any display, Xvfb's included.

xvfb-run -s "-screen 0 1440x900x24" python docs/viewer/screenshots.py
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from PIL import Image

from app.settings import RunOptions
from app.view.application import Application
from app.view.preferences import Preferences
from app.view.window import Loop, open_window

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SIZE = (1440, 900)


class Studio:
    """The viewer, and somebody who takes pictures of it."""

    def __init__(self):
        self.app = Application(Preferences(window_size=list(SIZE)), RunOptions())
        self.window = open_window(self.app, remember=False)
        self.loop = Loop(self.app, self.window)

    def live(self, seconds: float) -> None:
        """Let time pass."""
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            self.turn()

    def turn(self) -> None:
        """One picture, whether or not anything changed."""
        self.loop._awake_until = float("inf")
        self.loop.turn()

    def open(self, scene: str, frames: int = 0, **options) -> None:
        """A scene after some frames."""
        self.app.options = RunOptions(**options)
        before = self.app.view
        self.app.open(ROOT / scene)
        while self.app.view is before:
            self.turn()
        self.app.log.clear()
        self.simulate(frames)

    def simulate(self, frames: int) -> None:
        """Some more frames."""
        goal = self.app.session.frame + frames
        self.app.runner.step(frames)
        while self.app.session.frame < goal:
            self.turn()
        self.app.runner.drain()

    def front(self, *titles: str) -> None:
        """Bring panels to the front of their tabs."""
        self.window.layout.wanted += titles
        self.live(0.3)

    def plot(self, *names: str) -> None:
        """Plot more quantities."""
        panel = next(panel for panel, _ in self.window.layout.panels if panel.title == "Plots")
        self.front("Plots")
        panel.add([quantity for quantity in panel.known if quantity.name in names])
        self.app.runner.drain()

    def save(self, name: str) -> None:
        """Take the picture."""
        self.live(0.4)
        width, height = self.window.get_framebuffer_size()
        pixels = self.window.read_screen((0, 0, width, height))
        Image.fromarray(np.ascontiguousarray(pixels)).save(HERE / f"{name}.jpg", quality=85)
        print(f"{name}.jpg")


def main() -> None:
    """All pictures, in the order of the tour."""
    studio = Studio()
    app = studio.app
    studio.live(0.5)
    studio.save("start")

    studio.open("scenes/cloth_over_sphere.usda", frames=70)
    app.selection.set("/World/Cloth")
    studio.plot("elastic energy")
    studio.front("Plots")
    studio.save("cloth")

    app.toggle_help()
    studio.save("keys")
    app.dialog = None

    studio.open("scenes/rigid_pile.usda")
    app.toggles.contacts = True
    app.tick(0.0)
    studio.simulate(260)
    app.toggles.shapes = app.toggles.mass_centers = True
    app.camera.zoom(0.5)
    studio.front("View", "Profiler")
    studio.save("marks")
    app.toggles.contacts = app.toggles.shapes = app.toggles.mass_centers = False

    studio.open("scenes/soft_body_drop.usda", frames=40)
    part = app.session.bindings.particles[0]
    points = app.frame.rows("particle_q")[part.start : part.start + part.count]
    top = points[np.argmax(points[:, app.session.model.up_axis])]
    app.grab(part.path, top)
    app.pull_to(top + 1.2 * app.view.render.up)
    app.selection.set(part.path)
    studio.simulate(40)
    studio.front("Properties", "Log")
    studio.save("pull")
    app.release()

    studio.open("tests/app/pendulum.xml", frames=0)
    app.toggle_theme()
    app.toggles.joints = True
    app.selection.set("/pendulum/lower")
    app.runner.post(lambda session: session.place_joint(1, 0.9))
    app.runner.drain()
    studio.simulate(150)
    studio.plot("joint drive energy", "mechanical energy")
    studio.front("Joints", "Plots")
    studio.save("joints")

    studio.window.end()
    app.close()


if __name__ == "__main__":
    main()

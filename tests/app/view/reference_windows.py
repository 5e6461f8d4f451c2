"""The windows that are compared with references, and how different two pictures look to people."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np

from tests.app.conftest import ROOT, write_ball

FOLDER = Path(__file__).parent / "references"
SCENES = ROOT / "scenes"
SMALL, LARGE = (640, 400), (960, 600)
#: side of the squares in which differences are averaged [pixels]
TILE = 20
#: most that a picture may differ from its reference: mean over all pixels, and over the worst square
MOST, MOST_IN_TILE = 0.04, 0.2


def see_scene(desk, folder: Path) -> None:
    """A scene as it opens: shading, shadows, grid, framing."""
    open_alone(desk, SCENES / "dominoes.usda")


def see_outline(desk, folder: Path) -> None:
    """The outline of what is selected."""
    open_alone(desk, SCENES / "cloth_over_sphere.usda")
    desk.app.selection.set("/World/Cloth")


def see_panels(desk, folder: Path) -> None:
    """Tree, properties of a body and its material, log."""
    desk.open(write_ball(folder))
    desk.app.selection.set("/World/Ball")
    desk.app.log.clear()


def see_joints(desk, folder: Path) -> None:
    """Sliders of joints, and their axes in the picture."""
    desk.open(ROOT / "tests" / "app" / "pendulum.xml")
    desk.app.toggles.joints = True
    desk.app.log.clear()
    desk.window.layout.wanted += ["Joints"]


def see_plots(desk, folder: Path) -> None:
    """A plot over the simulated time."""
    desk.open(write_ball(folder, substeps=16))
    desk.simulate(40)
    desk.app.log.clear()
    desk.window.layout.wanted += ["Plots"]


def see_marks(desk, folder: Path) -> None:
    """Contacts with forces, collision shapes, centres of mass, frames, boxes."""
    desk.app.toggles.contacts = True
    open_alone(desk, SCENES / "dominoes.usda")
    desk.app.tick(0.0)
    desk.simulate(2)
    for name in ("shapes", "mass_centers", "frames", "boxes", "inertia"):
        setattr(desk.app.toggles, name, True)


def see_light_theme(desk, folder: Path) -> None:
    """The light theme, with the settings of the solver."""
    desk.app.toggle_theme()
    desk.open(SCENES / "cloth_over_sphere.usda")
    desk.app.log.clear()
    desk.window.layout.wanted += ["Simulation"]


def see_dense_screen(desk, folder: Path) -> None:
    """A screen with twice the dots an inch: text and marks are twice as large."""
    see_panels(desk, folder)
    desk.app.toggles.frames = True


#: name: what to do, size of the window, dots of the screen for one of an ordinary screen
CASES: dict[str, tuple[Callable, tuple[int, int], float]] = {
    "scene": (see_scene, SMALL, 1.0),
    "outline": (see_outline, SMALL, 1.0),
    "panels": (see_panels, LARGE, 1.0),
    "joints": (see_joints, LARGE, 1.0),
    "plots": (see_plots, LARGE, 1.0),
    "marks": (see_marks, SMALL, 1.0),
    "light_theme": (see_light_theme, LARGE, 1.0),
    "dense_screen": (see_dense_screen, LARGE, 2.0),
}


def open_alone(desk, path: Path) -> None:
    """A scene without panels around it."""
    desk.app.panels_shown = False
    desk.open(path)


def draw_case(name: str, desk, folder: Path) -> np.ndarray:
    """The window of a case, uint8 [h, w, 3]."""
    act, size, scale = CASES[name]
    desk.window.set_size(*size)
    desk.run(0.2)
    with mock.patch.object(type(desk.window), "scale", scale):
        try:
            act(desk, folder)
            desk.settle(4)
            app = desk.app
            app.camera.look_from("home", app.bounds(), aspect=app.aspect, smooth=False)
            desk.move(size[0] // 2, 80)
            desk.settle(6)
            return desk.pixels().astype(np.uint8)
        finally:
            desk.app.preferences.theme = desk.app.draw.background = "dark"


def difference(picture: np.ndarray, reference: np.ndarray) -> tuple[float, float]:
    """How different two pictures look flipped before a viewer at a desk (FLIP: Andersson et al. 2020), 0 to 1.

    Returns:
        The mean over all pixels, and over the square of `TILE` pixels that differs most: a missing outline changes few
        pixels, but all that are there.
    """
    import flip_evaluator

    test, expected = (np.ascontiguousarray(p, np.float32) / 255.0 for p in (picture, reference))
    errors, mean, _ = flip_evaluator.evaluate(expected, test, "LDR", inputsRGB=True, applyMagma=False)
    height, width = (n // TILE * TILE for n in errors.shape[:2])
    tiles = errors[:height, :width, 0].reshape(height // TILE, TILE, width // TILE, TILE)
    return float(mean), float(tiles.mean(axis=(1, 3)).max())

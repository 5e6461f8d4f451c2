"""The window looks as its references do, one for each group of features.

References are made by `python tests/app/view/make_references.py`; look at them before committing new ones.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.app.view.reference_windows import CASES, FOLDER, MOST, MOST_IN_TILE, difference, draw_case

pytest.importorskip("flip_evaluator", reason='pictures are not compared: pip install "simrun[test]"')


def reference(name: str) -> np.ndarray:
    return np.asarray(Image.open(FOLDER / f"{name}.png").convert("RGB"))


def check(name: str, picture: np.ndarray) -> None:
    expected = reference(name)
    assert picture.shape == expected.shape
    mean, worst = difference(picture, expected)
    if mean > MOST or worst > MOST_IN_TILE:
        seen = Path(tempfile.gettempdir()) / f"simview_{name}_seen.png"
        Image.fromarray(picture).save(seen)
        raise AssertionError(
            f"{name}: differs from its reference by {mean:.4f} and in one place by {worst:.3f}; expected {MOST} and "
            f"{MOST_IN_TILE} at most; what was seen is in {seen}"
        )


@pytest.mark.parametrize("name", CASES)
def test_the_window_looks_as_its_reference(desk, tmp_path, name):
    check(name, draw_case(name, desk, tmp_path))


def without_outline(desk, monkeypatch):
    monkeypatch.setattr(type(desk.window.renderer), "_draw_mask", lambda *a, **k: False)


def without_marks(desk, monkeypatch):
    monkeypatch.setattr("app.view.overlays.OverlayMaker._contacts", lambda *a, **k: None)


def without_a_line_in_the_plot(desk, monkeypatch):
    from imgui_bundle import implot

    monkeypatch.setattr(implot, "plot_line", lambda *a, **k: None)


def without_material(desk, monkeypatch):
    monkeypatch.setattr("app.view.panels.properties_panel.PropertiesPanel._material", lambda *a, **k: None)


def without_shadows(desk, monkeypatch):
    monkeypatch.setattr(desk.app.draw, "shadows", False)


def with_small_text(desk, monkeypatch):
    monkeypatch.setattr(type(desk.window), "text_scale", 1.0)


@pytest.mark.parametrize(
    ("name", "break_it"),
    [
        ("outline", without_outline),
        ("marks", without_marks),
        ("plots", without_a_line_in_the_plot),
        ("panels", without_material),
        ("scene", without_shadows),
        ("dense_screen", with_small_text),
    ],
)
def test_what_is_missing_is_noticed(desk, tmp_path, monkeypatch, name, break_it):
    break_it(desk, monkeypatch)
    picture = draw_case(name, desk, tmp_path)
    with pytest.raises(AssertionError, match="differs from its reference"):
        check(name, picture)


def test_noise_that_nobody_sees_is_no_difference():
    picture = reference("scene")
    noise = np.random.default_rng(0).integers(-2, 3, picture.shape)
    mean, worst = difference(np.clip(picture.astype(int) + noise, 0, 255).astype(np.uint8), picture)
    assert mean < MOST and worst < MOST_IN_TILE

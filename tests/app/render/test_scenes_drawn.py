"""Every example scene and a robot of each kind is drawn, and looks as its reference does.

References are small pictures made by `python tests/app/render/make_references.py`; look at them before committing new ones.
"""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.app.render.reference_scenes import CASES, FOLDER, draw_case, likeness


@pytest.mark.parametrize("name", CASES)
def test_picture_looks_as_its_reference(gl, name):
    picture = draw_case(name, gl)
    reference = np.asarray(Image.open(FOLDER / f"{name}.png").convert("RGB"))
    assert picture.shape == reference.shape
    alike = likeness(picture, reference)
    if alike < 0.97:
        seen = Path(f"/tmp/simrun_{name}_seen.png")
        Image.fromarray(picture).save(seen)
        pytest.fail(f"{name}: likeness {alike:.3f} to its reference, expected 0.97 or more; the picture is in {seen}")


def test_likeness_tells_pictures_apart():
    """The measure is near 1 for noise nobody sees, and far below the bound for what is moved, recoloured or missing."""
    reference = np.asarray(Image.open(FOLDER / "dominoes.png").convert("RGB"))
    noise = np.random.default_rng(0).integers(-3, 4, reference.shape)
    assert likeness(np.clip(reference.astype(int) + noise, 0, 255).astype(np.uint8), reference) > 0.97
    assert likeness(np.roll(reference, 12, axis=1), reference) < 0.95
    assert likeness(reference[..., ::-1], reference) < 0.97
    other = np.asarray(Image.open(FOLDER / "rigid_pile.png").convert("RGB"))
    assert likeness(other, reference) < 0.8

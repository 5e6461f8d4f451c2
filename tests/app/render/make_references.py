"""Draws the references anew: `python tests/app/render/make_references.py [NAME…]`. Look at them before committing."""

import sys
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[3]))

from tests.app.render.reference_scenes import CASES, FOLDER, draw_case

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name in sys.argv[1:] or CASES:
        Image.fromarray(draw_case(name)).save(FOLDER / f"{name}.png", optimize=True)

"""Makes the references anew: `python tests/app/view/make_references.py [NAME…]`. Look at them before committing.

Wants Xvfb and xdotool, and no display: it starts its own, as the tests do.
"""

import os
import sys
import tempfile
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[3]))

from tests.app.view.conftest import Desk, Screen
from tests.app.view.reference_windows import CASES, FOLDER, draw_case

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    screen = Screen()
    os.environ.update(DISPLAY=screen.name, LIBGL_ALWAYS_SOFTWARE="1")
    desk = Desk(screen)
    try:
        for name in sys.argv[1:] or CASES:
            desk.clean()
            with tempfile.TemporaryDirectory() as folder:
                Image.fromarray(draw_case(name, desk, Path(folder))).save(FOLDER / f"{name}.png", optimize=True)
            print(name)
    finally:
        desk.close()
        screen.close()

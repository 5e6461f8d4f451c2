"""One GL context for all tests that draw; they skip, loudly, where there is none."""

import warnings

import numpy as np
import pytest

from app.render.errors import NoGraphics


@pytest.fixture(scope="session")
def gl():
    """A headless context."""
    from app.render.context import headless_context

    try:
        context = headless_context()
    except NoGraphics as missing:
        warnings.warn(f"NOTHING IS DRAWN IN THESE TESTS: {missing}", stacklevel=1)
        pytest.skip(f"no OpenGL here: {missing}")
    yield context
    context.release()


@pytest.fixture
def renderer(gl):
    """A renderer on that context, empty."""
    from app.render.renderer import Renderer

    renderer = Renderer(gl)
    yield renderer
    renderer.release()


@pytest.fixture
def plain():
    """Draw options without grid, axes and shadows, on black: what is seen is the scene."""
    from app.render.options import DrawOptions

    return DrawOptions(grid=False, axes=False, shadows=False, background="black", samples=1)


@pytest.fixture
def front():
    """A camera at +z looking at the origin; the picture is 2 m high at the origin."""
    from app.render.camera import Camera

    camera = Camera(np.array([0.0, 0.0, 5.0]), np.zeros(3), np.array([0.0, 1.0, 0.0]))
    camera.orthographic_height, camera.near, camera.far = 2.0, 0.1, 20.0
    return camera

"""Scripts look at their models in three lines."""

import av
import numpy as np
import pytest

from app.errors import UsageError
from app.render.camera import Camera
from app.viewer import Viewer
from sim import ModelBuilder, SemiImplicitIntegrator

pytestmark = pytest.mark.usefixtures("gl")


def falling_ball():
    builder = ModelBuilder()
    builder.add_shape_sphere(builder.add_body(origin=((0, 2, 0), (0, 0, 0, 1))), radius=0.3)
    return builder.finalize()


def test_film_of_a_script(tmp_path):
    model = falling_ball()
    now, after, integrator = model.state(), model.state(), SemiImplicitIntegrator()
    viewer = Viewer(model, headless=True, path=tmp_path / "out.mp4", size=(160, 120), fps=30)
    for _ in range(6):
        integrator.simulate(model, now, after, 1 / 30)
        now, after = after, now
        viewer.render(now)
    viewer.close()
    with av.open(str(tmp_path / "out.mp4")) as film:
        frames = [f.to_ndarray(format="gray") for f in film.decode(video=0)]
    assert len(frames) == 6 and frames[0].shape == (120, 160)
    assert np.abs(frames[5].astype(int) - frames[0]).max() > 30


def test_picture_follows_the_state_and_the_camera():
    model = falling_ball()
    camera = Camera(np.array([0.0, 2.0, 4.0]), np.array([0.0, 2.0, 0.0]), np.array([0.0, 1.0, 0.0]))
    with Viewer(model, headless=True, size=(100, 100), camera=camera) as viewer:
        viewer.options.grid = viewer.options.axes = viewer.options.shadows = False
        viewer.options.background = "black"
        state = model.state()
        rows = []
        for height in (2.0, 1.5):
            q = state.body_q.numpy()
            q[0, 1] = height
            state.body_q.assign(q)
            viewer.render(state)
            bright = viewer.picture()[..., :3].max(axis=2) > 20
            rows.append(np.nonzero(bright[:, 45:55])[0].min())
    assert rows[1] > rows[0] + 10 and not viewer.is_open


def test_overlay_is_drawn_once():
    model = falling_ball()
    with Viewer(model, headless=True, size=(100, 100), camera="front") as viewer:
        state = model.state()
        viewer.render(state)
        plain = viewer.picture().astype(int)
        viewer.overlay.arrows([[0, 2, 0.5]], [[0, 0.4, 0]], (1, 0, 0), width=4, through=True)
        viewer.render(state)
        marked = viewer.picture().astype(int)
        viewer.render(state)
        after = viewer.picture().astype(int)
    assert (np.abs(marked - plain).max(axis=2) > 60).sum() > 20
    np.testing.assert_array_equal(after, plain)


def test_unknown_view_is_named():
    with pytest.raises(UsageError, match="perspective"):
        Viewer(falling_ball(), headless=True, camera="sideways")


def test_closed_viewer_says_so():
    model = falling_ball()
    viewer = Viewer(model, headless=True, size=(32, 32))
    viewer.close()
    viewer.close()
    with pytest.raises(UsageError, match="closed"):
        viewer.render(model.state())


def test_without_headless_it_is_the_window_that_shows(monkeypatch):
    """The window itself is tested in tests/app/view; here, that everything reaches it."""
    window = pytest.importorskip("app.view.viewer")
    calls = []

    class Window:
        def __init__(self, model, **options):
            calls.append(("open", options))

        def __getattr__(self, name):
            return lambda *arguments: calls.append((name, *arguments)) or True

    monkeypatch.setattr(window, "Viewer", Window)
    model = falling_ball()
    state = model.state()
    with Viewer(model, fps=30, size=(640, 480), title="mine") as viewer:
        assert viewer.is_running() and viewer.render(state)
        viewer.apply_forces(state)
        viewer.keep_pace()
    assert calls[0] == ("open", {"fps": 30, "size": (640, 480), "title": "mine"})
    assert [c[0] for c in calls[1:]] == ["is_running", "render", "apply_forces", "keep_pace", "close"]
    assert calls[2][1] is state

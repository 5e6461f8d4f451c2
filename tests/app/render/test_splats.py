"""Many spheres by compute shaders show what the same spheres show as quads in which rays are cast."""

import numpy as np
import pytest

from app.render import splat_pass
from app.render.camera import Camera
from app.render.options import DrawOptions
from app.render.scene import PointsItem, RenderScene
from tests.app.render.shapes import box, still

SIZE = (160, 120)


@pytest.fixture
def computes(gl):
    if gl.version_code < 430:
        pytest.skip(f"no compute shaders: OpenGL {gl.version_code}")


def cloud(count=600, smallest=0.01, largest=0.12):
    rng = np.random.default_rng(5)
    colors = np.ones((count, 4), np.float32)
    colors[:, :3] = rng.uniform(0.1, 0.9, (count, 3))
    return PointsItem(
        "/p",
        positions=rng.uniform(-1, 1, (count, 3)).astype(np.float32),
        radii=rng.uniform(smallest, largest, count).astype(np.float32),
        colors=colors,
    )


def both(renderer, monkeypatch, scene, camera, options):
    """Pixels as quads and by compute shaders."""
    out = []
    for fewest in (10**9, 1):
        monkeypatch.setattr(splat_pass, "FEWEST", fewest)
        renderer.set_scene(scene)
        renderer.draw(camera, options, SIZE)
        out.append(renderer.read_pixels().astype(int))
    return out


def framing(renderer, scene):
    renderer.set_scene(scene)
    return Camera.framing(renderer.bounds, aspect=SIZE[0] / SIZE[1])


@pytest.mark.parametrize("orthographic", [False, True])
def test_same_pixels_without_samples(renderer, computes, monkeypatch, plain, orthographic):
    scene = RenderScene(points=[cloud()])
    camera = framing(renderer, scene)
    camera.orthographic_height = 2.4 if orthographic else None
    quads, splats = both(renderer, monkeypatch, scene, camera, plain)
    assert quads.std() > 20
    assert (np.abs(quads - splats).max(axis=2) > 6).mean() < 5e-3


def test_same_pixels_with_shadows_and_normals(renderer, computes, monkeypatch, plain):
    scene = RenderScene(points=[cloud()], meshes=[still("/floor", box(1.5), (0, -2.6, 0))])
    camera = framing(renderer, scene)
    plain.shadows = True
    quads, splats = both(renderer, monkeypatch, scene, camera, plain)
    assert (np.abs(quads - splats).max(axis=2) > 6).mean() < 0.01
    plain.shading = "normals"
    quads, splats = both(renderer, monkeypatch, scene, camera, plain)
    assert (np.abs(quads - splats).max(axis=2) > 6).mean() < 5e-3


def test_large_ones_that_pass_the_edges_of_the_picture(renderer, computes, monkeypatch, plain):
    item = cloud(80, 0.3, 0.6)
    camera = Camera(np.array([0.1, 0.0, 1.2]), np.zeros(3), np.array([0.0, 1.0, 0.0]), near=0.05, far=20.0)
    item.radii = np.minimum(item.radii, np.linalg.norm(item.positions - camera.eye, axis=1).astype(np.float32) - 0.1)
    scene = RenderScene(points=[item])
    quads, splats = both(renderer, monkeypatch, scene, camera, plain)
    assert (np.abs(quads - splats).max(axis=2) > 6).mean() < 0.02


def test_a_sphere_around_the_eye_is_not_in_the_way(renderer, computes, monkeypatch, plain):
    places = np.array([[0, 0, 5], [0, 0, 0]], np.float32)
    item = PointsItem("/p", positions=places, radii=np.array([1.0, 0.5], np.float32))
    camera = Camera(np.array([0.1, 0.0, 5.0]), np.zeros(3), np.array([0.0, 1.0, 0.0]), near=0.05, far=20.0)
    monkeypatch.setattr(splat_pass, "FEWEST", 1)
    renderer.set_scene(RenderScene(points=[item]))
    renderer.draw(camera, plain, SIZE)
    seen = renderer.read_pixels()[..., :3].max(axis=2) > 8
    assert 0 < seen.sum() < 0.2 * seen.size  # only the one in front


def test_meshes_and_spheres_hide_each_other(renderer, computes, monkeypatch, plain):
    scene = RenderScene(points=[cloud()], meshes=[still("/block", box(0.5))])
    camera = framing(renderer, scene)
    quads, splats = both(renderer, monkeypatch, scene, camera, plain)
    assert (np.abs(quads - splats).max(axis=2) > 6).mean() < 5e-3


def test_edges_are_smooth_and_the_ground_reaches_up_to_them(renderer, computes, monkeypatch):
    scene = RenderScene(points=[cloud(200, 0.1, 0.2)], ground_height=-1.2)
    camera = framing(renderer, scene)
    options = DrawOptions(samples=4, axes=False, shadows=False, background="white")
    quads, splats = both(renderer, monkeypatch, scene, camera, options)
    assert np.abs(quads - splats).mean() < 2.0
    # A fringe of the background around spheres would be brighter than both of what meets there.
    assert (splats.min(axis=2) - quads.min(axis=2) > 60).mean() < 2e-3


def test_what_is_smaller_than_a_pixel_still_shows(renderer, computes, monkeypatch, plain, front):
    item = PointsItem("/p", positions=np.array([[0.003, 0.004, 0]], np.float32), radii=np.full(1, 1e-4, np.float32))
    monkeypatch.setattr(splat_pass, "FEWEST", 1)
    renderer.set_scene(RenderScene(points=[item]))
    renderer.draw(front, plain, SIZE)
    assert (renderer.read_pixels()[..., :3].max(axis=2) > 8).sum() == 1


def test_hidden_ones_do_not_show(renderer, computes, monkeypatch, plain, front):
    item = cloud()
    item.visible = False
    monkeypatch.setattr(splat_pass, "FEWEST", 1)
    renderer.set_scene(RenderScene(points=[item], meshes=[still("/dot", box(0.05))]))
    renderer.draw(front, plain, SIZE)
    assert 0 < (renderer.read_pixels()[..., :3].max(axis=2) > 8).sum() < 100

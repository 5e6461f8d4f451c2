"""Where the processor draws, meshes are lit after they were gathered: the picture is the same."""

import numpy as np
import pytest

from app.render.camera import Camera
from app.render.materials import Material, Texture
from app.render.options import DrawOptions
from app.render.renderer import Renderer
from app.render.scene import PointsItem, RenderScene
from tests.app.render.shapes import box, card, still

SIZE = (160, 120)


@pytest.fixture
def lean(gl):
    renderer = Renderer(gl, lean=True)
    yield renderer
    renderer.release()


def both(renderer, scene, options, camera=None):
    out, deferred = [], renderer._surfaces.deferred
    for each in (None, deferred):
        renderer._surfaces.deferred = each
        renderer.set_scene(scene)
        renderer.draw(camera or Camera.framing(renderer.bounds, aspect=4 / 3), options, SIZE)
        out.append(renderer.read_pixels().astype(int))
    return out


def scene_of_all():
    """Boxes of several looks, one mirrored, one see-through, one that gives off light, a textured card, spheres."""
    image = np.full((8, 8, 4), 255, np.uint8)
    image[::2, ::2, :3] = 30
    holes = image.copy()
    holes[2:6, 2:6, 3] = 0
    materials = [
        Material(),
        Material("/metal", diffuse=(0.8, 0.6, 0.3), metallic=1.0, roughness=0.3),
        Material("/glow", diffuse=(0.1, 0.1, 0.1), emissive=(0.9, 0.3, 0.1)),
        Material("/glass", diffuse=(0.2, 0.5, 0.8), opacity=0.4),
        Material("/image", texture=Texture("checks", image)),
        Material("/cutout", texture=Texture("holes", holes), opacity_threshold=0.5),
    ]
    items = [still(f"/{k}", box(0.3), (0.8 * k - 2, 0, 0), material=k) for k in range(4)]
    items += [
        still("/card", card(0.4), (1.2, 0, 0), material=4),
        still("/cut", card(0.4), (2.0, 0, 0.2), material=5),
        still("/floor", box(2.0), (0, -2.4, 0)),
    ]
    items[1].transforms[0, 0, 0] *= -1.0
    ball = PointsItem("/ball", positions=np.array([[0, 0.7, 0]], np.float32), radii=np.full(1, 0.3, np.float32))
    return RenderScene(meshes=items, points=[ball], materials=materials)


@pytest.mark.parametrize("orthographic", [False, True])
def test_the_picture_is_that_of_lighting_at_once(lean, orthographic):
    scene = scene_of_all()
    lean.set_scene(scene)
    camera = Camera.framing(lean.bounds, aspect=4 / 3)
    camera.orthographic_height = 3.0 if orthographic else None
    one, other = both(lean, scene, DrawOptions(axes=False), camera)
    assert one.std() > 20
    assert np.abs(one - other).mean() < 1.0
    assert (np.abs(one - other).max(axis=2) > 12).mean() < 0.01


def test_only_what_fits_is_gathered(lean):
    scene = scene_of_all()
    lean.set_scene(scene)
    kept = [lean._surfaces.deferred.suits(b, scene.materials[b.material]) for b in lean._meshes]
    looks = [scene.materials[b.material].name for b in lean._meshes]
    assert {name for name, yes in zip(looks, kept, strict=True) if not yes} == {"/glow", "/glass"}


def test_parts_of_the_ground_have_no_seams(lean):
    """The ground is drawn in parts: with and without looking for shadows."""
    scene = RenderScene(meshes=[still("/a", box(0.3), (0, 0.3, 0))])
    lean.set_scene(scene)
    camera = Camera(np.array([0.0, 3.0, 3.0]), np.zeros(3), np.array([0.0, 1.0, 0.0]))
    options = DrawOptions(axes=False, background="white", samples=1)
    lean.draw(camera, options, SIZE)
    shadowed = lean.read_pixels().astype(int)
    options.shadows = False
    lean.draw(camera, options, SIZE)
    bare = lean.read_pixels().astype(int)
    # Shadows change a connected patch beside the box, and nothing else.
    from scipy.ndimage import label

    changed = np.abs(shadowed - bare).max(axis=2) > 3
    assert 50 < changed.sum() < 0.2 * changed.size
    assert label(changed, np.ones((3, 3)))[1] <= 3

"""Lights of the stage in pictures: cones, and shadows of several lights."""

import numpy as np
import pytest

from app.render.camera import Camera
from app.render.lights import MAX_SHADOWS, light_rig
from app.render.renderer import Renderer
from app.render.scene import LightItem, RenderScene
from app.render.stage import from_stage
from tests.app.render.shapes import box, still
from tests.app.render.test_stage import stage_of

SIZE = (160, 160)


def towards(direction) -> np.ndarray:
    """A light's matrix that shines against a direction."""
    z = np.asarray(direction, float) / np.linalg.norm(direction)
    x = np.cross([0, 0, 1.0] if abs(z[2]) < 0.9 else [0, 1.0, 0], z)
    x /= np.linalg.norm(x)
    out = np.eye(4)
    out[:3, :3] = np.stack([x, np.cross(z, x), z], axis=1)
    return out


def sun(direction, strength=3.0, path="/sun"):
    return LightItem(path, "distant", np.full(3, strength), towards(direction), angle=0.01)


def stage_with(lights):
    """A floor of 4 m, and a small block above its middle."""
    floor = still("/floor", box(1.0), (0, -0.1, 0))
    floor.transforms[0, :3, :3] = np.diag([2, 0.1, 2])
    return RenderScene(meshes=[floor, still("/block", box(0.15), (0, 0.6, 0))], lights=lights)


@pytest.fixture
def above():
    camera = Camera(np.array([0.0, 6.0, 0.0]), np.zeros(3), np.array([0.0, 0.0, -1.0]))
    camera.orthographic_height, camera.near, camera.far = 4.0, 0.1, 20.0
    return camera


@pytest.fixture
def full(gl):
    renderer = Renderer(gl, lean=False)
    yield renderer
    renderer.release()


def brightness(renderer, scene, camera, options):
    renderer.set_scene(scene)
    renderer.draw(camera, options, SIZE)
    return renderer.read_pixels()[..., :3].astype(float).mean(axis=2)


def value_at(picture, x, z):
    """Of a place on the floor [m]."""
    return picture[round(80 + 40 * z), round(80 + 40 * x)]


def test_two_lights_cast_two_shadows(full, above, plain):
    plain.shadows = True
    seen = brightness(full, stage_with([sun((1, 1, 0)), sun((-1, 1, 0))]), above, plain)
    lit = value_at(seen, 0, 1.2)
    # 0.6 m up and lights at 45 degrees: shadows lie 0.6 m to either side.
    assert value_at(seen, -0.6, 0) < lit - 15 and value_at(seen, 0.6, 0) < lit - 15
    one = brightness(full, stage_with([sun((1, 1, 0)), sun((-1, 1, 0), 0.1)]), above, plain)
    assert value_at(one, -0.6, 0) < value_at(one, 0, 1.2) - 15
    assert abs(value_at(one, 0.6, 0) - value_at(one, 0, 1.2)) < 4  # too faint to cast one


def test_where_both_shadows_fall_it_is_darkest(full, above, plain):
    plain.shadows = True
    seen = brightness(full, stage_with([sun((0.3, 1, 0)), sun((-0.3, 1, 0))]), above, plain)
    scene = stage_with([sun((0.3, 1, 0)), sun((-0.3, 1, 0))])
    scene.meshes[1].transforms[0, 1, 3] = 0.2  # nearer to the floor: the shadows overlap at its foot
    near = brightness(full, scene, above, plain)
    assert near[70:90, 70:90].min() <= seen[70:90, 70:90].min() + 1


def test_the_strongest_lights_cast_the_shadows():
    lights = [sun((k, 1, 0), 1.0 + k) for k in range(5)]
    rig = light_rig(stage_with(lights), np.zeros((0, 4, 4)), np.zeros(3))
    assert len(rig.casters) == MAX_SHADOWS == len(rig.softness)
    np.testing.assert_allclose(rig.casters[0], np.array([4, 1, 0]) / np.sqrt(17), atol=1e-6)
    assert rig.shares.sum() == pytest.approx(1.0)
    weak = light_rig(stage_with([sun((0, 1, 0), 9.0), sun((1, 1, 0), 0.5)]), np.zeros((0, 4, 4)), np.zeros(3))
    assert len(weak.casters) == 1 and len(weak.places) == 2


def spot(half_angle, softness=0.0):
    matrix = towards((0, 1, 0))
    matrix[:3, 3] = (0, 2, 0)
    return LightItem(
        "/spot", "sphere", np.full(3, 50.0), matrix, area=0.05, radius=0.06, cone=half_angle, cone_softness=softness
    )


@pytest.mark.parametrize("lean", [False, True])
def test_a_spot_lights_a_disc(gl, above, plain, lean):
    renderer = Renderer(gl, lean=lean)
    scene = stage_with([spot(np.radians(30))])
    del scene.meshes[1]
    seen = brightness(renderer, scene, above, plain)
    radius = 2 * np.tan(np.radians(30))  # 1.15 m on the floor
    inside, outside = value_at(seen, 0.9 * radius, 0), value_at(seen, 1.15 * radius, 0)
    assert inside > outside + 25
    assert abs(value_at(seen, 0, 0.9 * radius) - inside) < 4
    scene.lights = [spot(np.radians(30), softness=0.8)]
    soft = brightness(renderer, scene, above, plain)
    assert value_at(soft, 0.9 * radius, 0) < value_at(soft, 0.3 * radius, 0) - 20
    renderer.release()


def test_shaping_is_read():
    scene = from_stage(
        stage_of("""
    def SphereLight "spot" (prepend apiSchemas = ["ShapingAPI"]) {
        float inputs:shaping:cone:angle = 25
        float inputs:shaping:cone:softness = 0.4 }
    def SphereLight "bulb" {}""")
    )
    spot, bulb = scene.lights
    assert np.degrees(spot.cone) == pytest.approx(25) and spot.cone_softness == pytest.approx(0.4)
    assert bulb.cone >= 0.5 * np.pi


@pytest.mark.parametrize("shade", [0.02, 0.8])
def test_grid_lines_show_on_dark_and_on_light_floors(renderer, above, plain, shade):
    floor = still("/floor", box(1.0), ground=True, color=(shade, shade, shade, 1.0))
    scene = RenderScene(meshes=[still("/block", box(0.15), (0, 0.6, 0)), floor], ground_height=0.0)
    plain.grid = True
    lined = brightness(renderer, scene, above, plain)
    plain.grid = False
    bare = brightness(renderer, scene, above, plain)
    difference = (lined - bare)[:60]
    assert np.abs(difference).max() > 8
    assert (difference.sum() > 0) == (shade < 0.5)


def test_lights_from_two_sides_are_not_exposed_as_if_they_added_up():
    def exposure(*directions):
        return light_rig(stage_with([sun(d) for d in directions]), np.zeros((0, 4, 4)), np.zeros(3)).exposure

    together, apart = exposure((1, 1, 0), (1, 1, 0)), exposure((1, 1, 0), (-1, 1, 0))
    assert 1.2 * together < apart < 2.0 * together


def test_a_light_without_shadows_casts_none(full, above, plain):
    plain.shadows = True
    lamp = sun((0.3, 1, 0))
    dark = brightness(full, stage_with([lamp]), above, plain)
    lamp = sun((0.3, 1, 0))
    lamp.casts_shadow = False
    bright = brightness(full, stage_with([lamp]), above, plain)
    assert (dark < bright - 15).any()
    rig = light_rig(stage_with([lamp, sun((1, 1, 0))]), np.zeros((0, 4, 4)), np.zeros(3))
    np.testing.assert_allclose(rig.casters, rig.places[:1, :3])
    assert rig.casters[0][0] == pytest.approx(np.sqrt(0.5))


def test_focus_narrows_a_cone():
    scene = from_stage(
        stage_of("""
    def SphereLight "spot" (prepend apiSchemas = ["ShapingAPI", "ShadowAPI"]) {
        float inputs:shaping:cone:angle = 80
        float inputs:shaping:focus = 10
        bool inputs:shadow:enable = 0 }""")
    )
    (spot,) = scene.lights
    assert np.cos(spot.cone) ** 10 == pytest.approx(0.1)
    assert np.cos(spot.cone * (1 - spot.cone_softness)) ** 10 == pytest.approx(0.9)
    assert not spot.casts_shadow


def test_a_headlight_shines_from_the_camera():
    scene = from_stage(
        stage_of("""
    def DistantLight "sun" { float inputs:intensity = 3 }
    def DomeLight "headlight" { color3f inputs:color = (0.4, 0.4, 0.4)
        custom color3f simrun:headlight = (0.3, 0.3, 0.3) }""")
    )
    view = np.array([0.0, 0.6, 0.8])
    rig = light_rig(scene, np.zeros((0, 4, 4)), np.zeros(3), view=view)
    np.testing.assert_allclose(rig.places[-1], [*view, 0.0])
    np.testing.assert_allclose(rig.colors[-1, :3], 0.3 * np.pi, rtol=1e-6)
    assert len(rig.places) == 2 and len(rig.casters) == 1
    assert len(light_rig(scene, np.zeros((0, 4, 4)), np.zeros(3)).places) == 1

"""Images on dome lights: how they light, reflect and show."""

import numpy as np
import pytest
from PIL import Image
from pxr import Sdf, Usd, UsdGeom, UsdLux

from app.render.camera import Camera
from app.render.dome import DomeImage, diffuse_polynomial
from app.render.lights import light_rig
from app.render.materials import Material
from app.render.scene import Geometry, LightItem, RenderScene
from app.render.stage import from_stage
from app.render.stage.radiance import read_radiance
from tests.app.render.shapes import still

SIZE = (160, 120)
RED, BLUE = (1.0, 0.05, 0.05), (0.05, 0.05, 1.0)


def directions(height, width):
    """Of pixel centres [h, w, 3] and their solid angles [h, w], as OpenEXR defines latlong images."""
    latitude = np.pi / 2 - (np.arange(height) + 0.5) * np.pi / height
    longitude = np.pi - (np.arange(width) + 0.5) * 2 * np.pi / width
    lat, lon = np.meshgrid(latitude, longitude, indexing="ij")
    d = np.stack([np.sin(lon) * np.cos(lat), np.sin(lat), np.cos(lon) * np.cos(lat)], axis=2)
    return d, np.cos(lat) * (np.pi / height) * (2 * np.pi / width)


def half_red(side=(1, 0, 0), height=64):
    """Red from one side, blue from the other."""
    d, _ = directions(height, 2 * height)
    return np.where((d @ np.array(side, float) > 0)[..., None], RED, BLUE).astype(np.float32)


def gathered(pixels, normal, turn):
    """What a white surface gives back, by adding up the light of every pixel."""
    d, area = directions(*pixels.shape[:2])
    weight = np.maximum(d @ turn.T @ normal, 0.0) * area / np.pi
    return np.einsum("hw,hwc->c", weight, pixels)


def turned(axis, degrees):
    a = np.radians(degrees)
    i, j = (axis + 1) % 3, (axis + 2) % 3
    out = np.eye(3)
    out[i, i] = out[j, j] = np.cos(a)
    out[j, i], out[i, j] = np.sin(a), -np.sin(a)
    return out


def ball(radius=0.5, rings=32):
    """A sphere with smooth normals."""
    lat, lon = np.meshgrid(
        np.linspace(-np.pi / 2, np.pi / 2, rings + 1), np.linspace(0, 2 * np.pi, 2 * rings + 1), indexing="ij"
    )
    points = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=2).reshape(-1, 3)
    row = 2 * rings + 1
    start = (np.arange(rings)[:, None] * row + np.arange(2 * rings)).ravel()
    faces = np.concatenate(
        [np.stack([start, start + 1, start + row + 1], 1), np.stack([start, start + row + 1, start + row], 1)]
    )
    return Geometry((radius * points).astype(np.float32), faces.astype(np.int32), points.astype(np.float32))


def scene_with(pixels, turn=None, *, roughness=1.0, metallic=0.0, up_axis=1, items=True):
    matrix = np.eye(4)
    matrix[:3, :3] = np.eye(3) if turn is None else turn
    light = LightItem("/sky", "dome", np.ones(3), matrix, image=DomeImage("sky", pixels))
    material = Material("/white", diffuse=(1.0, 1.0, 1.0), roughness=roughness, metallic=metallic)
    meshes = [still("/ball", ball(), material=1)] if items else []
    return RenderScene(meshes=meshes, lights=[light], materials=[Material(), material], up_axis=up_axis)


def picture(renderer, scene, camera, options):
    renderer.set_scene(scene)
    renderer.draw(camera, options, SIZE)
    return renderer.read_pixels()[..., :3].astype(float)


def shown(light):
    """Linear light as the screen shows it: PBR Neutral, then sRGB."""
    low = light.min(axis=-1, keepdims=True)
    c = light - np.where(low < 0.08, low - 6.25 * low * low, 0.04)
    assert c.max() < 0.76  # the straight part of the curve
    return 255 * np.where(c < 0.0031308, 12.92 * c, 1.055 * np.maximum(c, 1e-9) ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("turn", [np.eye(3), turned(1, 70), turned(0, 90) @ turned(1, -40), turned(2, 200)])
def test_diffuse_light_matches_a_sum_over_the_image(turn):
    d, _ = directions(64, 128)
    # Light of second order in the direction is what nine numbers hold exactly.
    pixels = np.stack([1 + 0.6 * d[..., 0], 1 + 0.5 * d[..., 1] * d[..., 2], 0.4 + d[..., 2] ** 2], axis=2)
    factors = diffuse_polynomial(DomeImage("", pixels), turn)
    for n in (*np.eye(3), *-np.eye(3), np.array([0.48, 0.6, 0.64]), np.array([-0.8, 0.36, -0.48])):
        x, y, z = n
        lit = np.array([1, x, y, z, x * x, y * y, x * y, y * z, z * x]) @ factors
        np.testing.assert_allclose(lit, gathered(pixels, n, turn), atol=2e-3)


def test_diffuse_light_of_a_hard_edge_is_near_the_sum():
    pixels = half_red()
    factors = diffuse_polynomial(DomeImage("", pixels), np.eye(3))
    for x in np.linspace(-1, 1, 9):
        y = np.sqrt(1 - x * x)
        lit = np.array([1, x, y, 0, x * x, y * y, x * y, 0, 0]) @ factors
        np.testing.assert_allclose(lit, gathered(pixels, np.array([x, y, 0.0]), np.eye(3)), atol=0.02)


@pytest.mark.parametrize("lean", [True, False])
@pytest.mark.parametrize("up_axis", [1, 2])
@pytest.mark.parametrize("turn", [np.eye(3), turned(1, 180), turned(2, 90), turned(0, 90) @ turned(1, 90)])
def test_a_white_sphere_is_red_where_the_dome_is(gl, plain, lean, up_axis, turn):
    from app.render.renderer import Renderer

    renderer = Renderer(gl, lean=lean)
    pixels = half_red()
    scene = scene_with(pixels, turn, up_axis=up_axis)
    plain.exposure = -1.5  # where the screen's curve is straight
    exposure = light_rig(scene, np.zeros((0, 4, 4)), np.zeros(3)).exposure * 2.0**plain.exposure
    for away in np.array([[0, 0, 3.0], [3.0, 0.2, 0], [0.1, 3.0, 0.1]]):
        up = np.eye(3)[up_axis] + 1e-3
        camera = Camera(away, np.zeros(3), up)
        seen = picture(renderer, scene, camera, plain)
        for sideways in (-0.3, 0.0, 0.3):
            for high in (-0.3, 0.0, 0.3):
                right, above, back = camera.axes()
                # Where a ray of the camera meets the sphere, as a point of which the pixel is known.
                normal = sideways * 2 * right + high * 2 * above
                normal = normal + np.sqrt(1 - normal @ normal) * back
                x, y, _ = camera.project(0.5 * normal[None], *SIZE)[0]
                pixel = seen[int(y), int(x)]
                expected = gathered(pixels, normal, turn)
                np.testing.assert_allclose(pixel, shown(exposure * expected), atol=12, err_msg=f"{away} {normal}")
    renderer.release()


def test_the_background_shows_the_texel_in_the_cameras_direction(renderer, plain):
    rng = np.random.default_rng(3)
    turn = turned(1, 35) @ turned(0, 20)
    d, _ = directions(256, 512)
    pixels = (0.45 + 0.25 * np.sin(d @ rng.normal(size=(3, 3)) * 3)).astype(np.float32)
    scene = scene_with(pixels, turn, items=False)
    plain.exposure = -1.0  # where the screen's curve is straight
    exposure = light_rig(scene, np.zeros((0, 4, 4)), np.zeros(3)).exposure * 2.0**plain.exposure
    for away in ((0, 0, 3.0), (-2.0, 0.7, 1.0), (0.5, -1.5, -2.0)):
        camera = Camera(np.array(away), np.zeros(3), np.array([0, 1.0, 0]))
        seen = picture(renderer, scene, camera, plain)
        for x, y in ((80, 60), (10, 15), (150, 100), (30, 110)):
            _, ray = camera.ray(x + 0.5, y + 0.5, *SIZE)
            nearest = np.unravel_index(np.argmax(d @ (turn.T @ ray)), d.shape[:2])
            np.testing.assert_allclose(seen[y, x], shown(pixels[nearest] * exposure), atol=4)


def test_hidden_the_image_still_lights(renderer, plain):
    camera = Camera(np.array([0, 0, 3.0]), np.zeros(3), np.array([0, 1.0, 0]))
    scene = scene_with(half_red())
    with_image = picture(renderer, scene, camera, plain)
    plain.dome_background = False
    without = picture(renderer, scene, camera, plain)
    assert with_image[5, 5].max() > 50 and without[5, 5].max() == 0  # plain's background is black
    np.testing.assert_array_equal(with_image[60, 70], without[60, 70])


def test_metal_mirrors_the_image_and_roughness_blurs_it(renderer, plain):
    # Behind the camera a red disc in blue: the middle of a mirror ball shows it.
    d, _ = directions(128, 256)
    pixels = np.where((d[..., 2] > 0.9)[..., None], RED, BLUE).astype(np.float32)
    camera = Camera(np.array([0, 0, 3.0]), np.zeros(3), np.array([0, 1.0, 0]))
    plain.exposure = -2.5
    share = []
    for roughness in (0.05, 0.5, 1.0):
        pixel = picture(renderer, scene_with(pixels, roughness=roughness, metallic=1.0), camera, plain)[60, 80]
        share.append(pixel[0] / pixel.sum())
    assert share[0] > 0.7 and share[0] > share[1] > share[2]
    smooth = picture(renderer, scene_with(pixels, roughness=0.05, metallic=1.0), camera, plain)
    assert smooth[60, 112][2] > 2 * smooth[60, 112][0]  # the side of the ball mirrors what is beside it


def dome_stage(tmp_path, texture, *, kind="DomeLight", up="Y", **more):
    stage = Usd.Stage.CreateNew(str(tmp_path / f"{kind}{up}.usda"))
    UsdGeom.SetStageUpAxis(stage, up)
    sky = stage.DefinePrim("/World/Sky", kind)
    sky.CreateAttribute("inputs:texture:file", Sdf.ValueTypeNames.Asset).Set(texture)
    for name, value in more.items():
        sky.GetAttribute(name.replace("__", ":")).Set(value)
    return stage, sky


def red_at(rig):
    """Unit direction of most red light."""
    side = rig.dome.diffuse[1:4, 0]
    return side / np.linalg.norm(side)


@pytest.mark.parametrize(
    "kind, up, pole, expected",
    [
        ("DomeLight", "Y", None, (0, 1, 0)),
        ("DomeLight", "Z", None, (0, 1, 0)),
        ("DomeLight_1", "Y", None, (0, 1, 0)),
        ("DomeLight_1", "Z", None, (0, 0, 1)),
        ("DomeLight_1", "Z", "Y", (0, 1, 0)),
        ("DomeLight_1", "Y", "Z", (0, 0, 1)),
    ],
)
def test_the_top_of_the_image_is_the_lights_pole(tmp_path, kind, up, pole, expected):
    encoded = (half_red((0, 1, 0)) > 0.5).astype(np.uint8) * 255
    Image.fromarray(encoded).save(tmp_path / "sky.png")
    stage, sky = dome_stage(tmp_path, "./sky.png", kind=kind, up=up, **({"poleAxis": pole} if pole else {}))
    rig = light_rig(from_stage(stage), np.zeros((0, 4, 4)), np.zeros(3))
    np.testing.assert_allclose(red_at(rig), expected, atol=1e-6)
    UsdGeom.Xformable(sky).AddRotateXYZOp().Set((0, 0, 90))  # +y to -x, z stays
    rig = light_rig(from_stage(stage), np.zeros((0, 4, 4)), np.zeros(3))
    np.testing.assert_allclose(red_at(rig), (-1, 0, 0) if expected[1] else (0, 0, 1), atol=1e-6)


def test_a_dome_light_can_be_turned_to_the_stages_up_axis(tmp_path):
    Image.fromarray((half_red((0, 1, 0)) > 0.5).astype(np.uint8) * 255).save(tmp_path / "sky.png")
    stage, sky = dome_stage(tmp_path, "./sky.png", up="Z")
    UsdLux.DomeLight(sky).OrientToStageUpAxis()
    rig = light_rig(from_stage(stage), np.zeros((0, 4, 4)), np.zeros(3))
    np.testing.assert_allclose(red_at(rig), (0, 0, 1), atol=1e-6)


def test_intensity_exposure_and_color_scale_the_image(tmp_path):
    Image.fromarray(np.full((64, 128, 3), 255, np.uint8)).save(tmp_path / "sky.png")
    settings = {"inputs__intensity": 3.0, "inputs__exposure": 1.0, "inputs__color": (1.0, 0.5, 0.25)}
    stage, _ = dome_stage(tmp_path, "./sky.png", **settings)
    rig = light_rig(from_stage(stage), np.zeros((0, 4, 4)), np.zeros(3))
    np.testing.assert_allclose(rig.dome.color, (6.0, 3.0, 1.5), rtol=1e-6)
    np.testing.assert_allclose(rig.dome.diffuse[0], (6.0, 3.0, 1.5), rtol=1e-3)


@pytest.mark.parametrize(
    "name, data, said",
    [
        ("gone.hdr", None, "no such file"),
        ("sky.exr", b"\x76\x2f\x31\x01 and so on", "expected .hdr"),
        ("dark.hdr", b"#?RADIANCE\nEXPOSURE=0\n\n-Y 1 +X 1\n1234", "positive"),
        ("cut.hdr", b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 4 +X 8\n\2\2\0\10", "ends within a row"),
    ],
)
def test_an_image_that_cannot_be_read_is_named_once(tmp_path, name, data, said):
    if data is not None:
        (tmp_path / name).write_bytes(data)
    scene = from_stage(dome_stage(tmp_path, f"./{name}")[0])
    (note,) = [n for n in scene.notes if n[0] == "/World/Sky"]
    assert name in note[1] and said in note[1]
    assert scene.lights[0].image is None and scene.lights[0].kind == "dome"


def test_other_layouts_are_named(tmp_path):
    stage, _ = dome_stage(tmp_path, "./sky.png", inputs__texture__format="mirroredBall")
    (note,) = from_stage(stage).notes
    assert note[0] == "/World/Sky" and "mirroredBall" in note[1]


def rgbe(pixels):
    """Four bytes a pixel, of the largest part's exponent."""
    mantissa, exponent = np.frexp(pixels.max(axis=2))
    scale = np.where(mantissa > 0, np.ldexp(256.0, -exponent), 0.0)
    return np.concatenate([np.floor(pixels * scale[..., None]), exponent[..., None] + 128], axis=2).astype(np.uint8)


@pytest.mark.parametrize("packed", [False, True])
def test_radiance_pictures_are_read(packed):
    rng = np.random.default_rng(1)
    pixels = np.exp(rng.uniform(-3, 6, (6, 20, 3)))
    pixels[2:4, 3:15] = (0.5, 7.0, 300.0)  # runs
    bytes_ = rgbe(pixels)
    body = bytes_.tobytes()
    if packed:
        body = b""
        for row in bytes_:
            body += bytes((2, 2, 0, 20))
            for part in row.T.tolist():
                body += bytes((3, *part[:3]))
                run = len(set(part[3:15])) == 1
                body += bytes((128 + 12, part[3])) if run else bytes((12, *part[3:15]))
                body += bytes((5, *part[15:]))
    read = read_radiance(b"#?RADIANCE\nEXPOSURE=2.0\nFORMAT=32-bit_rle_rgbe\n\n-Y 6 +X 20\n" + body)
    largest = pixels.max(axis=2, keepdims=True)
    np.testing.assert_array_less(np.abs(2.0 * read - pixels), np.broadcast_to(largest / 200, pixels.shape))

"""Images that say more of a surface than its colour."""

import numpy as np
import pytest
from PIL import Image

from app.render.materials import ImageMap, Material, Texture
from app.render.options import DrawOptions
from app.render.renderer import Renderer
from app.render.scene import RenderScene
from app.render.stage import from_stage
from tests.app.render.shapes import card, still
from tests.app.render.test_stage import stage_of

SIZE = (60, 60)


def uniform(*rgba) -> Texture:
    """An image of one colour, of plain numbers 0 .. 1."""
    pixels = np.full((4, 4, 4), 255, np.uint8)
    pixels[..., : len(rgba)] = np.round(255 * np.array(rgba))
    return Texture(f"u{rgba}", pixels, srgb=False)


@pytest.fixture(params=[False, True], ids=["full", "lean"])
def any_renderer(gl, request):
    renderer = Renderer(gl, lean=request.param)
    yield renderer
    renderer.release()


def middle(renderer, material, camera, options, turn=0.0):
    item = still("/card", card(0.8), material=1)
    c, s = np.cos(turn), np.sin(turn)
    item.transforms[0, :2, :2] = [[c, -s], [s, c]]
    renderer.set_scene(RenderScene(meshes=[item], materials=[Material(), material]))
    renderer.draw(camera, options, SIZE)
    return renderer.read_pixels()[30, 30].astype(float)


@pytest.mark.parametrize("turn", [0.0, 0.5, np.pi / 2, 2.5])
def test_normal_map_bends_along_the_texture_coordinates(renderer, plain, front, turn):
    plain.shading = "normals"
    bent = Material(diffuse=(1, 1, 1), maps={"normal": ImageMap(uniform(0.8, 0.6, 0.9))})
    x, y, z = 2 * np.array([0.8, 0.6, 0.9]) - 1
    n = np.array([np.cos(turn) * x - np.sin(turn) * y, np.sin(turn) * x + np.cos(turn) * y, z])
    expected = 255 * (0.5 + 0.5 * n / np.linalg.norm(n))
    np.testing.assert_allclose(middle(renderer, bent, front, plain, turn)[:3], expected, atol=2.5)


def test_normal_map_changes_what_a_light_does(any_renderer, plain, front):
    """The key light comes from the left: what is bent to the left is brighter than what is bent to the right."""
    left, right = (
        middle(
            any_renderer,
            Material(diffuse=(0.5, 0.5, 0.5), maps={"normal": ImageMap(uniform(x, 0.5, 0.8))}),
            front,
            plain,
        )
        for x in (0.1, 0.9)
    )
    assert left[0] > right[0] + 25


def test_one_number_comes_from_its_channel(any_renderer, plain, front):
    """Metallic surfaces have no diffuse light: under a white sky without highlights they are darker."""
    image = uniform(1.0, 0.0, 0.4)
    metal, dielectric, number = (
        middle(any_renderer, Material(diffuse=(0.8, 0.1, 0.1), roughness=0.4, **more), front, plain)
        for more in (
            {"maps": {"metallic": ImageMap(image, 0)}},
            {"maps": {"metallic": ImageMap(image, 1)}},
            {"metallic": 1.0},
        )
    )
    np.testing.assert_allclose(metal, number, atol=2)
    assert np.abs(metal - dielectric).max() > 20


def test_roughness_map_is_as_the_number(any_renderer, plain, front):
    number = middle(any_renderer, Material(diffuse=(0.2, 0.2, 0.2), metallic=1.0, roughness=0.2), front, plain)
    look = Material(diffuse=(0.2, 0.2, 0.2), metallic=1.0, roughness=0.9, maps={"roughness": ImageMap(uniform(0.2))})
    np.testing.assert_allclose(middle(any_renderer, look, front, plain), number, atol=3)


def test_opacity_map_blends_or_cuts_out(any_renderer, plain, front):
    half = {"opacity": ImageMap(uniform(0.5))}
    solid = middle(any_renderer, Material(diffuse=(0.8, 0.8, 0.8)), front, plain)
    blended = middle(any_renderer, Material(diffuse=(0.8, 0.8, 0.8), maps=half), front, plain)
    np.testing.assert_allclose(blended[:3], 0.5 * solid[:3], atol=4)
    kept = middle(any_renderer, Material(diffuse=(0.8, 0.8, 0.8), opacity_threshold=0.3, maps=half), front, plain)
    np.testing.assert_allclose(kept, solid, atol=2)
    gone = middle(any_renderer, Material(diffuse=(0.8, 0.8, 0.8), opacity_threshold=0.7, maps=half), front, plain)
    assert gone[:3].max() < 3


def test_emission_map_glows_and_occlusion_darkens(any_renderer, plain, front):
    dark = middle(any_renderer, Material(diffuse=(0.02, 0.02, 0.02)), front, plain)
    glow = {"emissive": ImageMap(uniform(0.0, 0.6, 0.0))}
    lit = middle(any_renderer, Material(diffuse=(0.02, 0.02, 0.02), maps=glow), front, plain)
    assert lit[1] > dark[1] + 80 and abs(lit[0] - dark[0]) < 30
    grey = middle(any_renderer, Material(diffuse=(0.5, 0.5, 0.5)), front, plain)
    shut = {"occlusion": ImageMap(uniform(0.0))}
    assert middle(any_renderer, Material(diffuse=(0.5, 0.5, 0.5), maps=shut), front, plain)[0] < grey[0] - 20


STAGE = """
def Material "Look" {{
  token outputs:surface.connect = </Look/Surface.outputs:surface>
  def Shader "Surface" {{
    uniform token info:id = "UsdPreviewSurface"
    color3f inputs:diffuseColor.connect = </Look/Image.outputs:rgb>
    float inputs:opacity{opacity}
    normal3f inputs:normal.connect = </Look/Normals.outputs:rgb>
    float inputs:roughness.connect = </Look/Mask.outputs:g>
    float inputs:metallic.connect = </Look/Mask.outputs:b>
    token outputs:surface
  }}
  def Shader "Image" {{
    uniform token info:id = "UsdUVTexture"
    asset inputs:file = @{folder}/color.png@
    token inputs:wrapS = "mirror"
    token inputs:wrapT = "repeat"
    float3 outputs:rgb
    float outputs:a
  }}
  def Shader "Normals" {{
    uniform token info:id = "UsdUVTexture"
    asset inputs:file = @{folder}/normal.png@
    token inputs:sourceColorSpace = "raw"
    float4 inputs:scale = (2, 2, 2, 2)
    float4 inputs:bias = (-1, -1, -1, 0)
    float3 outputs:rgb
  }}
  def Shader "Mask" {{
    uniform token info:id = "UsdUVTexture"
    asset inputs:file = @{folder}/mask.png@
    float outputs:g
    float outputs:b
  }}
}}
def Plane "p" (prepend apiSchemas = ["MaterialBindingAPI"]) {{ rel material:binding = </Look> }}
"""


@pytest.fixture
def folder(tmp_path):
    for name, color in {"color": (200, 100, 50, 90), "normal": (128, 128, 255, 255), "mask": (0, 77, 255, 255)}.items():
        pixels = np.full((4, 6, 4), color, np.uint8)
        pixels[:, 0, 0] = 7
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    return tmp_path


def look_of(folder, opacity=" = 1"):
    scene = from_stage(stage_of(STAGE.format(folder=folder, opacity=opacity)))
    assert scene.notes == []
    return scene.materials[scene.meshes[0].material]


def test_maps_of_a_preview_surface_are_read(folder):
    look = look_of(folder)
    assert set(look.maps) == {"normal", "roughness", "metallic"}
    assert (look.maps["roughness"].channel, look.maps["metallic"].channel) == (1, 2)
    assert look.maps["roughness"].texture.pixels is look.maps["metallic"].texture.pixels  # read once
    assert look.maps["normal"].texture.scale == (2, 2, 2, 2) and not look.maps["normal"].texture.srgb
    assert look.texture.srgb and not look.maps["roughness"].texture.srgb


def test_alpha_counts_only_where_the_opacity_is_connected_to_it(folder):
    assert not look_of(folder).has_see_through_texels
    assert look_of(folder, ".connect = </Look/Image.outputs:a>").has_see_through_texels


def test_a_mirrored_texture_has_its_mirror_image_beside_it(folder):
    look = look_of(folder)
    assert look.texture.pixels.shape[:2] == (4, 12)
    np.testing.assert_array_equal(look.texture.pixels, look.texture.pixels[:, ::-1])
    np.testing.assert_allclose(look.uv_transform @ (1, 1, 1), (0.5, 1, 1))


def test_maps_show_through_the_whole_way(folder, gl):
    renderer = Renderer(gl)
    renderer.set_scene(from_stage(stage_of(STAGE.format(folder=folder, opacity=" = 1"))))
    from app.render.camera import Camera

    renderer.draw(Camera.framing(renderer.bounds, aspect=1.0), DrawOptions(axes=False, grid=False), SIZE)
    assert renderer.read_pixels()[30, 30, :3].std() > 10
    renderer.release()

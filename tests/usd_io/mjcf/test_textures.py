"""Colours of textured materials, beside the pixels that MuJoCo makes."""

import numpy as np
import pytest

from usd_io import read_mjcf
from usd_io.xml.colors import linear_color

mujoco = pytest.importorskip("mujoco")

MODEL = """<mujoco><compiler texturedir="pictures"/><asset><texture name="t" {texture}/>
<material name="m" texture="t" rgba=".9 .8 .5 .75"/></asset>
<worldbody><geom type="box" size="1 1 1" material="m"/><body><freejoint/><geom size=".1"/></body></worldbody></mujoco>"""


def color_of(tmp_path, texture):
    path = tmp_path / "model.xml"
    path.write_text(MODEL.format(texture=texture))
    box = next(c for c in read_mjcf(path).colliders if type(c.shape).__name__ == "Box")
    model = mujoco.MjModel.from_xml_path(str(path))
    mean = model.tex_data[: model.tex_height[0] * model.tex_width[0] * 3].reshape(-1, 3).mean(axis=0) / 255
    return np.array(box.color), np.array(linear_color(np.array([0.9, 0.8, 0.5, 0.75]) * [*mean, 1.0]))


@pytest.mark.parametrize(
    "texture",
    [
        'type="2d" builtin="checker" width="64" height="64" rgb1=".1 .2 .3" rgb2=".5 .4 .3"',
        'type="2d" builtin="flat" width="64" height="64" rgb1=".1 .2 .3" rgb2=".5 .4 .3"',
        'type="cube" builtin="flat" width="64" height="64" rgb1=".8 .6 .4" rgb2=".8 .6 .4"',
        'type="2d" builtin="checker" width="64" height="64"',
    ],
)
def test_colour_is_the_mean_of_what_mujoco_shows(tmp_path, texture):
    ours, theirs = color_of(tmp_path, texture)
    np.testing.assert_allclose(ours, theirs, atol=0.006)


def test_colour_of_a_picture_is_its_mean(tmp_path):
    image = pytest.importorskip("PIL.Image")
    (tmp_path / "pictures").mkdir()
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[:16] = (200, 100, 40)
    image.fromarray(pixels).save(tmp_path / "pictures" / "a.png")
    ours, theirs = color_of(tmp_path, 'type="2d" file="a.png"')
    np.testing.assert_allclose(ours, theirs, atol=0.006)


def test_a_picture_that_is_missing_leaves_the_colour(tmp_path):
    path = tmp_path / "model.xml"
    path.write_text(MODEL.format(texture='type="2d" file="gone.png"'))
    assert read_mjcf(path).colliders[0].color == linear_color(np.array([0.9, 0.8, 0.5, 0.75]))


def test_colours_are_for_the_screen():
    """Half grey on the screen is a fifth of the light of white; ends and opacity stay."""
    assert linear_color(np.array([0.5, 0.0, 1.0, 0.5])) == pytest.approx((0.21404, 0.0, 1.0, 0.5), abs=1e-5)


def test_a_sky_without_a_name_colours_nothing(tmp_path):
    path = tmp_path / "m.xml"
    path.write_text(
        """<mujoco><asset><texture type="skybox" builtin="gradient" rgb1=".3 .5 .7" rgb2="0 0 0" width="32" height="64"/>
        <material name="m" rgba=".9 .9 .9 1"/></asset><worldbody><body><freejoint/><geom size=".1" material="m"/></body>
        </worldbody></mujoco>"""
    )
    plain = tmp_path / "plain.xml"
    plain.write_text(path.read_text().replace('material="m"', 'rgba=".9 .9 .9 1"'))
    (ours,), (wanted,) = (read_mjcf(each).colliders for each in (path, plain))
    assert ours.color == wanted.color

"""Lights of MJCF on a stage: as bright where the robot is as MuJoCo draws them."""

import numpy as np
import pytest
from pxr import Usd, UsdGeom, UsdLux

from app.render.lights import light_rig
from app.render.stage import from_stage
from usd_io import read_scene
from usd_io.author import author_stage

CENTER = np.array([0.0, 0.0, 1.0])
"""Of the robot: a ball."""


def stage(tmp_path, lights, visual=""):
    path = tmp_path / "m.xml"
    path.write_text(f"""<mujoco model="m"><visual>{visual}</visual><worldbody>{lights}
        <body name="ball" pos="0 0 1"><freejoint/><geom size=".3"/></body></worldbody></mujoco>""")
    author_stage(read_scene(path), tmp_path / "m.usda")
    return Usd.Stage.Open(str(tmp_path / "m.usda"))


def irradiance(stage):
    """Of the strongest light at the centre, over pi: what a white surface shows."""
    rig = light_rig(from_stage(stage), np.eye(4)[None], CENTER)
    assert len(rig.places) == 1
    local = rig.places[0, 3]
    squared = np.sum((rig.places[0, :3] - CENTER) ** 2) if local else 1.0
    return rig.colors[0, 0] / squared / np.pi


@pytest.mark.parametrize(
    ("light", "share"),
    [
        ('<light pos="0 0 1.9"/>', 0.7),
        ('<light pos="0 0 9" diffuse=".4 .4 .4"/>', 0.4),
        ('<light type="point" pos="2 0 2" diffuse=".5 .5 .5"/>', 0.5),
        ('<light directional="true" pos="0 0 5" dir="0 1 -1" diffuse=".8 .8 .8"/>', 0.8),
        ('<light pos="0 0 5" attenuation="1 0 .25"/>', 0.7 / 5.0),
    ],
)
def test_a_light_is_as_bright_at_the_robot_as_in_mujoco(tmp_path, light, share):
    assert irradiance(stage(tmp_path, light)) == pytest.approx(share, rel=1e-3)


def test_a_near_lamp_lights_top_and_middle_alike(tmp_path):
    made = stage(tmp_path, '<light name="top" pos="0 0 2"/>')
    height = UsdGeom.Xformable(made.GetPrimAtPath("/m/top")).GetLocalTransformation().ExtractTranslation()[2]
    top = (height - CENTER[2]) ** 2 / (height - 1.3) ** 2
    assert top < 1.6  # it was 2.04 at the height of the file
    # The pool of light is as wide at the robot as it was.
    shaping = UsdLux.ShapingAPI(made.GetPrimAtPath("/m/top"))
    wide = (height - CENTER[2]) * np.tan(np.radians(shaping.GetShapingConeAngleAttr().Get()))
    assert wide == pytest.approx(1.0, rel=1e-4)


def test_a_lamp_inside_or_that_shines_away_stays(tmp_path):
    lights = '<light name="in" pos="0 0 1.1"/><light name="away" pos="0 .8 1" dir="0 1 0"/>'
    made = stage(tmp_path, lights)
    for name, place in (("in", (0, 0, 1.1)), ("away", (0, 0.8, 1))):
        found = UsdGeom.Xformable(made.GetPrimAtPath(f"/m/{name}")).GetLocalTransformation().ExtractTranslation()
        np.testing.assert_allclose(found, place, atol=1e-6)


def test_a_light_with_a_target_is_turned_to_it(tmp_path):
    made = stage(tmp_path, '<light name="spot" mode="targetbody" target="ball" pos="0 -6 4"/>')
    matrix = np.array(UsdGeom.Xformable(made.GetPrimAtPath("/m/spot")).GetLocalTransformation()).T
    np.testing.assert_allclose(-matrix[:3, 2], np.array([0, 6, -3]) / np.sqrt(45), atol=1e-6)


def test_switches_of_lights_are_kept(tmp_path):
    made = stage(
        tmp_path, '<light name="a" pos="0 0 3" castshadow="false"/><light name="b" pos="0 0 3" active="false"/>'
    )
    a, b = (made.GetPrimAtPath(f"/m/{name}") for name in "ab")
    assert UsdLux.ShadowAPI(a).GetShadowEnableAttr().Get() is False
    assert UsdGeom.Imageable(a).ComputeVisibility() == "inherited"
    assert UsdGeom.Imageable(b).ComputeVisibility() == "invisible"


@pytest.mark.parametrize(
    ("visual", "dome", "camera"),
    [
        ("", 0.1 + 0.8 / 3, 0.4),
        ('<headlight diffuse=".6 .6 .6" ambient=".3 .3 .3"/>', 0.7, 0.6),
        ('<headlight active="0"/>', None, None),
    ],
)
def test_the_headlight_is_a_dome_that_says_what_is_at_the_camera(tmp_path, visual, dome, camera):
    made = stage(tmp_path, '<light pos="0 0 3"/>', visual)
    prim = made.GetPrimAtPath("/m/headlight")
    assert bool(prim) == (dome is not None)
    if dome is not None:
        assert UsdLux.DomeLight(prim).GetColorAttr().Get()[0] == pytest.approx(dome)
        assert prim.GetAttribute("simrun:headlight").Get()[0] == pytest.approx(camera)


def test_without_lights_a_program_brings_its_own(tmp_path):
    assert not from_stage(stage(tmp_path, "")).lights

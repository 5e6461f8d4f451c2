"""`simrun` on robot files: USD with geometry comes out, and it shows the motion."""

from pathlib import Path

import numpy as np
import pytest
from pxr import Usd, UsdGeom

from app.cli import main
from tests.usd_io.validation import new_errors

ARM = """<mujoco model="arm">
  <asset><material name="red" rgba="1 0 0 .5"/><mesh name="wedge" vertex="0 0 0 .2 0 0 0 .2 0 0 0 .2"/></asset>
  <worldbody>
    <geom name="floor" type="plane" size="1 1 .1" pos="0 0 -2"/>
    <body name="upper" pos="0 0 1"><joint axis="0 1 0"/><geom name="rod" type="capsule" fromto="0 0 0 .5 0 0" size=".05" material="red"/>
      <body name="lower" pos=".5 0 0"><joint axis="0 1 0"/><geom type="box" size=".2 .05 .05" pos=".2 0 0"/>
        <geom type="cylinder" size=".05 .1" contype="0" conaffinity="0"/><geom type="ellipsoid" size=".1 .2 .1"/>
        <geom type="mesh" mesh="wedge"/><geom type="sphere" size=".02" group="3"/></body></body>
    <body name="loose" pos="0 1 0"><freejoint/><geom size=".1"/></body>
  </worldbody>
</mujoco>"""


@pytest.fixture
def arm(tmp_path) -> Path:
    path = tmp_path / "arm.xml"
    path.write_text(ARM)
    return path


def run(scene: Path, *options: str) -> Path:
    output = scene.with_name("out.usd")
    assert main([str(scene), "-o", str(output), "--quiet", "--seconds", "0.5", *options]) == 0
    return output


def position(stage: Usd.Stage, path: str, time: float) -> np.ndarray:
    prim = stage.GetPrimAtPath(path)
    assert prim, path
    return np.array(UsdGeom.Xformable(prim).ComputeLocalToWorldTransform(time).ExtractTranslation())


def test_mjcf_comes_out_as_valid_usd_with_geometry(arm):
    output = run(arm)
    stage = Usd.Stage.Open(str(output))
    kinds = {str(p.GetPath()): p.GetTypeName() for p in stage.Traverse() if p.IsA(UsdGeom.Gprim)}
    assert kinds == {
        "/arm/floor": "Mesh",
        "/arm/upper/rod": "Capsule",
        "/arm/lower/geom": "Cube",
        "/arm/lower/geom_1": "Cylinder",
        "/arm/lower/geom_2_visual": "Mesh",
        "/arm/lower/geom_3_visual": "Mesh",
        "/arm/loose/geom": "Sphere",
    }
    rod = UsdGeom.Capsule(stage.GetPrimAtPath("/arm/upper/rod"))
    assert rod.GetHeightAttr().Get() == pytest.approx(0.5)
    assert np.allclose(rod.GetDisplayColorAttr().Get()[0], (1, 0, 0))
    assert rod.GetDisplayOpacityAttr().Get()[0] == pytest.approx(0.5)
    assert UsdGeom.GetStageUpAxis(stage) == "Z" and UsdGeom.GetStageMetersPerUnit(stage) == 1.0
    assert new_errors(output) == []


def test_the_file_needs_nothing_beside_it(arm, tmp_path):
    output = run(arm)
    moved = tmp_path / "elsewhere" / "robot.usd"
    moved.parent.mkdir()
    output.rename(moved)
    arm.unlink()
    assert len(Usd.Stage.Open(str(moved)).GetUsedLayers()) == 2  # the file and its session


@pytest.mark.parametrize(("solver", "tolerance"), [("featherstone", 1e-4), ("xpbd", 2e-4), ("semi-implicit", 5e-3)])
def test_joints_hold_while_everything_falls(arm, solver, tolerance):
    stage = Usd.Stage.Open(str(run(arm, "--solver", solver)))
    for time in (0, 15, 30):
        upper = np.array(UsdGeom.Xformable(stage.GetPrimAtPath("/arm/upper")).ComputeLocalToWorldTransform(time))
        elbow = np.array([0.5, 0, 0, 1]) @ upper
        assert np.allclose(elbow[:3], position(stage, "/arm/lower", time), atol=tolerance)
        assert np.allclose(position(stage, "/arm/upper", time), (0, 0, 1), atol=tolerance)
    assert position(stage, "/arm/lower", 15)[2] < 0.9
    assert position(stage, "/arm/loose", 30)[2] == pytest.approx(-0.5 * 9.81 * 0.25, rel=0.02)


def test_urdf_base_is_fixed_unless_it_shall_float(tmp_path):
    path = tmp_path / "robot.urdf"
    link = '<link name="{}"><inertial><mass value="1"/><inertia ixx="1" iyy="1" izz="1"/></inertial></link>'
    path.write_text(
        f'<robot name="r">{link.format("a")}{link.format("b")}<joint name="j" type="continuous"><parent link="a"/>'
        '<child link="b"/></joint></robot>'
    )
    fixed = Usd.Stage.Open(str(run(path)))
    assert np.allclose(position(fixed, "/r/a", 30), 0.0)
    floating = Usd.Stage.Open(str(run(path, "--floating", "--overwrite")))
    assert position(floating, "/r/a", 30)[2] == pytest.approx(-0.5 * 9.81 * 0.25, rel=0.02)


def test_an_error_names_file_and_line(arm, capsys):
    arm.write_text(ARM.replace('type="capsule"', 'type="banana"'))
    assert main([str(arm), "-o", str(arm.with_name("out.usd"))]) == 2
    error = capsys.readouterr().err
    assert "arm.xml:5 <geom name='rod'> type: got 'banana'" in error and len(error.splitlines()) == 1


def test_convert_writes_a_stage_that_simulates_the_same(arm):
    stage = arm.with_name("arm.usda")
    assert main(["convert", str(arm), str(stage), "--quiet"]) == 0
    assert new_errors(stage) == []
    direct = Usd.Stage.Open(str(run(arm)))
    through = Usd.Stage.Open(str(run(stage, "--fps", "60", "--overwrite")))
    for path in ("/arm/lower", "/arm/loose"):
        assert np.allclose(position(direct, path, 30), position(through, path, 30), atol=2e-3), path


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.xml", "out.usda"], "no such file"),
        (["arm.usda", "out.usda"], "is USD already"),
        (["arm.xml", "out.obj"], "suffix"),
        (["arm.xml", "nowhere/out.usda"], "does not exist"),
        (["arm.xml", "arm.usda"], "exists"),
    ],
)
def test_convert_says_what_is_wrong(arm, capsys, monkeypatch, arguments, said):
    monkeypatch.chdir(arm.parent)
    Path("arm.usda").write_text("#usda 1.0\n")
    assert main(["convert", *arguments]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "name", ["mjcf/wonik_allegro/scene_right.xml", "urdf/bullet3/quadruped/minitaur_fixed_knees.urdf"]
)
def test_overlaps_that_joints_do_not_let_go_stay_finite_under_xpbd(name, tmp_path):
    """Rounding leaves such bodies a little give, and what is pushed over that little flies off in the first frame."""
    path = Path("/work/shared/models") / name
    if not path.exists():
        pytest.skip("shared models are not here")
    assert main([str(path), "-o", str(tmp_path / "out.usd"), "--quiet", "--frames", "3", "--solver", "xpbd"]) == 0

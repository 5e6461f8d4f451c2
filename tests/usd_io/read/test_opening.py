"""What cannot be opened gives one clear error; what is broken inside a fine stage gives a named warning."""

from __future__ import annotations

import pytest
from pxr import Sdf, Usd, UsdPhysics

from tests.call_count import python_calls
from usd_io import NothingToSimulateError, SceneError, read_usd

BALL = 'def Sphere "Ball" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsCollisionAPI"]) {}\n'


def refused(path, capfd) -> str:
    with pytest.raises(SceneError) as caught:
        read_usd(path)
    assert capfd.readouterr().err == "", "USD printed its own diagnostics"
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)
    return str(caught.value)


def test_missing_file_directory_empty_file_and_foreign_suffix(tmp_path, capfd):
    assert "no such file" in refused(tmp_path / "none.usda", capfd)
    assert "directory" in refused(tmp_path, capfd)
    (tmp_path / "empty.usda").touch()
    assert "empty" in refused(tmp_path / "empty.usda", capfd)
    (tmp_path / "scene.obj").write_text("v 0 0 0")
    assert ".usda" in refused(tmp_path / "scene.obj", capfd)


def test_text_that_is_not_usd(tmp_path, capfd):
    for name in ("a.usda", "b.usd", "c.usdc", "d.usdz"):
        (tmp_path / name).write_text("hello, this is a letter")
        assert "not a USD file" in refused(tmp_path / name, capfd)


def test_syntax_error_names_its_line(write_stage, capfd):
    message = refused(write_stage('def Sphere "A" {\n    double radius = \n}\n'), capfd)
    assert "stage1.usda:" in message and "radius" in message


@pytest.mark.parametrize("fraction", [0.05, 0.5, 0.9, 0.99])
def test_truncated_binary(tmp_path, capfd, fraction):
    stage = Usd.Stage.CreateNew(str(tmp_path / "whole.usdc"))
    for i in range(50):
        prim = stage.DefinePrim(f"/S{i}", "Sphere")
        UsdPhysics.RigidBodyAPI.Apply(prim)
    stage.GetRootLayer().Save()
    data = (tmp_path / "whole.usdc").read_bytes()
    cut = tmp_path / f"cut{fraction}.usdc"
    cut.write_bytes(data[: int(len(data) * fraction)])
    refused(cut, capfd)


def test_broken_arcs_are_warnings_with_their_prim(write_stage, capfd):
    path = write_stage(
        BALL
        + 'def Xform "Ref" (prepend references = @missing.usda@) {}\n'
        + 'def Xform "Pay" (prepend payload = @missing2.usda@) {}\n'
        + 'def Xform "In" (prepend references = </Nowhere>) {}\n',
        more="subLayers = [@missing3.usda@]",
    )
    scene = read_usd(path)
    assert capfd.readouterr().err == ""
    paths = {w.path for w in scene.warnings if "composition" in w.message}
    assert {"/Ref", "/Pay", "/In"} <= paths
    assert any("missing3" in w.message for w in scene.warnings)


def test_cyclic_references_are_refused(write_stage, capfd):
    assert "cyclic" in refused(
        write_stage(BALL + 'def "A" (prepend references = </B>) {}\ndef "B" (prepend references = </A>) {}\n'),
        capfd,
    )


def test_cyclic_sublayers_are_refused(write_stage, capfd):
    write_stage("", name="one.usda", more="subLayers = [@two.usda@]")
    assert "cycl" in refused(write_stage(BALL, name="two.usda", more="subLayers = [@one.usda@]"), capfd)


def test_nothing_to_simulate_says_what_is_there_and_what_to_do(read_text):
    with pytest.raises(NothingToSimulateError, match=r"1 static.*PhysicsRigidBodyAPI"):
        read_text('def Sphere "S" (prepend apiSchemas = ["PhysicsCollisionAPI"]) {}')
    with pytest.raises(NothingToSimulateError, match="no physics"):
        read_text("")
    assert read_text("", allow_empty=True).bodies == []


def test_stage_metadata(read_text):
    scene = read_text(BALL, up="Z", meters=0.01, more="startTimeCode = 5\nendTimeCode = 29\ntimeCodesPerSecond = 48")
    assert (scene.up_axis, scene.meters_per_unit) == ("Z", 0.01)
    assert (scene.fps, scene.start_time_code, scene.end_time_code) == (48.0, 5.0, 29.0)
    bare = read_text(BALL)
    assert (bare.fps, bare.start_time_code, bare.end_time_code) == (24.0, None, None)


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf"])
def test_impossible_units_are_refused(write_stage, value, capfd):
    refused(write_stage(BALL, meters=value), capfd)


SCENE = 'def PhysicsScene "P" {{ {} }}\n' + BALL.replace("{}", "{{}}")


@pytest.mark.parametrize(
    ("values", "meters", "expected"),
    [
        ("", 0.01, [0, 0, -9.80665]),
        ("float physics:gravityMagnitude = 981", 0.01, [0, 0, -9.81]),
        ("float physics:gravityMagnitude = 0", 1, [0, 0, 0]),
        ("vector3f physics:gravityDirection = (2, 0, 0)\n float physics:gravityMagnitude = 5", 1, [5, 0, 0]),
        ("vector3f physics:gravityDirection = (2, 0, 0)", 1, [9.80665, 0, 0]),
        ("vector3f physics:gravityDirection = (0, 0, 0)\n float physics:gravityMagnitude = -inf", 1, [0, 0, -9.80665]),
    ],
)
def test_gravity_and_its_sentinels(read_text, values, meters, expected):
    assert read_text(SCENE.format(values), meters=meters, up="Z").gravity == pytest.approx(expected, rel=1e-6)


def test_settings_and_their_bounds(read_text):
    scene = read_text(
        SCENE.format(
            'custom int simrun:substeps = 8\n custom token simrun:solver = "xpbd"\n custom int simrun:iterations = 3\n'
            "custom int simrun:frames = 12\n custom float simrun:softContactKe = 5"
        )
    )
    s = scene.settings
    assert (s.substeps, s.solver, s.iterations, s.frames, s.soft_contact) == (
        8,
        "xpbd",
        3,
        12,
        {"soft_contact_ke": 5.0},
    )
    for bad in (
        "custom int simrun:substeps = 0",
        'custom token simrun:solver = "magic"',
        'custom string simrun:frames = "x"',
    ):
        with pytest.raises(SceneError, match="</P> simrun:"):
            read_text(SCENE.format(bad))


def test_unsupported_physics_is_named_once(read_text):
    joints = "".join(
        f'def PhysxPhysicsGearJoint "J{i}" (prepend apiSchemas = ["PhysxCookedDataAPI"]) {{}}\n' for i in range(4)
    )
    scene = read_text(BALL + joints)
    said = [w for w in scene.warnings if "PhysxPhysicsGearJoint" in w.message]
    assert len(said) == 1 and said[0].path == "/J0" and "3 more" in said[0].message
    assert sum("PhysxCookedDataAPI" in w.message for w in scene.warnings) == 1


def test_prims_that_take_no_part_cost_few_calls(tmp_path):
    layer = Sdf.Layer.CreateNew(str(tmp_path / "big.usdc"))
    with Sdf.ChangeBlock():
        for i in range(20):
            group = Sdf.PrimSpec(layer, f"g{i}", Sdf.SpecifierDef, "Xform")
            for j in range(100):
                Sdf.PrimSpec(group, f"p{j}", Sdf.SpecifierDef, "Cube")
        ball = Sdf.PrimSpec(layer, "Ball", Sdf.SpecifierDef, "Sphere")
        ball.SetInfo("apiSchemas", Sdf.TokenListOp.CreateExplicit(["PhysicsRigidBodyAPI", "PhysicsCollisionAPI"]))
    layer.Save()
    assert len(read_usd(tmp_path / "big.usdc").bodies) == 1
    assert python_calls(lambda: read_usd(tmp_path / "big.usdc")) < 40 * 20 * 100


@pytest.mark.parametrize(
    ("api", "line", "said"),
    [
        ("MjcJointAPI", "", None),
        ("MjcJointAPI", "double[] mjc:solimplimit = [0.9, 0.95]", "mjc:solimplimit: the softness"),
        ("PhysxMimicJointAPI:rotX", "", None),
        ("NewtonMimicAPI", "", None),
        ("PhysxJointAPI", "float physxJoint:maxJointVelocity = 3", "largest speed"),
        ("PhysicsJointStateAPI:angular", "", "where the bodies' poses put them"),
        ("PhysxTendonAxisAPI", "", "not supported"),
    ],
)
def test_schemas_of_other_programs_are_named_for_what_is_left_of_them(read_text, api, line, said):
    scene = read_text(
        'def PhysicsScene "scene" {}\n'
        'def Xform "B" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsMassAPI"]) { float physics:mass = 1 }\n'
        f'def PhysicsRevoluteJoint "J" (prepend apiSchemas = ["{api}"]) {{\n rel physics:body1 = </B>\n{line}\n}}\n'
    )
    messages = [w.message for w in scene.warnings if w.path == "/J"]
    assert [said in m for m in messages] == ([] if said is None else [True])


@pytest.mark.parametrize(("kind", "said"), [("MjcActuator", "actuators"), ("PhysxPhysicsGearJoint", "move freely")])
def test_prims_of_other_programs_are_named(read_text, kind, said):
    scene = read_text(
        'def PhysicsScene "scene" {}\n'
        'def Xform "B" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsMassAPI"]) { float physics:mass = 1 }\n'
        f'def {kind} "J" {{}}\n'
    )
    assert [said in w.message for w in scene.warnings if w.path == "/J"] == [True]

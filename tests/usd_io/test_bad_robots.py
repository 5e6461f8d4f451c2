"""Broken MJCF and URDF: one clear error with file and line, never a traceback of ours, never a hang."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sim
from usd_io import SceneError, emit, read_scene
from usd_io.author import author_stage

MODELS = Path(__file__).parents[2].parent / "shared" / "models"
if not MODELS.exists():
    MODELS = Path("/work/shared/models")

BOMB = """<?xml version="1.0"?>
<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<{root}>&b;</{root}>"""
EXTERNAL = """<?xml version="1.0"?>
<!DOCTYPE x [<!ENTITY secret SYSTEM "file:///etc/passwd">]>
<{root} name="&secret;"/>"""

LINK = '<link name="{}"><inertial><mass value="1"/><inertia ixx="1" iyy="1" izz="1"/></inertial></link>'
TWO = LINK.format("a") + LINK.format("b")
URDF = '<robot name="r">\n{}\n</robot>'
MJCF = "<mujoco>\n<worldbody><body>{}</body></worldbody>\n</mujoco>"


def urdf_joint(kind="revolute", inside='<limit lower="-1" upper="1"/>', parent="a", child="b", name="j"):
    return f'<joint name="{name}" type="{kind}"><parent link="{parent}"/><child link="{child}"/>{inside}</joint>'


@pytest.fixture
def error(tmp_path):
    """The message about a file of this text."""

    def read(text: str | bytes, name: str) -> str:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(SceneError) as caught:
            read_scene(path)
        assert name in str(caught.value)
        return str(caught.value)

    return read


@pytest.mark.parametrize("root", ["mujoco", "robot"])
@pytest.mark.parametrize("text", [BOMB, EXTERNAL])
def test_entities_are_refused(error, root, text):
    assert "entities or external" in error(text.format(root=root), "x.xml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("no xml", "x.xml:1: not well-formed"),
        ("<mujoco>\n<worldbody>\n</mujoco>", "x.xml:3: not well-formed"),
        ("<robot name='r'><link", "not well-formed"),
        (b"\xff\xfe\x00\x01", "not well-formed"),
        (b"<?xml version='1.0' encoding='klingon'?><mujoco/>", "x.xml"),
        ("<html/>", "the root element is <html>"),
        ("<mujoco>" + "<a>" * 10_001 + "</a>" * 10_001 + "</mujoco>", "nested more than"),
    ],
)
def test_what_is_no_robot_file_is_said(error, text, said):
    assert said in error(text, "x.xml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<mujoco/>", "no body"),
        (MJCF.format("<geom size='a b'/>"), "x.xml:2 <geom> size: got 'a b'; expected numbers"),
        (MJCF.format("<geom size='nan'/>"), "x.xml:2 <geom> size"),
        (MJCF.format("<geom size='1e300'/>"), "x.xml:2 <geom> size"),
        (MJCF.format("<geom size='-1'/>"), "x.xml:2 <geom> size"),
        (MJCF.format("<geom type='blob' size='1'/>"), "type: got 'blob'"),
        (MJCF.format("<geom type='mesh' mesh='none'/>"), "there is no mesh 'none'"),
        (MJCF.format("<geom size='1' class='none'/>"), "there is no default class 'none'"),
        (MJCF.format("<geom size='1' quat='0 0 0 0'/>"), "quat"),
        (MJCF.format("<geom size='1' quat='1 0 0 0' euler='1 2 3'/>"), "has quat and euler"),
        (MJCF.format("<geom size='1' mass='-1'/>"), "mass: got -1"),
        (MJCF.format("<joint axis='0 0 0'/><geom size='1'/>"), "axis"),
        (MJCF.format("<joint range='2 1'/><geom size='1'/>"), "range"),
        (MJCF.format("<joint range='1'/><geom size='1'/>"), "range: got '1'; expected 2 numbers"),
        (MJCF.format("<joint limited='true'/><geom size='1'/>"), "range"),
        (MJCF.format("<joint damping='-2'/><geom size='1'/>"), "damping: got -2"),
        (MJCF.format("<freejoint/><joint/><geom size='1'/>"), "free joint"),
        (MJCF.format("<geom size='1'/><body><freejoint/><geom size='1'/></body>"), "free joint inside another body"),
        (MJCF.format("<inertial mass='1' pos='0 0 0' diaginertia='1 1 9'/>"), "no body has"),
        (MJCF.format("<geom fromto='0 0 0 0 0 0' type='capsule' size='1'/>"), "fromto"),
        (MJCF.format("<replicate count='0'><geom size='1'/></replicate>"), "count"),
        (MJCF.format("<replicate count='100000'>" * 2 + "<body/>" + "</replicate>" * 2), "more than"),
        ("<mujoco><worldbody><joint/></worldbody></mujoco>", "a joint of the world"),
        ("<mujoco><compiler eulerseq='abc'/><worldbody/></mujoco>", "eulerseq"),
        ("<mujoco><compiler coordinate='global'/><worldbody/></mujoco>", "coordinate"),
        ("<mujoco><include file='x.xml'/></mujoco>", "a second time"),
        ("<mujoco><include file='/etc/passwd'/></mujoco>", "lies outside"),
        ("<mujoco><include file='../../../../../../etc/passwd'/></mujoco>", "lies outside"),
        ("<mujoco><include/></mujoco>", "has no file"),
        ("<mujoco><option timestep='0'/><worldbody/></mujoco>", "timestep"),
    ],
)
def test_broken_mjcf_is_named_with_its_line(error, text, said):
    assert said in error(text, "x.xml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (URDF.format(""), "has no link"),
        (URDF.format(TWO), "2 links have no joint above them: a, b"),
        (URDF.format(TWO + urdf_joint() + urdf_joint(name="k", parent="b", child="a")), "form a circle"),
        (URDF.format(TWO + urdf_joint() + urdf_joint(name="k")), "is the child of joint 'j' as well"),
        (URDF.format(TWO + LINK.format("a")), "a second link of this name (the first is on line 2)"),
        (URDF.format(TWO + urdf_joint(child="c")), "there is no link 'c'"),
        (URDF.format(TWO + urdf_joint(inside='<limit lower="-1" upper="1"/>' * 2)), "a second <limit>"),
        (URDF.format(TWO + urdf_joint("fixed", '<origin xyz="1 0 0"/><origin xyz="2 0 0"/>')), "a second <origin>"),
        (URDF.format(TWO + urdf_joint("fixed", '<parent link="b"/>')), "a second <parent>"),
        (URDF.format('<link name="a"><inertial/><inertial/></link>'), "a second <inertial>"),
        (URDF.format(TWO + '<joint name="j" type="fixed"><child link="b"/></joint>'), "has no <parent>"),
        (URDF.format(TWO + urdf_joint("wobbly")), "type: got 'wobbly'"),
        (URDF.format(TWO + urdf_joint(inside="")), "without limit"),
        (URDF.format(TWO + urdf_joint(inside='<limit lower="1" upper="-1"/>')), "lower 1 above upper -1"),
        (URDF.format(TWO + urdf_joint(inside='<limit lower="nan" upper="1"/>')), "lower"),
        (URDF.format(TWO + urdf_joint("continuous", '<axis xyz="0 0 0"/>')), "xyz"),
        (URDF.format(TWO + urdf_joint("continuous", '<dynamics damping="-1"/>')), "damping: got -1"),
        (URDF.format('<link name="a"><inertial><mass value="-1"/></inertial></link>'), "value: got -1"),
        (URDF.format('<link name="a"><inertial><mass value="1"/><inertia ixx="-1" iyy="1" izz="1"/></inertial></link>'), "principal moments"),
        (URDF.format('<link name="a"><visual/></link>'), "has no geometry"),
        (URDF.format('<link name="a"><visual><geometry><blob/></geometry></visual></link>'), "unknown geometry"),
        (URDF.format('<link name="a"><visual><geometry><box size="1 0 1"/></geometry></visual></link>'), "above zero"),
        (URDF.format('<link name="a"><visual><geometry><sphere/></geometry></visual></link>'), "has no radius"),
        (URDF.format('<link name="a"><visual><geometry><mesh filename="none.stl"/></geometry></visual></link>'), "there is no file 'none.stl'"),
        (URDF.format('<link name="a"><visual><geometry><mesh filename="package://lost/a.stl"/></geometry></visual></link>'), "no folder 'lost'"),
        (URDF.format('<link name="a"><visual><geometry><mesh filename="package://../../etc/a.stl"/></geometry></visual></link>'), "the package '..'"),
        (URDF.format('<link name="a"><visual><geometry><mesh filename="../../../../../../etc/passwd"/></geometry></visual></link>'), "lies outside"),
        (URDF.format('<xacro:include filename="x"/>').replace("<robot ", '<robot xmlns:xacro="x" '), "xacro"),
        ("<robot>\n<link/>\n</robot>", "x.urdf:2 <link>: has no name"),
        (URDF.format(TWO + urdf_joint(inside='<limit lower="-1" upper="1"/><mimic joint="x"/>')), "the file has none; remove"),
    ],
)  # fmt: skip
def test_broken_urdf_is_named_with_its_line(error, text, said):
    assert said in error(text, "x.urdf")


def test_xacro_files_are_refused_with_the_command_that_expands_them(error):
    assert "xacro robot.xacro >" in error("<robot/>", "robot.xacro")


@pytest.mark.parametrize(("name", "content"), [("m.stl", b"solid nothing"), ("m.obj", b"v 1 2\nf 1 2 9"), ("m.txt", b"x"), ("m.dae", b"<a/>"), ("m.glb", b"glTF")])  # fmt: skip
def test_broken_mesh_files_are_named(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    path = tmp_path / "x.urdf"
    path.write_text(
        URDF.format(f'<link name="a"><visual><geometry><mesh filename="{name}"/></geometry></visual></link>')
    )
    with pytest.raises(SceneError, match=rf"x\.urdf:2 <mesh>.*{name}"):
        read_scene(path)


RICH = {
    "rich.xml": """<mujoco model="m"><compiler angle="radian"/><option timestep="0.002" gravity="0 0 -9"><flag contact="enable"/></option>
<default><joint damping="0.1"/><equality solref="0.01 1"/><site size="0.1"/></default>
<worldbody><camera name="eye" pos="0 -3 1" xyaxes="1 0 0 0 0 1" fovy="60"/><light pos="0 0 4" dir="0 0.1 -1" diffuse="1 0.5 0.2"/>
<body name="a"><joint name="a" axis="0 1 1" ref="0.2" range="-1 2"/><geom size="0.1" pos="0.3 0 0"/><site name="s" pos="1 2 3"/>
<body name="b" pos="0.5 0 0"><joint name="b" axis="0 -1 0" frictionloss="0.2"/><joint name="c" axis="1 0 0"/><geom size="0.1" pos="0.3 0 0"/></body></body>
<body name="d" pos="1 0 1" euler="0.3 0.2 0.1"><joint type="ball" range="0 0.7"/><geom size="0.1" pos="0.3 0 0"/><site name="t"/></body>
<body name="e" pos="1 0 2"><freejoint/><geom size="0.1"/></body></worldbody>
<equality><joint joint1="c" joint2="a" polycoef="0.1 -2 0.3 0 0.5"/><joint joint1="b" polycoef="0.3"/>
<connect body1="b" body2="e" anchor="0.1 0.2 0.3"/><weld body1="d" body2="e" relpose="0 0 0 1 0 0 0"/><weld site1="s" site2="t" active="false"/></equality>
<actuator><motor joint="b" gear="3" ctrlrange="-1 1"/><position joint="a" kp="20" dampratio="1" forcerange="-3 3"/></actuator>
<keyframe><key name="k" ctrl="2 0.3" qpos="0.1 0.2 0.3 1 0 0 0 1 0 2 1 0 0 0" qvel="0 0 0 0 0 0 0 0 0 0 0 1"/></keyframe></mujoco>""",
    "rich.urdf": """<robot name="r"><material name="m"><color rgba="1 0 0 1"/></material>
<link name="a"><inertial><origin xyz="0 0 1" rpy="0.1 0 0"/><mass value="1"/><inertia ixx="1" iyy="1" izz="1" ixy="0" ixz="0" iyz="0"/></inertial></link>
<link name="b"><inertial><mass value="1"/><inertia ixx="1" iyy="1" izz="1"/></inertial><visual><geometry><box size="1 2 3"/></geometry><material name="m"/></visual></link>
<link name="c"><inertial><mass value="2"/><inertia ixx="1" iyy="1" izz="1"/></inertial><collision><geometry><sphere radius="1"/></geometry></collision></link>
<joint name="j" type="revolute"><parent link="a"/><child link="b"/><axis xyz="0 0 1"/><limit lower="-1" upper="1" effort="3" velocity="2"/><dynamics damping="0.1" friction="0.2"/></joint>
<joint name="k" type="prismatic"><origin xyz="1 0 0" rpy="0 1 0"/><parent link="b"/><child link="c"/><limit lower="-1" upper="1"/><mimic joint="j" multiplier="-2" offset="0.1"/></joint></robot>""",
}
"""Files that use what robots of others use rarely."""


@pytest.mark.parametrize("name", RICH)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_mutated_files_of_all_features_are_read_and_written_or_refused(tmp_path, name, seed):
    """As below; what is read is written as a stage as well, and read back."""
    rng, text = random.Random(seed), RICH[name]
    for _ in range(rng.randint(1, 3)):
        text = mutated(text, rng)
    path, output = tmp_path / name, tmp_path / "out.usda"
    path.write_text(text, errors="replace")
    try:
        scene = read_scene(path, keyframe="k" if name.endswith(".xml") and rng.random() < 0.7 else None)
        emit(scene, builder := sim.ModelBuilder())
        builder.finalize()
        author_stage(scene, output, physics=True)
        emit(read_scene(output), sim.ModelBuilder())
    except (SceneError, sim.SimError) as error:
        assert len(str(error)) < 2000
    else:
        assert all(np.isfinite(b.X_wb).all() for b in scene.bodies)


SOURCES = ["mjcf/mujoco/humanoid/humanoid.xml", "mjcf/mujoco/car/car.xml", "urdf/bullet3/r2d2.urdf", "mjcf/mujoco/replicate/helix.xml"]  # fmt: skip
POISON = ["nan", "inf", "-1", "0", "1e308", "", "x", "1 2", "true", "../../x", "<", "&", "\0", "9999999999", "hinge"]


@pytest.mark.parametrize("source", SOURCES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_mutated_real_files_are_read_or_refused(tmp_path, source, seed):
    """Values replaced, parts cut, doubled or swapped: a model that steps without NaN from the reader, or one error."""
    file = MODELS / source
    if not file.exists():
        pytest.skip("shared models are not here")
    rng, text = random.Random(seed), file.read_text()
    for _ in range(rng.randint(1, 4)):
        text = mutated(text, rng)
    path = tmp_path / file.name
    path.write_text(text, errors="replace")
    try:
        scene = read_scene(path)
        builder = sim.ModelBuilder()
        emit(scene, builder)
        builder.finalize()
    except (SceneError, sim.SimError) as error:
        assert len(str(error)) < 2000
    else:
        assert all(np.isfinite(b.inertia).all() for b in scene.bodies)


def mutated(text: str, rng: random.Random) -> str:
    kind = rng.randrange(4)
    at = rng.randrange(len(text))
    if kind == 0:  # another value in the next attribute
        start = text.find('="', at)
        end = text.find('"', start + 2)
        return text if start < 0 or end < 0 else f"{text[: start + 2]}{rng.choice(POISON)}{text[end:]}"
    if kind == 1:  # a piece cut out
        return text[:at] + text[at + rng.randint(1, 200) :]
    if kind == 2:  # a line doubled
        lines = text.split("\n")
        line = rng.randrange(len(lines))
        return "\n".join([*lines[:line], lines[line], *lines[line:]])
    lines = text.split("\n")  # two lines exchanged
    a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]
    return "\n".join(lines)

"""What MuJoCo refuses to compile is refused here, and nothing like it that MuJoCo takes: the same decision for each file."""

import pytest

from usd_io import SceneError, read_scene

mujoco = pytest.importorskip("mujoco")

BALL = '<geom size=".1"/>'
POINTS = 'vertex="0 0 0 1 0 0 0 1 0 0 0 1"'
ARM = f'<body name="arm"><joint name="j"/>{BALL}</body>'
TWO = '<body name="a"><geom name="g" size=".1"/></body><body name="b"><geom name="h" size=".1"/></body>'
INNER = '<mujoco model="inner"><worldbody><body name="z"><geom name="g" size=".1"/></body></worldbody></mujoco>'
ATTACH = '<frame><attach model="inner" body="z" prefix="{}"/></frame>'
MODEL_ASSET = '<asset><model name="inner" file="inner.xml"/></asset>'


def twice(element: str, around: str = "") -> str:
    """An element two times, inside of another one."""
    return f"<{around}>{2 * element}</{around}>" if around else 2 * element


NAMES = {
    "bodies": (twice(f'<body name="a">{BALL}</body>'), ""),
    "a body in a body": (f'<body name="a">{BALL}<body name="a">{BALL}</body></body>', ""),
    "a body called world": (f'<body name="world">{BALL}</body>', ""),
    "a body and a geom": ('<body name="a"><geom name="a" size=".1"/></body>', ""),
    "joints": (f'<body><freejoint name="j"/>{BALL}</body><body><joint name="j"/>{BALL}</body>', ""),
    "geoms": (twice('<geom name="g" size=".1"/>', 'body'), ""),
    "sites": (twice('<site name="s"/>') + ARM, ""),
    "a site and a camera": ('<site name="s"/><camera name="s"/>' + ARM, ""),
    "cameras": (twice('<camera name="s"/>') + ARM, ""),
    "lights": (twice('<light name="s"/>') + ARM, ""),
    "frames": (twice('<frame name="s"/>') + ARM, ""),
    "copies": (f'<replicate count="2" offset="1 0 0"><body name="a">{BALL}</body></replicate>', ""),
    "a body and a copy": (f'<body name="a0">{BALL}</body><replicate count="2"><body name="a">{BALL}</body></replicate>', ""),
    "attached under two prefixes": (ATTACH.format("p") + ATTACH.format("q"), MODEL_ASSET),
    "attached twice": (twice(ATTACH.format("p")), MODEL_ASSET),
    "attached to a name that is there": (f'<body name="pz">{BALL}</body>' + ATTACH.format("p"), MODEL_ASSET),
    "meshes": (ARM, twice(f'<mesh name="m" {POINTS}/>', 'asset')),
    "materials": (ARM, twice('<material name="m"/>', 'asset')),
    "a material and a mesh": (ARM, f'<asset><material name="m"/><mesh name="m" {POINTS}/></asset>'),
    "actuators of two kinds": (ARM, '<actuator><motor name="x" joint="j"/><position name="x" joint="j"/></actuator>'),
    "equalities of two kinds": (ARM, '<equality><weld name="x" body1="arm"/><joint name="x" joint1="j"/></equality>'),
    "sensors of two kinds": (ARM, '<sensor><jointpos name="k" joint="j"/><jointvel name="k" joint="j"/></sensor>'),
    "pairs": (TWO, twice('<pair name="x" geom1="g" geom2="h"/>', 'contact')),
    "a pair and an exclusion": (
        TWO, '<contact><pair name="x" geom1="g" geom2="h"/><exclude name="x" body1="a" body2="b"/></contact>'
    ),
    "pairs without names": (TWO, twice('<pair geom1="g" geom2="h"/>', 'contact')),
    "keys": (ARM, twice('<key name="k"/>', 'keyframe')),
    "numbers": (ARM, twice('<numeric name="k" data="1"/>', 'custom')),
    "classes": (ARM, twice('<default class="c"/>', 'default')),
    "a class in a class": (ARM, '<default><default class="c"><default class="c"/></default></default>'),
}  # fmt: skip
INERTIAL = '<body><joint/><inertial pos="0 0 0" mass="{}" diaginertia="{}"/></body>'
MASSES = {
    "nothing": ("<body><joint/></body>", ""),
    "nothing, standing": ("<body/>" + ARM, ""),
    "a ball welded to it": (f"<body><joint/><body>{BALL}</body></body>", ""),
    "a ball welded to what is welded to it": (f"<body><joint/><body><body>{BALL}</body></body></body>", ""),
    "a ball hinged to it": (f"<body><joint/><body><joint/>{BALL}</body></body>", ""),
    "hardly any mass": (INERTIAL.format("1e-16", "1 1 1"), ""),
    "little": (INERTIAL.format("1e-14", "1e-14 1e-14 1e-14"), ""),
    "no inertia": (INERTIAL.format("1", "0 0 0"), ""),
    "a moment of zero": (INERTIAL.format("1", "1 1 0"), ""),
    "a geom without mass": ('<body><joint/><geom size="1" mass="0"/></body>', ""),
    "a geom without density": ('<body><freejoint/><geom size="1" density="0"/></body>', ""),
    "armature": ('<body><joint armature="1"/></body>', ""),
    "a geom of a group that does not count": (
        '<body><joint/><geom size="1" group="4"/></body>', '<compiler inertiagrouprange="0 2"/>'
    ),
    "what the compiler adds": ("<body><joint/></body>", '<compiler boundmass="1" boundinertia="1"/>'),
    "two inertials": (twice('<inertial pos="0 0 0" mass="1" diaginertia="1 1 1"/>', 'body'), ""),
    "a plane that moves": (f'<body><joint/>{BALL}<body><geom type="plane" size="1 1 1"/></body></body>', ""),
    "a plane that stands": (f'<body><geom type="plane" size="1 1 1"/></body>{ARM}', ""),
}  # fmt: skip


@pytest.mark.parametrize(("world", "rest"), [*NAMES.values(), *MASSES.values()], ids=[*NAMES, *MASSES])
def test_the_decision_is_mujocos(tmp_path, world, rest):
    (tmp_path / "inner.xml").write_text(INNER)
    file = tmp_path / "model.xml"
    file.write_text(f"<mujoco>\n{rest}\n<worldbody>\n{world}\n</worldbody></mujoco>")
    try:
        mujoco.MjModel.from_xml_path(str(file))
    except ValueError:
        with pytest.raises(SceneError, match=r"(model|inner)\.xml:\d+ <"):
            read_scene(file)
    else:
        read_scene(file)

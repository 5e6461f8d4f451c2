"""Friction of two geoms beside MuJoCo: the larger coefficient, priority, dimension of contacts, explicit pairs."""

import pytest

import sim
from sim.forces.friction_rules import LARGEST, PRIORITY, SLICK
from usd_io import emit, read_scene, read_usd
from usd_io.author import author_stage

mujoco = pytest.importorskip("mujoco")

MODEL = """<mujoco><worldbody>
<geom name="floor" type="plane" size="5 5 .1" {floor}/>
<body name="a" pos="0 0 .09"><freejoint/><geom name="box" type="box" size=".1 .1 .1" {box}/></body>
</worldbody><contact>{pair}</contact></mujoco>"""
PAIR = '<pair geom1="floor" geom2="box" {}/>'

CASES = {
    "the larger": ('friction=".3"', 'friction=".7"', ""),
    "defaults": ("", "", ""),
    "priority": ('friction=".3" priority="1"', 'friction=".7"', ""),
    "negative priority": ('friction=".3"', 'friction=".7" priority="-2"', ""),
    "one without friction": ('friction=".3"', 'friction=".7" condim="1"', ""),
    "both without friction": ('condim="1"', 'condim="1"', ""),
    "without friction by priority": ('condim="1" priority="3"', 'friction=".7"', ""),
    "a pair that says nothing": ('friction=".3"', 'friction=".7"', PAIR.format("")),
    "a pair of two slippery geoms": ('condim="1"', 'condim="1"', PAIR.format("")),
    "a pair": ('friction=".3" priority="1"', 'friction=".7"', PAIR.format('friction=".2 .2"')),
    "a pair without friction": ('friction=".3"', 'friction=".7"', PAIR.format('condim="1"')),
}


def theirs(path) -> float:
    """MuJoCo's coefficient of the contact of the model."""
    model = mujoco.MjModel.from_xml_path(str(path))
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    contact = data.contact[0]
    return 0.0 if contact.dim == 1 else float(contact.friction[0])


def ours(record) -> float:
    """The coefficient that our model's tables mean for the same contact."""
    builder = sim.ModelBuilder()
    bindings = emit(record, builder)
    floor, box = (
        next(i for path, i in bindings.shapes.items() if path.rsplit("/", 1)[-1].startswith(n))
        for n in ("floor", "box")
    )
    pairs = {
        frozenset(p): m for p, m in zip(builder.friction_pair.view.tolist(), builder.friction_pair_mu.view, strict=True)
    }
    if frozenset((floor, box)) in pairs:
        return float(pairs[frozenset((floor, box))])
    rules, mu = builder.shape_friction_rule.view, builder.shape_material_mu.view
    ranks = [rules[s] // PRIORITY for s in (floor, box)]
    if ranks[0] != ranks[1]:
        winner = floor if ranks[0] > ranks[1] else box
        return 0.0 if rules[winner] & SLICK else float(mu[winner])
    assert all(rules[s] & 3 == LARGEST for s in (floor, box))
    return 0.0 if rules[floor] & rules[box] & SLICK else float(max(mu[floor], mu[box]))


@pytest.mark.parametrize(("floor", "box", "pair"), CASES.values(), ids=CASES)
def test_the_coefficient_is_mujocos_also_as_usd(tmp_path, floor, box, pair):
    file = tmp_path / "model.xml"
    file.write_text(MODEL.format(floor=floor, box=box, pair=pair))
    record = read_scene(file)
    assert ours(record) == pytest.approx(theirs(file))
    author_stage(record, tmp_path / "model.usda", physics=True)
    assert ours(read_usd(tmp_path / "model.usda")) == pytest.approx(theirs(file))


@pytest.mark.parametrize(
    ("box", "pair", "said"),
    [
        ('margin=".01"', "", "margins"),
        ("", PAIR.format('margin=".01"'), "margins"),
        ("", PAIR.format('friction=".2 .4"'), "differs with the direction"),
        ("", PAIR.format('solref=".1 1"'), "solref"),
        ("", PAIR.format('condim="4"'), "condim"),
    ],
)
def test_what_is_not_simulated_is_named(tmp_path, box, pair, said):
    file = tmp_path / "model.xml"
    file.write_text(MODEL.format(floor="", box=box, pair=pair))
    assert [said in warning.message for warning in read_scene(file).warnings] == [True]

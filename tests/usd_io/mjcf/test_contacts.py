"""Which geoms touch, beside MuJoCo: masks, explicit pairs, excluded bodies, parents and children, ellipsoids."""

import numpy as np
import pytest

import sim
from sim.collide.contact_points import MAX_POINTS
from sim.collide.pipeline import collide_in_step
from usd_io import emit, read_scene
from usd_io.author import author_stage

mujoco = pytest.importorskip("mujoco")

MODEL = """<mujoco><worldbody>
<geom name="floor" type="plane" size="5 5 .1"/>
<body name="a" pos="0 0 .09"><freejoint/><geom name="a" size=".1" contype="1" conaffinity="1"/>
  <body name="child" pos=".15 0 0"><joint type="hinge"/><geom name="child" size=".1"/></body></body>
<body name="b" pos="0 .15 .09"><freejoint/><geom name="b" size=".1" contype="2" conaffinity="2"/></body>
<body name="c" pos="0 .3 .09"><freejoint/><geom name="c" type="ellipsoid" size=".12 .1 .1" contype="0" conaffinity="0"/></body>
<body name="d" pos="0 .45 .09"><freejoint/><geom name="d" type="ellipsoid" size=".1 .12 .1"/></body>
<body name="e" pos=".15 .45 .09"><freejoint/><geom name="e" type="box" size=".1 .1 .1"/></body>
</worldbody><contact>{}</contact></mujoco>"""

RULES = {
    "masks alone": "",
    "a pair against masks": '<pair geom1="a" geom2="b"/>',
    "a pair of a geom that meets nothing": '<pair geom1="c" geom2="d"/><pair geom1="floor" geom2="c"/>',
    "a pair of parent and child": '<pair geom1="a" geom2="child"/>',
    "a pair of excluded bodies": '<exclude body1="d" body2="e"/><pair geom1="d" geom2="e"/>',
    "an exclusion": '<exclude body1="d" body2="e"/>',
}


def touching(path) -> set[frozenset[str]]:
    """Names of geoms that overlap in our model of a file."""
    record, builder = read_scene(path), sim.ModelBuilder()
    emit(record, builder)
    model = builder.finalize()
    state = model.state()
    sim.eval_fk(model, state.joint_q, state.joint_qd, None, state)
    collide_in_step(model, state)
    contacts, body, q = model.rigid_contacts, model.shape_body.numpy(), state.body_q.numpy()
    names = [collider.path.rsplit("/", 1)[-1] for collider in record.colliders]
    n = int(contacts.active_count.numpy()[0])
    found = set()
    for slot, pair in enumerate(contacts.pair_shapes.numpy()[contacts.active_pair.numpy()[:n]]):
        for c in range(slot * MAX_POINTS, slot * MAX_POINTS + contacts.points.count.numpy()[slot]):
            ends = []
            for shape, points in zip(pair, (contacts.points.point_a, contacts.points.point_b), strict=True):
                p = points.numpy()[c]
                ends.append(p if body[shape] < 0 else in_world(q[body[shape]], p))
            if contacts.points.normal.numpy()[c] @ (ends[0] - ends[1]) < 0.0:
                found.add(frozenset(names[s] for s in pair))
    return found


def in_world(X, p):
    """A body's point in the world."""
    t, u, w = X[:3], X[3:6], X[6]
    return t + p + 2.0 * np.cross(u, np.cross(u, p) + w * p)


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
def test_the_same_geoms_touch(tmp_path, rules):
    file = tmp_path / "model.xml"
    file.write_text(MODEL.format(rules))
    mj = mujoco.MjModel.from_xml_path(str(file))
    data = mujoco.MjData(mj)
    mujoco.mj_forward(mj, data)
    theirs = {frozenset(mj.geom(g).name for g in (c.geom1, c.geom2)) for c in data.contact if c.dist < 0.0}
    assert theirs
    assert touching(file) == theirs


def test_ellipsoids_collide_as_ellipsoids(tmp_path):
    file = tmp_path / "model.xml"
    file.write_text(MODEL.format('<pair geom1="c" geom2="d"/>'))
    builder = sim.ModelBuilder()
    emit(read_scene(file), builder)
    kinds = builder.finalize().shape_geo.type.numpy().tolist()
    assert kinds.count(int(sim.GEO_ELLIPSOID)) == 2


def test_masks_of_minus_one_have_all_bits(tmp_path):
    file = tmp_path / "model.xml"
    file.write_text(MODEL.format("").replace('contype="2" conaffinity="2"', 'contype="-1" conaffinity="0"'))
    record = read_scene(file)
    author_stage(record, tmp_path / "model.usda", physics=True)
    mj = mujoco.MjModel.from_xml_path(str(file))
    data = mujoco.MjData(mj)
    mujoco.mj_forward(mj, data)
    theirs = {frozenset(mj.geom(g).name for g in (c.geom1, c.geom2)) for c in data.contact if c.dist < 0.0}
    assert frozenset(("b", "floor")) in theirs
    assert touching(file) == theirs

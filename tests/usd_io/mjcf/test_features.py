"""Single features of MJCF: what MuJoCo's compiler makes of a few lines, and what we do."""

import numpy as np
import pytest
import trimesh

import sim
from sim.geometry.rotation import rotation_matrix
from tests.usd_io.mjcf.against_mujoco import Pair, mujoco, rotation_angle
from usd_io import SceneError, emit, read_mjcf

FREE = '<freejoint/><geom size=".1"/>'


@pytest.fixture
def pair(tmp_path):
    """Writes <mujoco>…</mujoco> around the text and reads it in both programs."""

    def make(body: str, *, before: str = "") -> Pair:
        path = tmp_path / "model.xml"
        path.write_text(f"<mujoco>{before}<worldbody>{body}</worldbody></mujoco>")
        return Pair(path)

    return make


@pytest.fixture
def read(tmp_path):
    def read(text: str):
        path = tmp_path / "model.xml"
        path.write_text(text)
        return read_mjcf(path)

    return read


def same_bodies(pair: Pair) -> None:
    """Poses at the start, masses, centres and inertia tensors of all bodies are MuJoCo's."""
    mj, data = pair.mj, pair.data
    mujoco.mj_kinematics(mj, data)
    bodies = [pair.record.bodies[i] for i in pair.real_bodies]
    assert len(bodies) == mj.nbody - 1
    poses = np.array([b.X_wb for b in bodies])
    assert np.allclose(poses[:, :3], data.xpos[1:], atol=1e-6)
    assert rotation_angle(rotation_matrix(poses[:, 3:]), data.xmat[1:].reshape(-1, 3, 3)).max() < 1e-6
    for i, body in enumerate(bodies, 1):
        assert body.mass == pytest.approx(mj.body_mass[i], rel=1e-6, abs=1e-12)
        R = np.zeros(9)
        mujoco.mju_quat2Mat(R, mj.body_iquat[i])
        R = R.reshape(3, 3)
        theirs = R @ np.diag(mj.body_inertia[i]) @ R.T
        assert np.allclose(body.inertia, theirs, atol=1e-6 * max(mj.body_inertia[i].max(), 1e-12))
        assert np.allclose(body.com, mj.body_ipos[i], atol=1e-6)


ORIENTATIONS = [
    'quat="1 2 3 4"',
    'axisangle="1 2 -1 40"',
    'euler="10 20 30"',
    'xyaxes="1 .2 0 .3 2 .4"',
    'zaxis="1 2 3"',
    'zaxis="0 0 -1"',
]


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_orientations(pair, orientation):
    same_bodies(pair(f'<body pos="1 2 3" {orientation}>{FREE}</body>'))


@pytest.mark.parametrize("seq", ["xyz", "zyx", "XYZ", "ZYX", "zXy", "xyx"])
@pytest.mark.parametrize("angle", ["degree", "radian"])
def test_euler_sequences_and_units(pair, seq, angle):
    values = "10 20 30" if angle == "degree" else ".1 .2 .3"
    before = f'<compiler eulerseq="{seq}" angle="{angle}"/>'
    same_bodies(pair(f'<body euler="{values}">{FREE}</body>', before=before))


GEOMS = [
    'type="sphere" size=".1"',
    'type="capsule" size=".1 .3" euler="20 30 40" pos=".1 .2 .3"',
    'type="cylinder" size=".1 .3" euler="20 30 40"',
    'type="box" size=".1 .2 .3" euler="20 30 40" pos="1 0 0"',
    'type="ellipsoid" size=".1 .2 .3" euler="20 30 40"',
    'type="capsule" size=".1" fromto="0 0 0 1 2 3"',
    'type="cylinder" size=".1" fromto="0 .1 0 0 .1 -.3"',
    'type="box" size=".1" fromto="0 0 0 .3 .2 .1"',
    'type="box" size=".1 .2" fromto="0 0 0 .3 .2 .1"',
    'type="ellipsoid" size=".1" fromto="0 0 0 .3 .2 .1"',
    'type="box" size=".1 .2 .3" mass="3"',
    'type="box" size=".1 .2 .3" density="20"',
    'type="sphere" size=".1" mass="1" group="4"',
]


@pytest.mark.parametrize("geom", GEOMS)
def test_geoms_place_size_and_mass(pair, geom):
    same_bodies(pair(f'<body><freejoint/><geom size=".05" pos="0 0 1"/><geom {geom}/></body>'))


def test_several_geoms_add_up(pair):
    same_bodies(pair("<body><freejoint/>" + "".join(f"<geom {g}/>" for g in GEOMS) + "</body>"))


@pytest.mark.parametrize(
    "inertial",
    [
        '<inertial pos=".1 .2 .3" mass="2" diaginertia="1 2 2.5" euler="10 20 30"/>',
        '<inertial pos=".1 .2 .3" mass="2" fullinertia="1 2 2.5 .1 .2 .3"/>',
    ],
)
def test_inertial_elements(pair, inertial):
    same_bodies(pair(f"<body><freejoint/>{inertial}<geom size='.1'/></body>"))


@pytest.mark.parametrize(
    "compiler",
    [
        'inertiafromgeom="true"',
        'boundmass="5"',
        'boundinertia="1.5"',
        'settotalmass="7"',
        'inertiagrouprange="1 2"',
    ],
)
def test_compiler_settings_change_masses(pair, compiler):
    text = """<body><freejoint/><inertial pos="0 0 0" mass="2" diaginertia="1 1 1"/><geom size=".1" group="1"/></body>
    <body pos="2 0 0"><freejoint/><geom size=".1" group="1"/><geom size=".2" group="3"/></body>"""
    same_bodies(pair(text, before=f"<compiler {compiler}/>"))


def test_balanceinertia_repairs_what_is_refused_without_it(pair, read):
    text = '<body><freejoint/><inertial pos="0 0 0" mass="2" diaginertia="1 1 5"/></body>'
    same_bodies(pair(text, before='<compiler balanceinertia="true"/>'))
    with pytest.raises(SceneError, match=r"model\.xml:1 <inertial>.*balanceinertia"):
        read(f"<mujoco><worldbody>{text}</worldbody></mujoco>")


def test_default_classes_inherit_and_childclass_reaches_down(pair):
    before = """<default><geom density="500"/><joint damping="1" armature=".1"/>
      <default class="a"><geom type="box" size=".1 .1 .1"/><joint damping="2"/>
        <default class="b"><geom size=".2 .2 .2"/></default></default></default>"""
    made = pair(
        """<body childclass="a"><joint/><geom/>
             <body pos="1 0 0"><joint class="b"/><geom class="b"/>
               <body childclass="b" pos="1 0 0"><joint/><geom/></body></body>
           </body><body><freejoint/><geom size=".3"/></body>""",
        before=before,
    )
    same_bodies(made)
    damping = made.mj.dof_damping.reshape(made.mj.nv, -1)[:, 0]  # newer versions keep polynomials
    assert np.allclose(made.model.joint_damping.numpy(), damping)
    assert np.allclose(made.model.joint_armature.numpy(), made.mj.dof_armature)


def test_frames_nest_and_carry_geoms_joints_and_bodies(pair):
    made = pair(
        """<frame pos="1 0 0" euler="0 0 90"><body name="a" pos="1 0 0" euler="30 0 0">
             <frame pos="0 1 0" euler="0 45 0"><joint axis="1 0 0" pos="0 0 1"/><geom type="box" size=".1 .2 .3"/>
               <frame euler="10 20 30"><body pos="0 0 1"><joint type="slide" axis="0 1 0"/><geom size=".1"/></body></frame>
             </frame></body></frame>"""
    )
    same_bodies(made)
    made.randomise(1)
    q, qd = made.arrays()
    state = made.model.state()
    sim.eval_fk(made.model, q, qd, None, state)
    assert np.allclose(state.body_q.numpy()[made.real_bodies, :3], made.data.xpos[1:], atol=1e-5)


@pytest.mark.parametrize("count", [3, 11])
def test_replicas_turn_and_move_step_by_step(pair, count):
    made = pair(
        f"""<replicate count="{count}" offset=".5 0 .1" euler="0 0 20" sep="-"><body name="b" pos="1 0 0">{FREE}
              <replicate count="2" offset="0 0 .2"><geom size=".05"/></replicate></body></replicate>"""
    )
    same_bodies(made)


JOINTS = [
    '<joint type="slide" axis="1 0 0"/><joint type="slide" axis="0 1 0"/><joint axis="0 0 1"/>',
    '<joint axis="0 0 1" pos="0 0 .1"/><joint axis="0 1 0" pos="0 0 .1"/><joint axis="1 0 0" pos="0 0 .1"/>',
    '<joint axis="0 0 1" pos="0 0 .1"/><joint axis="0 1 0" pos=".3 0 0"/>',
    '<joint axis="0 0 1"/><joint type="slide" axis="1 0 0"/>',
    '<joint type="slide" axis="1 0 0"/><joint type="ball" pos=".1 .2 .3"/>',
    '<joint axis="1 1 0"/><joint axis="0 1 0"/><joint axis="1 0 0"/><joint axis="0 0 1"/>',
    '<joint axis="0 1 0" ref="30" range="-10 60"/>',
    '<joint type="slide" axis="0 1 0" ref=".3" range="-.1 .6"/>',
    '<joint type="ball"/>',
    "",
]


@pytest.mark.parametrize("joints", JOINTS)
def test_any_run_of_joints_moves_as_in_mujoco(pair, joints):
    made = pair(
        f"""<body pos="1 0 0" euler="0 30 0">{joints}<geom type="box" size=".1 .2 .3"/>
          <body pos="0 0 1"><joint axis="1 0 0"/><geom size=".1" pos=".2 .1 0"/></body></body>"""
    )
    for seed in (1, 2, 3):
        made.randomise(seed)
        q, qd = made.arrays()
        state = made.model.state()
        sim.eval_fk(made.model, q, qd, None, state)
        assert np.allclose(state.body_q.numpy()[made.real_bodies, :3], made.data.xpos[1:], atol=1e-5)
        bias = made.force_to_mujoco(sim.eval_bias_forces(made.model, q, qd).numpy().astype(float))
        assert np.allclose(bias, made.data.qfrc_bias, atol=1e-4 * max(1.0, np.abs(made.data.qfrc_bias).max()))


def test_limits_count_from_the_reference(pair):
    made = pair('<body><joint ref="30" range="-10 60"/><geom size=".1"/></body>')
    limits = [made.model.joint_limit_lower.numpy()[0], made.model.joint_limit_upper.numpy()[0]]
    assert np.allclose(limits, np.radians([-40, 30]))


@pytest.mark.parametrize(
    "actuator",
    [
        '<position joint="j" kp="50" kv="3"/>',
        '<position joint="j" kp="50" gear="2"/>',
        '<velocity joint="j" kv="4"/>',
        '<general joint="j" gainprm="20" biastype="affine" biasprm="1 -20 -2"/>',
        '<position joint="j" kp="50" dampratio="0.7"/>',
        '<position joint="j" kp="50" kv="1"/><velocity joint="j" kv="3"/><position joint="j" kp="2"/>',
    ],
)
def test_actuator_forces_at_zero_control(tmp_path, actuator):
    path = tmp_path / "model.xml"
    path.write_text(
        f"""<mujoco><compiler angle="radian"/><worldbody><body><joint name="j" axis="0 1 0" ref=".2"/><geom size=".1" pos=".3 0 0"/>
        </body></worldbody><actuator>{actuator}</actuator></mujoco>"""
    )
    made = Pair(path)
    made.randomise(1)
    ke, kd = (float(getattr(made.model, f"joint_target_{k}").numpy()[0]) for k in ("ke", "kd"))
    q, qd = (float(a.numpy()[0]) for a in made.arrays())
    target = float(made.model.joint_act.numpy()[0])
    force = ke * (target - q) - kd * qd if made.model.joint_axis_mode.numpy()[0] else target
    assert force == pytest.approx(float(made.data.qfrc_actuator[0]), rel=1e-5, abs=1e-6)


def test_geoms_touch_by_contype_and_conaffinity(read):
    scene = read(
        """<mujoco><worldbody>
        <body name="a"><freejoint/><geom name="a" size=".1" contype="1" conaffinity="2"/></body>
        <body name="b"><freejoint/><geom name="b" size=".1" contype="2" conaffinity="0"/></body>
        <body name="c"><freejoint/><geom name="c" size=".1" contype="4" conaffinity="4"/></body>
        <body name="d"><freejoint/><geom name="d" size=".1" contype="4" conaffinity="0"/></body>
        <body name="e"><freejoint/><geom name="e" size=".1" contype="0" conaffinity="0"/></body>
        </worldbody><contact><exclude body1="c" body2="d"/></contact></mujoco>"""
    )
    builder = sim.ModelBuilder()
    bindings = emit(scene, builder)
    names = {index: path.rsplit("/", 1)[1] for path, index in bindings.shapes.items()}
    pairs = {tuple(sorted(names[i] for i in pair)) for pair in builder.finalize().shape_contact_pairs.numpy().tolist()}
    assert pairs == {("a", "b")}
    assert [v.path.rsplit("/", 1)[1] for v in scene.visuals] == ["e"]


def test_explicit_pairs_touch_whatever_their_masks_say(read):
    scene = read(
        """<mujoco><worldbody>
        <body><freejoint/><geom name="a" size=".1" contype="0" conaffinity="0"/></body>
        <body><freejoint/><geom name="b" size=".1" contype="0" conaffinity="0"/></body>
        <body><freejoint/><geom name="c" size=".1" contype="4" conaffinity="4"/></body>
        <body><freejoint/><geom name="d" size=".1"/></body>
        <body><freejoint/><geom name="e" size=".1" contype="0" conaffinity="0"/></body>
        </worldbody><contact><pair geom1="a" geom2="b"/><pair geom1="c" geom2="d"/></contact></mujoco>"""
    )
    builder = sim.ModelBuilder()
    bindings = emit(scene, builder)
    pairs = builder.finalize().shape_contact_pairs.numpy()
    index = {int(np.ravel(i)[0]): path.rsplit("/", 1)[1] for path, i in bindings.shapes.items()}
    assert {frozenset(index[i] for i in pair) for pair in pairs.tolist()} == {frozenset("ab"), frozenset("cd")}


def test_includes_are_put_in_place(tmp_path):
    (tmp_path / "part.xml").write_text(
        '<mujocoinclude><body name="b"><freejoint/><geom size=".1"/></body></mujocoinclude>'
    )
    (tmp_path / "model.xml").write_text('<mujoco><worldbody><include file="part.xml"/></worldbody></mujoco>')
    same_bodies(Pair(tmp_path / "model.xml"))


def test_attached_models_get_prefixes_and_keep_their_own_settings(tmp_path):
    (tmp_path / "arm.xml").write_text(
        """<mujoco model="arm"><compiler angle="radian"/><default><geom density="100"/></default><worldbody>
        <body name="link" euler=".3 0 0"><joint name="j" range="-1 1"/><geom size=".1"/></body></worldbody>
        <actuator><position joint="j" kp="5"/></actuator></mujoco>"""
    )
    (tmp_path / "model.xml").write_text(
        """<mujoco><asset><model name="arm" file="arm.xml"/></asset><worldbody>
        <body name="base" pos="0 0 1"><freejoint/><geom size=".1"/>
        <frame pos="1 0 0"><attach model="arm" body="link" prefix="left_"/></frame></body></worldbody></mujoco>"""
    )
    made = Pair(tmp_path / "model.xml")
    same_bodies(made)
    assert made.record.bodies[1].path.endswith("/left_link")
    assert made.model.joint_target_ke.numpy().tolist() == [5.0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<tendon><fixed><joint joint='j' coef='1'/></fixed></tendon>", "tendons"),
        ("<sensor><jointpos joint='j'/></sensor>", "sensors"),
        ("<actuator><muscle joint='j'/></actuator>", "<muscle>"),
        ("<option density='1.2'/>", "density"),
        ("<nonsense/>", "<nonsense>"),
        ("<default><geom solref='.1 1'/></default>", "softness"),
    ],
)
def test_what_is_not_simulated_is_named_with_its_line(read, text, said):
    model = (
        f"<mujoco>\n<worldbody><body name='a'><joint name='j'/><geom size='.1'/></body></worldbody>\n{text}</mujoco>"
    )
    warnings = [w for w in read(model).warnings if said in w.message]
    assert [w.path for w in warnings] == ["model.xml:3"]


def test_meshes_in_mujocos_own_format(tmp_path):
    points = np.array([[0, 0, 0], [2, 0, 0], [0, 1, 0], [0, 0, 3]], np.float32)
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int32)
    header = np.array([4, 0, 0, 4], np.int32)
    (tmp_path / "wedge.msh").write_bytes(header.tobytes() + points.tobytes() + faces.tobytes())
    path = tmp_path / "model.xml"
    path.write_text(
        """<mujoco><asset><mesh name="m" file="wedge.msh"/></asset>
        <worldbody><body><freejoint/><geom type="mesh" mesh="m"/></body></worldbody></mujoco>"""
    )
    same_bodies(Pair(path))
    (tmp_path / "wedge.msh").write_bytes(header.tobytes() + points.tobytes())
    with pytest.raises(SceneError, match=r"wedge\.msh cannot be read"):
        read_mjcf(path)


@pytest.mark.parametrize("name", ["../parts/box.stl", "../../shared/deep/box.stl", "../box.stl"])
def test_files_in_folders_beside_the_robots_are_found(tmp_path, name):
    folder = tmp_path / "robots" / "arm"
    folder.mkdir(parents=True)
    mesh = folder / name
    mesh.parent.mkdir(parents=True, exist_ok=True)
    trimesh.creation.box((1, 2, 3)).export(mesh)
    (folder / "model.xml").write_text(
        f'''<mujoco><asset><mesh name="m" file="{name}"/></asset>
        <worldbody><body><geom type="mesh" mesh="m"/></body></worldbody></mujoco>'''
    )
    assert read_mjcf(folder / "model.xml").bodies[0].mass == pytest.approx(6000.0)


def test_names_that_climb_far_or_lead_away_by_links_are_refused(tmp_path):
    folder, secret = tmp_path / "a" / "b" / "c" / "d", tmp_path / "secret"
    folder.mkdir(parents=True)
    secret.mkdir()
    trimesh.creation.box((1, 1, 1)).export(secret / "box.stl")
    (folder.parent / "link").symlink_to(secret)
    for name in ("../../../../secret/box.stl", str(secret / "box.stl"), "../link/box.stl"):
        (folder / "model.xml").write_text(
            f'''<mujoco><asset><mesh name="m" file="{name}"/></asset>
            <worldbody><body><geom type="mesh" mesh="m"/></body></worldbody></mujoco>'''
        )
        with pytest.raises(SceneError, match="lies outside"):
            read_mjcf(folder / "model.xml")


@pytest.mark.parametrize("flag", ["gravity", "contact", "equality", "limit", "frictionloss", "actuation", "constraint"])
def test_what_a_model_switches_off_is_off(read, flag):
    model = """<mujoco><option>{}</option><worldbody>
    <body name="a"><joint name="j" range="-1 1" limited="true" frictionloss=".1"/><geom size=".1"/></body>
    <body name="b" pos="1 0 0"><freejoint/><geom size=".1"/></body></worldbody>
    <equality><connect body1="a" body2="b" anchor="0 0 0"/></equality><actuator><position joint="j"/></actuator></mujoco>"""
    on, off = read(model.format("")), read(model.format(f'<flag {flag}="disable"/>'))

    def what(scene):
        axis = scene.joints[0].axes[0]
        return {
            "gravity": scene.gravity.any(), "contact": bool(scene.colliders), "equality": bool(scene.equalities),
            "limit": axis.lower is not None, "frictionloss": axis.friction > 0.0, "actuation": axis.drive is not None,
        }  # fmt: skip

    gone = {"contact", "equality"} if flag == "constraint" else {flag}
    assert all(what(on).values())
    assert {name for name, there in what(off).items() if not there} == gone


@pytest.mark.parametrize("source", ['nrow="3" ncol="4" elevation="1 2 3 4 5 9 2 1 0 7 8 3"', 'file="hills.bin"'])
def test_height_fields_stand_as_in_mujoco(tmp_path, source):
    heights = np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32)
    (tmp_path / "hills.bin").write_bytes(np.array([3, 4], np.int32).tobytes() + heights.tobytes())
    path = tmp_path / "model.xml"
    path.write_text(
        f"""<mujoco><asset><hfield name="h" {source} size="2 1 .5 .1"/></asset><worldbody>
        <geom type="hfield" hfield="h" pos="1 2 3" euler="0 0 30"/><body><freejoint/><geom size=".1"/></body>
        </worldbody></mujoco>"""
    )
    pair = Pair(path)
    field = next(c.shape.field for c in pair.record.colliders if c.body_path is None)
    assert np.allclose(field.heights, 0.5 * pair.mj.hfield_data.reshape(3, 4), atol=1e-6)
    assert (field.hx, field.hy, field.base) == pytest.approx((2.0, 1.0, 0.1))
    static = pair.model.shape_body.numpy() < 0
    assert np.allclose(pair.model.shape_transform.numpy()[static][0][:3], [1, 2, 3])


def test_a_ball_comes_to_rest_on_a_height_field(tmp_path):
    path = tmp_path / "model.xml"
    path.write_text(
        """<mujoco><asset><hfield name="h" nrow="3" ncol="3" elevation="1 1 1 1 0 1 1 1 1" size="1 1 .5 .1"/></asset>
        <worldbody><geom type="hfield" hfield="h"/><body pos=".1 0 .4"><freejoint/><geom size=".1"/></body></worldbody></mujoco>"""
    )
    model = Pair(path).model
    now, after, integrator = model.state(), model.state(), sim.FeatherstoneIntegrator()
    sim.eval_fk(model, now.joint_q, now.joint_qd, None, now)
    for _ in range(3000):
        integrator.simulate(model, now, after, 1e-3)
        now, after = after, now
    at = now.body_q.numpy()[0, :3]
    assert np.abs(at[:2]).max() < 0.15
    assert 0.08 < at[2] < 0.2

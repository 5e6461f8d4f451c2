"""Single features of URDF."""

from pathlib import Path

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

import sim
from usd_io import SceneError, emit, read_urdf
from usd_io.shape_records import Box, Capsule, Cylinder, MeshShape, Sphere

LINK = '<link name="{}"><inertial><mass value="1"/><inertia ixx="1" iyy="1" izz="1"/></inertial>{}</link>'


def robot(joint: str, *, a: str = "", b: str = "") -> str:
    return f'<robot name="r">{LINK.format("a", a)}{LINK.format("b", b)}{joint}</robot>'


def joint(kind: str, inside: str = "") -> str:
    return f'<joint name="j" type="{kind}"><parent link="a"/><child link="b"/>{inside}</joint>'


@pytest.fixture
def read(tmp_path):
    def read(text: str, **options):
        path = tmp_path / "robot.urdf"
        path.write_text(text)
        return read_urdf(path, **options)

    return read


def built(scene):
    builder = sim.ModelBuilder()
    emit(scene, builder)
    return builder.finalize()


@pytest.mark.parametrize(
    ("kind", "inside", "expected"),
    [
        ("revolute", '<limit lower="-1" upper="2"/><axis xyz="0 0 2"/>', [("angular", (0, 0, 1), -1, 2)]),
        ("continuous", '<axis xyz="0 1 0"/>', [("angular", (0, 1, 0), None, None)]),
        ("prismatic", '<limit lower="0" upper=".3"/>', [("linear", (1, 0, 0), 0, 0.3)]),
        ("fixed", "", []),
    ],
)
def test_joint_types_axes_and_limits(read, kind, inside, expected):
    record = read(robot(joint(kind, inside))).joints[1]
    assert [(a.kind, tuple(a.axis), a.lower, a.upper) for a in record.axes] == expected


def test_planar_joints_slide_across_their_axis_and_turn_about_it(read):
    axes = read(robot(joint("planar", '<axis xyz="0 0 1"/>'))).joints[1].axes
    assert [a.kind for a in axes] == ["linear", "linear", "angular"]
    assert np.allclose(np.cross(axes[0].axis, axes[1].axis), [0, 0, 1])


@pytest.mark.parametrize(("kind", "dofs"), [("floating", 6), ("spherical", 3), ("planar", 3), ("continuous", 1)])
def test_degrees_of_freedom(read, kind, dofs):
    assert built(read(robot(joint(kind)))).joint_dof_count == dofs


def test_dynamics_are_damping_and_dry_friction(read):
    model = built(read(robot(joint("continuous", '<dynamics damping="0.3" friction="0.2"/>'))))
    assert model.joint_damping.numpy()[0] == np.float32(0.3)
    assert model.joint_friction.numpy()[0] == np.float32(0.2)


def test_origins_are_rpy_about_fixed_axes(read):
    scene = read(robot(joint("fixed", '<origin xyz="1 2 3" rpy="0.1 0.2 0.3"/>')))
    body = scene.bodies[1]
    assert np.allclose(body.X_wb[:3], [1, 2, 3])
    expected = Rotation.from_euler("xyz", [0.1, 0.2, 0.3]).as_quat()
    assert abs(abs(body.X_wb[3:] @ expected) - 1.0) < 1e-12


def test_inertial_frames_turn_the_tensor(read):
    text = """<robot name="r"><link name="a"><inertial><origin xyz="0 0 1" rpy="0 0 1.5707963"/><mass value="2"/>
      <inertia ixx="1" iyy="2" izz="3" ixy="0.1"/></inertial></link></robot>"""
    body = read(text).bodies[0]
    assert np.allclose(body.com, [0, 0, 1])
    assert np.allclose(body.inertia, [[2, -0.1, 0], [-0.1, 1, 0], [0, 0, 3]], atol=1e-6)


@pytest.mark.parametrize(
    ("geometry", "shape"),
    [
        ('<box size="1 2 3"/>', Box((0.5, 1.0, 1.5))),
        ('<sphere radius="2"/>', Sphere(2.0)),
        ('<cylinder radius="1" length="4"/>', Cylinder(1.0, 2.0)),
        ('<capsule radius="1" length="4"/>', Capsule(1.0, 2.0)),
    ],
)
def test_primitive_shapes(read, geometry, shape):
    inside = f'<collision><origin xyz="0 0 1"/><geometry>{geometry}</geometry></collision>'
    (collider,) = read(robot(joint("fixed"), b=inside)).colliders
    assert collider.shape == shape and not collider.hidden
    assert collider.X_bs[:3].tolist() == [0, 0, 1]


def test_what_is_seen_hides_what_collides(read):
    box = '<geometry><box size="1 1 1"/></geometry>'
    scene = read(
        robot(joint("fixed"), b=f'<visual>{box}<material name="m"><color rgba="1 0 0 1"/></material></visual>', a=f'<visual>{box}<material name="m"/></visual><collision>{box}</collision>')
    )  # fmt: skip
    assert [c.hidden for c in scene.colliders] == [True]
    assert [v.color for v in scene.visuals] == [(1, 0, 0, 1)] * 2


@pytest.mark.parametrize("suffix", ["stl", "obj", "ply", "glb", "dae"])
def test_mesh_files_of_every_kind_with_scale(read, tmp_path, suffix):
    trimesh.creation.box((1, 2, 3)).export(tmp_path / f"box.{suffix}")
    inside = f'<collision><geometry><mesh filename="box.{suffix}" scale="1 1 -2"/></geometry></collision>'
    (collider,) = read(robot(joint("fixed"), b=inside)).colliders
    assert isinstance(collider.shape, MeshShape) and collider.shape.convex
    assert np.allclose(np.ptp(collider.shape.points, axis=0), [1, 2, 6], atol=1e-5)


@pytest.mark.parametrize("place", ["above", "search", "inside search"])
def test_packages_are_found(tmp_path, place):
    package = tmp_path / "deep" / "my_robot"
    (package / "meshes").mkdir(parents=True)
    trimesh.creation.box((1, 1, 1)).export(package / "meshes" / "box.stl")
    folder = package / "urdf" if place == "above" else tmp_path / "other"
    folder.mkdir()
    text = robot(
        joint("fixed"), b='<visual><geometry><mesh filename="package://my_robot/meshes/box.stl"/></geometry></visual>'
    )
    (folder / "robot.urdf").write_text(text)
    search = {"above": [], "search": [package], "inside search": [package.parent]}[place]
    assert len(read_urdf(folder / "robot.urdf", search_paths=search).visuals) == 1


def test_links_out_of_the_allowed_folders_are_not_followed(tmp_path):
    secret = tmp_path / "secret"
    secret.mkdir()
    trimesh.creation.box((1, 1, 1)).export(secret / "box.stl")
    folder = tmp_path / "arm"
    folder.mkdir()
    (folder / "box.stl").symlink_to(secret / "box.stl")
    (folder / "robot.urdf").write_text(
        robot(joint("fixed"), b='<visual><geometry><mesh filename="box.stl"/></geometry></visual>')
    )
    with pytest.raises(SceneError, match="lies outside"):
        read_urdf(folder / "robot.urdf")
    assert read_urdf(folder / "robot.urdf", search_paths=[secret]).visuals


@pytest.mark.parametrize(
    ("inside", "said"),
    [("<safety_controller k_velocity='1'/>", "safety")],
)
def test_what_is_not_simulated_is_named(read, inside, said):
    assert any(
        said in w.message and w.path == "robot.urdf:1" for w in read(robot(joint("continuous", inside))).warnings
    )


@pytest.mark.parametrize(
    ("inertia", "said"), [("1 1 9", "above the sum"), ("0 0 0", "without inertia"), ("1 1 1", None)]
)
def test_inertia_that_no_body_has_is_named(read, inertia, said):
    x, y, z = inertia.split()
    text = robot(joint("continuous")).replace('ixx="1" iyy="1" izz="1"', f'ixx="{x}" iyy="{y}" izz="{z}"')
    messages = [w.message for w in read(text).warnings if "fixed to the world" not in w.message]
    assert [said in m for m in messages] == ([] if said is None else [True])


def test_textures_are_named(read):
    visual = '<visual><geometry><sphere radius="1"/></geometry><material name="m"><texture filename="a.png"/></material></visual>'
    assert any("textures" in w.message for w in read(robot(joint("fixed"), b=visual)).warnings)


def test_infinite_limits_are_none(read):
    limits = '<limit lower="-inf" upper="inf"/>'
    (axis,) = next(j for j in read(robot(joint("prismatic", limits))).joints if j.axes).axes
    assert (axis.lower, axis.upper) == (None, None)


def test_a_thing_without_moving_joints_is_free(read):
    assert [j.kind for j in read(robot(joint("fixed"))).joints] == ["free", "fixed"]
    assert [j.kind for j in read(robot(joint("continuous"))).joints] == ["fixed", "axes"]


def test_reading_does_not_depend_on_the_working_directory(tmp_path, monkeypatch):
    trimesh.creation.box((1, 1, 1)).export(tmp_path / "box.stl")
    (tmp_path / "robot.urdf").write_text(
        robot(joint("fixed"), b='<visual><geometry><mesh filename="box.stl"/></geometry></visual>')
    )
    monkeypatch.chdir(tmp_path)
    assert read_urdf(Path("robot.urdf")).visuals

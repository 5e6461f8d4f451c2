"""Bodies: mass from shapes, inverse masses, kinematic bodies; shapes: tables and bad input."""

import numpy as np
import pytest
import trimesh

import sim

IDENTITY = (0.0, 0.0, 0.0, 1.0)


def test_body_of_two_spheres_obeys_the_parallel_axis_theorem():
    builder = sim.ModelBuilder()
    body = builder.add_body()
    builder.add_shape_sphere(body, pos=(1, 0, 0), radius=0.5, density=100.0)
    builder.add_shape_sphere(body, pos=(-1, 0, 0), radius=0.5, density=300.0)
    model = builder.finalize()
    m1, m2 = (rho * 4 / 3 * np.pi * 0.125 for rho in (100.0, 300.0))
    com = (m1 - m2) / (m1 + m2)
    spin = 0.4 * 0.25 * (m1 + m2)
    swing = spin + m1 * (1 - com) ** 2 + m2 * (1 + com) ** 2
    assert model.body_mass.numpy()[0] == pytest.approx(m1 + m2, rel=1e-6)
    assert np.allclose(model.body_com.numpy()[0], (com, 0, 0), atol=1e-6)
    assert np.allclose(model.body_inertia.numpy()[0], np.diag([spin, swing, swing]), rtol=1e-5)
    assert np.allclose(model.body_inv_inertia.numpy()[0], np.diag([1 / spin, 1 / swing, 1 / swing]), rtol=1e-5)


def test_rotated_shapes_match_trimesh():
    rng = np.random.default_rng(0)
    builder, parts = sim.ModelBuilder(), []
    body = builder.add_body()
    for _ in range(4):
        pos, q, half = rng.normal(size=3), rng.normal(size=4), rng.uniform(0.1, 1.0, size=3)
        builder.add_shape_box(body, pos, q, *half, density=1.0)
        pose = trimesh.transformations.quaternion_matrix(np.roll(q / np.linalg.norm(q), 1))
        pose[:3, 3] = pos
        parts.append(trimesh.creation.box(extents=2 * half, transform=pose))
    # Overlaps count twice on both sides: the oracle only sums signed volumes.
    oracle = trimesh.util.concatenate(parts)
    assert builder.body_mass[body] == pytest.approx(oracle.volume)
    assert np.allclose(builder.body_com[body], oracle.center_mass)
    assert np.allclose(builder.body_inertia[body], oracle.moment_inertia)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("kind", ["capsule", "cylinder", "cone"])
def test_up_axis_turns_the_shape(kind, axis):
    builder = sim.ModelBuilder()
    body = builder.add_body()
    getattr(builder, f"add_shape_{kind}")(body, radius=0.2, half_height=1.0, up_axis=axis, density=10.0)
    inertia = np.diag(builder.body_inertia[body])
    assert np.argmin(inertia) == axis
    com = builder.body_com[body]
    assert np.allclose(np.delete(com, axis), 0.0)
    # A cone's apex is on the + side: its centre of mass is below the middle.
    assert com[axis] == pytest.approx(-0.5 if kind == "cone" else 0.0)


def test_given_mass_and_shapes_without_density_keep_the_given_mass():
    builder = sim.ModelBuilder()
    body = builder.add_body(com=(0.1, 0.2, 0.3), I_m=np.diag([1.0, 2.0, 2.5]), m=3.0, armature=0.5)
    builder.add_shape_box(body, density=0.0)
    model = builder.finalize()
    assert model.body_mass.numpy()[0] == 3.0
    assert np.allclose(model.body_com.numpy()[0], (0.1, 0.2, 0.3))
    assert np.allclose(model.body_inertia.numpy()[0], np.diag([1.5, 2.5, 3.0]))


def test_kinematic_and_massless_bodies_cannot_be_pushed():
    builder = sim.ModelBuilder()
    builder.add_shape_box(builder.add_body(kinematic=True, linear_velocity=(1, 2, 3), angular_velocity=(4, 5, 6)))
    builder.add_body()
    builder.add_shape_box(builder.add_body())
    model = builder.finalize()
    assert (model.body_inv_mass.numpy() > 0).tolist() == [False, False, True]
    assert not model.body_inv_inertia.numpy()[:2].any()
    assert model.body_mass.numpy()[0] == 1000.0
    assert model.state().body_qd.numpy()[0].tolist() == [4, 5, 6, 1, 2, 3]


def test_pose_is_normalised_and_accepts_seven_numbers_or_a_pair():
    builder = sim.ModelBuilder()
    builder.add_body((1, 2, 3, 0, 0, 0, 2))
    builder.add_body(((1, 2, 3), (0, 0, 0, -3)))
    assert builder.body_q[0].tolist() == [1, 2, 3, 0, 0, 0, 1]
    assert builder.body_q[1].tolist() == [1, 2, 3, 0, 0, 0, -1]


def test_collision_radius_holds_the_shape():
    builder = sim.ModelBuilder()
    mesh = trimesh.creation.icosphere(radius=0.5)
    builder.add_shape_sphere(-1, radius=0.5)
    builder.add_shape_box(-1, hx=1, hy=2, hz=2)
    builder.add_shape_capsule(-1, radius=0.5, half_height=1)
    builder.add_shape_cylinder(-1, radius=3, half_height=4)
    builder.add_shape_mesh(-1, mesh=sim.Mesh(mesh.vertices, mesh.faces), scale=(1, 3, 2))
    assert np.allclose(builder.shape_collision_radius, [0.5, 3, 1.5, 5, 1.5], rtol=1e-3)


def test_plane_equation_places_the_plane():
    builder = sim.ModelBuilder()
    builder.ground = False
    builder.add_shape_plane((0.0, 0.0, 2.0, -3.0), width=0, length=0)
    pose = builder.shape_transform[0]
    assert np.allclose(pose[:3], (0, 0, 1.5))
    from sim.geometry.rotation import rotate

    assert np.allclose(rotate(pose[3:], np.array([0.0, 1, 0])), (0, 0, 1))


def test_ground_plane_stands_at_its_offset_along_up():
    builder = sim.ModelBuilder(up_vector=(0, 0, 1))
    builder.set_ground_plane(offset=0.25, mu=0.9)
    model = builder.finalize()
    assert np.allclose(model.ground_plane.numpy(), (0, 0, 1, -0.25))
    assert np.allclose(model.shape_transform.numpy()[model.ground_shape][:3], (0, 0, 0.25))
    assert model.shape_materials.mu.numpy()[-1] == pytest.approx(0.9)
    assert builder.shape_count == 0, "finalize leaves the builder as it was"
    assert builder.finalize().shape_count == 1
    builder.ground = False
    assert builder.finalize().shape_count == 0


def test_mesh_shapes_share_one_device_mesh():
    ball = trimesh.creation.icosphere()
    mesh = sim.Mesh(ball.vertices, ball.faces)
    builder = sim.ModelBuilder()
    for _ in range(3):
        builder.add_shape_mesh(builder.add_body(), mesh=mesh)
    model = builder.finalize()
    sources = model.shape_geo.source.numpy()
    assert sources[0] != 0 and (sources[:3] == sources[0]).all() and sources[3] == 0
    assert len(model.geo_meshes) == 1


def sphere(**kw):
    return lambda b: b.add_shape_sphere(0, **kw)


@pytest.mark.parametrize(
    "add,match",
    [
        (sphere(radius=0.0), r"scale\[0\] = 0.0; expected a number above zero"),
        (sphere(radius=-1.0), "above zero"),
        (sphere(radius=float("nan")), "finite"),
        (sphere(density=-1.0), "density = -1.0"),
        (sphere(mu=-0.1), "mu = -0.1"),
        (sphere(pos=(0, 0)), "3 numbers"),
        (sphere(rot=(0, 0, 0, 0)), "quaternion"),
        (sphere(collision_group=-2), "collision_group"),
        (lambda b: b.add_shape_sphere(1), "body = 1"),
        (lambda b: b.add_shape_sphere(-2), "body = -2"),
        (lambda b: b.add_shape_box(0, hy=0.0), r"scale\[1\]"),
        (lambda b: b.add_shape_capsule(0, up_axis=3), "up_axis = 3"),
        (lambda b: b.add_shape_mesh(0), "sim.Mesh"),
        (lambda b: b.add_shape_plane((0, 0, 0, 1)), "normal"),
        (lambda b: b.add_shape(0, (0, 0, 0), IDENTITY, 6, (1, 1, 1)), "one of sphere"),
        (lambda b: b.add_body(m=-1.0), "m = -1.0"),
        (lambda b: b.add_body(I_m=np.diag([1.0, -1.0, 1.0])), "principal moments"),
        (lambda b: b.add_body(I_m=[[1, 2, 0], [0, 1, 0], [0, 0, 1]]), "symmetric"),
        (lambda b: b.add_body(origin=(1, 2, 3)), "7 numbers"),
        (lambda b: b.set_ground_plane(normal=(0, 0, 0)), "normal"),
    ],
)
def test_bad_input_is_refused_and_leaves_the_builder_as_it_was(add, match):
    builder = sim.ModelBuilder()
    builder.add_body()
    before = builder.family_sizes(), builder.body_mass.view.copy()
    with pytest.raises(sim.SimError, match=match):
        add(builder)
    assert builder.family_sizes() == before[0]
    assert np.array_equal(builder.body_mass.view, before[1])
    builder.finalize()


def test_impossible_inertia_warns():
    with pytest.warns(sim.SimWarning, match="no rigid body"):
        sim.ModelBuilder().add_body(I_m=np.diag([1.0, 1.0, 5.0]), m=1.0)


def test_nan_written_into_a_column_is_found_at_finalize():
    builder = sim.ModelBuilder()
    builder.add_body()
    builder.body_q[0, 1] = np.nan
    with pytest.raises(sim.SimError, match=r"body_q\[0, 1\]"):
        builder.finalize()


def test_assigning_to_a_table_replaces_its_values():
    builder = sim.ModelBuilder()
    builder.add_body()
    builder.add_body()
    builder.body_mass = [2, 3.5]
    builder.body_flags = np.array([1, 0], dtype=np.uint8)
    assert builder.body_mass.view.tolist() == [2.0, 3.5]
    other = sim.ModelBuilder()
    other.add_builder(builder)
    assert other.body_mass.view.tolist() == [2.0, 3.5] and other.body_flags.view.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        ([1.0], r"shape \(1,\)"),
        ([[1.0, 2.0]], r"shape \(1, 2\)"),
        (["heavy", "light"], "values"),
        ([[1], [1, 2]], "unequal"),
    ],
)
def test_rows_that_do_not_fit_a_table_are_refused(rows, match):
    builder = sim.ModelBuilder()
    builder.add_body(m=1.0)
    builder.add_body(m=2.0)
    with pytest.raises(sim.SimError, match=match):
        builder.body_mass = rows
    assert builder.body_mass.view.tolist() == [1.0, 2.0]

"""Cloth and soft bodies: counts, rest shapes, masses, warnings."""

import numpy as np
import pytest
import trimesh

import sim

IDENTITY = (0.0, 0.0, 0.0, 1.0)
ORIGIN = (0.0, 0.0, 0.0)
TURN = (0.5, -0.5, 0.5, 0.5)


def cloth(nx=5, ny=3, **kw):
    builder = sim.ModelBuilder()
    builder.add_cloth_grid((1, 2, 3), TURN, (4, 5, 6), nx, ny, 0.2, 0.1, 0.01, **kw)
    return builder


def test_grid_counts_areas_and_mass():
    nx, ny = 5, 3
    builder = cloth(nx, ny)
    points, cells = (nx + 1) * (ny + 1), nx * ny
    assert builder.particle_count == points
    assert builder.tri_count == 2 * cells
    assert builder.edge_count == points + 2 * cells - 1, "Euler: V - E + F = 1 for a disc"
    assert np.sum(builder.edge_indices.view[:, 1] < 0) == 2 * (nx + ny)
    assert np.sum(builder.tri_areas) == pytest.approx(0.2 * nx * 0.1 * ny, rel=1e-5)
    assert np.sum(builder.particle_mass) == pytest.approx(points * 0.01, rel=1e-5)
    assert (builder.particle_qd.view == (4, 5, 6)).all()
    assert np.allclose(builder.edge_rest_angle, 0.0, atol=1e-3)


def test_rest_pose_undoes_the_rest_shape():
    builder = cloth()
    q, tri = builder.particle_q.view.astype(np.float64), builder.tri_indices.view
    inverse = builder.tri_poses.view.astype(np.float64)
    # F = Ds Dm^-1 must be a pure rotation at rest: F^T F = 1.
    edges = np.stack([q[tri[:, 1]] - q[tri[:, 0]], q[tri[:, 2]] - q[tri[:, 0]]], axis=2)
    f = edges @ inverse
    assert np.allclose(np.swapaxes(f, 1, 2) @ f, np.eye(2), atol=1e-4)


def test_grid_orientation_and_reverse_winding():
    def normal(builder):
        a, b, c = builder.particle_q.view[builder.tri_indices.view].transpose(1, 0, 2)
        n = np.cross(b - a, c - a)
        return n / np.linalg.norm(n, axis=1, keepdims=True)

    from sim.geometry.rotation import rotate

    up = rotate(np.array(TURN), np.array([0.0, 0, 1]))
    assert np.allclose(normal(cloth()), up, atol=1e-4)
    assert np.allclose(normal(cloth(reverse_winding=True)), -up, atol=1e-4)


def test_fixed_sides_are_pinned():
    nx, ny = 5, 3
    index = np.arange((nx + 1) * (ny + 1)).reshape(ny + 1, nx + 1)
    for side, expected in (
        ("left", index[:, 0]),
        ("right", index[:, -1]),
        ("top", index[-1]),
        ("bottom", index[0]),
    ):
        model = cloth(nx, ny, **{f"fix_{side}": True}).finalize()
        assert np.flatnonzero(model.particle_inv_mass.numpy() == 0).tolist() == expected.tolist()
        assert (
            np.flatnonzero(model.particle_flags.numpy() & sim.PARTICLE_FLAG_ACTIVE == 0).tolist() == expected.tolist()
        )


def test_springs_run_along_edges_and_across_inner_edges():
    builder = cloth(add_springs=True, spring_ke=7.0)
    inner = int(np.sum(builder.edge_indices.view[:, 1] >= 0))
    assert builder.spring_count == builder.edge_count + inner
    q, ij = builder.particle_q.view, builder.spring_indices.view
    assert np.allclose(np.linalg.norm(q[ij[:, 0]] - q[ij[:, 1]], axis=1), builder.spring_rest_length)
    assert (builder.spring_stiffness.view == 7.0).all()


def test_cloth_mesh_lumps_density_by_area():
    mesh = trimesh.creation.icosphere(subdivisions=2)
    builder = sim.ModelBuilder()
    r = builder.add_cloth_mesh(ORIGIN, IDENTITY, 2.0, ORIGIN, mesh.vertices, mesh.faces.ravel(), 0.3, name="/ball")
    assert (r.start, r.count, r.name, r.kind) == (0, len(mesh.vertices), "/ball", "cloth")
    assert np.sum(builder.particle_mass) == pytest.approx(0.3 * 4 * mesh.area, rel=1e-5)
    assert builder.edge_count == len(mesh.edges_unique)
    # Rest angles of a convex surface all have one sign, and match the oracle's angles between faces.
    angles = builder.edge_rest_angle.view
    assert np.sort(np.abs(angles)) == pytest.approx(np.sort(mesh.face_adjacency_angles), abs=1e-3)
    assert (np.sign(angles) == np.sign(angles[0])).all()


def test_cloth_mesh_takes_masses_pins_and_velocities():
    mesh = trimesh.creation.icosphere(subdivisions=1)
    n = len(mesh.vertices)
    fixed = np.zeros(n, dtype=bool)
    fixed[3] = True
    builder = sim.ModelBuilder()
    builder.add_cloth_mesh(
        ORIGIN, TURN, 1.0, (1, 0, 0), mesh.vertices, mesh.faces, mass=np.arange(1, n + 1), fixed=fixed,
        velocities=np.tile((0, 0, 2.0), (n, 1)), tri_ke=np.full(len(mesh.faces), 5.0),
    )  # fmt: skip
    from sim.geometry.rotation import rotate

    assert builder.particle_mass[3] == 0.0 and builder.particle_mass[4] == 5.0
    expected = np.array([1.0, 0, 0]) + rotate(np.array(TURN), np.array([0, 0, 2.0]))
    assert np.allclose(builder.particle_qd.view, expected)
    assert (builder.tri_materials.view[:, 0] == 5.0).all()


def test_non_manifold_edge_warns_and_does_not_bend():
    points = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1]]
    builder = sim.ModelBuilder()
    with pytest.warns(sim.SimWarning, match=r"1 edges are shared by more than two triangles.*\[0, 1\]"):
        builder.add_cloth_mesh(ORIGIN, IDENTITY, 1, ORIGIN, points, [0, 1, 2, 1, 0, 3, 0, 1, 4], 1.0)
    assert builder.edge_indices[0].tolist()[1] == -1
    model = builder.finalize()
    assert len(model.coloring("edge").order) == 0


def test_degenerate_triangles_are_dropped_and_an_unused_vertex_is_named():
    points = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [2, 0, 0], [9, 9, 9]]
    builder = sim.ModelBuilder()
    with pytest.warns(sim.SimWarning) as caught:
        builder.add_cloth_mesh(ORIGIN, IDENTITY, 1, ORIGIN, points, [0, 1, 2, 0, 1, 3], 1.0)
    messages = " / ".join(str(w.message) for w in caught)
    assert "dropped 1 of 2 triangles" in messages and "belong to no element" in messages
    assert builder.tri_count == 1


@pytest.mark.parametrize(
    "arguments,match",
    [
        ({"density": None}, "neither density nor mass"),
        ({"mass": 1.0}, "both density and mass"),
        ({"density": -1.0}, "density"),
        ({"scale": 0.0}, "scale"),
        ({"indices": [0, 1, 3]}, r"indices\[0\]\[2\] = 3"),
        ({"indices": [0, 1]}, "shape"),
        ({"indices": []}, "no triangle"),
        ({"indices": [0, 1, 1]}, "without an area"),
        ({"vertices": [[0, 0, 0], [1, 0, 0], [np.inf, 0, 0]]}, "finite"),
        ({"tri_ke": -1.0}, "tri_ke"),
        ({"edge_ke": -1.0}, "edge_ke"),
        ({"particle_radius": 0.0}, "radius"),
        ({"fixed": [True]}, "fixed"),
    ],
)
@pytest.mark.filterwarnings("ignore::sim.SimWarning")
def test_bad_cloth_is_refused_as_a_whole(arguments, match):
    builder = sim.ModelBuilder()
    builder.add_particle((0, 0, 0), (0, 0, 0), 1.0)
    call = {"pos": ORIGIN, "rot": IDENTITY, "scale": 1.0, "vel": ORIGIN, "density": 1.0, "indices": [0, 1, 2]}
    call["vertices"] = [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
    with pytest.raises(sim.SimError, match=match):
        builder.add_cloth_mesh(**(call | arguments))
    assert builder.family_sizes()["particle"] == 1 and builder.family_sizes()["tri"] == 0
    assert builder.particle_ranges == []


def test_soft_grid_fills_its_volume_and_its_surface():
    builder = sim.ModelBuilder()
    builder.add_soft_grid((1, 2, 3), TURN, ORIGIN, 3, 2, 4, 0.1, 0.2, 0.3, 500.0, 1e3, 2e3, 0.1, fix_left=True)
    volumes = 1.0 / (6.0 * np.linalg.det(builder.tet_poses.view.astype(np.float64)))
    assert builder.tet_count == 5 * 24
    assert (volumes > 0).all() and volumes.sum() == pytest.approx(0.3 * 0.4 * 1.2, rel=1e-4)
    surface = 2 * (3 * 2 + 2 * 4 + 3 * 4) * 2
    assert builder.tri_count == surface
    assert np.sum(builder.tri_areas) == pytest.approx(2 * (0.3 * 0.4 + 0.4 * 1.2 + 0.3 * 1.2), rel=1e-4)
    assert (builder.particle_mass.view == 0).sum() == 3 * 5
    shell = trimesh.Trimesh(builder.particle_q.view, builder.tri_indices.view, process=False)
    assert shell.is_watertight and shell.volume == pytest.approx(0.3 * 0.4 * 1.2, rel=1e-4), "wound outwards"
    free = sim.ModelBuilder()
    free.add_soft_grid((1, 2, 3), TURN, ORIGIN, 3, 2, 4, 0.1, 0.2, 0.3, 500.0, 1e3, 2e3, 0.1)
    assert np.sum(free.particle_mass) == pytest.approx(500 * 0.3 * 0.4 * 1.2, rel=1e-5)


def test_soft_mesh_repairs_inverted_and_refuses_flat_tetrahedra():
    points = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1], [1, 1, 0]]
    builder = sim.ModelBuilder()
    with pytest.warns(sim.SimWarning, match="1 of 2 tetrahedra were inverted"):
        builder.add_soft_mesh(ORIGIN, IDENTITY, 1, ORIGIN, points[:5], [0, 1, 3, 2, 1, 2, 3, 4], 6.0, 1, 1, 0)
    assert builder.tri_count == 6
    assert np.sum(builder.particle_mass) == pytest.approx(6.0 * (1 / 6 + 1 / 3))
    with pytest.raises(sim.SimError, match=r"tetrahedron 0 .* volume"):
        builder.add_soft_mesh(ORIGIN, IDENTITY, 1, ORIGIN, points, [0, 1, 2, 5], mass=1.0)
    assert builder.particle_count == 5


def test_particle_grid_and_ranges():
    builder = sim.ModelBuilder()
    builder.add_particle((0, 0, 0), (0, 0, 0), 1.0)
    r = builder.add_particle_grid((1, 0, 0), IDENTITY, ORIGIN, 3, 4, 5, 0.1, 0.1, 0.1, 0.2, 0.01, 0.05, name="sand")
    assert (r.start, r.count) == (1, 60)
    model = builder.finalize()
    assert model.particle_ranges == (r,)
    inside = model.particle_q.numpy()[r.slice] - (1, 0, 0)
    regular = np.stack(np.meshgrid(*(np.arange(k) * 0.1 for k in (5, 4, 3)), indexing="ij"), -1).reshape(-1, 3)[:, ::-1]
    assert np.abs(inside - regular).max() <= 0.0051 and np.abs(inside - regular).max() > 0.001


def test_scalar_adders_follow_the_peer_in_a_chain():
    builder = sim.ModelBuilder()
    builder.add_particle((0, 1.0, 0.0), (0.0, 0.0, 0.0), 0.0)
    for i in range(1, 10):
        builder.add_particle((i, 1.0, 0.0), (0.0, 0.0, 0.0), 1.0)
        builder.add_spring(i - 1, i, 1.0e3, 0.0, 0)
    model = builder.finalize()
    assert model.spring_indices.numpy().tolist() == [v for i in range(9) for v in (i, i + 1)]
    assert np.allclose(model.spring_rest_length.numpy(), 1.0)
    assert model.particle_inv_mass.numpy().tolist() == [0.0] + [1.0] * 9


def test_triangles_take_three_index_lists_like_the_peer():
    builder = sim.ModelBuilder()
    builder.add_particles([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]])
    areas = builder.add_triangles([0, 1], [1, 3], [2, 2], tri_ke=[1.0, 2.0])
    assert areas.tolist() == [0.5, 0.5]
    assert builder.tri_indices.view.tolist() == [[0, 1, 2], [1, 3, 2]]
    assert builder.tri_materials.view[:, 0].tolist() == [1.0, 2.0]


def test_fold_has_its_angle_with_the_documented_sign():
    builder = sim.ModelBuilder()
    fold = 0.3
    # Edge along y through the origin; i on the left, j on the right, lifted by the fold angle.
    builder.add_particles([[-1, 0.5, 0], [np.cos(fold), 0.5, np.sin(fold)], [0, 0, 0], [0, 1, 0]])
    builder.add_edge(0, 1, 2, 3)
    builder.add_edge(0, 1, 3, 2)
    builder.add_edge(0, -1, 2, 3, edge_ke=3.0)
    magnitude = np.abs(builder.edge_rest_angle.view)
    assert magnitude.tolist() == pytest.approx([fold, fold, 0.0], abs=1e-6)
    assert builder.edge_bending_properties[2].tolist() == [3.0, 0.0]

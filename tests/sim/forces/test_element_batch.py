"""All elements in one launch, against the loops over one family each and a plain scatter-add."""

import itertools

import numpy as np
import pytest

import engine as en
from sim import ModelBuilder
from sim.forces.element_batch import ElementBatch
from sim.forces.element_table import element_table
from sim.forces.hosting import HOST_CODES, hosted_triangles
from sim.forces.particle_forces import MEMBRANES, ParticleForces
from sim.forces.places import packed_edge, packed_edges

NONE2, NONE4 = np.zeros((0, 2), dtype=np.int64), np.zeros((0, 4), dtype=np.int64)


def grid_cloth(builder):
    builder.add_cloth_grid(
        pos=en.vec3(0.0, 1.0, 0.0), rot=en.quat_identity(), vel=en.vec3(0.0, 0.0, 0.0), dim_x=7, dim_y=5, cell_x=0.1,
        cell_y=0.1, mass=0.1, tri_ke=100.0, tri_ka=80.0, tri_kd=1.0, edge_ke=2.0, edge_kd=0.1,
    )  # fmt: skip


def fan(builder, n=80):
    angles = 2 * np.pi * np.arange(n) / n
    rim = np.stack([np.cos(angles), np.zeros(n), np.sin(angles)], axis=1)
    vertices = np.concatenate([[[0.0, 0.0, 0.0]], rim])
    triangles = np.stack([np.zeros(n), 1 + np.arange(n), 1 + (np.arange(n) + 1) % n], axis=1).astype(int)
    builder.add_cloth_mesh(
        pos=en.vec3(0.0, 0.0, 0.0), rot=en.quat_identity(), scale=1.0, vel=en.vec3(0.0, 0.0, 0.0), vertices=vertices,
        indices=triangles.ravel(), density=1.0, edge_ke=3.0, tri_ke=50.0, tri_ka=70.0, tri_kd=0.5,
    )  # fmt: skip


def everything(builder):
    grid_cloth(builder)
    builder.add_soft_grid(
        pos=en.vec3(2.0, 0.0, 0.0), rot=en.quat_identity(), vel=en.vec3(0.0, 0.0, 0.0), dim_x=2, dim_y=3, dim_z=2,
        cell_x=0.1, cell_y=0.1, cell_z=0.1, density=300.0, k_mu=2.0e3, k_lambda=3.0e3, k_damp=1.0, tri_ke=10.0,
    )  # fmt: skip
    builder.add_spring(0, 9, 300.0, 0.5, 0)
    builder.add_spring(3, 60, 200.0, 0.2, 0)
    builder.add_triangle(0, 20, 40)  # has no edge beside it


def bare_springs(builder):
    builder.add_particles(np.random.default_rng(1).normal(size=(6, 3)), np.zeros((6, 3)), 1.0, 0.1)
    builder.add_spring(0, 3, 10.0, 0.1, 0)


SCENES = [grid_cloth, fan, everything, bare_springs]


@pytest.mark.parametrize("membrane", MEMBRANES)
@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize(("widest", "hosting"), [(64, True), (64, False), (4, True), (4, False)])
def test_one_launch_gives_the_forces_of_one_loop_a_family(scene, membrane, widest, hosting, device):
    builder = ModelBuilder()
    scene(builder)
    model = builder.finalize(device=device)
    state, rng = model.state(), np.random.default_rng(0)
    state.particle_q.assign(
        (state.particle_q.numpy() + 0.02 * rng.normal(size=(model.particle_count, 3))).astype(np.float32)
    )
    state.particle_qd.assign(rng.normal(size=(model.particle_count, 3)).astype(np.float32))
    loops, batch = ParticleForces(model, membrane), ElementBatch(model, MEMBRANES[membrane][1], widest, hosting)
    loops.evaluate(model, state)
    batch.evaluate(model, state, model.tri_activations, model.tet_activations)

    expected = np.zeros((model.particle_count, 3))
    slots, start = loops.slots.numpy().T.astype(np.float64), model.particle_adjacency_offsets.numpy()
    places = model.particle_adjacency_slots.numpy()
    found, rows = batch.slots.numpy().T.astype(np.float64), batch.row_start.numpy()
    for p in range(model.particle_count):
        expected[p] = slots[places[start[p] : start[p + 1]]].sum(axis=0)
    if batch.width >= 0:
        n = model.particle_count
        total = found[: batch.width * n].reshape(batch.width, n, 3).sum(axis=0)
    else:
        total = np.array([found[a:b].sum(axis=0) for a, b in itertools.pairwise(rows)])
    scale = max(np.abs(expected).max(), 1.0)
    np.testing.assert_allclose(total, expected, atol=2e-6 * scale)
    assert (batch.width < 0) == ((widest == 4 and scene is not bare_springs) or scene is fan)


def test_every_triangle_of_a_regular_cloth_goes_with_an_edge_of_its_own():
    builder = ModelBuilder()
    grid_cloth(builder)
    model = builder.finalize()
    triangles, edges = model.tri_indices.numpy(), model.edge_indices.numpy()
    host = hosted_triangles(triangles, edges)
    rows = np.flatnonzero(host >= 0)
    hosted, code = host[rows] // HOST_CODES, host[rows] % HOST_CODES
    assert len(np.unique(hosted)) == len(hosted) >= 0.95 * len(triangles)
    side, k, l = code & 1, (code >> 1) & 3, code >> 3
    for corner, of_edge in ((3 - k - l, side), (k, 2), (l, 3)):
        np.testing.assert_array_equal(triangles[hosted, corner], edges[rows, of_edge])


def test_edges_in_the_order_of_their_triangles_read_their_constants_in_order():
    builder = ModelBuilder()
    grid_cloth(builder)
    model = builder.finalize()
    elements = {family: model._element_indices(family) for family in ("spring", "tri", "edge", "tet")}
    table = element_table(model.particle_count, elements, 64, by_triangle=True)
    hosted = table.host[table.host >= 0] // HOST_CODES
    assert (np.diff(hosted) > 0).all() and (table.host[: len(hosted)] >= 0).all()
    np.testing.assert_array_equal(np.sort(table.order), np.arange(model.edge_count))
    assert table.layout == "packed" and table.corners.shape == (3, model.edge_count)
    plain = element_table(model.particle_count, elements, 64)
    np.testing.assert_array_equal(plain.host[table.order], table.host)
    np.testing.assert_array_equal(plain.corners.T, elements["edge"])


def test_packed_edges_hold_corners_and_places(device):
    """Distances of 16 bits in both directions, no corner, no place; what does not fit is not packed."""
    corners = np.array([[5, -1, 40_000], [40_000, 7, 0], [32_768, 32_767, 32_767], [65_534, 0, 1]])
    numbers = np.array([[14, 255, 0], [0, 3, 255], [255, 1, 2], [9, 255, 14]], dtype=np.uint32)
    words = (numbers << (8 * np.arange(4)[:, None])).sum(axis=0).astype(np.uint32).view(np.int32)
    packed = packed_edges(corners, words)
    found = en.zeros((8, 3), dtype=int, device=device)
    en.launch(unpack, 3, [en.array(packed, dtype=int, device=device), 100_000], [found], device=device)
    np.testing.assert_array_equal(found.numpy()[:4], corners)
    np.testing.assert_array_equal(found.numpy()[4:], np.where(numbers == 255, -1, numbers * 100_000 + corners))
    assert packed_edges(np.add(corners, [[0], [0], [0], [32_768]]), words) is None
    numbers[0, 0] = 15
    words = (numbers << (8 * np.arange(4)[:, None])).sum(axis=0).astype(np.uint32).view(np.int32)
    assert packed_edges(corners, words) is None


@en.kernel
def unpack(packed: en.array2d(dtype=int), particle_count: int, found: en.array2d(dtype=int)):
    e = en.tid()
    i, j, k, l, p0, p1, p2, p3 = packed_edge(packed, packed, e, particle_count)
    found[0, e] = i
    found[1, e] = j
    found[2, e] = k
    found[3, e] = l
    found[4, e] = p0
    found[5, e] = p1
    found[6, e] = p2
    found[7, e] = p3


def test_twin_triangles_and_those_without_edges_stay_alone():
    triangles = np.array([[0, 1, 2], [2, 1, 0], [1, 2, 3], [4, 5, 6]])
    edges = np.array([[0, 3, 1, 2], [0, -1, 0, 1]])
    host = hosted_triangles(triangles, edges)
    assert host[0] // HOST_CODES == 2 and host[1] == -1
    table = element_table(7, {"spring": NONE2, "tri": triangles, "edge": edges, "tet": NONE4}, 64)
    assert table.lone.tolist() == [0, 1, 3]
    assert table.edge[0, 1] == -1  # four times 255


def used_places(table, family, elements):
    found = getattr(table, family)
    if table.width >= 0:
        rows = elements[family][table.lone] if family == "tri" else elements[family]
        numbers = (found.view(np.uint32) >> (8 * np.arange(rows.shape[1])[:, None])) & 255
        found = np.where(numbers == 255, -1, numbers * (len(table.row_start) - 1) + rows.T)
    return found[found >= 0]


def test_places_are_used_once():
    builder = ModelBuilder()
    everything(builder)
    model = builder.finalize()
    elements = {family: model._element_indices(family) for family in ("spring", "tri", "edge", "tet")}
    for widest in (64, 4):
        table = element_table(model.particle_count, elements, widest)
        used = np.concatenate([used_places(table, family, elements) for family in ("spring", "tri", "edge", "tet")])
        assert len(np.unique(used)) == len(used) == table.row_start[-1]
        assert used.max() < table.slot_count

"""The tables of the deterministic integrators: force slots and element colours."""

import itertools

import numpy as np
import pytest

import sim
from sim.adjacency import LOCAL_VERTICES, force_slots
from sim.coloring import color_elements

IDENTITY = (0.0, 0.0, 0.0, 1.0)


@pytest.fixture
def model():
    builder = sim.ModelBuilder()
    builder.add_particle((9, 9, 9), (0, 0, 0), 1.0)
    builder.add_cloth_grid((0, 1, 0), IDENTITY, (0, 0, 0), 7, 5, 0.1, 0.1, 0.01, add_springs=True)
    builder.add_soft_grid((2, 1, 0), IDENTITY, (0, 0, 0), 3, 2, 2, 0.1, 0.1, 0.1, 100.0, 1e3, 1e3, 0.0)
    return builder.finalize()


def scattered(model, values):
    """Oracle: numpy.add.at over every element vertex."""
    total = np.zeros(model.particle_count)
    base = 0
    for family, width in LOCAL_VERTICES.items():
        rows = model._element_indices(family)
        active = rows.min(axis=1) >= 0
        for vertex in range(width):
            slots = base + vertex * len(rows) + np.arange(len(rows))
            np.add.at(total, rows[active, vertex], values[slots[active]])
        base += width * len(rows)
    assert base == model.slot_count
    return total


def test_gathering_a_random_slot_field_equals_scattering_it(model):
    values = np.random.default_rng(0).normal(size=model.slot_count + 1)
    values[-1] = 0.0
    table = model.particle_adjacency.numpy()
    assert not model.particle_adjacency_use_csr and table.shape[1] == model.particle_count
    assert np.allclose(values[table].sum(axis=0), scattered(model, values))
    offsets, slots = model.particle_adjacency_offsets.numpy(), model.particle_adjacency_slots.numpy()
    rows = [values[slots[a:b]].sum() for a, b in itertools.pairwise(offsets)]
    assert np.allclose(rows, scattered(model, values))


def test_slots_ascend_within_each_particle_and_particle_without_elements_has_none(model):
    table = model.particle_adjacency.numpy()
    assert (np.diff(table.astype(np.int64), axis=0)[table[1:] < model.slot_count] > 0).all()
    assert (table[:, 0] == model.slot_count).all()


def test_slot_bases_follow_the_documented_layout(model):
    assert model.slot_base == {
        "spring": 0,
        "tri": 2 * model.spring_count,
        "edge": 2 * model.spring_count + 3 * model.tri_count,
        "tet": 2 * model.spring_count + 3 * model.tri_count + 4 * model.edge_count,
    }


def test_very_uneven_degrees_use_compressed_rows():
    spokes = np.stack([np.zeros(2000, dtype=np.int64), np.arange(1, 2001)], axis=1)
    none = np.empty((0, 3), dtype=np.int64)
    tables = force_slots(2001, {"spring": spokes, "tri": none, "edge": none, "tet": none})
    assert tables.use_csr and tables.padded.shape == (0, 2001)
    assert np.diff(tables.offsets).tolist() == [2000] + [1] * 2000


def test_no_elements_give_empty_tables():
    none = np.empty((0, 3), dtype=np.int64)
    tables = force_slots(4, dict.fromkeys(LOCAL_VERTICES, none))
    assert tables.slot_count == 0 and tables.padded.shape == (0, 4) and not tables.offsets.any()


def assert_valid(coloring, indices):
    active = np.flatnonzero(indices.min(axis=1) >= 0)
    assert np.array_equal(np.sort(coloring.order), active), "every element once"
    for start, end in itertools.pairwise(coloring.offsets):
        particles = indices[coloring.order[start:end]].ravel()
        assert end > start and len(np.unique(particles)) == len(particles)


@pytest.mark.parametrize("family", list(LOCAL_VERTICES))
def test_no_two_elements_of_a_color_share_a_particle(model, family):
    indices = model._element_indices(family)
    coloring = model.coloring(family)
    assert_valid(coloring, indices)
    assert getattr(model, f"{family}_color_order").numpy().tolist() == coloring.order.tolist()
    assert getattr(model, f"{family}_color_offsets") == coloring.offsets


def test_cloth_needs_few_colors_of_nearly_one_size():
    builder = sim.ModelBuilder()
    builder.add_cloth_grid((0, 1, 0), IDENTITY, (0, 0, 0), 64, 32, 0.1, 0.1, 0.01)
    model = builder.finalize()
    for family, most in (("tri", 8), ("edge", 16)):
        sizes = np.diff(model.coloring(family).offsets)
        assert len(sizes) <= most
        assert sizes.max() <= 1.2 * sizes.mean()


@pytest.mark.parametrize("seed,width", [(0, 2), (1, 3), (2, 4)])
def test_random_elements_get_valid_colors(seed, width):
    rng = np.random.default_rng(seed)
    indices = np.array([rng.choice(60, width, replace=False) for _ in range(500)], dtype=np.int32)
    assert_valid(color_elements(indices, 60), indices)


def test_hub_with_more_elements_than_one_mask_has_bits():
    indices = np.stack([np.zeros(200, dtype=np.int32), np.arange(1, 201, dtype=np.int32)], axis=1)
    coloring = color_elements(indices, 201)
    assert coloring.color_count == 200
    assert_valid(coloring, indices)

"""Neighbours from the hash grid, against all pairs."""

# ruff: noqa: RUF046, RUF005

import numpy as np
import pytest

import engine as en


@en.kernel
def count_in_for(grid: en.uint64, points: en.array(dtype=en.vec3), radius: float, counts: en.array(dtype=int)):
    i = en.tid()
    p = points[i]
    n = int(0)
    for index in en.hash_grid_query(grid, p, radius):
        if en.length(p - points[index]) <= radius:
            n += 1
    counts[i] = n


@en.kernel
def count_in_while(grid: en.uint64, points: en.array(dtype=en.vec3), radius: float, counts: en.array(dtype=int)):
    i = en.tid()
    p = points[i]
    query = en.hash_grid_query(grid, p, radius)
    index = int(0)
    n = int(0)
    while en.hash_grid_query_next(query, index):
        if en.length(p - points[index]) > radius:
            continue
        n += 1
    counts[i] = n


@en.kernel
def visits(grid: en.uint64, place: en.vec3, radius: float, seen: en.array(dtype=int)):
    query = en.hash_grid_query(grid, place, radius)
    for index in query:
        seen[index] = seen[index] + 1


@en.kernel
def first_found(grid: en.uint64, place: en.vec3, radius: float, out: en.array(dtype=int)):
    best = int(-1)
    for index in en.hash_grid_query(grid, place, radius):
        best = index
        if index >= 0:
            break
    out[0] = best


@en.kernel
def order(grid: en.uint64, out: en.array(dtype=int)):
    i = en.tid()
    out[i] = en.hash_grid_point_id(grid, i)


def neighbours(points, radius):
    p = points.astype(np.float32)
    d = p[:, None] - p[None]
    length = np.sqrt((d * d).sum(-1, dtype=np.float32))
    return (length <= np.float32(radius)).sum(1)


CLOUDS = {
    "around zero": lambda rng: rng.uniform(-1, 1, (500, 3)),
    "far away": lambda rng: rng.uniform(-1, 1, (500, 3)) + [-300.0, 2000.0, -50.0],
    "one cell": lambda rng: rng.uniform(0.01, 0.02, (300, 3)),
    "one place": lambda rng: np.zeros((200, 3)),
    "flat": lambda rng: rng.uniform(-3, 3, (400, 3)) * [1, 1, 0],
}


@pytest.mark.parametrize("kernel", [count_in_for, count_in_while], ids=["for", "while"])
@pytest.mark.parametrize("dims", [(1, 1, 1), (2, 3, 5), (16, 16, 16), (128, 128, 128)], ids=str)
@pytest.mark.parametrize("cloud", CLOUDS)
def test_counts_equal_all_pairs(cloud, dims, kernel):
    points = CLOUDS[cloud](np.random.default_rng(0)).astype(np.float32)
    grid = en.HashGrid(*dims)
    p = en.array(points, dtype=en.vec3)
    for cell, radius in ((0.25, 0.25), (0.1, 0.4), (0.5, 0.12)):
        grid.build(p, cell)
        counts = en.zeros(len(points), dtype=int)
        en.launch(kernel, len(points), [grid.id, p, radius], [counts])
        expected = neighbours(points, radius)
        if cloud == "far away":  # rounding decides about pairs at the radius itself
            assert np.abs(counts.numpy() - expected).sum() <= 4
        else:
            np.testing.assert_array_equal(counts.numpy(), expected)


def test_points_on_a_lattice_find_neighbours_exactly_one_cell_away():
    axis = np.arange(8) * np.float32(0.1)
    points = np.stack(np.meshgrid(axis, axis, axis), -1).reshape(-1, 3).astype(np.float32)
    grid = en.HashGrid(32, 32, 32)
    p = en.array(points, dtype=en.vec3)
    grid.build(p, 0.1)
    counts = en.zeros(len(points), dtype=int)
    en.launch(count_in_for, len(points), [grid.id, p, 0.1], [counts])
    np.testing.assert_array_equal(counts.numpy(), neighbours(points, 0.1))


@pytest.mark.parametrize("dims", [(1, 1, 1), (2, 2, 2), (3, 4, 5), (7, 1, 9)], ids=str)
@pytest.mark.parametrize("radius", [0.0, 0.2, 0.7, 5.0, 1.0e12])
def test_no_point_comes_twice_when_the_query_wraps(dims, radius):
    points = np.random.default_rng(1).uniform(-2, 2, (400, 3)).astype(np.float32)
    grid = en.HashGrid(*dims)
    grid.build(en.array(points, dtype=en.vec3), 0.3)
    for place in ((0.0, 0.0, 0.0), (-1.9, 1.3, 0.05), (50.0, -70.0, 1.0)):
        seen = en.zeros(len(points), dtype=int)
        en.launch(visits, 1, [grid.id, en.vec3(*place), radius], [seen])
        assert seen.numpy().max() <= 1
        near = np.linalg.norm(points - np.float32(place), axis=1) < radius * 0.999
        assert np.all(seen.numpy()[near] == 1)


@pytest.mark.parametrize("n", [1, 100, 5000, 300_000])
def test_order_is_by_cell_then_by_number_for_any_thread_count(n):
    points = np.random.default_rng(2).uniform(-4, 4, (n, 3)).astype(np.float32)
    cell = np.floor(points * np.float32(1 / 0.25)).astype(int) % 16
    key = (cell[:, 2] * 16 + cell[:, 1]) * 16 + cell[:, 0]
    expected = np.argsort(key, kind="stable")
    threads = en.get_threads()
    try:
        for count in (1, 2, 3):
            en.set_threads(count)
            grid = en.HashGrid(16, 16, 16)
            grid.build(en.array(points, dtype=en.vec3), 0.25)
            out = en.zeros(n, dtype=int)
            en.launch(order, n, [grid.id], [out])
            np.testing.assert_array_equal(out.numpy(), expected)
    finally:
        en.set_threads(threads)


def test_a_captured_build_follows_the_points():
    rng = np.random.default_rng(3)
    p = en.array(rng.uniform(-1, 1, (2000, 3)), dtype=en.vec3)
    grid = en.HashGrid(32, 32, 32)
    grid.reserve(2000)
    counts = en.zeros(2000, dtype=int)
    with en.ScopedCapture() as capture:
        grid.build(p, 0.2)
        en.launch(count_in_for, 2000, [grid.id, p, 0.2], [counts])
    for _ in range(3):
        points = rng.uniform(-1, 1, (2000, 3)).astype(np.float32)
        p.assign(points)
        en.capture_launch(capture.graph)
        np.testing.assert_array_equal(counts.numpy(), neighbours(points, 0.2))


def test_a_smaller_build_forgets_the_other_points():
    grid = en.HashGrid(8, 8, 8)
    grid.build(en.array(np.zeros((100, 3)), dtype=en.vec3), 1.0)
    grid.build(en.array(np.zeros((3, 3)), dtype=en.vec3), 1.0)
    seen = en.zeros(100, dtype=int)
    en.launch(visits, 1, [grid.id, en.vec3(0.0, 0.0, 0.0), 0.5], [seen])
    assert seen.numpy().tolist() == [1] * 3 + [0] * 97


def test_break_ends_a_loop_over_a_query():
    grid = en.HashGrid(8, 8, 8)
    grid.build(en.array(np.zeros((10, 3)), dtype=en.vec3), 1.0)
    out = en.zeros(1, dtype=int)
    en.launch(first_found, 1, [grid.id, en.vec3(0.0, 0.0, 0.0), 0.5], [out])
    assert out.numpy()[0] == 0


def test_a_grid_that_was_never_built_or_is_gone_gives_nothing():
    grid = en.HashGrid(8, 8, 8)
    seen = en.zeros(1, dtype=int)
    en.launch(visits, 1, [grid.id, en.vec3(0.0, 0.0, 0.0), 0.5], [seen])
    id = grid.id
    del grid
    en.launch(visits, 1, [id, en.vec3(0.0, 0.0, 0.0), 0.5], [seen])
    assert seen.numpy()[0] == 0


def test_wrong_arguments_say_what_is_expected():
    with pytest.raises(en.EngineError, match="at least one along each axis"):
        en.HashGrid(0, 4, 4)
    grid = en.HashGrid(4, 4, 4)
    with pytest.raises(en.EngineError, match="array\\(dtype=vec3\\)"):
        grid.build(en.zeros(3, dtype=float), 1.0)
    with pytest.raises(en.EngineError, match="positive number"):
        grid.build(en.zeros(3, dtype=en.vec3), 0.0)

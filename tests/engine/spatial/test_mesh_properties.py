"""Any triangles at all, degenerate and tangled ones included, against brute force."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.spatial.mesh_kernels import make_mesh, run_points, run_rays
from tests.engine.spatial.mesh_oracles import closest, first_hits


@st.composite
def soups(draw):
    """Triangles whose points lie on a coarse grid, so that many coincide, are flat, or share planes and edges."""
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    steps = draw(st.sampled_from([1, 2, 4, 1000]))
    scale = draw(st.sampled_from([1e-3, 1.0, 1e3]))
    points = rng.integers(0, steps + 1, (draw(st.integers(1, 60)), 3)) / steps * scale
    faces = rng.integers(0, len(points), (draw(st.integers(1, 120)), 3))
    anywhere = rng.uniform(-0.5, 1.5, (20, 3)) * scale
    on_grid = rng.integers(-1, steps + 2, (20, 3)) / steps * scale
    queries = np.vstack([anywhere, on_grid])
    return points.astype(np.float32), faces.astype(np.int32), queries.astype(np.float32), scale


@settings(max_examples=150, deadline=None)
@given(soups())
def test_closest_point_of_any_triangles(soup):
    points, faces, queries, scale = soup
    got = run_points(make_mesh(points, faces), queries)
    assert got["found"].all()
    np.testing.assert_allclose(got["distance"], closest(points, faces, queries), rtol=1e-5, atol=1e-5 * scale)


@settings(max_examples=150, deadline=None)
@given(soups())
def test_first_hit_of_any_triangles(soup):
    points, faces, queries, _ = soup
    starts, directions = queries, np.roll(queries, 7, axis=0) - queries
    got = run_rays(make_mesh(points, faces), starts, directions)
    want, margin = first_hits(points, faces, starts, directions)
    # a ray that meets a triangle without area may or may not count as a hit; the oracle skips such triangles
    a, b, c = (points[faces[:, k]].astype(float) for k in range(3))
    flat = np.linalg.norm(np.cross(b - a, c - a), axis=1) < 1e-6 * np.maximum(1.0, np.abs(points).max()) ** 2
    # nor may one that starts on a face and runs along its plane, for which the oracle's equations have no solution
    normal = np.cross(b - a, c - a)[np.maximum(got["face"], 0)]
    along = np.abs((normal * directions).sum(1)) <= 1e-6 * np.linalg.norm(normal, axis=1) * np.linalg.norm(
        directions, axis=1
    )
    clear = (margin > 1e-3) & ~(got["found"] & (flat[np.maximum(got["face"], 0)] | along))
    assert np.array_equal(got["found"][clear], np.isfinite(want[clear]))
    hit = clear & np.isfinite(want)
    np.testing.assert_allclose(got["t"][hit], want[hit], rtol=1e-3, atol=1e-4)

import numpy as np
import pytest

import engine as en
from tests.engine.spatial.mesh_kernels import make_mesh, query_points_both, run_points
from tests.engine.spatial.mesh_oracles import CLOSED_SHAPES, box, closest, queries_around, sphere, star, winding


def assert_signed_distances(points, faces, queries):
    mesh = make_mesh(points, faces)
    got = run_points(mesh, queries)
    size = np.ptp(points, axis=0).max()
    want = closest(points, faces, queries)
    assert got["found"].all()
    np.testing.assert_allclose(got["distance"], want, rtol=1e-5, atol=2e-6 * size)
    # the reported face really holds the closest point
    corners = points[faces[got["face"]]].astype(np.float64)
    bary = np.column_stack([got["bary"], 1 - got["bary"].sum(1)]).astype(np.float64)
    assert bary.min() >= -1e-6
    np.testing.assert_allclose((corners * bary[..., None]).sum(1), got["closest"], atol=1e-5 * size)
    inside = winding(points, faces, queries) > 0.5
    clear = want > 1e-5 * size
    wrong = clear & ((got["sign"] < 0) != inside)
    assert not wrong.any(), f"{wrong.sum()} of {clear.sum()} signs wrong, e.g. at {queries[wrong][0].tolist()}"
    assert set(np.unique(got["sign"])) <= {-1.0, 1.0}


@pytest.mark.parametrize("shape", CLOSED_SHAPES)
def test_distance_and_sign_match_brute_force(shape):
    points, faces = CLOSED_SHAPES[shape]()
    assert_signed_distances(points, faces, queries_around(points, faces, 400, seed=1))


@pytest.mark.parametrize("shape", ["star", "spike", "box", "notch"])
def test_sign_is_right_all_around_sharp_points(shape):
    points, faces = CLOSED_SHAPES[shape]()
    rng = np.random.default_rng(2)
    directions = rng.normal(size=(300, 3))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    queries = (points[:, None] + 0.01 * directions).reshape(-1, 3).astype(np.float32)
    assert_signed_distances(points, faces, queries)


def test_normal_of_the_closest_face_alone_would_fail():
    """The shapes above are hard enough: the naive sign is wrong for many of their queries."""
    points, faces = star()
    queries = queries_around(points, faces, 400, seed=1)
    got = run_points(make_mesh(points, faces), queries)
    a, b, c = (points[faces[got["face"], k]] for k in range(3))
    naive = (np.cross(b - a, c - a) * (queries - got["closest"])).sum(1)
    inside = winding(points, faces, queries) > 0.5
    assert ((naive < 0) != inside).sum() > 10


def test_seams_of_duplicated_points_do_not_change_the_sign():
    points, faces = box()
    torn, torn_faces = points[faces.ravel()], np.arange(faces.size, dtype=np.int32).reshape(-1, 3)
    assert_signed_distances(torn, torn_faces, queries_around(points, faces, 300, seed=3))


def test_degenerate_triangles_do_not_change_the_sign():
    points, faces = star()
    # a point in the middle of an edge, with a flat triangle that fills the T-junction exactly
    i, j = faces[0, 0], faces[0, 1]
    middle = 0.5 * (points[i] + points[j])
    n = len(points)
    points = np.vstack([points, middle]).astype(np.float32)
    third = faces[0, 2]
    split = np.array([[i, n, third], [n, j, third], [i, j, n], [j, j, j], [i, i, j]], np.int32)
    faces = np.vstack([faces[1:], split])
    assert_signed_distances(points, faces, queries_around(points, faces, 400, seed=4))


def test_far_from_the_origin_and_at_other_scales():
    points, faces = star()
    queries = queries_around(points, faces, 200, seed=5)
    for scale in (1e-4, 1e4):
        assert_signed_distances(points * np.float32(scale), faces, queries * np.float32(scale))
    shift = np.array([16, -32, 8], np.float32)
    mesh = make_mesh(points + shift, faces)
    got = run_points(mesh, queries + shift)
    np.testing.assert_allclose(got["distance"], closest(points + shift, faces, queries + shift), atol=1e-5)


def test_max_dist_limits_the_search():
    points, faces = sphere(2)
    mesh = make_mesh(points, faces)
    queries = np.array([[2, 0, 0], [3, 0, 0], [0, 0, 0]], np.float32)
    distance = closest(points, faces, queries)
    assert run_points(mesh, queries, max_dist=1.5)["found"].tolist() == [True, False, True]
    assert run_points(mesh, queries, max_dist=float(distance[0]) * 1.001)["found"][0]
    assert not run_points(mesh, queries, max_dist=float(distance[0]) * 0.999)["found"][0]
    assert not run_points(mesh, queries, max_dist=0.0)["found"].any()
    assert not run_points(mesh, queries, max_dist=-1.0)["found"].any()
    assert run_points(mesh, queries, max_dist=float("inf"))["found"].all()


def test_a_query_that_is_not_a_number_finds_nothing():
    mesh = make_mesh(*box())
    queries = np.array([[np.nan, 0, 0], [0, 0, 0], [np.nan, np.nan, np.nan]], np.float32)
    assert run_points(mesh, queries)["found"].tolist() == [False, True, False]


def test_single_triangle():
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32)
    faces = np.array([[0, 1, 2]], np.int32)
    queries = np.array([[0.2, 0.2, 1], [0.2, 0.2, -1], [-1, -1, 0], [2, 0, 0.5], [1, 1, 0]], np.float32)
    got = run_points(make_mesh(points, faces), queries)
    np.testing.assert_allclose(got["distance"], closest(points, faces, queries), atol=1e-6)
    assert got["sign"][:2].tolist() == [1.0, -1.0]
    np.testing.assert_allclose(got["bary"][0], [0.6, 0.2], atol=1e-6)
    np.testing.assert_allclose(got["bary"][3], [0.0, 1.0], atol=1e-6)


def test_degenerate_triangles_alone():
    points = np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0], [5, 5, 5]], np.float32)
    faces = np.array([[0, 1, 2], [3, 3, 3]], np.int32)
    queries = np.array([[1.5, 1, 0], [-1, 0, 0], [5, 5, 6]], np.float32)
    got = run_points(make_mesh(points, faces), queries)
    np.testing.assert_allclose(got["distance"], [1, 1, 1], atol=1e-6)


def test_variants_agree_with_mesh_query_point():
    points, faces = star()
    mesh = make_mesh(points, faces)
    queries = queries_around(points, faces, 100, seed=6)
    n = len(queries)
    no_sign, normal = en.zeros((n, 3), dtype=en.float32), en.zeros((n, 3), dtype=en.float32)
    inputs = [mesh.id, en.array(queries, dtype=en.vec3)]
    en.launch(query_points_both, dim=n, inputs=inputs, outputs=[no_sign, normal])
    got = run_points(mesh, queries)
    assert np.array_equal(no_sign.numpy()[:, :2], got["bary"])
    assert np.all(no_sign.numpy()[:, 2] == 0)
    assert np.array_equal(normal.numpy(), np.column_stack([got["bary"], got["sign"]]))

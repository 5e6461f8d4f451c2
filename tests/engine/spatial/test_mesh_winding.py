import numpy as np
import pytest

import engine as en
from tests.engine.spatial.mesh_kernels import run_points
from tests.engine.spatial.mesh_oracles import CLOSED_SHAPES, box, queries_around, sphere, torus, winding


@en.kernel
def wind(
    id: en.uint64, points: en.array(dtype=en.vec3), accuracy: float, number: en.array(dtype=float),
    sign: en.array(dtype=float),
):  # fmt: skip
    i = en.tid()
    number[i] = en.mesh_winding_number(id, points[i], accuracy)
    sign[i] = en.mesh_query_point_sign_winding_number(id, points[i], 1.0e6, accuracy, 0.5).sign


def make_mesh(points, faces, support=True):
    indices = en.array(faces.ravel(), dtype=en.int32)
    return en.Mesh(en.array(points, dtype=en.vec3), indices, support_winding_number=support)


def run(mesh, queries, accuracy=2.0):
    number, sign = en.zeros(len(queries), dtype=en.float32), en.zeros(len(queries), dtype=en.float32)
    inputs = [mesh.id, en.array(queries, dtype=en.vec3), accuracy]
    en.launch(wind, dim=len(queries), inputs=inputs, outputs=[number, sign])
    return number.numpy(), sign.numpy()


@pytest.mark.parametrize("shape", CLOSED_SHAPES)
def test_winding_number_matches_the_sum_of_solid_angles(shape):
    points, faces = CLOSED_SHAPES[shape]()
    queries = queries_around(points, faces, 150, seed=1)
    want = winding(points, faces, queries)
    mesh = make_mesh(points, faces)
    exact, _ = run(mesh, queries, accuracy=1e6)
    np.testing.assert_allclose(exact, want, atol=1e-3)
    quick, sign = run(mesh, queries)
    np.testing.assert_allclose(quick, want, atol=0.05)
    clear = np.abs(want - 0.5) > 0.1
    assert np.array_equal(sign[clear] < 0, want[clear] > 0.5)


def test_a_hole_does_not_flip_the_sign_deep_inside():
    points, faces = sphere(3)
    up = points[faces].mean(1)[:, 2]
    open_faces = faces[up < 0.9]
    _, sign = run(make_mesh(points, open_faces), np.array([[0, 0, 0], [0, 0, 0.5], [0, 0, 1.5], [2, 0, 0]], np.float32))
    assert sign.tolist() == [-1.0, -1.0, 1.0, 1.0]


def test_the_inner_walls_of_overlapping_parts_do_not_count():
    points, faces = box()
    shifted = points + np.array([0.5, 0, 0], np.float32)
    both = np.vstack([points, shifted]), np.vstack([faces, faces + len(points)])
    query = np.array([[0.45, 0.0, 0.0], [-0.02, 0.0, 0.0]], np.float32)  # next to a wall that lies inside the other box
    number, sign = run(make_mesh(*both), query, accuracy=1e6)
    np.testing.assert_allclose(number, [2, 1], atol=1e-4)
    assert sign.tolist() == [-1.0, -1.0]


def test_refit_updates_the_winding_number():
    points, faces = torus()
    mesh = make_mesh(points, faces)
    mesh.points = en.array(points[:, [1, 2, 0]] * np.float32(2) + np.float32(1), dtype=en.vec3)
    queries = queries_around(mesh.points.numpy(), faces, 100, seed=3)
    number, _ = run(mesh, queries)
    np.testing.assert_allclose(number, winding(mesh.points.numpy(), faces, queries), atol=0.05)


def test_without_support_the_sign_is_that_of_the_surface():
    points, faces = torus()
    mesh = make_mesh(points, faces, support=False)
    queries = queries_around(points, faces, 100, seed=4)
    number, sign = run(mesh, queries)
    assert np.all(number == 0)
    assert np.array_equal(sign, run_points(mesh, queries)["sign"])

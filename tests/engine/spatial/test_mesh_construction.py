import gc

import numpy as np
import pytest

import engine as en
from engine.spatial import mesh_by_id
from tests.engine.spatial.mesh_kernels import eval_at, make_mesh, read_arrays, run_points, run_rays
from tests.engine.spatial.mesh_oracles import box, sphere

TRIANGLE = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32)


def points_array(values=TRIANGLE):
    return en.array(np.asarray(values, np.float32).reshape(-1, 3), dtype=en.vec3)


def index_array(values=(0, 1, 2)):
    return en.array(np.asarray(values, np.int32), dtype=en.int32)


def test_attributes_are_the_arrays_that_were_given():
    points, indices, velocities = points_array(), index_array(), points_array()
    mesh = en.Mesh(points, indices, velocities)
    assert mesh.points is points and mesh.indices is indices and mesh.velocities is velocities
    assert int(mesh.id) != 0 and mesh_by_id(mesh.id) is mesh


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: en.Mesh(points_array(), index_array([])), "no triangles"),
        (lambda: en.Mesh(points_array([]), index_array([])), "no triangles"),
        (lambda: en.Mesh(points_array(), index_array([0, 1])), "three per triangle"),
        (lambda: en.Mesh(points_array(), index_array([0, 1, 3])), r"indices\[2\] \(triangle 0\) is 3; expected 0 to 2"),
        (lambda: en.Mesh(points_array(), index_array([0, -1, 2])), r"indices\[1\] \(triangle 0\) is -1"),
        (lambda: en.Mesh(points_array([[0, 0, 0], [1, np.nan, 0], [0, 1, 0]]), index_array()), r"points\[1\].*nan"),
        (lambda: en.Mesh(points_array([[0, 0, 0], [1, 0, 0], [0, np.inf, 0]]), index_array()), r"points\[2\].*inf"),
        (lambda: en.Mesh(points_array(), index_array(), points_array([[0, 0, 0]])), "velocities have 1 entries"),
        (lambda: en.Mesh(index_array(), index_array()), "points is a 1-dimensional array of int32"),
        (lambda: en.Mesh(points_array(), index_array([[0, 1, 2]])), "indices is a 2-dimensional"),
        (lambda: en.Mesh(points_array(np.zeros((6, 3)))[::2], index_array()), "contiguous"),
    ],
)
def test_bad_input_is_refused_with_the_place(make, message):
    with pytest.raises(en.EngineError, match=message):
        make()


def test_evaluation_on_a_face():
    velocities = np.array([[1, 0, 0], [0, 2, 0], [0, 0, 4]], np.float32)
    mesh = make_mesh(TRIANGLE, np.array([[0, 1, 2]], np.int32), velocities)
    out = [en.zeros(1, dtype=en.vec3) for _ in range(3)]
    en.launch(eval_at, dim=1, inputs=[mesh.id, 0, 0.5, 0.25], outputs=out)
    position, velocity, normal = (a.numpy()[0] for a in out)
    np.testing.assert_allclose(position, [0.25, 0.25, 0])
    np.testing.assert_allclose(velocity, [0.5, 0.5, 1])
    np.testing.assert_allclose(normal, [0, 0, 1])
    mesh.velocities = None
    en.launch(eval_at, dim=1, inputs=[mesh.id, 0, 0.5, 0.25], outputs=out)
    np.testing.assert_allclose(out[1].numpy()[0], [0, 0, 0])
    mesh.velocities = en.array(2 * velocities, dtype=en.vec3)
    en.launch(eval_at, dim=1, inputs=[mesh.id, 0, 0.5, 0.25], outputs=out)
    np.testing.assert_allclose(out[1].numpy()[0], [1, 1, 2])


def test_kernels_can_read_the_arrays():
    mesh = make_mesh(*box())
    points, indices, counts = en.zeros(8, dtype=en.vec3), en.zeros(36, dtype=en.int32), en.zeros(1, dtype=en.int32)
    en.launch(read_arrays, dim=1, inputs=[mesh.id], outputs=[points, indices, counts])
    assert np.array_equal(points.numpy(), mesh.points.numpy())
    assert np.array_equal(indices.numpy(), mesh.indices.numpy())
    assert counts.numpy()[0] == 0
    mesh.velocities = points
    en.launch(read_arrays, dim=1, inputs=[mesh.id], outputs=[points, indices, counts])
    assert counts.numpy()[0] == 8


def test_two_meshes_answer_for_themselves():
    small, large = make_mesh(*box()), make_mesh(*sphere())
    assert small.id != large.id
    query = np.array([[3, 0, 0]], np.float32)
    assert run_points(small, query)["distance"][0] == pytest.approx(2.5, abs=1e-5)
    assert run_points(large, query)["distance"][0] == pytest.approx(2.0, abs=1e-2)


def test_a_mesh_that_is_gone_is_not_found():
    mesh = make_mesh(*box())
    other = make_mesh(*box())
    stale = mesh.id
    del mesh
    gc.collect()
    assert mesh_by_id(stale) is None
    origin = np.zeros((1, 3), np.float32)
    assert not run_points(stale, origin)["found"][0]
    assert not run_rays(stale, origin, origin + 1)["found"][0]
    assert run_points(other, origin)["found"][0]


def test_new_meshes_do_not_take_over_a_recent_stale_id():
    stale = make_mesh(*box()).id
    gc.collect()
    meshes = [make_mesh(*box()) for _ in range(20)]
    assert all(m.id != stale for m in meshes)


def test_the_mesh_keeps_its_arrays_alive():
    mesh = en.Mesh(points_array(), index_array())
    gc.collect()
    assert run_points(mesh, np.array([[0.2, 0.2, 1]], np.float32))["distance"][0] == pytest.approx(1.0)


def test_repeated_queries_give_the_same_bits():
    mesh = make_mesh(*sphere())
    queries = np.random.default_rng(0).normal(size=(500, 3)).astype(np.float32)
    first, second = run_points(mesh, queries), run_points(mesh, queries)
    assert all(np.array_equal(first[k], second[k]) for k in first)

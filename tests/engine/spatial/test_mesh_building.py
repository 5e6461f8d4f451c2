"""Meshes built by kernels: the same surface and the same answers as from the host, also inside a graph."""

import numpy as np
import pytest

import engine as en
from engine.spatial.mesh_features import find_features
from engine.spatial.mesh_refresh import ON_GPU, sum_feature_normals
from tests.engine.spatial.mesh_kernels import run_points, run_rays
from tests.engine.spatial.mesh_oracles import box, closest, notch, queries_around, sphere, spike, star, torus
from tests.engine.spatial.mesh_topology import mesh_topology

SHAPES = {"box": box, "sphere": sphere, "torus": torus, "star": star, "spike": spike, "notch": notch}


def seams():
    """Triangles with points of their own (seams everywhere), some folded onto themselves, some used twice, -0 and 0."""
    points, faces = torus()
    points, faces = points[faces].reshape(-1, 3), np.arange(faces.size).reshape(-1, 3)
    points = np.concatenate([points, [[0, 0, 0], [-0.0, 0, 0], [1, 0, 0], [5, 5, 5]]]).astype(np.float32)
    n = len(points)
    extra = [[n - 4, n - 2, n - 3], [n - 2, n - 4, n - 2], faces[0], faces[0][::-1], [n - 3, n - 2, 5]]
    return points, np.concatenate([faces, extra]).astype(np.int32)


def arrays(points, faces):
    return en.array(points, dtype=en.vec3), en.array(faces.ravel().astype(np.int32), dtype=en.int32)


def surroundings(ids, starts, items):
    """What is around the three edges and three points of every face, by number of the item."""
    return [[tuple(dict.fromkeys(items[starts[i] : starts[i + 1]].tolist())) for i in row] for row in ids]


@pytest.mark.parametrize("shape", [*SHAPES, "seams"])
def test_kernels_find_the_features_that_the_host_finds(shape, device):
    points, faces = SHAPES.get(shape, seams)()
    ours = [a.numpy() for a in find_features(*arrays(points, faces))]
    host = mesh_topology(points, faces)
    assert surroundings(*ours) == surroundings(host.feature_ids, host.starts, host.items)
    starts = ours[1]
    assert (np.diff(starts) >= 0).all() and starts[-1] == len(ours[2])


@pytest.mark.parametrize("shape", [*SHAPES, "seams"])
def test_both_ways_of_building_give_the_same_answers(shape, device):
    points, faces = SHAPES.get(shape, seams)()
    queries = queries_around(points, faces, 400, 3)
    made = [en.Mesh(*arrays(points, faces), bvh_constructor=how) for how in ("sah", "lbvh")]
    first, second = (run_points(mesh, queries) for mesh in made)
    np.testing.assert_allclose(first["distance"], second["distance"], atol=1e-6)
    # where two faces are equally near and the surface is no closed one, either face may speak
    same = first["face"] == second["face"]
    assert np.array_equal(first["sign"][same], second["sign"][same])
    if shape != "seams":
        assert np.array_equal(first["sign"], second["sign"])
    directions = np.random.default_rng(4).normal(size=queries.shape).astype(np.float32)
    hits = [run_rays(mesh, queries, directions) for mesh in made]
    assert np.array_equal(hits[0]["t"], hits[1]["t"])


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 64, 65, 513])
def test_any_number_of_triangles(count, device):
    rng = np.random.default_rng(count)
    points = rng.normal(size=(3 * count, 3)).astype(np.float32)
    faces = np.arange(3 * count).reshape(-1, 3)
    queries = rng.normal(size=(100, 3)).astype(np.float32)
    mesh = en.Mesh(*arrays(points, faces), bvh_constructor="lbvh")
    np.testing.assert_allclose(run_points(mesh, queries)["distance"], closest(points, faces, queries), atol=1e-5)


def test_winding_numbers_need_no_host(device):
    mesh = en.Mesh(*arrays(*sphere()), support_winding_number=True, bvh_constructor="lbvh")

    @en.kernel
    def wind(id: en.uint64, at: en.array(dtype=en.vec3), out: en.array(dtype=float)):
        i = en.tid()
        out[i] = en.mesh_winding_number(id, at[i], 100.0)

    out = en.zeros(2)
    en.launch(wind, 2, [mesh.id, en.array([[0, 0.1, 0], [3, 0, 0]], dtype=en.vec3)], [out])
    np.testing.assert_allclose(out.numpy(), [1, 0], atol=1e-5)


def test_a_graph_builds_the_mesh_of_what_the_arrays_hold_then(device):
    """Other points and other triangles, each time the graph runs."""
    shapes = [torus(), sphere(2), star()]
    room = max(len(f) for _, f in shapes), max(len(p) for p, _ in shapes)

    def padded(points, faces):
        """The same surface with as many triangles and points as the largest: its last triangle again and again."""
        return (np.concatenate([points, np.repeat(points[-1:], room[1] - len(points), 0)]).astype(np.float32),
                np.concatenate([faces, np.repeat(faces[-1:], room[0] - len(faces), 0)]).astype(np.int32))  # fmt: skip

    filled = [padded(*s) for s in shapes]
    points, indices = arrays(*filled[0])
    with en.ScopedCapture() as capture:
        mesh = en.Mesh(points, indices)
    for now in (filled[1], filled[2], filled[0]):
        points.assign(now[0])
        indices.assign(now[1].ravel())
        en.capture_launch(capture.graph)
        queries = queries_around(*now, 200, 1)
        np.testing.assert_allclose(run_points(mesh, queries)["distance"], closest(*now, queries), atol=1e-5)
        fresh = run_points(en.Mesh(points, indices), queries)
        assert np.array_equal(run_points(mesh, queries)["found"], fresh["found"])


def test_groups_inside_a_capture_are_refused(device):
    points, indices = arrays(*box())
    groups = en.zeros(len(box()[1]), dtype=int)
    with pytest.raises(en.EngineError, match="before the capture"), en.ScopedCapture():
        en.Mesh(points, indices, groups=groups)


def test_building_reads_no_arrays_on_the_host(device, monkeypatch):
    points, indices = arrays(*sphere())
    read = []
    plain = en.array.numpy
    monkeypatch.setattr(en.array, "numpy", lambda self: read.append(self.size) or plain(self))
    en.Mesh(points, indices, bvh_constructor="lbvh")
    assert sum(read) <= 2  # whether anything is wrong


def test_pseudonormals_have_the_same_bits_however_many_faces_are_fetched_at_once(device):
    points, faces = seams()
    points, indices = arrays(points, faces)
    mesh = en.Mesh(points, indices)
    inputs = [mesh._feature_starts, mesh._feature_items, mesh._face_normals, mesh._face_weights]
    found = []
    for at_once in (1, 3, ON_GPU):
        out = en.full(mesh._feature_normals.shape[0], en.vec3(7.0, 7.0, 7.0), dtype=en.vec3)
        en.launch(sum_feature_normals(at_once), out.shape[0], inputs, [out])
        found.append(out.numpy())
    assert np.array_equal(found[0], found[1]) and np.array_equal(found[0], found[2])
    assert np.array_equal(found[0], mesh._feature_normals.numpy())
    lengths = np.linalg.norm(found[0], axis=1)
    assert ((lengths < 1e-6) | (abs(lengths - 1) < 1e-5)).all() and (lengths > 0.5).sum() > 100

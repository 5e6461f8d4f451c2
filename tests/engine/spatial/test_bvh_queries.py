"""Boxes and triangles found by boxes, rays, spheres and capsules, against testing all of them."""

# ruff: noqa: RUF046
import numpy as np
import pytest

import engine as en
from engine.spatial.packed_order import hilbert_index
from tests.engine.spatial.mesh_kernels import make_mesh
from tests.engine.spatial.mesh_oracles import CLOSED_SHAPES


@en.kernel
def by_box(id: en.uint64, low: en.array(dtype=en.vec3), high: en.array(dtype=en.vec3), seen: en.array2d(dtype=int)):
    i = en.tid()
    query = en.bvh_query_aabb(id, low[i], high[i])
    index = int(0)
    while en.bvh_query_next(query, index):
        seen[i, index] = seen[i, index] + 1


@en.kernel
def by_ray(id: en.uint64, start: en.array(dtype=en.vec3), dir: en.array(dtype=en.vec3), seen: en.array2d(dtype=int)):
    i = en.tid()
    for index in en.bvh_query_ray(id, start[i], dir[i]):
        seen[i, index] = seen[i, index] + 1


@en.kernel
def by_capsule(
    id: en.uint64, start: en.array(dtype=en.vec3), dir: en.array(dtype=en.vec3), r: float, seen: en.array2d(dtype=int)
):
    i = en.tid()
    query = en.bvh_query_capsule(id, start[i], dir[i], r)
    index = int(0)
    while en.bvh_query_next(query, index, 1.0):
        seen[i, index] = seen[i, index] + 1


@en.kernel
def by_sphere(id: en.uint64, center: en.array(dtype=en.vec3), r: float, seen: en.array2d(dtype=int)):
    i = en.tid()
    for index in en.bvh_query_sphere(id, center[i], r):
        seen[i, index] = seen[i, index] + 1


@en.kernel
def by_either(id: en.uint64, ray: bool, a: en.vec3, b: en.vec3, seen: en.array(dtype=int)):
    if ray:
        query = en.bvh_query_ray(id, a, b)
    else:
        query = en.bvh_query_aabb(id, a, b)
    index = int(0)
    while en.bvh_query_next(query, index):
        seen[index] = 1


@en.kernel
def triangles_by_box(
    id: en.uint64, low: en.array(dtype=en.vec3), high: en.array(dtype=en.vec3), seen: en.array2d(dtype=int)
):
    i = en.tid()
    query = en.mesh_query_aabb(id, low[i], high[i])
    face = int(0)
    while en.mesh_query_aabb_next(query, face):
        seen[i, face] = seen[i, face] + 1


@en.kernel
def old_forms(
    id: en.uint64, points: en.array(dtype=en.vec3), dirs: en.array(dtype=en.vec3), wrong: en.array(dtype=int)
):
    i = en.tid()
    p = points[i]
    sign = float(0.0)
    face = int(0)
    u = float(0.0)
    v = float(0.0)
    query = en.mesh_query_point(id, p, 10.0)
    if not en.mesh_query_point(id, p, 10.0, sign, face, u, v):
        wrong[i] = 1
    if sign != query.sign or face != query.face or u != query.u or v != query.v:
        wrong[i] = 2
    if en.mesh_query_point(id, p, -1.0, sign, face, u, v) or face != query.face:
        wrong[i] = 3
    if not en.mesh_query_point_no_sign(id, p, 10.0, face, u, v) or u != query.u:
        wrong[i] = 4
    if not en.mesh_query_point_sign_normal(id, p, 10.0, sign, face, u, v) or v != query.v:
        wrong[i] = 5
    t = float(0.0)
    n = en.vec3()
    hit = en.mesh_query_ray(id, p, dirs[i], 10.0)
    if en.mesh_query_ray(id, p, dirs[i], 10.0, t, u, v, sign, n, face) != hit.result:
        wrong[i] = 6
    if hit.result and (t != hit.t or n != hit.normal or face != hit.face):
        wrong[i] = 7


@en.kernel
def furthest(id: en.uint64, points: en.array(dtype=en.vec3), least: float, out: en.array(dtype=float)):
    i = en.tid()
    face = int(0)
    u = float(0.0)
    v = float(0.0)
    query = en.mesh_query_furthest_point_no_sign(id, points[i], least)
    out[i] = -1.0
    if en.mesh_query_furthest_point_no_sign(id, points[i], least, face, u, v):
        out[i] = en.length(en.mesh_eval_position(id, face, u, v) - points[i])
    if query.result and (query.face != face or query.u != u or query.v != v):
        out[i] = -2.0


def boxes(n, seed=0, size=0.3):
    rng = np.random.default_rng(seed)
    lower = rng.uniform(-2, 2, (n, 3)).astype(np.float32)
    return lower, (lower + rng.uniform(0, size, (n, 3))).astype(np.float32)


def vec3(values):
    return en.array(np.ascontiguousarray(values, np.float32), dtype=en.vec3)


def overlaps(lower, upper, low, high):
    return np.all((lower <= high[:, None]) & (upper >= low[:, None]), axis=2)


def crossings(lower, upper, start, dir, radius=0.0, end=np.inf):
    with np.errstate(all="ignore"):
        t = (np.stack([lower - radius, upper + radius])[:, None] - start[:, None]) / dir[:, None].astype(np.float64)
    enter, leave = np.minimum(*t).max(-1), np.maximum(*t).min(-1)
    return np.maximum(enter, 0) <= np.minimum(leave, end)


@pytest.mark.parametrize("constructor", ["lbvh", "sah"])
@pytest.mark.parametrize("n", [1, 7, 8, 9, 64, 65, 512, 513, 5000])
def test_queries_find_what_testing_every_box_finds(n, constructor):
    lower, upper = boxes(n)
    bvh = en.Bvh(vec3(lower), vec3(upper), constructor=constructor)
    rng = np.random.default_rng(1)
    m = 40
    low = rng.uniform(-2.5, 2, (m, 3)).astype(np.float32)
    high = (low + rng.uniform(0, 1.5, (m, 3))).astype(np.float32)
    dirs = rng.normal(size=(m, 3)).astype(np.float32)
    for kernel, args, expected in (
        (by_box, (vec3(low), vec3(high)), overlaps(lower, upper, low, high)),
        (by_ray, (vec3(low), vec3(dirs)), crossings(lower, upper, low, dirs)),
        (by_capsule, (vec3(low), vec3(dirs), 0.2), crossings(lower, upper, low, dirs, 0.2, 1.0)),
        (
            by_sphere,
            (vec3(low), 0.5),
            np.linalg.norm(np.maximum(np.maximum(lower - low[:, None], low[:, None] - upper), 0), axis=2) <= 0.5,
        ),
    ):
        seen = en.zeros((m, n), dtype=int)
        en.launch(kernel, m, [bvh.id, *args], [seen])
        np.testing.assert_array_equal(seen.numpy(), expected, err_msg=kernel.__name__)


def test_touching_and_infinite_boxes_overlap():
    bvh = en.Bvh(vec3([[0, 0, 0]]), vec3([[1, 1, 1]]))
    seen = en.zeros((3, 1), dtype=int)
    low = vec3([[1, 1, 1], [-np.inf] * 3, [1.001, 0, 0]])
    high = vec3([[2, 2, 2], [np.inf] * 3, [2, 1, 1]])
    en.launch(by_box, 3, [bvh.id, low, high], [seen])
    assert seen.numpy()[:, 0].tolist() == [1, 1, 0]


def test_rays_in_the_plane_of_a_side_meet_the_box():
    bvh = en.Bvh(vec3([[0, 0, 0]]), vec3([[1, 1, 1]]))
    starts = [[-1, 0, 0.5], [-1, 1, 0.5], [2, 1, 1], [-1, -0.001, 0.5], [0.5, 0.5, 0.5], [-1, 0.5, 0.5]]
    dirs = [[1, 0, 0], [1, 0, 0], [-1, 0, 0], [1, 0, 0], [0, 0, -1], [-1, 0, 0]]
    seen = en.zeros((6, 1), dtype=int)
    en.launch(by_ray, 6, [bvh.id, vec3(starts), vec3(dirs)], [seen])
    assert seen.numpy()[:, 0].tolist() == [1, 1, 1, 0, 1, 0]


def test_the_kind_of_query_may_be_chosen_at_run_time():
    lower, upper = boxes(200)
    bvh = en.Bvh(vec3(lower), vec3(upper))
    a, b = np.float32([[-1, -1, -1]]), np.float32([[1, 0.5, 0.8]])
    for ray, expected in ((True, crossings(lower, upper, a, b)), (False, overlaps(lower, upper, a, b))):
        seen = en.zeros(200, dtype=int)
        en.launch(by_either, 1, [bvh.id, ray, en.vec3(*a[0].tolist()), en.vec3(*b[0].tolist())], [seen])
        np.testing.assert_array_equal(seen.numpy(), expected[0])


@pytest.mark.parametrize("constructor", ["lbvh", "sah"])
@pytest.mark.parametrize("update", ["refit", "rebuild", "captured refit", "captured rebuild"])
def test_boxes_that_move_are_found_where_they_are(update, constructor):
    lower, upper = boxes(3000)
    device_lower, device_upper = vec3(lower), vec3(upper)
    bvh = en.Bvh(device_lower, device_upper, constructor=constructor)
    run = getattr(bvh, update.split()[-1])
    if update.startswith("captured"):
        with en.ScopedCapture() as capture:
            run()

        def run():
            en.capture_launch(capture.graph)

    low, high = boxes(50, seed=9, size=1.0)
    for seed in (1, 2):
        lower, upper = boxes(3000, seed)
        device_lower.assign(lower)
        device_upper.assign(upper)
        run()
        seen = en.zeros((50, 3000), dtype=int)
        en.launch(by_box, 50, [bvh.id, vec3(low), vec3(high)], [seen])
        np.testing.assert_array_equal(seen.numpy(), overlaps(lower, upper, low, high))


@pytest.mark.parametrize("shape", CLOSED_SHAPES)
def test_triangles_of_a_mesh_whose_boxes_overlap(shape):
    points, faces = CLOSED_SHAPES[shape]()
    mesh = make_mesh(points, faces)
    corners = np.asarray(points, np.float32)[faces]
    low, high = boxes(60, seed=4, size=1.0)
    for shift in (0.0, 0.5):
        if shift:
            mesh.points.assign(np.asarray(points, np.float32) + np.float32(shift))
            mesh.refit()
            corners = corners + np.float32(shift)
        seen = en.zeros((60, len(faces)), dtype=int)
        en.launch(triangles_by_box, 60, [mesh.id, vec3(low), vec3(high)], [seen])
        np.testing.assert_array_equal(seen.numpy(), overlaps(corners.min(1), corners.max(1), low, high))


def test_out_parameters_get_what_the_query_returns():
    points, faces = CLOSED_SHAPES["sphere"]() if "sphere" in CLOSED_SHAPES else next(iter(CLOSED_SHAPES.values()))()
    mesh = make_mesh(points, faces)
    rng = np.random.default_rng(0)
    wrong = en.zeros(200, dtype=int)
    en.launch(old_forms, 200, [mesh.id, vec3(rng.uniform(-2, 2, (200, 3))), vec3(rng.normal(size=(200, 3)))], [wrong])
    assert not wrong.numpy().any()


@pytest.mark.parametrize("shape", CLOSED_SHAPES)
def test_furthest_points_are_the_furthest_corners(shape):
    points, faces = CLOSED_SHAPES[shape]()
    mesh = make_mesh(points, faces)
    places = np.random.default_rng(0).uniform(-2, 2, (300, 3)).astype(np.float32)
    used = np.asarray(points, np.float32)[np.unique(faces)]
    distance = np.linalg.norm(used[None] - places[:, None], axis=2).max(1)
    out = en.zeros(300, dtype=float)
    for least in (-1.0, 0.0, 2.0):
        en.launch(furthest, 300, [mesh.id, vec3(places), least], [out])
        np.testing.assert_allclose(out.numpy(), np.where(distance > least, distance, -1.0), rtol=1e-5)


def test_the_curve_visits_neighbours():
    """A Hilbert curve passes every cell once, each step to a neighbour."""

    @en.kernel
    def place(places: en.array3d(dtype=int)):
        i, j, k = en.tid()
        places[i, j, k] = hilbert_index(i, j, k)

    places = en.zeros((16, 16, 16), dtype=int)
    en.launch(place, (16, 16, 16), [], [places])
    order = np.argsort(places.numpy().ravel(), kind="stable")
    assert len(np.unique(places.numpy())) == 16**3
    steps = np.abs(np.diff(np.stack(np.unravel_index(order, (16, 16, 16)), 1), axis=0)).sum(1)
    assert np.all(steps == 1)


def test_boxes_at_one_place_and_far_away():
    lower = np.concatenate([np.zeros((300, 3)), [[1e6, -1e6, 1e6]]]).astype(np.float32)
    bvh = en.Bvh(vec3(lower), vec3(lower + 1))
    seen = en.zeros((1, 301), dtype=int)
    en.launch(by_box, 1, [bvh.id, vec3([[0.5, 0.5, 0.5]]), vec3([[0.6, 0.6, 0.6]])], [seen])
    assert seen.numpy()[0].tolist() == [1] * 300 + [0]


def test_an_id_of_a_bvh_that_is_gone_finds_nothing():
    bvh = en.Bvh(vec3([[0, 0, 0]]), vec3([[1, 1, 1]]))
    id = bvh.id
    del bvh
    seen = en.zeros((1, 1), dtype=int)
    en.launch(by_box, 1, [id, vec3([[0, 0, 0]]), vec3([[1, 1, 1]])], [seen])
    assert seen.numpy()[0, 0] == 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: en.Bvh(vec3([[0, 0, 0]]), vec3(np.zeros((2, 3)))), "1 lower and 2 upper"),
        (lambda: en.Bvh(en.zeros(2, dtype=float), vec3(np.zeros((2, 3)))), "lowers is array1d of float32"),
        (lambda: en.Bvh(vec3([[0, 0, np.nan]]), vec3([[1, 1, 1]])), "box 0 .* finite"),
        (lambda: en.Bvh(vec3([[0, 0, 0]]), vec3([[1, 1, 1]]), constructor="best"), "'best'"),
        (lambda: en.Bvh(vec3(np.zeros((0, 3))), vec3(np.zeros((0, 3)))), "0 lower"),
    ],
)
def test_wrong_boxes_say_what_is_expected(make, message):
    with pytest.raises(en.EngineError, match=message):
        make()

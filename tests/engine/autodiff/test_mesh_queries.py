"""Gradients through mesh queries: with respect to the point or ray, not through the search."""

import gc

import numpy as np
import pytest

import engine as en


def bumpy_mesh(**options):
    n = 4
    x, z = np.meshgrid(np.linspace(-1, 1, n), np.linspace(-1, 1, n), indexing="ij")
    points = np.stack([x, 0.05 * np.sin(3 * x) * np.cos(2 * z), z], -1).reshape(-1, 3)
    k = np.arange(n * n).reshape(n, n)
    a, b, c, d = k[:-1, :-1], k[1:, :-1], k[1:, 1:], k[:-1, 1:]
    faces = np.concatenate([np.stack([a, d, c], -1).reshape(-1, 3), np.stack([a, c, b], -1).reshape(-1, 3)])
    return en.Mesh(en.array(points, dtype=en.vec3), en.array(faces.ravel(), dtype=int), **options)


@en.kernel
def closest(mesh: en.uint64, p: en.array(dtype=en.vec3), y: en.array(dtype=en.vec3), d: en.array(dtype=float)):
    i = en.tid()
    q = en.mesh_query_point(mesh, p[i], 10.0)
    if q.result:
        c = en.mesh_eval_position(mesh, q.face, q.u, q.v)
        y[i] = c
        d[i] = en.length(p[i] - c) * q.sign


@en.kernel
def hit(mesh: en.uint64, p: en.array(dtype=en.vec3), dir: en.array(dtype=en.vec3), t: en.array(dtype=float)):
    i = en.tid()
    q = en.mesh_query_ray(mesh, p[i], dir[i], 10.0)
    if q.result:
        t[i] = q.t + q.u * q.v


def points(n=20, height=0.4):
    rng = np.random.default_rng(0)
    return rng.uniform((-0.7, height, -0.7), (0.7, height + 0.3, 0.7), (n, 3))


def test_closest_point_and_distance():
    mesh = bumpy_mesh()
    p = en.array(points(), dtype=en.vec3)
    y, d = en.zeros(20, dtype=en.vec3), en.zeros(20, dtype=float)
    assert en.gradcheck(closest, 20, [mesh.id, p], [y, d], eps=1e-3, rtol=3e-2, atol=3e-2)


def test_ray_parameter():
    mesh = bumpy_mesh()
    p = en.array(points(), dtype=en.vec3)
    down = en.array(np.tile([0.1, -1.0, 0.05], (20, 1)), dtype=en.vec3)
    assert en.gradcheck(hit, 20, [mesh.id, p, down], [en.zeros(20, dtype=float)], eps=1e-3, rtol=5e-2, atol=5e-2)


def shifted(mesh, by):
    mesh.points.assign(mesh.points.numpy() + np.float32(by))
    mesh.refit()


def test_mesh_moved_on_the_tape_is_put_back_for_the_backward_pass():
    gradients = []
    for moves in (False, True):
        mesh = bumpy_mesh()
        p = en.array(points(), dtype=en.vec3, requires_grad=True)
        y, d = en.zeros(20, dtype=en.vec3), en.zeros(20, dtype=float)
        with en.Tape() as tape:
            en.launch(closest, dim=20, inputs=[mesh.id, p, y, d])
            if moves:
                shifted(mesh, [0.3, -0.2, 0.1])
        now = mesh.points.numpy().copy()
        tape.backward(grads={d: np.ones(20), y: np.ones((20, 3))})
        gradients.append(p.grad.numpy().copy())
        assert np.array_equal(mesh.points.numpy(), now)
    assert np.array_equal(*gradients)


def test_gradient_through_a_mesh_that_moves_in_every_step():
    mesh = bumpy_mesh()
    steps = 4

    def run(x, p, total):
        total.zero_()
        mesh.points.assign(x)
        for _ in range(steps):
            mesh.refit()
            en.launch(pulled, dim=20, inputs=[mesh.id, p], outputs=[total])
            en.launch(swaying, dim=16, inputs=[mesh.points])

    total, p = en.zeros(20, dtype=float), en.array(points(), dtype=en.vec3)
    assert en.gradcheck(run, inputs=[vertices(mesh), p], outputs=[total], eps=1e-3, rtol=3e-2, atol=3e-2)


@en.kernel
def pulled(mesh: en.uint64, p: en.array(dtype=en.vec3), total: en.array(dtype=float)):
    i = en.tid()
    q = en.mesh_query_point_no_sign(mesh, p[i], 10.0)
    if q.result:
        total[i] = total[i] * 0.5 + en.length_sq(en.mesh_eval_position(mesh, q.face, q.u, q.v) - p[i])


@en.kernel
def swaying(x: en.array(dtype=en.vec3)):
    i = en.tid()
    x[i] = x[i] + en.vec3(0.0, 0.1 * en.sin(3.0 * x[i][0]) + 0.05, 0.0)


@pytest.mark.cpu_only("on a GPU the tape looks for such changes in debug mode only")
def test_mesh_moved_where_no_tape_saw_it_is_refused():
    mesh = bumpy_mesh()
    p = en.array(points(), dtype=en.vec3, requires_grad=True)
    y, d = en.zeros(20, dtype=en.vec3), en.zeros(20, dtype=float)
    with en.Tape() as tape:
        en.launch(closest, dim=20, inputs=[mesh.id, p, y, d])
    mesh.refit()
    with pytest.raises(en.TapeError, match=r"'closest' read a spatial structure .* that was changed since"):
        tape.backward(grads={d: np.ones(20)})
    with en.Tape() as tape:
        en.launch(closest, dim=20, inputs=[mesh.id, p, y, d])
    mesh.points.assign(mesh.points.numpy() + np.float32(0.1))
    with pytest.raises(en.TapeError, match="an array of a mesh, grid or volume of kernel 'closest' was changed"):
        tape.backward(grads={d: np.ones(20)})


@en.kernel
def geometry(mesh: en.uint64, y: en.array(dtype=float)):
    f = en.tid()
    arrays = en.mesh_get(mesh)
    a = arrays.points[arrays.indices[3 * f]]
    b = en.mesh_get_point(mesh, 3 * f + 1)
    c = en.mesh_eval_position(mesh, f, 0.25, 0.5)
    normal = en.mesh_eval_face_normal(mesh, f)
    y[f] = en.length(en.cross(b - a, c - a)) + normal[0] * 2.0 + normal[1] * a[2]


@en.kernel
def closest_of_any(ids: en.array(dtype=en.uint64), p: en.array(dtype=en.vec3), d: en.array(dtype=float)):
    i = en.tid()
    for k in range(ids.shape[0]):
        face = 0
        u = float(0.0)
        v = float(0.0)
        sign = float(0.0)
        if en.mesh_query_point(ids[k], p[i], 10.0, sign, face, u, v):
            d[i] += en.length_sq(p[i] - en.mesh_eval_position(ids[k], face, u, v)) * sign


@en.kernel
def drift(mesh: en.uint64, p: en.array(dtype=en.vec3), y: en.array(dtype=en.vec3)):
    i = en.tid()
    q = en.mesh_query_point_no_sign(mesh, p[i], 10.0)
    if q.result:
        y[i] = en.mesh_eval_velocity(mesh, q.face, q.u, q.v)


def moved(mesh, launches):
    """A function of the mesh's points, for gradcheck: moves the mesh, then launches."""

    def run(x, *args):
        mesh.points.assign(x)
        mesh.refit()
        launches(*args)

    return run


def vertices(mesh):
    return en.clone(mesh.points)


def test_gradient_of_mesh_points_through_accessors():
    mesh = bumpy_mesh()
    run = moved(mesh, lambda y: en.launch(geometry, dim=18, inputs=[mesh.id, y]))
    assert en.gradcheck(run, inputs=[vertices(mesh)], outputs=[en.zeros(18, dtype=float)], eps=1e-3)


def test_gradient_of_mesh_points_and_query_points_through_closest_points():
    mesh = bumpy_mesh()
    y, d = en.zeros(20, dtype=en.vec3), en.zeros(20, dtype=float)
    run = moved(mesh, lambda p, y, d: en.launch(closest, dim=20, inputs=[mesh.id, p, y, d]))
    p = en.array(points(), dtype=en.vec3)
    assert en.gradcheck(run, inputs=[vertices(mesh), p], outputs=[y, d], eps=1e-3, rtol=3e-2, atol=3e-2)


def test_gradient_of_mesh_points_through_rays():
    mesh = bumpy_mesh()
    p = en.array(points(), dtype=en.vec3)
    down = en.array(np.tile([0.1, -1.0, 0.05], (20, 1)), dtype=en.vec3)
    run = moved(mesh, lambda p, down, t: en.launch(hit, dim=20, inputs=[mesh.id, p, down, t]))
    t = en.zeros(20, dtype=float)
    assert en.gradcheck(run, inputs=[vertices(mesh), p, down], outputs=[t], eps=1e-3, rtol=5e-2, atol=5e-2)


def test_gradient_through_ids_in_an_array_and_out_parameters():
    one, two = bumpy_mesh(), bumpy_mesh()
    ids = en.array([one.id, two.id], dtype=en.uint64)

    def run(x, p, d):
        one.points.assign(x)
        one.refit()
        d.zero_()
        en.launch(closest_of_any, dim=20, inputs=[ids, p, d])

    p, d = en.array(points(), dtype=en.vec3), en.zeros(20, dtype=float)
    assert en.gradcheck(run, inputs=[vertices(one), p], outputs=[d], eps=1e-3, rtol=3e-2, atol=3e-2)


def test_gradient_of_velocities_goes_to_the_mesh():
    mesh = bumpy_mesh()
    mesh.velocities = en.array(np.arange(48).reshape(16, 3), dtype=en.vec3, requires_grad=True)
    p = en.array(points(), dtype=en.vec3)
    y = en.zeros(20, dtype=en.vec3, requires_grad=True)
    with en.Tape() as tape:
        en.launch(drift, dim=20, inputs=[mesh.id, p, y])
    tape.backward(grads={y: np.ones((20, 3))})
    # every query spreads its unit gradient over the corners of one face
    assert np.allclose(mesh.velocities.grad.numpy().sum(axis=0), 20.0, rtol=1e-5)


def test_leaf_points_get_their_gradient_and_a_second_backward_adds():
    mesh = bumpy_mesh()
    mesh.points.requires_grad = True
    y = en.zeros(18, dtype=float, requires_grad=True)
    with en.Tape() as tape:
        en.launch(geometry, dim=18, inputs=[mesh.id, y])
    tape.backward(grads={y: np.ones(18)})
    once = mesh.points.grad.numpy().copy()
    assert np.abs(once).max() > 0.1
    tape.backward(grads={y: np.ones(18)})
    assert np.allclose(mesh.points.grad.numpy(), 2.0 * once)


def test_tape_keeps_the_mesh_alive():
    x = en.array(points(), dtype=en.vec3, requires_grad=True)
    y, d = en.zeros(20, dtype=en.vec3), en.zeros(20, dtype=float)

    def record():
        mesh = bumpy_mesh()
        with en.Tape() as tape:
            en.launch(closest, dim=20, inputs=[mesh.id, x, y, d])
        return tape

    tape = record()
    gc.collect()
    tape.backward(grads={d: np.ones(20)})
    assert np.allclose(np.linalg.norm(x.grad.numpy(), axis=1), 1.0, atol=1e-3)


def test_forward_mode_through_the_points_of_a_mesh_is_refused():
    mesh = bumpy_mesh()
    y = en.zeros(18, dtype=float)
    with pytest.raises(en.GradientError, match="has no forward mode"):
        en.jvp(
            moved(mesh, lambda y: en.launch(geometry, dim=18, inputs=[mesh.id, y])),
            inputs=[x := vertices(mesh)],
            outputs=[y],
            tangents={x: 1.0},
        )


@en.kernel
def every_query(mesh: en.uint64, p: en.array(dtype=en.vec3), y: en.array(dtype=float)):
    i = en.tid()
    a = en.mesh_query_point_sign_normal(mesh, p[i], 10.0)
    b = en.mesh_query_point_sign_winding_number(mesh, p[i], 10.0)
    c = en.mesh_query_furthest_point_no_sign(mesh, p[i], 0.0)
    d = en.mesh_query_point_sign_parity(mesh, p[i], 10.0)
    near = en.mesh_eval_position(mesh, a.face, a.u, a.v) + en.mesh_eval_position(mesh, b.face, b.u, b.v)
    y[i] = en.dot(near, p[i]) + en.length(en.mesh_eval_position(mesh, c.face, c.u, c.v) - p[i])
    y[i] += en.dot(en.mesh_get_velocity(mesh, 3 * a.face), p[i]) * b.sign + d.u * d.v


def test_gradients_through_every_query():
    mesh = bumpy_mesh(support_winding_number=True)
    mesh.velocities = en.array(np.arange(48).reshape(16, 3) * 0.01, dtype=en.vec3)
    y, p = en.zeros(20, dtype=float), en.array(points(), dtype=en.vec3)
    run = moved(mesh, lambda p, y: en.launch(every_query, dim=20, inputs=[mesh.id, p, y]))
    assert en.gradcheck(run, inputs=[vertices(mesh), p], outputs=[y], eps=1e-3, rtol=3e-2, atol=3e-2)


@en.kernel
def winding(mesh: en.uint64, p: en.array(dtype=en.vec3), y: en.array(dtype=float)):
    i = en.tid()
    y[i] = en.mesh_winding_number(mesh, p[i], 4.0)


def test_winding_number_of_an_open_mesh_depends_on_the_point_and_refuses_the_mesh():
    mesh = bumpy_mesh(support_winding_number=True)
    p = en.array(points(), dtype=en.vec3, requires_grad=True)
    y = en.zeros(20, dtype=float)
    assert en.gradcheck(winding, 20, [mesh.id, p], [y], eps=5e-3, rtol=2e-2, atol=5e-3)
    mesh.points.requires_grad = True
    with en.Tape() as tape:
        en.launch(winding, dim=20, inputs=[mesh.id, p, y])
    with pytest.raises(en.GradientError, match="winding number of a mesh whose points have a gradient"):
        tape.backward(grads={y: np.ones(20)})

"""Gradients through mesh queries: with respect to the point or ray, not through the search."""

import numpy as np
import pytest

import engine as en


def bumpy_mesh():
    n = 4
    x, z = np.meshgrid(np.linspace(-1, 1, n), np.linspace(-1, 1, n), indexing="ij")
    points = np.stack([x, 0.05 * np.sin(3 * x) * np.cos(2 * z), z], -1).reshape(-1, 3)
    k = np.arange(n * n).reshape(n, n)
    a, b, c, d = k[:-1, :-1], k[1:, :-1], k[1:, 1:], k[:-1, 1:]
    faces = np.concatenate([np.stack([a, d, c], -1).reshape(-1, 3), np.stack([a, c, b], -1).reshape(-1, 3)])
    return en.Mesh(en.array(points, dtype=en.vec3), en.array(faces.ravel(), dtype=int))


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


def test_mesh_moved_between_query_and_backward_is_refused():
    mesh = bumpy_mesh()
    p = en.array(points(), dtype=en.vec3, requires_grad=True)
    y, d = en.zeros(20, dtype=en.vec3), en.zeros(20, dtype=float)
    with en.Tape() as tape:
        en.launch(closest, dim=20, inputs=[mesh.id, p, y, d])
        mesh.points.assign(mesh.points.numpy() + np.float32(0.1))
        mesh.refit()
    with pytest.raises(en.TapeError, match=r"'closest' read a spatial structure .* that was changed since"):
        tape.backward(grads={d: np.ones(20)})


def test_gradient_of_mesh_points_through_an_id_is_refused():
    mesh = bumpy_mesh()
    mesh.points.requires_grad = True
    p = en.array(points(), dtype=en.vec3)
    y, d = en.zeros(20, dtype=en.vec3), en.zeros(20, dtype=float)
    with en.Tape() as tape:
        en.launch(closest, dim=20, inputs=[mesh.id, p, y, d])
    with pytest.raises(en.GradientError, match="points have a gradient"):
        tape.backward(grads={d: np.ones(20)})

"""What the course and the blog post show of the API, in programs of our own: each with a result to check."""

import math

import numpy as np
import pytest

import engine as en
import sim
import usd_io

rng = np.random.default_rng(7)


@en.kernel
def slope(height: en.array2d(dtype=float), cell: float, out: en.array2d(dtype=en.vec2)):
    i, j = en.tid()
    if i == height.shape[0] - 1:
        return
    if j == height.shape[1] - 1:
        return
    out[i, j] = en.vec2(height[i + 1, j] - height[i, j], height[i, j + 1] - height[i, j]) / cell


def test_two_dimensional_launch_with_early_returns():
    x, y = np.meshgrid(np.arange(9.0), np.arange(7.0), indexing="ij")
    out = en.zeros((9, 7), dtype=en.vec2)
    en.launch(slope, dim=[9, 7], inputs=[en.array((2 * x - 3 * y).astype(np.float32)), 1.0, out])
    np.testing.assert_allclose(out.numpy()[:-1, :-1], np.broadcast_to((2.0, -3.0), (8, 6, 2)), atol=1e-6)
    assert not out.numpy()[-1].any() and not out.numpy()[:, -1].any()


@pytest.mark.parametrize("dtype, shape", [(en.int8, [64]), (en.vec3h, [64, 64]), (en.mat44d, [8, 8, 8])])
def test_arrays_of_every_kind(dtype, shape):
    a = en.zeros(shape=shape, dtype=dtype)
    assert a.shape == tuple(shape) and not a.numpy().any()


def test_arrays_by_length():
    assert en.empty(length=5, dtype=en.vec3, device="cpu").shape == (5,)
    assert en.zeros(length=5, dtype=en.quat, device="cpu").numpy().shape == (5, 4)
    np.testing.assert_array_equal(en.from_numpy(np.eye(3, dtype=np.float32), dtype=en.vec3).numpy(), np.eye(3))


@en.kernel
def snap(points: en.array(dtype=en.vec3), mesh: en.uint64, out: en.array(dtype=en.vec3), faces: en.array(dtype=int)):
    i = en.tid()
    p = en.load(points, i)
    face = 0
    u = 0.0
    v = 0.0
    sign = 0.0
    faces[i] = -1
    if en.mesh_query_point(mesh, p, 3.0, sign, face, u, v):
        out[i] = en.mesh_eval_position(mesh, face, u, v)
        faces[i] = face


def test_closest_point_with_results_in_arguments():
    quad = en.Mesh(
        points=en.array([[0, 0, 0], [4, 0, 0], [4, 0, 4], [0, 0, 4]], dtype=en.vec3),
        indices=en.array([0, 2, 1, 0, 3, 2], dtype=int),
    )
    points = (rng.random((50, 3)) * 4).astype(np.float32)
    points[-1] = (0.0, 9.0, 0.0)  # too far
    out, faces = en.zeros(50, dtype=en.vec3), en.zeros(50, dtype=int)
    en.launch(snap, dim=50, inputs=[en.array(points, dtype=en.vec3), quad.id, out, faces])
    near = points[:, 1] <= 3.0
    np.testing.assert_allclose(out.numpy()[near], points[near] * (1, 0, 1), atol=1e-5)
    np.testing.assert_array_equal(faces.numpy() >= 0, near)


@en.kernel
def probe(volume: en.uint64, points: en.array(dtype=en.vec3), out: en.array2d(dtype=float)):
    i = en.tid()
    local = en.volume_transform_inv(volume, points[i])
    out[i, 0] = en.volume_sample_world(volume, points[i], en.Volume.LINEAR)
    out[i, 1] = en.volume_sample_local(volume, local, en.Volume.LINEAR)
    out[i, 2] = en.length(en.volume_transform(volume, local) - points[i])
    ijk = en.vec3i(int(en.round(local[0])), int(en.round(local[1])), int(en.round(local[2])))
    out[i, 3] = en.volume_lookup(volume, ijk) - en.volume_lookup(volume, ijk[0], ijk[1], ijk[2])


def test_volumes_sampled_in_world_and_in_index_space():
    i, j, k = np.meshgrid(*[np.arange(10.0)] * 3, indexing="ij")
    volume = en.Volume.load_from_numpy(
        (i - 2 * j + 3 * k).astype(np.float32), min_world=(1.0, 2.0, 3.0), voxel_size=0.5
    )
    points = (np.array([1.0, 2.0, 3.0]) + rng.random((40, 3)) * 4.0).astype(np.float32)
    out = en.zeros((40, 4), dtype=float)
    en.launch(probe, dim=40, inputs=[volume.id, en.array(points, dtype=en.vec3), out])
    index = (points - np.array([1.0, 2.0, 3.0])) / 0.5
    for column in (0, 1):
        np.testing.assert_allclose(out.numpy()[:, column], index @ np.array([1.0, -2.0, 3.0]), atol=1e-4)
    np.testing.assert_allclose(out.numpy()[:, 2:], 0.0, atol=1e-5)


@en.kernel
def count_near(grid: en.uint64, points: en.array(dtype=en.vec3), radius: float, out: en.array(dtype=int)):
    i = en.tid()
    query = en.hash_grid_query_point(grid, points[i], radius)
    j = 0
    while en.hash_grid_query_next(query, j):
        if en.length(points[i] - points[j]) <= radius:
            out[i] += 1


def test_neighbours_in_a_hash_grid():
    points = rng.random((300, 3)).astype(np.float32)
    grid = en.HashGrid(dim_x=32, dim_y=32, dim_z=32, device="cpu")
    grid.build(points=en.array(points, dtype=en.vec3), radius=0.15)
    out = en.zeros(300, dtype=int)
    en.launch(count_near, dim=300, inputs=[grid.id, en.array(points, dtype=en.vec3), 0.15, out])
    distance = np.linalg.norm(points[:, None].astype(float) - points[None], axis=2)
    assert abs(out.numpy() - (distance <= 0.15).sum(axis=1)).max() == 0


@en.struct
class Grid:
    mass: en.array(dtype=float, ndim=3)
    momentum: en.array(dtype=en.vec3, ndim=3)
    inv_dx: float


@en.struct
class Particles:
    x: en.array(dtype=en.vec3)
    v: en.array(dtype=en.vec3)
    m: en.array(dtype=float)


@en.kernel
def scatter(particles: Particles, grid: Grid):
    """Quadratic B-spline weights over 27 nodes."""
    p = en.tid()
    at = particles.x[p] * grid.inv_dx
    i = en.int(at[0] - 0.5)
    j = en.int(at[1] - 0.5)
    k = en.int(at[2] - 0.5)
    w = en.mat33()
    for axis in range(3):
        f = at[axis] - en.floor(at[axis] - 0.5)
        w[axis, 0] = 0.5 * (1.5 - f) * (1.5 - f)
        w[axis, 1] = 0.75 - (f - 1.0) * (f - 1.0)
        w[axis, 2] = 0.5 * (f - 0.5) * (f - 0.5)
    for a in range(3):
        for b in range(3):
            for c in range(3):
                share = w[0, a] * w[1, b] * w[2, c] * particles.m[p]
                en.atomic_add(grid.mass, i + a, j + b, k + c, share)
                en.atomic_add(grid.momentum, i + a, j + b, k + c, share * particles.v[p])


def test_particles_to_grid_conserves_mass_and_momentum():
    particles, grid = Particles(), Grid()
    x, v, m = rng.random((200, 3)) * 6 + 1, rng.normal(size=(200, 3)), rng.random(200) + 0.5
    particles.x, particles.v = en.array(x, dtype=en.vec3), en.array(v, dtype=en.vec3)
    particles.m = en.array(m, dtype=float)
    grid.mass, grid.momentum = en.zeros((10, 10, 10), dtype=float), en.zeros((10, 10, 10), dtype=en.vec3)
    grid.inv_dx = 1.0
    en.launch(kernel=scatter, dim=200, inputs=[particles, grid], device="cpu")
    assert grid.mass.numpy().sum() == pytest.approx(m.sum(), rel=1e-5)
    np.testing.assert_allclose(grid.momentum.numpy().sum(axis=(0, 1, 2)), m @ v, rtol=1e-4, atol=1e-4)
    nodes = np.stack(np.meshgrid(*[np.arange(10.0)] * 3, indexing="ij"), -1)
    np.testing.assert_allclose((grid.mass.numpy()[..., None] * nodes).sum(axis=(0, 1, 2)), m @ x, rtol=1e-5)


@en.kernel
def squares(x: en.array(dtype=float), y: en.array(dtype=float)):
    i = en.tid()
    y[i] = x[i] * x[i]


@en.kernel
def weighted(y: en.array(dtype=float), z: en.array(dtype=float)):
    i = en.tid()
    z[i] = y[i] * float(i + 1)


@en.kernel
def total(z: en.array(dtype=float), loss: en.array(dtype=float)):
    en.atomic_add(loss, 0, z[en.tid()])


def test_gradients_through_several_launches():
    x = en.array(np.arange(4, dtype=np.float32), dtype=float, requires_grad=True)
    y, z = (en.zeros(4, dtype=float, requires_grad=True) for _ in range(2))
    loss = en.zeros(1, dtype=float, requires_grad=True)
    tape = en.Tape()
    with tape:
        en.launch(kernel=squares, dim=4, inputs=[x], outputs=[y])
        en.launch(kernel=weighted, dim=4, inputs=[y], outputs=[z])
        en.launch(kernel=total, dim=4, inputs=[z], outputs=[loss])
    tape.backward(loss=loss)
    np.testing.assert_allclose(tape.gradients[x].numpy(), 2 * np.arange(4) * (np.arange(4) + 1))
    np.testing.assert_allclose(y.grad.numpy(), np.arange(4) + 1)
    np.testing.assert_allclose(z.grad.numpy(), 1.0)


def test_a_kernel_inside_jax_jit():
    jax = pytest.importorskip("jax")
    from engine.jax_experimental import jax_kernel

    call = jax_kernel(squares)
    result = jax.jit(lambda: call(jax.numpy.arange(8, dtype=jax.numpy.float32)))()
    np.testing.assert_array_equal(
        np.asarray(result[0] if isinstance(result, (tuple, list)) else result), np.arange(8.0) ** 2
    )


@en.kernel
def pull_edge(q: en.array(dtype=en.vec3), at_rest: en.array(dtype=en.vec3), width: int, clock: en.array(dtype=float)):
    row = en.tid() * (width + 1)
    q[row] = at_rest[row] + en.vec3(0.0, 0.25 * clock[0], 0.0)


def test_the_cloth_of_the_course_from_builder_to_usd(tmp_path):
    """Builder, captured frame with a kernel of one's own and swapped states, USD: all of it, at a smaller size."""
    substeps, frames, width, height = 8, 6, 16, 8
    builder = sim.ModelBuilder()
    builder.add_cloth_grid(
        pos=en.vec3(0.0, 1.0, -0.4), rot=en.quat_from_axis_angle(en.vec3(1.0, 0.0, 0.0), math.pi * 0.5),
        vel=en.vec3(0.0, 0.0, 0.0), dim_x=width, dim_y=height, cell_x=0.1, cell_y=0.1, mass=0.1, fix_left=True,
        tri_ke=1.0e3, tri_ka=1.0e3, tri_kd=1.0e1,
    )  # fmt: skip
    box = np.array([[x, y, z] for x in (0, 0.5) for y in (0, 0.5) for z in (0, 0.5)], np.float32)
    faces = [0, 1, 3, 0, 3, 2, 4, 6, 7, 4, 7, 5, 0, 4, 5, 0, 5, 1, 2, 3, 7, 2, 7, 6, 0, 2, 6, 0, 6, 4, 1, 5, 7, 1, 7, 3]
    builder.add_shape_mesh(
        body=-1, mesh=sim.Mesh(box, faces), pos=en.vec3(0.5, 0.0, -0.25), rot=en.quat_identity(),
        scale=en.vec3(1.0, 1.0, 1.0), ke=1.0e2, kd=1.0e2, kf=1.0e1,
    )  # fmt: skip
    model = builder.finalize()
    model.ground = True
    model.soft_contact_ke, model.soft_contact_kd = 1.0e4, 1.0e2
    integrator, clock = sim.SemiImplicitIntegrator(), en.zeros(1, dtype=float)
    state_0, state_1 = model.state(), model.state()
    at_rest, profiler = en.clone(state_0.particle_q), {}
    renderer = usd_io.SimRenderer(model, tmp_path / "cloth.usd", scaling=40.0)
    with en.ScopedCapture() as capture:
        sim.collide(model, state_0)
        en.launch(kernel=pull_edge, dim=height + 1, inputs=[state_0.particle_q, at_rest, width, clock])
        for _ in range(substeps):
            state_0.clear_forces()
            integrator.simulate(model, state_0, state_1, 1.0 / 60 / substeps)
            state_0, state_1 = state_1, state_0
    for frame in range(frames):
        clock.fill_(frame / 60.0)
        with en.ScopedTimer("step", dict=profiler, print=False):
            en.capture_launch(capture.graph)
        renderer.begin_frame(frame / 60.0)
        renderer.render(state_0)
        renderer.end_frame()
    renderer.save()
    assert len(profiler["step"]) == frames

    from pxr import Usd, UsdGeom

    stage = Usd.Stage.Open(str(tmp_path / "cloth.usd"))
    points = np.array(UsdGeom.Mesh(stage.GetPrimAtPath("/root/cloth_0")).GetPointsAttr().Get(frames - 1)) / 40.0
    np.testing.assert_allclose(points, state_0.particle_q.numpy(), atol=1e-5)
    edge = np.arange(height + 1) * (width + 1)
    moved = points[edge] - at_rest.numpy()[edge]
    np.testing.assert_allclose(moved, np.broadcast_to((0.0, 0.25 * (frames - 1) / 60.0, 0.0), moved.shape), atol=1e-5)
    assert points[:, 1].min() < 0.999, "it falls"

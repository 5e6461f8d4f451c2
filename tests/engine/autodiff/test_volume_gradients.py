"""Gradients through volumes: with respect to points, and to values that lie in an array."""

import numpy as np
import pytest

import engine as en

SHAPE = np.array(
    [[0.2, 0.0, 0.0], [0.0, 0.0, -0.1], [0.0, 0.3, 0.0]]
)  # turned, so that a transposed matrix would be noticed


def field(x, y, z):
    return np.sin(0.7 * x) + 0.3 * y * z


def voxels():
    return np.stack(np.meshgrid(*[np.arange(8)] * 3, indexing="ij"), -1).reshape(-1, 3)


def scalar_volume():
    grid = field(*np.meshgrid(*[np.arange(8.0)] * 3, indexing="ij")).astype(np.float32)
    return en.Volume.load_from_numpy(grid, voxel_size=0.25, bg_value=0.0)


def vector_volume():
    x, y, z = np.meshgrid(*[np.arange(8.0)] * 3, indexing="ij")
    return en.Volume.load_from_numpy(np.stack([x * y, y - z, z * z], -1).astype(np.float32), bg_value=(0.0, 0.0, 0.0))


def points(n=6):
    cells = np.random.default_rng(1).integers(1, 6, (n, 3))
    return en.array(cells + np.random.default_rng(2).uniform(0.2, 0.8, (n, 3)), dtype=en.vec3)


@en.kernel
def sampled(id: en.uint64, p: en.array(dtype=en.vec3), y: en.array(dtype=float)):
    i = en.tid()
    slope = en.vec3(0.0, 0.0, 0.0)
    a = en.volume_sample(id, p[i], en.Volume.LINEAR, dtype=float)
    b = en.volume_sample_f(id, p[i], en.Volume.LINEAR)
    c = en.volume_sample_grad_f(id, p[i], en.Volume.LINEAR, slope)
    y[i] = a + b * b + c * slope[0] + slope[1] * 0.5


@en.kernel
def sampled_vectors(id: en.uint64, p: en.array(dtype=en.vec3), y: en.array(dtype=en.vec3)):
    i = en.tid()
    slope = en.mat33(0.0)
    v = en.volume_sample_grad(id, p[i], en.Volume.LINEAR, slope, dtype=en.vec3)
    y[i] = en.volume_sample_v(id, p[i], en.Volume.LINEAR) + slope * v * 0.1


@en.kernel
def placed(id: en.uint64, p: en.array(dtype=en.vec3), y: en.array(dtype=en.vec3)):
    i = en.tid()
    there = en.volume_index_to_world(id, p[i]) + en.volume_index_to_world_dir(id, en.cw_mul(p[i], p[i]))
    y[i] = there + en.volume_world_to_index(id, there) + en.volume_world_to_index_dir(id, en.cw_mul(there, p[i]))


@en.kernel
def sampled_in_world(id: en.uint64, p: en.array(dtype=en.vec3), y: en.array(dtype=float)):
    i = en.tid()
    there = en.volume_transform(id, p[i])
    a = en.volume_sample_world(id, there, en.Volume.LINEAR)
    y[i] = a * en.volume_sample_local(id, en.volume_transform_inv(id, there * 1.01), en.Volume.LINEAR)


@en.kernel
def sampled_data(id: en.uint64, p: en.array(dtype=en.vec3), data: en.array(dtype=float), y: en.array(dtype=float)):
    i = en.tid()
    slope = en.vec3(0.0, 0.0, 0.0)
    a = en.volume_sample_index(id, p[i], en.Volume.LINEAR, data, 0.5)
    b = en.volume_sample_grad_index(id, p[i], en.Volume.LINEAR, data, 0.5, slope)
    y[i] = a * b + slope[2]


def test_gradient_of_samples_with_respect_to_points():
    volume = scalar_volume()
    assert en.gradcheck(sampled, 6, [volume.id, points()], [en.zeros(6, dtype=float)], eps=5e-3)


def test_gradient_of_samples_in_world_space():
    volume = scalar_volume()
    assert en.gradcheck(sampled_in_world, 6, [volume.id, points()], [en.zeros(6, dtype=float)], eps=5e-3)


def test_gradient_of_vector_samples_with_respect_to_points():
    volume = vector_volume()
    assert en.gradcheck(sampled_vectors, 6, [volume.id, points()], [en.zeros(6, dtype=en.vec3)], eps=5e-3)


@pytest.mark.parametrize("turned", [False, True])
def test_gradient_of_transforms_is_that_of_the_matrix(turned):
    size = {"transform": SHAPE.T} if turned else {"voxel_size": 0.25}
    volume = en.Volume.allocate_by_voxels(en.array(voxels(), dtype=en.vec3i), translation=(1.0, 2.0, 3.0), **size)
    assert en.gradcheck(placed, 6, [volume.id, points()], [en.zeros(6, dtype=en.vec3)], eps=5e-3)


def test_gradient_of_samples_of_an_array_with_respect_to_its_values():
    volume = en.Volume.allocate_by_voxels(en.array(voxels(), dtype=en.vec3i), voxel_size=0.25)
    where = volume.get_voxels().numpy()
    data = en.array(field(*where.T), dtype=float)
    assert en.gradcheck(sampled_data, 6, [volume.id, points(), data], [en.zeros(6, dtype=float)], eps=5e-3)

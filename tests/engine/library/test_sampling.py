"""Samples against the distributions they claim: moments, bounds, Kolmogorov-Smirnov tests."""

import numpy as np
import pytest
import scipy.stats

import engine as en

N = 40_000


@en.kernel
def sample_all(
    triangle: en.array(dtype=en.vec2),
    ring: en.array(dtype=en.vec2),
    disk: en.array(dtype=en.vec2),
    sphere_surface: en.array(dtype=en.vec3),
    sphere: en.array(dtype=en.vec3),
    hemisphere_surface: en.array(dtype=en.vec3),
    hemisphere: en.array(dtype=en.vec3),
    square: en.array(dtype=en.vec2),
    cube: en.array(dtype=en.vec3),
):
    i = en.tid()
    state = en.rand_init(7, i)
    triangle[i] = en.sample_triangle(state)
    ring[i] = en.sample_unit_ring(state)
    disk[i] = en.sample_unit_disk(state)
    sphere_surface[i] = en.sample_unit_sphere_surface(state)
    sphere[i] = en.sample_unit_sphere(state)
    hemisphere_surface[i] = en.sample_unit_hemisphere_surface(state)
    hemisphere[i] = en.sample_unit_hemisphere(state)
    square[i] = en.sample_unit_square(state)
    cube[i] = en.sample_unit_cube(state)


@pytest.fixture(scope="module")
def samples():
    names = "triangle ring disk sphere_surface sphere hemisphere_surface hemisphere square cube".split()
    flat = {"triangle", "ring", "disk", "square"}
    arrays = {name: en.zeros(N, dtype=en.vec2 if name in flat else en.vec3) for name in names}
    en.launch(sample_all, N, outputs=list(arrays.values()))
    return {name: a.numpy().astype(float) for name, a in arrays.items()}


def is_uniform(x, low=0.0, high=1.0):
    return scipy.stats.kstest(x, scipy.stats.uniform(low, high - low).cdf).pvalue > 1e-4


def test_triangle_is_uniform(samples):
    u, v = samples["triangle"].T
    assert np.all(u >= 0) and np.all(v >= 0) and np.all(u + v <= 1 + 1e-6)
    assert is_uniform((1 - u) ** 2)  # areas of the strips parallel to a side
    assert is_uniform(v / np.maximum(1 - u, 1e-9))


@pytest.mark.parametrize("name, power", [("disk", 2), ("sphere", 3), ("hemisphere", 3)])
def test_filled_shapes_are_uniform_in_radius(samples, name, power):
    assert is_uniform(np.linalg.norm(samples[name], axis=1) ** power)


@pytest.mark.parametrize("name", ["ring", "sphere_surface", "hemisphere_surface"])
def test_surfaces_have_radius_one(samples, name):
    np.testing.assert_allclose(np.linalg.norm(samples[name], axis=1), 1.0, atol=1e-6)


@pytest.mark.parametrize("name", ["ring", "disk", "sphere", "sphere_surface", "hemisphere", "hemisphere_surface"])
def test_directions_are_uniform(samples, name):
    x = samples[name]
    assert is_uniform(np.arctan2(x[:, 1], x[:, 0]), -np.pi, np.pi)
    if x.shape[1] == 3:
        low = 0.0 if name.startswith("hemi") else -1.0
        assert is_uniform(x[:, 2] / np.linalg.norm(x, axis=1), low, 1.0)  # Archimedes


@pytest.mark.parametrize("name", ["square", "cube"])
def test_boxes_are_uniform(samples, name):
    assert all(is_uniform(column, -0.5, 0.5) for column in samples[name].T)


@pytest.mark.parametrize("name", ["square", "cube", "disk", "sphere", "sphere_surface", "ring"])
def test_coordinates_do_not_depend_on_each_other(samples, name):
    x = samples[name]
    assert np.abs(np.corrcoef(x.T) - np.eye(x.shape[1])).max() < 0.03
    quadrants = np.bincount((x > 0) @ (1 << np.arange(x.shape[1])), minlength=2 ** x.shape[1]) / N
    np.testing.assert_allclose(quadrants, 1 / 2 ** x.shape[1], atol=0.015)


def test_radius_does_not_depend_on_direction(samples):
    x = samples["disk"]
    assert abs(np.corrcoef(np.linalg.norm(x, axis=1), np.arctan2(x[:, 1], x[:, 0]))[0, 1]) < 0.03


def test_python_scope_gives_what_a_kernel_gives(samples):
    state = en.rand_init(7, 0)
    np.testing.assert_allclose(np.asarray(en.sample_triangle(state)), samples["triangle"][0], atol=1e-6)


@en.kernel
def draw(cdf: en.array(dtype=float), mean: float, index: en.array(dtype=int), count: en.array(dtype=en.uint32)):
    i = en.tid()
    state = en.rand_init(3, i)
    index[i] = en.sample_cdf(state, cdf)
    count[i] = en.poisson(state, mean)


@pytest.mark.parametrize("mean", [0.3, 4.0, 9.9, 10.1, 40.0])
def test_discrete_distributions(mean):
    weights = np.array([0.1, 0.0, 0.4, 0.3, 0.2])
    index, count = en.zeros(N, dtype=int), en.zeros(N, dtype=en.uint32)
    en.launch(draw, N, inputs=[en.array(np.cumsum(weights), dtype=float), mean], outputs=[index, count])
    assert np.abs(np.bincount(index.numpy(), minlength=5) / N - weights).max() < 0.01
    most = int(mean + 8 * np.sqrt(mean) + 4)
    want = scipy.stats.poisson(mean).pmf(np.arange(most))
    got = np.bincount(count.numpy(), minlength=most)[:most]
    keep = want * N > 5
    chi = ((got - want * N) ** 2 / (want * N))[keep].sum()
    assert scipy.stats.chi2(keep.sum()).sf(chi) > 1e-4


def test_lower_bound_is_searchsorted():
    data = np.array([1.0, 2.0, 2.0, 3.5, 7.0], np.float32)
    values = np.array([0.0, 1.0, 1.5, 2.0, 3.6, 7.0, 8.0], np.float32)
    a = en.array(data)
    assert [en.lower_bound(a, float(v)) for v in values] == np.minimum(
        np.searchsorted(data, values), len(data) - 1
    ).tolist()
    assert en.lower_bound(a, 1, 4, 9.0) == 3  # the last of those looked at

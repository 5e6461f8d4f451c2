"""Mass, centre of mass and inertia of primitives against numerical integration and trimesh."""

import numpy as np
import pytest
import trimesh

from sim.geometry import mass_properties as mp
from sim.geometry.rotation import quat_from_axis_angle


def inside_sphere(p, r):
    return (p**2).sum(axis=1) <= r * r


def inside_box(p, hx, hy, hz):
    return (np.abs(p) <= (hx, hy, hz)).all(axis=1)


def inside_cylinder(p, r, h):
    return (np.hypot(p[:, 0], p[:, 2]) <= r) & (np.abs(p[:, 1]) <= h)


def inside_capsule(p, r, h):
    beyond = np.maximum(np.abs(p[:, 1]) - h, 0.0)
    return p[:, 0] ** 2 + p[:, 2] ** 2 + beyond**2 <= r * r


def inside_cone(p, r, h):
    return (np.abs(p[:, 1]) <= h) & (np.hypot(p[:, 0], p[:, 2]) <= r * (h - p[:, 1]) / (2 * h))


def integrate(inside, size, density, count=2_000_000):
    """Mass properties by random points: knows only the point-in-shape test."""
    bound = sum(size)
    p = np.random.default_rng(3).uniform(-bound, bound, size=(count, 3))
    p = p[inside(p, *size)]
    cell = (2 * bound) ** 3 / count * density
    com = p.mean(axis=0)
    d = p - com
    covariance = cell * d.T @ d
    return len(p) * cell, com, np.trace(covariance) * np.eye(3) - covariance


SHAPES = [
    (mp.sphere, mp.hollow_sphere, inside_sphere, (0.7,)),
    (mp.box, mp.hollow_box, inside_box, (0.5, 0.3, 0.8)),
    (mp.cylinder, mp.hollow_cylinder, inside_cylinder, (0.4, 0.6)),
    (mp.capsule, mp.hollow_capsule, inside_capsule, (0.4, 0.5)),
    (mp.cone, mp.hollow_cone, inside_cone, (0.5, 0.6)),
]


@pytest.mark.parametrize("solid,hollow,inside,size", SHAPES, ids=lambda v: getattr(v, "__name__", None))
def test_solid_matches_volume_integral(solid, hollow, inside, size):
    mass, com, inertia = integrate(inside, size, 800.0)
    got = solid(800.0, *size)
    assert got.mass == pytest.approx(mass, rel=0.015)
    assert np.allclose(got.com, com, atol=0.01)
    assert np.allclose(got.inertia, inertia, rtol=0.03, atol=0.01 * inertia.max())


@pytest.mark.parametrize("solid,hollow,inside,size", SHAPES, ids=lambda v: getattr(v, "__name__", None))
def test_thin_shell_tends_to_area_times_thickness_and_thick_shell_to_the_solid(solid, hollow, inside, size):
    thickness = 1e-6
    areas = {
        "sphere": lambda r: 4 * np.pi * r**2,
        "box": lambda x, y, z: 8 * (x * y + y * z + x * z),
        "cylinder": lambda r, h: 2 * np.pi * r * (r + 2 * h),
        "capsule": lambda r, h: 4 * np.pi * r * (r + h),
        "cone": lambda r, h: np.pi * r * (r + np.hypot(r, 2 * h)),
    }
    shell = hollow(1000.0, *size, thickness)
    assert shell.mass == pytest.approx(1000.0 * thickness * areas[solid.__name__](*size), rel=1e-4)
    thick = hollow(1000.0, *size, 10.0)
    assert thick.mass == solid(1000.0, *size).mass
    mesh = {
        "sphere": lambda r: trimesh.creation.icosphere(subdivisions=5, radius=r),
        "box": lambda x, y, z: trimesh.creation.box(extents=(2 * x, 2 * y, 2 * z)),
        "cylinder": lambda r, h: trimesh.creation.cylinder(radius=r, height=2 * h, sections=256),
        "capsule": lambda r, h: trimesh.creation.capsule(radius=r, height=2 * h, count=[128, 128]),
        "cone": lambda r, h: trimesh.creation.cone(radius=r, height=2 * h, sections=256),
    }[solid.__name__](*size)
    # Surface integral by sampling the oracle's mesh; trimesh's round shapes stand along z, ours along y.
    points, _ = trimesh.sample.sample_surface(mesh, 200_000, seed=1)
    if solid.__name__ in ("cylinder", "capsule", "cone"):
        points = points[:, [1, 2, 0]]
    if solid.__name__ == "cone":
        points = points - (0, size[1], 0)
    d = points - points.mean(axis=0)
    covariance = shell.mass * d.T @ d / len(d)
    expected = np.trace(covariance) * np.eye(3) - covariance
    assert np.allclose(shell.com, points.mean(axis=0), atol=0.01)
    assert np.allclose(shell.inertia, expected, atol=0.02 * expected.max())


def test_wall_is_outer_minus_inner_for_a_sphere():
    shell = mp.hollow_sphere(1000.0, 0.5, 0.05)
    assert shell.mass == pytest.approx(1000.0 * 4 / 3 * np.pi * (0.5**3 - 0.45**3))
    assert shell.inertia[0, 0] == pytest.approx(1000.0 * 8 / 15 * np.pi * (0.5**5 - 0.45**5))


def test_two_halves_of_a_box_make_the_box():
    left = mp.box(500.0, 0.5, 0.3, 0.2).moved(np.array([-0.5, 0, 0, 0, 0, 0, 1.0]))
    right = mp.box(500.0, 0.5, 0.3, 0.2).moved(np.array([0.5, 0, 0, 0, 0, 0, 1.0]))
    both, whole = mp.combine(left, right), mp.box(500.0, 1.0, 0.3, 0.2)
    assert both.mass == pytest.approx(whole.mass)
    assert np.allclose(both.com, 0.0)
    assert np.allclose(both.inertia, whole.inertia)


def test_moving_turns_the_inertia():
    quarter = np.append(np.zeros(3), quat_from_axis_angle((0, 0, 1), np.pi / 2))
    turned = mp.box(1.0, 1.0, 2.0, 3.0).moved(quarter)
    assert np.allclose(turned.inertia, mp.box(1.0, 2.0, 1.0, 3.0).inertia)


def test_inverse_inertia_is_zero_where_there_is_no_mass_or_no_moment():
    tensors = np.array([np.diag([1.0, 2.0, 4.0]), np.diag([1.0, 2.0, 4.0]), np.zeros((3, 3)), np.diag([2.0, 2.0, 0.0])])
    inverse = mp.inverse_inertia(tensors, np.array([1.0, 0.0, 1.0, 1.0]))
    assert np.allclose(inverse[0], np.diag([1.0, 0.5, 0.25]))
    assert not inverse[1].any() and not inverse[2].any()
    assert np.allclose(inverse[3], np.diag([0.5, 0.5, 0.0]))

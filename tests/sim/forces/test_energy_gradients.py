"""Every elastic force is minus the numerical gradient of its energy, computed in float64."""

import numpy as np
import pytest

import engine as en
from sim.forces.bending import eval_bending
from sim.forces.slots import new_slots
from sim.forces.springs import eval_springs
from sim.forces.tetrahedra import eval_tetrahedra
from sim.forces.triangles import eval_triangles_neo_hookean, eval_triangles_stvk


def numerical_force(energy, x, h=1.0e-5):
    f = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[i] += h
        down[i] -= h
        f[i] = (energy(down) - energy(up)) / (2 * h)
    return f


def dihedral_angle(x):
    e = x[3] - x[2]
    n1 = np.cross(x[2] - x[0], x[3] - x[0])
    n2 = np.cross(x[3] - x[1], x[2] - x[1])
    return np.arctan2(np.cross(n2, n1) @ e / np.linalg.norm(e), n1 @ n2)


def forces_on(kernel, x, constants, v=None):
    """Slots of one element as [vertex, 3]."""
    n = len(x)
    slots = new_slots(n)
    q = en.array(x.astype(np.float32), dtype=en.vec3)
    qd = en.array((np.zeros_like(x) if v is None else v).astype(np.float32), dtype=en.vec3)
    en.launch(kernel, dim=1, inputs=[q, qd, *constants, 0, 1], outputs=[slots])
    assert np.all(slots.numpy()[:, n:] == 0.0)
    return slots.numpy()[:, :n].T.astype(np.float64)


def floats(*values):
    return en.array(np.array(values, dtype=np.float32), dtype=float)


def table(row):
    return en.array(np.array([row], dtype=np.float32), dtype=float)


def indices(n):
    return en.array(np.arange(n, dtype=np.int32).reshape(1, n), dtype=int)


def assert_close(found, expected):
    assert np.abs(found - expected).max() < 2.0e-4 * max(1.0, np.abs(expected).max())


@pytest.mark.parametrize("seed", range(4))
def test_spring_force_is_the_energy_gradient(seed):
    x = np.random.default_rng(seed).normal(size=(2, 3))
    k, rest = 7.0, 0.8

    def energy(x):
        return 0.5 * k * (np.linalg.norm(x[0] - x[1]) - rest) ** 2

    pair = en.array(np.array([0, 1], dtype=np.int32), dtype=int)
    assert_close(forces_on(eval_springs, x, [pair, floats(rest), floats(k), floats(0.0)]), numerical_force(energy, x))


def membrane_constants(x_rest, ke, ka, kd=0.0, drag=0.0, lift=0.0, activation=0.0):
    Dm = np.linalg.inv(x_rest)
    pose = en.array(Dm.astype(np.float32).reshape(1, 2, 2), dtype=en.mat22)
    return Dm, [indices(3), pose, floats(activation), table([ke, ka, kd, drag, lift])]


def rest_triangle(rng):
    e = rng.normal(size=(2, 2)) * 0.3 + np.eye(2)
    return e if np.linalg.det(e) > 0 else e[:, ::-1]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("ke, ka", [(11.0, 5.0), (3.0, 20.0), (4.0, 0.0)])
def test_neo_hookean_membrane_force_is_the_energy_gradient(seed, ke, ka):
    rng = np.random.default_rng(seed)
    x, activation = rng.normal(size=(3, 3)), 0.1
    Dm, constants = membrane_constants(rest_triangle(rng), ke, ka, activation=activation)
    area = 0.5 / np.linalg.det(Dm)

    def energy(x):
        F = np.stack([x[1] - x[0], x[2] - x[0]], axis=1) @ Dm
        J = np.linalg.norm(np.cross(F[:, 0], F[:, 1]))
        # lambda/2 (J - 1 - mu/lambda + a)^2 without the constant mu^2/(2 lambda)
        g = J - 1.0 + activation
        return area * (0.5 * ke * np.sum(F * F) + 0.5 * ka * g * g - ke * g)

    assert_close(forces_on(eval_triangles_neo_hookean, x, constants), numerical_force(energy, x))


@pytest.mark.parametrize("seed", range(4))
def test_stvk_membrane_force_is_the_energy_gradient(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(3, 3))
    mu, lam = 11.0, 5.0
    Dm, constants = membrane_constants(rest_triangle(rng), mu, lam)
    area = 0.5 / np.linalg.det(Dm)

    def energy(x):
        F = np.stack([x[1] - x[0], x[2] - x[0]], axis=1) @ Dm
        E = 0.5 * (F.T @ F - np.eye(2))
        return area * (mu * np.sum(E * E) + 0.5 * lam * np.trace(E) ** 2)

    assert_close(forces_on(eval_triangles_stvk, x, constants), numerical_force(energy, x))


@pytest.mark.parametrize("kernel", [eval_triangles_neo_hookean, eval_triangles_stvk])
def test_membrane_at_rest_has_no_force(kernel):
    rest = rest_triangle(np.random.default_rng(5))
    x = np.zeros((3, 3))
    x[1, :2], x[2, :2] = rest[:, 0], rest[:, 1]
    _, constants = membrane_constants(rest, 1.0e3, 2.0e3)
    assert np.abs(forces_on(kernel, x, constants)).max() < 2.0e-3


def test_membrane_damping_takes_energy_and_keeps_momentum():
    rng = np.random.default_rng(6)
    rest = rest_triangle(rng)
    x = np.zeros((3, 3))
    x[1, :2], x[2, :2] = rest[:, 0], rest[:, 1]
    v = rng.normal(size=(3, 3))
    _, constants = membrane_constants(rest, 0.0, 0.0, kd=3.0)
    f = forces_on(eval_triangles_neo_hookean, x, constants, v)
    assert np.sum(f * v) < 0.0
    assert np.abs(f.sum(axis=0)).max() < 1.0e-5


def test_drag_opposes_motion_and_lift_pushes_along_the_normal():
    x = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    u = np.array([0.3, 0.0, -2.0])
    v = np.tile(u, (3, 1))
    area, n = 0.5, np.array([0.0, 0, 1])
    _, constants = membrane_constants(np.eye(2), 0.0, 0.0, drag=0.7)
    drag = -0.7 * area * abs(n @ u) * u
    np.testing.assert_allclose(forces_on(eval_triangles_neo_hookean, x, constants, v), np.tile(drag, (3, 1)), rtol=1e-5)
    _, constants = membrane_constants(np.eye(2), 0.0, 0.0, lift=0.7)
    lift = -0.7 * area * np.arcsin(n @ u / np.linalg.norm(u)) * (u @ u) * n
    found = forces_on(eval_triangles_neo_hookean, x, constants, v)
    np.testing.assert_allclose(found, np.tile(lift, (3, 1)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("seed", range(8))
def test_bending_force_is_the_energy_gradient(seed):
    rng = np.random.default_rng(seed)
    x = np.array([[0.0, -1, 0], [0, 1, 0], [-0.5, 0, 0], [0.5, 0, 0]]) + 0.4 * rng.normal(size=(4, 3))
    ke, rest, length = 5.0, 0.3, 0.9

    def energy(x):
        d = dihedral_angle(x) - rest
        d = (d + np.pi) % (2 * np.pi) - np.pi
        return 0.5 * ke * length * d * d

    constants = [indices(4), floats(rest), floats(length), table([ke, 0.0])]
    assert_close(forces_on(eval_bending, x, constants), numerical_force(energy, x))


def test_bending_skips_border_edges_and_degenerate_ones():
    x = np.array([[0.0, -1, 0], [0, 1, 0.5], [-0.5, 0, 0], [0.5, 0, 0]])
    border = en.array(np.array([[0, -1, 2, 3]], dtype=np.int32), dtype=int)
    assert np.all(forces_on(eval_bending, x, [border, floats(1.0), floats(1.0), table([5.0, 1.0])]) == 0.0)
    x[0] = x[2]
    assert np.all(forces_on(eval_bending, x, [indices(4), floats(1.0), floats(1.0), table([5.0, 1.0])]) == 0.0)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("mu, lam", [(11.0, 5.0), (3.0, 20.0), (4.0, 0.0)])
def test_tetrahedron_force_is_the_energy_gradient(seed, mu, lam):
    rng = np.random.default_rng(seed)
    rest = rng.normal(size=(3, 3)) * 0.3 + np.eye(3)
    Dm = np.linalg.inv(rest)
    volume = 1.0 / (6.0 * np.linalg.det(Dm))
    x, activation = rng.normal(size=(4, 3)), 0.05

    def energy(x):
        F = (x[1:] - x[0]).T @ Dm
        stretch, g = np.sum(F * F), np.linalg.det(F) - 1.0 + activation
        return volume * (0.5 * mu * stretch - 0.5 * mu * np.log(stretch + 1.0) + 0.5 * lam * g * g - 0.75 * mu * g)

    pose = en.array(Dm.astype(np.float32).reshape(1, 3, 3), dtype=en.mat33)
    constants = [indices(4), pose, floats(activation), table([mu, lam, 0.0])]
    assert_close(forces_on(eval_tetrahedra, x, constants), numerical_force(energy, x))


def test_tetrahedron_at_rest_has_no_force():
    pose = en.array(np.eye(3, dtype=np.float32).reshape(1, 3, 3), dtype=en.mat33)
    x = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    f = forces_on(eval_tetrahedra, x, [indices(4), pose, floats(0.0), table([1.0e4, 3.0e4, 0.0])])
    assert np.abs(f).max() < 1.0e-2

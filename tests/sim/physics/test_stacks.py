"""Things built of many contacts: a tower, dominoes, a tent of cards, mixed solids on each other."""

import numpy as np
import pytest

import engine as en
from sim import Mesh, ModelBuilder, XPBDIntegrator
from sim.geometry.hull import convex_hull

DT = 1.0 / 960


def upright(x, y, z, turn=0.0, axis=(0.0, 0.0, 1.0)):
    return en.transform(en.vec3(x, y, z), en.quat_from_axis_angle(en.vec3(*axis), float(turn)))


@pytest.mark.parametrize("kind", ["box", "hull"])
def test_a_tower_of_ten_stands_for_ten_seconds(integrator, advance, kind):
    builder = ModelBuilder()
    corners = np.array([[x, y, z] for x in (-0.1, 0.1) for y in (-0.1, 0.1) for z in (-0.1, 0.1)])
    block = Mesh(*convex_hull(corners))
    for i in range(10):
        body = builder.add_body(origin=upright(0.005 * (i % 2), 0.1 + 0.2 * i, 0.0, 0.1 * i, (0.0, 1.0, 0.0)))
        if kind == "box":
            builder.add_shape_box(body, hx=0.1, hy=0.1, hz=0.1, density=1000.0)
        else:
            builder.add_shape_convex_hull(body, mesh=block, density=1000.0)
    model = builder.finalize()
    q = advance(model, integrator, 9600, DT).body_q.numpy()
    start = model.body_q.numpy()
    assert np.abs(q[:, [0, 2]] - start[:, [0, 2]]).max() < 0.02
    assert np.abs(q[:, 1] - start[:, 1]).max() < 0.04


def test_dominoes_fall_one_after_the_other(integrator, advance):
    builder = ModelBuilder()
    count, gap = 12, 0.12
    for i in range(count):
        body = builder.add_body(origin=upright(gap * i, 0.15, 0.0))
        builder.add_shape_box(body, hx=0.02, hy=0.15, hz=0.08, density=500.0, mu=0.4)
    builder.body_qd[0] = [0.0, 0.0, -3.0, 0.45, 0.0, 0.0]
    fell = np.full(count, -1)

    def watch(step, state):
        tilt = 1.0 - 2.0 * (state.body_q.numpy()[:, 3] ** 2 + state.body_q.numpy()[:, 5] ** 2)
        fell[(fell < 0) & (tilt < 0.9)] = step

    q = advance(builder.finalize(), integrator, 2880, DT, watch).body_q.numpy()
    assert (fell > 0).all() and (np.diff(fell) > 0).all()
    # in line; a penalty contact lets the one that was pushed jump aside a little
    assert np.abs(q[:, 2]).max() < (0.02 if isinstance(integrator, XPBDIntegrator) else 0.08)


def test_two_cards_lean_on_each_other(integrator, advance):
    """A tent at 15 degrees from upright holds by friction 0.6: it needs tan(15) / 2 = 0.13."""
    builder = ModelBuilder()
    angle, half, thick = np.radians(15.0), 0.2, 0.01
    for side in (-1.0, 1.0):
        x = side * (half * np.sin(angle) + thick * np.cos(angle))
        y = half * np.cos(angle) + thick * np.sin(angle)
        body = builder.add_body(origin=upright(x, y, 0.0, side * angle))
        builder.add_shape_box(body, hx=thick, hy=half, hz=0.1, density=300.0, mu=0.6)
    model = builder.finalize()
    q = advance(model, integrator, 2880, DT).body_q.numpy()
    np.testing.assert_allclose(q[:, :3], model.body_q.numpy()[:, :3], atol=0.02)


def test_a_house_of_cards_stands_for_ten_seconds(integrator, advance):
    """Two tents, a card across them, a third tent on top: seven cards, held by friction alone."""
    builder = ModelBuilder()
    angle, half, thick = np.radians(15.0), 0.2, 0.005
    wide = 2.0 * (half * np.sin(angle) + thick * np.cos(angle))
    high = 2.0 * (half * np.cos(angle) + thick * np.sin(angle))

    def card(x, y, turn=0.0, hx=thick, hy=half):
        body = builder.add_body(origin=upright(x, y, 0.0, turn))
        builder.add_shape_box(body, hx=hx, hy=hy, hz=0.12, density=300.0, mu=0.6)

    for x, y in ((-wide, 0.0), (wide, 0.0), (0.0, high + 2.0 * thick)):
        for side in (-1.0, 1.0):
            card(x + side * wide / 2, y + high / 2, side * angle)
    card(0.0, high + thick, hx=1.5 * wide + 0.02, hy=thick)
    model = builder.finalize()
    q = advance(model, integrator, 9600, DT).body_q.numpy()
    np.testing.assert_allclose(q[:, :3], model.body_q.numpy()[:, :3], atol=5e-3)


@pytest.mark.parametrize("above", ["box", "cylinder", "hull", "ellipsoid", "sphere"])
@pytest.mark.parametrize("below", ["box", "cylinder", "hull"])
def test_solids_rest_on_each_other(integrator, advance, below, above):
    """A flat one on the ground, another on top of it, for two seconds."""
    corners = np.array([[x, y, z] for x in (-0.2, 0.2) for y in (-0.1, 0.1) for z in (-0.15, 0.15)])
    add = {
        "box": lambda b, i: b.add_shape_box(i, hx=0.2, hy=0.1, hz=0.15, density=500.0),
        "cylinder": lambda b, i: b.add_shape_cylinder(i, radius=0.2, half_height=0.1, density=500.0),
        "hull": lambda b, i: b.add_shape_convex_hull(i, mesh=Mesh(*convex_hull(corners)), density=500.0),
        "ellipsoid": lambda b, i: b.add_shape_ellipsoid(i, rx=0.2, ry=0.1, rz=0.2, density=500.0),
        "sphere": lambda b, i: b.add_shape_sphere(i, radius=0.1, density=500.0),
    }
    builder = ModelBuilder()
    for k, name in enumerate((below, above)):
        add[name](builder, builder.add_body(origin=upright(0.0, 0.1 + 0.2 * k, 0.0)))
    s = advance(builder.finalize(), integrator, 1920, DT)
    np.testing.assert_allclose(s.body_q.numpy()[:, :3], [[0.0, 0.1, 0.0], [0.0, 0.3, 0.0]], atol=0.015)
    assert np.abs(s.body_qd.numpy()).max() < 0.03

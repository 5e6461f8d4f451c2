"""What every contact must obey, for random pairs of solids: it never pulls, it keeps momentum, it never adds energy."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim import Mesh, ModelBuilder, SemiImplicitIntegrator, XPBDIntegrator
from sim.geometry.hull import convex_hull

HULL = Mesh(*convex_hull(np.random.default_rng(3).normal(size=(20, 3)) * 0.15))
ADD = [
    lambda b, i: b.add_shape_sphere(i, radius=0.2, density=1000.0),
    lambda b, i: b.add_shape_box(i, hx=0.2, hy=0.15, hz=0.1, density=1000.0),
    lambda b, i: b.add_shape_capsule(i, radius=0.1, half_height=0.15, density=1000.0),
    lambda b, i: b.add_shape_cylinder(i, radius=0.15, half_height=0.2, density=1000.0),
    lambda b, i: b.add_shape_cone(i, radius=0.2, half_height=0.2, density=1000.0),
    lambda b, i: b.add_shape_ellipsoid(i, rx=0.25, ry=0.15, rz=0.1, density=1000.0),
    lambda b, i: b.add_shape_convex_hull(i, mesh=HULL, density=1000.0),
]
MODELS = {}


def model_of(a, b, copies=40):
    if (a, b) not in MODELS:
        scene, builder = ModelBuilder(gravity=0.0), ModelBuilder(gravity=0.0)
        for kind in (a, b):
            ADD[kind](scene, scene.add_body())
        builder.replicate_at(scene, np.zeros((copies, 3)))
        MODELS[a, b] = builder.finalize()
        MODELS[a, b].ground = False
    return MODELS[a, b]


@pytest.mark.parametrize("make", [lambda: SemiImplicitIntegrator(angular_damping=0.0), lambda: XPBDIntegrator()])
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(a=st.integers(0, 6), b=st.integers(0, 6), seed=st.integers(0, 10_000))
def test_bodies_at_rest_are_only_ever_pushed_apart(make, a, b, seed):
    model = model_of(a, b)
    rng = np.random.default_rng(seed)
    state, after = model.state(), model.state()
    model.rigid_contacts = None
    q = state.body_q.numpy().copy()
    turn = rng.normal(size=(len(q), 4))
    q[:, 3:] = turn / np.linalg.norm(turn, axis=1, keepdims=True)
    q[1::2, :3] = rng.uniform(-0.4, 0.4, (len(q) // 2, 3))
    state.body_q.assign(q)
    state.body_qd.zero_()
    integrator = make()
    integrator.simulate(model, state, after, 1e-3)
    c, v = model.rigid_contacts, after.body_qd.numpy().astype(float)
    deepest = np.full(len(q) // 2, np.inf)
    n = int(c.active_count.numpy()[0])
    shapes = c.pair_shapes.numpy()[c.active_pair.numpy()[:n]]
    counts, normal = c.points.count.numpy(), c.points.normal.numpy()
    sides = c.points.point_a.numpy(), c.points.point_b.numpy()
    for slot in range(n):
        for i in range(8 * slot, 8 * slot + int(counts[slot])):
            ends = [q[s, :3] + rotate(q[s, 3:], p[i]) for s, p in zip(shapes[slot], sides)]
            deepest[shapes[slot, 0] // 2] = min(deepest[shapes[slot, 0] // 2], float(normal[i] @ (ends[0] - ends[1])))
    speed = np.abs(v).reshape(-1, 12).max(axis=1)
    # what does not overlap stays at rest
    assert speed[deepest > 1e-6].max(initial=0.0) == 0.0
    assert (speed[deepest < -1e-4] > 0.0).all()
    # XPBD ends a step by impulses where it has moved the bodies to, penalty forces act where they were
    ends = after.body_q.numpy() if isinstance(integrator, XPBDIntegrator) else q
    linear, angular = momenta(model, ends, v)
    # thrown out of each other within a step, deep overlaps reach speeds at which bodies turn by radians a step
    shallow = deepest > -0.01
    linear, angular = linear[shallow], angular[shallow]
    scale = np.abs(linear).max(axis=(1, 2), initial=0.0) + 1e-6
    # positions in float32 are known to some 3e-8 m: over a step, that is a velocity
    rounding = 3e-8 / 1e-3 * model.body_mass.numpy().max()
    assert (np.abs(linear.sum(axis=1)).max(axis=1) <= 1e-4 * scale + rounding).all()
    assert (np.abs(angular.sum(axis=1)).max(axis=1) <= 2e-3 * scale + 5.0 * rounding).all()


@pytest.mark.parametrize(("a", "b"), [(0, 1), (1, 1), (1, 3), (3, 6)])
def test_what_flies_into_another_keeps_the_momentum_of_both_under_xpbd(a, b):
    """Angular momentum up to what pushes do over the distance flown in a step, since they act at its end; what of them is
    taken back in the same step, as they undo more than the flight of the step, is not seen from outside."""
    model, dt = model_of(a, b), 1e-3
    rng = np.random.default_rng(7)
    state, after = model.state(), model.state()
    model.rigid_contacts = None
    q = state.body_q.numpy().copy()
    turn = rng.normal(size=(len(q), 4))
    q[:, 3:] = turn / np.linalg.norm(turn, axis=1, keepdims=True)
    side = rng.normal(size=(len(q) // 2, 3))
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    q[1::2, :3] = 0.7 * side
    v = rng.normal(size=(len(q), 6))
    v[1::2, 3:] -= 3.0 * side
    state.body_q.assign(q)
    state.body_qd.assign(v)
    before = [total.sum(axis=1) for total in momenta(model, q, v)]
    integrator, met, pushes = XPBDIntegrator(), 0.0, 0.0
    for _ in range(200):
        speed = state.body_qd.numpy().astype(float)[:, 3:]
        integrator.simulate(model, state, after, dt)
        state, after = after, state
        change = (state.body_qd.numpy()[:, 3:] - speed) * model.body_mass.numpy()[:, None]
        met = met + np.abs(change).reshape(-1, 6).max(axis=1)
        closing = np.linalg.norm(speed[1::2] - speed[::2], axis=1)
        pushes = pushes + dt * closing * np.linalg.norm(change[::2], axis=1)
    assert (met > 1.0).mean() > 0.5  # most of them have met
    linear, angular = (total.sum(axis=1) for total in momenta(model, state.body_q.numpy(), state.body_qd.numpy()))
    scale = np.abs(momenta(model, q, v)[0]).max()
    assert np.abs(linear - before[0]).max() <= 2e-5 * scale
    assert (np.abs(angular - before[1]).max(axis=1) <= 5.0 * pushes + 1e-4 * scale).all()


def momenta(model, q, v):
    """Linear and angular momentum about the origin of both bodies of each pair, shape [pairs, 2, 3]."""
    v = np.asarray(v, dtype=float)
    mass = model.body_mass.numpy().astype(float)
    inertia = model.body_inertia.numpy().astype(float)
    com = q[:, :3] + np.array([rotate(r, c) for r, c in zip(q[:, 3:], model.body_com.numpy())])
    linear = mass[:, None] * v[:, 3:]
    spin = np.array([rotate(r, i @ rotate(r * [-1, -1, -1, 1], w)) for r, i, w in zip(q[:, 3:], inertia, v[:, :3])])
    return linear.reshape(-1, 2, 3), (spin + np.cross(com, linear)).reshape(-1, 2, 3)


def rotate(q, p):
    u = q[:3]
    return p + 2.0 * np.cross(u, np.cross(u, p) + q[3] * p)

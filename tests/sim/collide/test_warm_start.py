"""Searches for closest points that begin where the last one ended find what a fresh search finds."""

import numpy as np
import pytest

import engine as en
import sim
from sim.collide.contact_points import MAX_POINTS
from sim.collide.pipeline import collide_in_step
from sim.geometry.hull import convex_hull


def heap(count: int = 60) -> sim.ModelBuilder:
    """Solids of six kinds, close enough to touch."""
    rng = np.random.default_rng(3)
    hull = sim.Mesh(*convex_hull(rng.normal(size=(30, 3)) * 0.06))
    add = [
        lambda b, i: b.add_shape_sphere(i, radius=0.1),
        lambda b, i: b.add_shape_box(i, hx=0.1, hy=0.08, hz=0.09),
        lambda b, i: b.add_shape_capsule(i, radius=0.06, half_height=0.08),
        lambda b, i: b.add_shape_cylinder(i, radius=0.09, half_height=0.08),
        lambda b, i: b.add_shape_ellipsoid(i, rx=0.12, ry=0.09, rz=0.07),
        lambda b, i: b.add_shape_convex_hull(i, mesh=hull),
    ]
    builder = sim.ModelBuilder()
    for k in range(count):
        q = rng.normal(size=4)
        place = np.array([0.0, 0.5, 0.0]) + rng.uniform(-0.35, 0.35, 3)
        body = builder.add_body(
            origin=en.transform(en.vec3(*map(float, place)), en.quat(*map(float, q / np.sqrt(q @ q))))
        )
        add[k % len(add)](builder, body)
    return builder


def moved(q: np.ndarray, rng: np.random.Generator, far: float) -> np.ndarray:
    """Poses after a small motion."""
    q = q + rng.normal(size=q.shape) * [far, far, far, 2 * far, 2 * far, 2 * far, 2 * far]
    q[:, 3:] /= np.linalg.norm(q[:, 3:], axis=1, keepdims=True)
    return q.astype(np.float32)


def touching(model) -> dict[tuple[int, int], tuple[float, np.ndarray]]:
    """Pairs of shapes with contacts: the deepest gap and the normal there."""
    contacts = model.rigid_contacts
    n = int(contacts.active_count.numpy()[0])
    pairs = contacts.pair_shapes.numpy()[contacts.active_pair.numpy()[:n]]
    q = [model.state_q.numpy()[b] if b >= 0 else None for b in model.shape_body.numpy()]
    found = {}
    for slot in range(n):
        a, b = pairs[slot]
        gaps = []
        for c in range(slot * MAX_POINTS, slot * MAX_POINTS + contacts.points.count.numpy()[slot]):
            ends = [place(q[s], p.numpy()[c]) for s, p in ((a, contacts.points.point_a), (b, contacts.points.point_b))]
            normal = contacts.points.normal.numpy()[c]
            gaps.append((float(normal @ (ends[0] - ends[1])), normal.copy()))
        if gaps:
            found[int(a), int(b)] = min(gaps, key=lambda g: g[0])
    return found


def place(q, p):
    """Body point in the world."""
    if q is None:
        return p
    t, u, w = q[:3], q[3:6], q[6]
    return t + p + 2.0 * np.cross(u, np.cross(u, p) + w * p)


@pytest.mark.parametrize("far", [1e-4, 2e-2])
def test_former_corners_change_no_contact(far):
    rng = np.random.default_rng(1)
    warm = heap().finalize()
    state = warm.state()
    warm.state_q = state.body_q
    q = state.body_q.numpy().copy()
    for _ in range(6):
        state.body_q.assign(q)
        collide_in_step(warm, state)
        q = moved(q, rng, far)
    cold = heap().finalize()
    cold.state_q = state.body_q
    collide_in_step(cold, state)
    mine, fresh = touching(warm), touching(cold)
    assert len(fresh) > 60
    size = 0.1
    for pair in mine.keys() ^ fresh.keys():
        gap = (mine.get(pair) or fresh.get(pair))[0]
        # found by one only: at the very edge of what is looked for
        assert abs(gap - warm.rigid_contacts.step_margin) < 1e-4 * size
    for pair in mine.keys() & fresh.keys():
        assert mine[pair][0] == pytest.approx(fresh[pair][0], abs=1e-3 * size, rel=2e-3)
    same = [float(mine[p][1] @ fresh[p][1]) for p in mine.keys() & fresh.keys()]
    # two directions may be equally deep; all others agree
    assert np.mean(np.array(same) > 0.999) > 0.95


def test_threads_do_not_matter():
    ends = []
    for threads in (1, 2):
        before = en.get_threads()
        en.set_threads(threads)
        try:
            model = heap().finalize()
            now, after = model.state(), model.state()
            integrator = sim.SemiImplicitIntegrator()
            for _ in range(20):
                integrator.simulate(model, now, after, 1e-3)
                now, after = after, now
            ends.append(now.body_q.numpy().copy())
        finally:
            en.set_threads(before)
    np.testing.assert_array_equal(*ends)

"""What overlaps where a simulation starts: left out among near relatives, else pushed apart gently, told once."""

import numpy as np
import pytest

import engine as en
import sim
from sim import SimWarning
from tests.sim.featherstone.robots import G
from tests.sim.maximal.robots import INTEGRATORS, walk
from tests.sim.maximal.test_overlaps import crossed_arms


def pairs_in_contact(model, state):
    sim.collide(model, state)
    c = model.rigid_contacts
    count = c.points.count.numpy()[: int(c.active_count.numpy()[0])]
    return {tuple(sorted(c.pair_shapes.numpy()[p])) for p in c.active_pair.numpy()[: len(count)][count > 0]}


def test_siblings_that_overlap_never_touch_and_are_named():
    builder = crossed_arms(0.02)
    builder.body_name[1:] = ["/robot/left", "/robot/right"]
    model = builder.finalize()
    state = model.state()
    sim.eval_fk(model, state.joint_q, state.joint_qd, None, state)
    with pytest.warns(SimWarning, match="near relatives.*/robot/left in /robot/right") as told:
        assert pairs_in_contact(model, state) == set()
    assert len(told) == 1
    assert (1, 2) in model.shape_collision_filter_pairs


def test_siblings_side_by_side_go_on_touching():
    model = crossed_arms(0.0002).finalize()
    state = model.state()
    sim.eval_fk(model, state.joint_q, state.joint_qd, None, state)
    assert pairs_in_contact(model, state) == {(1, 2)}


def test_a_child_that_was_to_touch_its_parent_still_does():
    builder = sim.ModelBuilder(gravity=-G)
    builder.ground = False
    bodies = [builder.add_body(), builder.add_body()]
    for body in bodies:
        builder.add_shape_box(body, hx=0.1, hy=0.1, hz=0.1)
    builder.add_joint_free(bodies[0])
    builder.add_joint_revolute(*bodies, ((0.15, 0.0, 0.0), (0, 0, 0, 1)), axis=(0, 1, 0), collision_filter_parent=False)
    model = builder.finalize()
    state = model.state()
    sim.eval_fk(model, state.joint_q, state.joint_qd, None, state)
    with pytest.warns(SimWarning, match="pushed apart"):
        assert pairs_in_contact(model, state) == {(0, 1)}


@pytest.mark.parametrize("name", INTEGRATORS)
@pytest.mark.parametrize("captured", [False, True], ids=["plain", "captured"])
def test_boxes_in_each_other_part_gently(name, captured):
    """Two free boxes, 8 cm in each other, in space: no faster than the limit, and hardly moving once they are apart."""
    builder = sim.ModelBuilder(gravity=0.0)
    builder.ground = False
    for x in (0.0, 0.12):
        body = builder.add_body(((x, 0, 0), (0, 0, 0, 1)))
        builder.add_shape_box(body, hx=0.1, hy=0.1, hz=0.1, density=500.0, ke=1e5, kd=1e3)
        builder.add_joint_free(body)
    model = builder.finalize()
    model.max_depenetration_velocity = 0.5
    integrator, dt, fastest = INTEGRATORS[name](), 1.0 / 960, 0.0
    now, after = model.state(), model.state()
    sim.eval_fk(model, now.joint_q, now.joint_qd, None, now)
    with pytest.warns(SimWarning, match="pushed apart"):
        if captured:
            with en.ScopedCapture(model.device) as capture:
                integrator.simulate(model, now, after, dt)
                integrator.simulate(model, after, now, dt)
        else:
            walk(model, integrator, dt * 2, dt, state=now)
    for _ in range(480):
        if captured:
            en.capture_launch(capture.graph)
        else:
            integrator.simulate(model, now, after, dt)
            integrator.simulate(model, after, now, dt)
        speed = now.body_qd.numpy()
        fastest = max(fastest, abs(speed[1, 3] - speed[0, 3]))
    q = now.body_q.numpy()
    assert q[1, 0] - q[0, 0] > 0.199
    assert fastest < 0.75
    assert np.abs(speed).max() < 0.1
    assert np.abs(q[:, 1:3]).max() < 1e-3


@pytest.mark.parametrize("name", INTEGRATORS)
def test_a_robot_that_stands_in_the_ground_rises_out_of_it(name):
    """A box with its centre in the plane comes up and rests on it, without a leap."""
    builder = sim.ModelBuilder(gravity=-G)
    body = builder.add_body()
    builder.add_shape_box(body, hx=0.2, hy=0.1, hz=0.15, density=500.0, ke=5e4, kd=1e3)
    builder.add_joint_free(body)
    model = builder.finalize()
    state = model.state()
    sim.eval_fk(model, state.joint_q, state.joint_qd, None, state)
    heights = []
    with pytest.warns(SimWarning, match="ground_plane"):
        end = walk(
            model,
            INTEGRATORS[name](),
            1.5,
            1.0 / 960,
            state=state,
            each=lambda _, s: heights.append(s.body_q.numpy()[0, 1]),
        )
    assert max(heights) < 0.115
    assert end.body_q.numpy()[0, 1] == pytest.approx(0.1, abs=0.005)


def test_a_ring_of_fixed_joints_is_looked_at_and_done():
    builder = sim.ModelBuilder()
    for k in range(3):
        ball = builder.add_body(((0.15 * k, 0.5, 0.0), (0, 0, 0, 1)))
        builder.add_shape_sphere(ball, radius=0.1)
    for k in range(3):
        builder.add_joint_fixed(k, (k + 1) % 3, ((0.15 if k < 2 else -0.3, 0, 0), (0, 0, 0, 1)))
    stone = builder.add_body(((0.0, 0.69, 0.0), (0, 0, 0, 1)))
    builder.add_shape_sphere(stone, radius=0.1)
    model = builder.finalize()
    with pytest.warns(SimWarning, match="pushed apart"):
        touching = pairs_in_contact(model, model.state())
    assert (0, 3) in touching and all(b == 3 for _, b in touching)

"""Taking hold of what is simulated, placing and driving it, in the real window."""

from __future__ import annotations

import numpy as np
import pytest

from tests.app.conftest import ROOT, write_ball
from tests.app.view.conftest import SCENES, tab

PENDULUM = ROOT / "tests" / "app" / "pendulum.xml"

KINEMATIC = """#usda 1.0
(
    defaultPrim = "World"
    upAxis = "Y"
    metersPerUnit = 1
    timeCodesPerSecond = 60
)
def Xform "World"
{
    def PhysicsScene "Physics"
    {
        float physics:gravityMagnitude = 0
        custom int simrun:substeps = 8
    }
    def Cube "Pusher" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsCollisionAPI"])
    {
        double size = 1
        bool physics:kinematicEnabled = 1
    }
    def Sphere "Ball" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsCollisionAPI"])
    {
        double radius = 0.3
        double3 xformOp:translate = (1.2, 0, 0)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
}
"""


def pose(desk, body: int = 0) -> np.ndarray:
    return desk.app.frame.rows("body_q")[body].astype(float)


def look_from_front(desk) -> None:
    desk.app.look_from("front")
    desk.until(lambda: not desk.app.camera.is_moving)
    desk.settle()


def test_ctrl_drag_pulls_an_articulation_at_a_link(desk):
    desk.open(PENDULUM)
    look_from_front(desk)  # from -y, so that x is to the right and the joints turn in the picture
    path = {b.index: b.path for b in desk.app.session.bindings.bodies}[1]

    def simulate_meanwhile():
        assert desk.app.session.pull.hold.body == 1 and desk.app.selection.path.startswith(path)
        desk.simulate(40)

    x, y = desk.place_of([0.0, 0.0, 1.1])
    desk.drag((x, y), (x + 150, y), modifier="ctrl", hold=simulate_meanwhile)
    assert np.abs(desk.app.frame.rows("joint_q")).max() > 0.1
    assert abs(pose(desk, 1)[0]) > 0.02


def test_ctrl_drag_lifts_a_soft_body(desk):
    desk.open(SCENES / "soft_body_drop.usda")
    part = desk.app.session.bindings.particles[0]
    rows = slice(part.start, part.start + part.count)
    middle = desk.app.frame.rows("particle_q")[rows].mean(axis=0)
    up = desk.app.view.render.up
    start = float(middle @ up)

    def simulate_meanwhile():
        assert set(desk.app.held.particles) <= set(range(rows.start, rows.stop))
        desk.simulate(25)

    x, y = desk.place_of(middle)
    desk.drag((x, y), (x, y - 200), modifier="ctrl", hold=simulate_meanwhile)
    points = desk.app.frame.rows("particle_q")[rows]
    fallen = 0.5 * 9.81 * (25 * desk.app.session.settings.frame_dt) ** 2  # without the hand
    assert np.isfinite(points).all() and float(points.mean(axis=0) @ up) > start - 0.6 * fallen


def test_letting_go_ends_the_force(desk, tmp_path):
    desk.open(write_ball(tmp_path))
    look_from_front(desk)
    x, y = desk.place_of([0, 5, 0])
    desk.drag((x, y), (x + 120, y), modifier="ctrl", hold=lambda: desk.simulate(10))
    desk.app.runner.drain()
    assert desk.app.session.pull.hold is None
    speed = float(desk.app.frame.rows("body_qd")[0, 3])
    desk.simulate(10)
    assert speed > 0.0 and float(desk.app.frame.rows("body_qd")[0, 3]) == pytest.approx(speed, rel=1e-4)


def test_the_gizmo_turns_a_resting_body(desk, tmp_path):
    desk.open(write_ball(tmp_path))
    desk.app.selection.set("/World/Ball")
    look_from_front(desk)
    desk.key("m")
    x, y = desk.place_of([0, 5, 0])
    for radius in range(40, 140, 4):  # the ring that faces the camera
        desk.move(x + 0.7 * radius, y - 0.7 * radius)
        if desk.window.gizmo.is_over:
            break
    assert desk.window.gizmo.is_over
    desk.drag((x + 0.7 * radius, y - 0.7 * radius), (x - 0.7 * radius, y - 0.7 * radius), steps=8)
    desk.app.runner.drain()
    desk.settle()
    assert pose(desk)[:3] == pytest.approx([0, 5, 0], abs=1e-4) and abs(pose(desk)[6]) < 0.95


def test_a_kinematic_body_moves_with_the_gizmo_while_it_runs_and_pushes(desk, tmp_path):
    scene = tmp_path / "push.usda"
    scene.write_text(KINEMATIC)
    desk.open(scene)
    bodies = {b.path.rsplit("/", 1)[-1]: b.index for b in desk.app.session.bindings.bodies}
    desk.app.selection.set("/World/Pusher")
    look_from_front(desk)
    desk.app.toggle_play()
    desk.until(lambda: desk.app.session.frame > 3)
    start = desk.place_of([0, 0, 0])
    desk.move(*start)
    desk.until(lambda: desk.window.gizmo.is_over, "the pointer is over the gizmo", timeout=5.0)
    end = desk.place_of([0.9, 0, 0])
    desk.drag(start, end, steps=25)
    desk.run(0.3)
    desk.app.toggle_play()
    desk.app.runner.drain()
    desk.settle()
    assert pose(desk, bodies["Pusher"])[0] > 0.5 and pose(desk, bodies["Ball"])[0] > 1.4


def test_a_drive_target_moves_the_joint_and_is_undone(desk):
    desk.open(PENDULUM)
    desk.click(*tab(desk, "Joints"))
    x, y = desk.middle("##target")  # the last one drawn: the elbow's, which has a position drive
    desk.drag((x, y), (x + 30, y))
    desk.app.runner.drain()
    target = float(desk.app.session.control.joint_act.numpy()[1])
    assert target > 0.2
    desk.simulate(90)
    assert float(desk.app.frame.rows("joint_q")[1]) > 0.3 * target
    desk.key("ctrl+z")
    desk.app.runner.drain()
    assert float(desk.app.session.control.joint_act.numpy()[1]) == 0.0


MOTOR = """<mujoco><option gravity="0 0 0"/><worldbody><body><joint name="hinge" type="hinge" axis="0 1 0"/>
<geom type="capsule" fromto="0 0 0 0 0 -0.5" size="0.04"/></body></worldbody>
<actuator><motor name="muscle" joint="hinge" gear="3" ctrllimited="true" ctrlrange="-1 1"/></actuator></mujoco>"""


def test_the_control_of_an_actuator_is_a_slider(desk, tmp_path):
    path = tmp_path / "motor.xml"
    path.write_text(MOTOR)
    desk.open(path)
    assert desk.app.session.model.actuator_count == 1
    desk.click(*tab(desk, "Joints"))
    x, y = desk.middle("##ctrl")
    desk.drag((x, y), (x + 30, y))
    desk.app.runner.drain()
    assert 0.1 < float(desk.app.session.control.ctrl.numpy()[0]) <= 1.0
    desk.simulate(30)
    assert float(desk.app.frame.rows("joint_q")[0]) > 0.05
    desk.key("ctrl+z")
    desk.app.runner.drain()
    assert float(desk.app.session.control.ctrl.numpy()[0]) == 0.0


def test_the_frame_shown_becomes_the_initial_state(desk, tmp_path):
    desk.open(write_ball(tmp_path))
    desk.simulate(12)
    desk.key("Left", "Left")
    shown = pose(desk)
    desk.key("ctrl+i")
    desk.app.runner.drain()
    desk.simulate(5)
    desk.key("r")
    desk.until(lambda: desk.app.session.frame == 0)
    desk.settle()
    assert pose(desk) == pytest.approx(shown) and shown[1] < 5.0

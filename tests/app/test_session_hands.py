"""Going back in time, and placing things by hand."""

from __future__ import annotations

import numpy as np
import pytest

from app.errors import SimulationFailed, UsageError
from app.session import Session, SessionEvent
from app.settings import RunOptions
from tests.app.conftest import ROOT
from usd_io import NothingToSimulateError

PENDULUM = ROOT / "tests" / "app" / "pendulum.xml"

PUSHER = """#usda 1.0
(
    defaultPrim = "World"
    metersPerUnit = 1
    upAxis = "Y"
    timeCodesPerSecond = 60
)
def Xform "World"
{
    def PhysicsScene "Physics"
    {
        vector3f physics:gravityDirection = (0, -1, 0)
        float physics:gravityMagnitude = 0
        custom int simrun:substeps = 32
    }
    def Cube "Pusher" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsCollisionAPI"])
    {
        bool physics:kinematicEnabled = 1
        double size = 1
        double3 xformOp:translate = (-2, 0, 0)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
    def Sphere "Ball" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsCollisionAPI"])
    {
        double radius = 0.5
        uniform token[] xformOpOrder = []
    }
}
"""


def height(session) -> float:
    return float(session.state.body_q.numpy()[0, 1])


def test_going_on_from_an_earlier_frame_gives_the_same_bits_again(ball):
    session = Session.open(ball, interactive=True)
    for _ in range(10):
        session.step()
    end = session.state.body_q.numpy().tobytes()
    assert session.go_to(4) == 4 and session.frame == 4 and session.history.last == 4
    for _ in range(6):
        session.step()
    assert session.state.body_q.numpy().tobytes() == end


def test_a_session_without_history_says_so(ball):
    with pytest.raises(UsageError, match="interactive"):
        Session.open(ball).go_to(1)


def test_going_back_closes_the_recording(ball):
    from tests.app.test_session import Frames

    session, frames = Session.open(ball, interactive=True), Frames()
    session.start_recording(frames)
    session.step(), session.step()
    session.go_to(1)
    assert frames.closed and frames.codes == [0.0, 1.0, 2.0]


def test_the_history_holds_the_initial_state_and_every_frame_with_its_times(ball):
    session = Session.open(ball, interactive=True)
    for _ in range(3):
        session.step()
    frames = session.history.all()
    assert [f.number for f in frames] == [0, 1, 2, 3] and frames[3].time == pytest.approx(3 / 60)
    heights = [float(f.rows("body_q")[0, 1]) for f in frames]
    assert heights[0] == 5.0 and heights[3] == height(session) and np.all(np.diff(heights) < 0)
    assert frames[2].numbers["simulate"] > 0.0 and "contacts" in frames[2].numbers


def test_a_body_put_somewhere_falls_from_there_and_reset_undoes_it(ball):
    session, heard = Session.open(ball, interactive=True), []
    session.subscribe(heard.append)
    session.place_body(0, np.array([1, 9, 0, 0, 0, 0, 1.0]))
    assert height(session) == 9.0 and session.history.newest().rows("body_q")[0, 1] == 9.0
    assert heard == [SessionEvent.MOVED]
    session.step()
    assert height(session) < 9.0
    session.reset()
    assert height(session) == 5.0


def test_the_present_state_can_become_the_initial_one(ball):
    session = Session.open(ball, interactive=True)
    for _ in range(5):
        session.step()
    there = height(session)
    session.set_initial_state()
    assert session.frame == 0 and len(session.history) == 1
    session.step()
    session.reset()
    assert height(session) == there


@pytest.mark.parametrize("solver", ["semi-implicit", "xpbd"])
def test_a_kinematic_body_travels_where_it_is_sent_and_pushes_what_is_there(tmp_path, solver):
    scene = tmp_path / "pusher.usda"
    scene.write_text(PUSHER)
    session = Session.open(scene, RunOptions(solver=solver, substeps=32), interactive=True)
    for k in range(30):
        session.place_body(0, np.array([-2 + 0.05 * (k + 1), 0, 0, 0, 0, 0, 1.0]), at_once=False)
        session.step()
        assert session.state.body_q.numpy()[0, 0] == pytest.approx(-2 + 0.05 * (k + 1), abs=1e-5)
    for _ in range(10):
        session.step()
    poses = session.state.body_q.numpy()
    assert poses[0, 0] == pytest.approx(-0.5, abs=1e-5)  # it stays where it was sent
    assert poses[1, 0] > 0.48  # its face is at 0 now, the ball's centre no nearer than its radius


def test_a_joint_put_somewhere_takes_the_bodies_along():
    session = Session.open(PENDULUM, interactive=True)
    session.place_joint(0, 0.5 * np.pi)
    # the upper link hangs along -z from (0, 0, 2); a quarter turn about y points it to -x, the elbow 0.5 m away
    elbow = session.state.body_q.numpy()[1, :3]
    assert elbow == pytest.approx([-0.5, 0.0, 2.0], abs=1e-5)


def test_a_body_that_a_joint_holds_goes_where_the_joint_lets_it():
    session = Session.open(PENDULUM, interactive=True)
    pose = session.state.body_q.numpy()[0].astype(float)
    session.place_body(0, pose + np.array([5.0, 5.0, 0, 0, 0, 0, 0]))
    assert session.state.body_q.numpy()[0, :3] == pytest.approx([0, 0, 2.0], abs=1e-5)


def test_after_a_failure_the_history_ends_with_the_last_good_frame(exploding):
    session = Session.open(exploding, interactive=True)
    with pytest.raises(SimulationFailed) as failure:
        for _ in range(200):
            session.step()
    assert session.history.last == failure.value.frame - 1
    assert np.isfinite(session.history.newest().rows("particle_q")).all()


RESTING = """#usda 1.0
(
    defaultPrim = "World"
    metersPerUnit = 1
    upAxis = "Y"
    timeCodesPerSecond = 60
)
def Xform "World"
{
    def PhysicsScene "Physics"
    {
        vector3f physics:gravityDirection = (0, -1, 0)
        float physics:gravityMagnitude = 10
        custom int simrun:substeps = 32
    }
    def Cube "Box" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsCollisionAPI", "PhysicsMassAPI"])
    {
        float physics:mass = 3
        double size = 1
        double3 xformOp:translate = (0, 0.5, 0)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
    def Plane "Ground" (prepend apiSchemas = ["PhysicsCollisionAPI"])
    {
        uniform token axis = "Y"
    }
}
"""


@pytest.mark.parametrize("solver", ["semi-implicit", "xpbd"])
def test_contacts_of_a_resting_box_carry_its_weight(tmp_path, solver):
    scene = tmp_path / "resting.usda"
    scene.write_text(RESTING)
    session = Session.open(scene, RunOptions(solver=solver, substeps=32), interactive=True)
    session.show_contacts = True
    for _ in range(90):
        session.step()
    frame = session.history.newest()
    points, normals, forces = frame.contacts[:, :3], frame.contacts[:, 3:6], frame.contacts[:, 6:]
    assert len(points) == 4 == frame.numbers["contacts"]
    assert np.abs(points[:, 1]).max() < 0.01 and np.abs(points[:, [0, 2]]) == pytest.approx(0.5, abs=0.01)
    assert np.abs(normals[:, 1]) == pytest.approx(1.0, abs=1e-3)
    assert forces.sum(axis=0) == pytest.approx([0.0, 30.0, 0.0], abs=1.5)


def test_boxes_in_the_air_have_no_contacts(ball):
    session = Session.open(ball, interactive=True)
    session.step()
    assert session.history.newest().numbers["contacts"] == 0.0


def test_a_stage_in_which_nothing_moves_can_be_looked_at(tmp_path):
    scene = tmp_path / "still.usda"
    scene.write_text('#usda 1.0\n(upAxis = "Z")\ndef Xform "World"\n{\n    def Sphere "Ball"\n    {\n    }\n}\n')
    with pytest.raises(NothingToSimulateError):
        Session.open(scene)
    session = Session.open(scene, interactive=True)
    assert any("nothing to simulate" in w.message for w in session.scene.warnings)
    for _ in range(3):
        session.step()
    session.reset()
    assert session.frame == 0 and session.model.body_count == 0 and len(session.history) == 1

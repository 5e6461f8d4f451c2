"""The session on the chosen device (`SIMRUN_TEST_DEVICE`): frames arrive late from a GPU, but all and in order."""

from __future__ import annotations

import numpy as np
import pytest

import engine
from app.errors import SimulationFailed
from app.session import Session
from app.settings import RunOptions
from tests.app.conftest import ROOT, write_ball


class Frames:
    """A recording that keeps copies of what it is given."""

    def __init__(self, reads_velocities=True, full_after=None):
        self.reads_velocities, self.full_after = reads_velocities, full_after
        self.codes, self.poses, self.points, self.speeds = [], [], [], []

    def write_frame(self, time_code, body_q, particle_q, particle_qd=None):
        if self.full_after is not None and len(self.codes) >= self.full_after:
            raise OSError("the disk is full")
        self.codes.append(time_code)
        self.poses.append(body_q.copy())
        self.points.append(particle_q.copy())
        self.speeds.append(particle_qd.copy())

    def close(self):
        pass


def record(scene, device, frames, recording=None, **options):
    recording = recording or Frames()
    session = Session.open(scene, RunOptions(device=str(device), **options))
    session.start_recording(recording)
    for _ in range(frames):
        session.step()
    session.stop_recording()
    return recording


@pytest.mark.parametrize("solver, substeps", [("semi-implicit", 32), ("semi-implicit", 33), ("xpbd", 2), ("xpbd", 3)])
def test_recording_gets_every_frame_in_order(device, solver, substeps):
    scene = ROOT / "scenes" / "cloth_over_sphere.usda"
    ours = record(scene, device, 7, solver=solver, substeps=substeps)
    reference = record(scene, "cpu", 7, solver=solver, substeps=substeps)
    assert ours.codes == reference.codes and len(ours.codes) == 8
    for a, b in zip(ours.points, reference.points):
        np.testing.assert_allclose(a, b, atol=1e-4)
    moved = [np.abs(b - a).max() for a, b in zip(ours.points, ours.points[1:])]
    assert min(moved) > 0.0


def test_velocities_are_fetched_only_for_who_reads_them(device):
    scene = ROOT / "scenes" / "cloth_over_sphere.usda"
    with_them = record(scene, device, 2, Frames(reads_velocities=True))
    assert np.abs(with_them.speeds[-1]).max() > 0.0
    if device.is_cuda:
        assert record(scene, device, 2, Frames(reads_velocities=False)).speeds[-1].shape == (0, 3)


def test_a_frame_that_failed_is_named_and_not_recorded(exploding, device):
    recording = Frames()
    session = Session.open(exploding, RunOptions(device=str(device)))
    session.start_recording(recording)
    with pytest.raises(SimulationFailed) as failure:
        for _ in range(200):
            session.step()
        session.stop_recording()
    assert len(recording.codes) == failure.value.frame
    assert failure.value.prim_path == "/World/Flag"
    assert all(np.isfinite(points).all() for points in recording.points)
    session.stop_recording()


def test_a_full_disk_is_reported_once(device):
    scene = ROOT / "scenes" / "cloth_over_sphere.usda"
    session = Session.open(scene, RunOptions(device=str(device)))
    session.start_recording(Frames(full_after=2))
    with pytest.raises(OSError, match="full"):
        for _ in range(5):
            session.step()
    session.stop_recording()


def test_a_changed_model_is_recorded_anew(tmp_path, device):
    session = Session.open(write_ball(tmp_path), RunOptions(device=str(device), solver="semi-implicit", substeps=4))
    for _ in range(3):
        session.step()
    session.finish()
    before = float(session.state.body_qd.numpy()[0, 4])
    session.model.gravity = (0.0, 0.0, 0.0)
    session.step()
    session.finish()
    assert before < -0.1
    assert float(session.state.body_qd.numpy()[0, 4]) == pytest.approx(before, rel=1e-5)


def test_replaced_arrays_are_recorded_anew(device):
    session = Session.open(ROOT / "scenes" / "cloth_over_sphere.usda", RunOptions(device=str(device)))
    session.step()
    session.finish()
    first = session._graph
    session.step()
    assert session._graph is first
    heavy = session.model.particle_inv_mass
    session.model.particle_inv_mass = engine.clone(heavy)
    session.step()
    assert session._graph is not first
    session.finish()


def test_gravity_changed_in_place_is_recorded_anew(tmp_path, device):
    session = Session.open(write_ball(tmp_path), RunOptions(device=str(device), substeps=4))
    session.model.gravity = [0.0, -10.0, 0.0]
    session.step()
    session.finish()
    speed = float(session.state.body_qd.numpy()[0, 4])
    session.model.gravity[1] = 0.0
    session.step()
    session.finish()
    assert speed < -0.1
    assert float(session.state.body_qd.numpy()[0, 4]) == pytest.approx(speed, rel=1e-4)

"""Marks and quantities against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from app.render.camera import pose_matrices
from app.render.options import Overlay
from app.session import Session
from app.view.overlays import OverlayMaker, Toggles, equivalent_box, joint_axes
from app.view.quantities import Masses, Series, part_quantities, scene_quantities
from app.view.selection import find_part
from tests.app.conftest import ROOT, write_ball


def test_the_inertia_box_of_a_uniform_box_is_that_box():
    half, mass = np.array([0.2, 0.5, 0.9]), 3.0
    moments = mass / 3.0 * (np.sum(half**2) - half**2)
    turn = pose_matrices(np.array([[0, 0, 0, 0.3, 0.1, -0.5, 0.8]]) / np.array([1, 1, 1, *[np.sqrt(0.99)] * 4]))[
        0, :3, :3
    ]
    found, axes = equivalent_box(mass, turn @ np.diag(moments) @ turn.T)
    assert np.sort(found) == pytest.approx(np.sort(half), rel=1e-6)
    assert np.linalg.det(axes) == pytest.approx(1.0)


def test_joint_axes_turn_with_the_bodies():
    session = Session.open(ROOT / "tests" / "app" / "pendulum.xml", interactive=True)
    session.place_joint(0, 0.5 * np.pi)
    starts, axes = joint_axes(session.model, pose_matrices(session.history.newest().rows("body_q")))
    assert starts == pytest.approx(np.array([[0, 0, 2.0], [-0.5, 0, 2.0]]), abs=1e-5)
    assert axes == pytest.approx(np.array([[0, 1.0, 0], [0, 1.0, 0]]), abs=1e-5)


@pytest.mark.parametrize("scene", ["scenes/dominoes.usda", "scenes/cloth_over_sphere.usda", "tests/app/pendulum.xml"])
def test_every_mark_is_finite(scene):
    session = Session.open(ROOT / scene, interactive=True)
    session.show_contacts = True
    for _ in range(3):
        session.step()
    overlay, maker = Overlay(), OverlayMaker(session.model, 1.0)
    maker.draw(overlay, session.history.newest(), Toggles(**dict.fromkeys(vars(Toggles()), True)))
    assert overlay.segments
    assert all(np.isfinite(points).all() for points, *_ in overlay.segments)


def test_every_mark_of_nothing_is_nothing(tmp_path):
    scene = tmp_path / "still.usda"
    scene.write_text('#usda 1.0\n(upAxis = "Z")\ndef Xform "World"\n{\n    def Sphere "Ball"\n    {\n    }\n}\n')
    session = Session.open(scene, interactive=True)
    overlay = Overlay()
    toggles = Toggles(**dict.fromkeys(vars(Toggles()), True))
    OverlayMaker(session.model, 1.0).draw(overlay, session.history.newest(), toggles)
    assert all(len(points) == 0 for points, *_ in (*overlay.segments, *overlay.dots)) and not overlay.texts


def test_energies_of_a_falling_ball(tmp_path):
    session = Session.open(write_ball(tmp_path, substeps=64), interactive=True)
    for _ in range(20):
        session.step()
    first, last = session.history.at(0), session.history.newest()
    masses = Masses(session)
    mass, fallen = float(masses.body[0]), 5.0 - float(last.rows("body_q")[0, 1])
    assert masses.kinetic(first) == 0.0 and masses.potential(first) == pytest.approx(mass * 10.0 * 5.0)
    assert masses.kinetic(last) == pytest.approx(mass * 10.0 * fallen, rel=5e-3)
    total = next(q for q in scene_quantities(session) if q.name == "kinetic + gravitational")
    assert total.read(last) == pytest.approx(total.read(first), rel=2e-3)


def test_a_series_follows_the_history_and_forgets_what_it_forgot(tmp_path):
    session = Session.open(write_ball(tmp_path), interactive=True)
    part = find_part(session.bindings, "/World/Ball")
    series = Series(next(q for q in part_quantities(session, part) if q.name == "Ball y"))
    for _ in range(6):
        session.step()
    series.update(session.history, most=0.0)
    assert len(series.values) == 1
    series.update(session.history, most=1.0)
    assert len(series.values) == 7 and series.values[0] == 5.0 and np.all(np.diff(series.values) < 0)
    session.go_to(2)
    series.update(session.history, most=1.0)
    assert series.times == pytest.approx([0.0, 1 / 60, 2 / 60])


def test_gizmo_matrices_become_poses_again():
    gizmo = pytest.importorskip("app.view.panels.gizmo")
    rng = np.random.default_rng(3)
    for _ in range(200):
        q = rng.normal(size=4)
        q /= np.linalg.norm(q)
        pose = np.array([*rng.normal(size=3), *q])
        again = gizmo.pose_of(pose_matrices(pose[None])[0])
        assert again[:3] == pytest.approx(pose[:3])
        assert abs(again[3:] @ q) == pytest.approx(1.0, abs=1e-9)

"""Models without a scene file, recorded as USD."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pxr import Gf, Usd, UsdGeom

import engine as en
import sim
from tests.usd_io.validation import new_errors
from usd_io import SimRenderer
from usd_io.recorder import RecorderError

TURN = tuple(en.quat_from_axis_angle(en.vec3(0.0, 0.0, 1.0), 0.5 * math.pi))


def mixed_model() -> sim.Model:
    builder = sim.ModelBuilder()
    body = builder.add_body(((1.0, 3.0, 0.0), TURN))
    builder.add_shape_box(body, hx=0.3, hy=0.2, hz=0.1)
    other = builder.add_body(((-1.0, 2.0, 0.0), (0.0, 0.0, 0.0, 1.0)))
    builder.add_shape_capsule(other, radius=0.1, half_height=0.25)
    builder.add_shape_sphere(-1, pos=(0.0, 0.5, 0.0), radius=0.5)
    builder.add_cloth_grid((0, 2, 0), (0, 0, 0, 1), (0, 0, 0), 4, 3, 0.1, 0.1, mass=0.01)
    builder.add_soft_grid((2, 1, 0), (0, 0, 0, 1), (0, 0, 0), 2, 2, 2, 0.1, 0.1, 0.1, 100.0, 1e4, 1e4, 0.0)
    builder.add_particle((5.0, 1.0, 0.0), (0.0, 0.0, 0.0), 1.0, radius=0.05)
    return builder.finalize()


def recorded(model, path, frames=3, **options):
    """A few frames of made-up motion; returns the states' positions."""
    state, truth = model.state(), []
    with SimRenderer(model, path, **options) as renderer:
        for frame in range(frames):
            if model.body_count:
                q = model.body_q.numpy().reshape(-1, 7)
                q[:, 1] += 0.25 * frame
                state.body_q.assign(q)
            if model.particle_count:
                p = model.particle_q.numpy() + np.array([0.0, 0.0, 0.125 * frame], np.float32)
                state.particle_q.assign(p)
            truth.append((state.body_q.numpy().copy() if model.body_count else None, state.particle_q.numpy().copy()))
            renderer.begin_frame(frame / 60.0)
            renderer.render(state)
            renderer.end_frame()
    return truth


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    path = tmp_path_factory.mktemp("renderer") / "mixed.usd"
    model = mixed_model()
    return model, recorded(model, path, scaling=10.0), Usd.Stage.Open(str(path)), path


def test_the_stage_is_valid_and_whole(mixed):
    _, _, stage, path = mixed
    assert new_errors(path) == []
    assert (stage.GetStartTimeCode(), stage.GetEndTimeCode()) == (0.0, 2.0)
    assert stage.GetTimeCodesPerSecond() == 60.0 and stage.GetDefaultPrim().GetPath() == "/root"
    assert not [p.name for p in path.parent.iterdir() if p != path], "one file and nothing else"


def test_scaling_keeps_true_sizes(mixed):
    _, _, stage, _ = mixed
    assert UsdGeom.GetStageMetersPerUnit(stage) == pytest.approx(0.1)
    ball = UsdGeom.Sphere.Get(stage, "/root/shape_2")
    assert ball.GetRadiusAttr().Get() == pytest.approx(5.0)
    assert UsdGeom.XformCache().GetLocalToWorldTransform(ball.GetPrim()).ExtractTranslation()[1] == pytest.approx(5.0)


@pytest.mark.parametrize("frame", [0, 1, 2])
def test_bodies_are_where_the_simulation_had_them(mixed, frame):
    _, truth, stage, _ = mixed
    world = UsdGeom.XformCache(frame).GetLocalToWorldTransform(stage.GetPrimAtPath("/root/body_0"))
    pose = truth[frame][0].reshape(-1, 7)[0]
    np.testing.assert_allclose(world.ExtractTranslation(), 10.0 * pose[:3], atol=1e-5)
    np.testing.assert_allclose(world.TransformDir(Gf.Vec3d(1, 0, 0)), (0.0, 1.0, 0.0), atol=1e-6)


@pytest.mark.parametrize("frame", [0, 2])
def test_every_particle_is_shown_once(mixed, frame):
    model, truth, stage, _ = mixed
    shown = [np.array(UsdGeom.PointBased(p).GetPointsAttr().Get(frame)) for p in stage.Traverse()
             if p.IsA(UsdGeom.PointBased) and p.GetPath().name.startswith(("cloth", "soft", "particles"))]  # fmt: skip
    shown = np.concatenate(shown) / 10.0
    inner = model.particle_count - len(shown)
    assert inner == 1, "only the middle of the soft body is inside"
    wanted = truth[frame][1]
    distance = np.linalg.norm(shown[:, None] - wanted[None], axis=2)
    np.testing.assert_allclose(distance.min(axis=1), 0.0, atol=1e-5)
    assert len(set(distance.argmin(axis=1))) == len(shown)


def test_triangles_of_the_meshes_are_those_of_the_model(mixed):
    _, _, stage, _ = mixed
    cloth = UsdGeom.Mesh.Get(stage, "/root/cloth_0")
    assert len(cloth.GetFaceVertexCountsAttr().Get()) == 2 * 4 * 3
    points = np.array(cloth.GetPointsAttr().Get(0))
    a, b, c = points[np.array(cloth.GetFaceVertexIndicesAttr().Get()).reshape(-1, 3)].transpose(1, 0, 2)
    area = 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1).sum()
    assert area == pytest.approx(100 * 4 * 3 * 0.01, rel=1e-5)
    soft = next(p for p in stage.Traverse() if p.GetName().startswith("soft"))
    assert len(UsdGeom.Mesh(soft).GetFaceVertexCountsAttr().Get()) == 6 * 2 * 4


def test_shapes_have_their_sizes(mixed):
    _, _, stage, _ = mixed
    low, high = UsdGeom.Mesh.Get(stage, "/root/body_0/shape_0").GetExtentAttr().Get()
    np.testing.assert_allclose(high, (3.0, 2.0, 1.0), rtol=1e-6)
    np.testing.assert_allclose(low, (-3.0, -2.0, -1.0), rtol=1e-6)
    capsule = UsdGeom.Capsule.Get(stage, "/root/body_1/shape_1")
    assert capsule.GetHeightAttr().Get() == pytest.approx(5.0) and capsule.GetRadiusAttr().Get() == pytest.approx(1.0)


def test_box_faces_look_outwards(mixed):
    _, _, stage, _ = mixed
    mesh = UsdGeom.Mesh.Get(stage, "/root/body_0/shape_0")
    points = np.array(mesh.GetPointsAttr().Get())
    faces = np.array(mesh.GetFaceVertexIndicesAttr().Get()).reshape(-1, 4)
    a, b, c = (points[faces[:, k]] for k in range(3))
    assert (np.einsum("ij,ij->i", np.cross(b - a, c - a), points[faces].mean(axis=1)) > 0.0).all()


def test_springs_are_drawn_where_nothing_else_is(tmp_path):
    builder = sim.ModelBuilder()
    for x in range(3):
        builder.add_particle((float(x), 1.0, 0.0), (0.0, 0.0, 0.0), 1.0)
    builder.add_spring(0, 1, 100.0, 1.0, 0)
    builder.add_spring(1, 2, 100.0, 1.0, 0)
    model = builder.finalize()
    recorded(model, tmp_path / "springs.usda")
    stage = Usd.Stage.Open(str(tmp_path / "springs.usda"))
    curves = UsdGeom.BasisCurves.Get(stage, "/root/springs")
    np.testing.assert_allclose(curves.GetPointsAttr().Get(2)[3], (2.0, 1.0, 0.25), atol=1e-6)
    assert list(curves.GetCurveVertexCountsAttr().Get()) == [2, 2]
    assert new_errors(tmp_path / "springs.usda") == []


def test_up_axis_of_the_model_is_kept(tmp_path):
    builder = sim.ModelBuilder(up_vector=(0.0, 0.0, 1.0))
    builder.add_particle((0.0, 0.0, 1.0), (0.0, 0.0, 0.0), 1.0)
    recorded(builder.finalize(), tmp_path / "up.usda")
    assert UsdGeom.GetStageUpAxis(Usd.Stage.Open(str(tmp_path / "up.usda"))) == "Z"


def test_frames_out_of_order_are_refused(tmp_path):
    model = mixed_model()
    with SimRenderer(model, tmp_path / "a.usd") as renderer:
        with pytest.raises(RecorderError, match="without a state"):
            renderer.end_frame()
        for time, fails in ((0.0, False), (0.0, True)):
            renderer.begin_frame(time)
            renderer.render(model.state())
            if fails:
                with pytest.raises(RecorderError, match="time code after"):
                    renderer.end_frame()
            else:
                renderer.end_frame()


@pytest.mark.parametrize("options", [{"scaling": 0.0}, {"up_axis": "X"}, {"fps": -1.0}])
def test_settings_that_cannot_be_used_are_refused(tmp_path, options):
    with pytest.raises(RecorderError):
        SimRenderer(mixed_model(), tmp_path / "a.usd", **options)

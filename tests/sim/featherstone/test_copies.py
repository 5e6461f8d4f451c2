"""Copies stepped in lock-step move as they do one by one, for every robot at hand."""

import warnings
from pathlib import Path

import numpy as np
import pytest

import engine as en
import sim
from engine.cpu.emit_lanes import LaneModule
from sim.articulation.copies import LEAST_COPIES
from sim.articulation.trees import KinematicTrees
from sim.featherstone.copies import step_copies
from tests.sim.featherstone.robots import G, chain
from tests.sim.featherstone.test_gradients import robot

MODELS = Path(__file__).parents[3].parent / "shared" / "models"
if not MODELS.exists():
    MODELS = Path("/work/shared/models")
COPIES, STEPS, DT = 19, 5, 1e-3
MOST_DOFS = 1000
PER_COPY = ("body_mass", "body_com", "joint_X_p", "joint_armature", "joint_damping", "joint_stiffness", "joint_target_ke",
            "joint_limit_lower", "joint_limit_ke", "joint_act", "joint_effort_limit")  # fmt: skip


def files():
    found = [*sorted((MODELS / "mjcf").rglob("*.xml")), *sorted((MODELS / "urdf").rglob("*.urdf"))]
    return [pytest.param(f, id=str(f.relative_to(MODELS))) for f in found]


def different_copies(one: sim.ModelBuilder) -> sim.Model:
    """Copies of a robot whose numbers differ from copy to copy, in motion."""
    builder, rng = sim.ModelBuilder(gravity=-G), np.random.default_rng(5)
    builder.ground = False
    builder.replicate(one, COPIES)
    model = builder.finalize()
    for name in PER_COPY:
        values = getattr(model, name)
        if values is not None and len(values):
            host = values.numpy()
            scale = rng.uniform(0.9, 1.1, size=len(host)).astype(np.float32)
            host = host * scale.reshape(-1, *[1] * (host.ndim - 1))
            if name == "joint_X_p":
                host[:, 3:] /= np.linalg.norm(host[:, 3:], axis=1, keepdims=True)
            values.assign(host)
    model.joint_qd.assign(rng.normal(size=model.joint_dof_count).astype(np.float32) * 0.5)
    return model


def moved(model, in_lanes: bool, monkeypatch):
    """Positions, velocities and poses after some steps."""
    model.__dict__.pop("kinematic_trees", None)
    model.articulation_scratch = None
    with monkeypatch.context() as patch:
        if not in_lanes:
            patch.setattr("sim.articulation.trees.copy_groups", lambda *_: [])
        assert bool(model.kinematic_trees.copies) == in_lanes
    now, after, integrator, control = model.state(), model.state(), sim.FeatherstoneIntegrator(), model.control()
    sim.eval_fk(model, now.joint_q, now.joint_qd, None, now)
    rng = np.random.default_rng(2)
    control.joint_f.assign(rng.normal(size=model.joint_dof_count).astype(np.float32) * 0.1)
    for _ in range(STEPS):
        integrator.simulate(model, now, after, DT, control)
        now, after = after, now
    return {name: getattr(now, name).numpy() for name in ("joint_q", "joint_qd", "joint_qdd", "body_q", "body_qd")}


def check_same(one: sim.ModelBuilder, monkeypatch) -> None:
    model = different_copies(one)
    apart, together = (moved(model, lanes, monkeypatch) for lanes in (False, True))
    for name, want in apart.items():
        assert np.array_equal(together[name], want, equal_nan=True), name


@pytest.mark.parametrize("path", files())
def test_every_robot_moves_alike(path, monkeypatch):
    pytest.importorskip("pxr")
    from usd_io import emit, read_scene

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            scene = read_scene(path)
        except Exception as why:
            pytest.skip(f"not read: {why}")
        scene.colliders.clear()
        one = sim.ModelBuilder()
        emit(scene, one)
    if not 0 < one.joint_dof_count <= MOST_DOFS:
        pytest.skip(f"{one.joint_dof_count} degrees of freedom")
    check_same(one, monkeypatch)


def test_every_kind_of_joint_moves_alike(monkeypatch):
    check_same(robot(), monkeypatch)


@pytest.mark.cpu_only("SIMD lanes")
def test_the_kernel_runs_in_lanes():
    assert isinstance(step_copies._any_variant().module, LaneModule)


def test_robots_with_loose_boxes_beside_them_are_grouped_by_kind(monkeypatch):
    """Two boxes in each environment: copies of equal trees that alternate."""
    one = chain(3)
    for _ in range(2):
        one.add_joint_free(one.add_body(m=2.0, I_m=np.eye(3)))
    one.joint_qd[-12:] = np.linspace(-1.0, 1.0, 12)
    model = different_copies(one)
    groups = model.kinematic_trees.copies
    assert sorted((g.copies, g.dofs) for g in groups) == [(COPIES, 3), (COPIES, 6), (COPIES, 6)]
    assert model.kinematic_trees.rest_count == 0
    check_same(one, monkeypatch)


def test_few_copies_and_uneven_ones_are_stepped_one_by_one():
    builder = sim.ModelBuilder(gravity=-G)
    for links in (3, 3, 2, 3, 3, 2, 2, 3, 1, 3, 4, 3):
        builder.add_builder(chain(links))
    model = builder.finalize()
    trees = model.kinematic_trees
    assert trees.copies == [] and trees.rest is None and trees.rest_count == trees.count == 12
    few = sim.ModelBuilder()
    few.replicate(chain(2), LEAST_COPIES - 1)
    assert few.finalize().kinematic_trees.copies == []


def test_groups_and_single_trees_share_a_model(monkeypatch):
    builder = sim.ModelBuilder(gravity=-G)
    builder.ground = False
    builder.replicate(chain(2), 7)
    builder.add_builder(chain(5))
    builder.joint_q[:] = np.linspace(-1.0, 1.0, builder.joint_coord_count)
    model = builder.finalize()
    assert (len(model.kinematic_trees.copies), model.kinematic_trees.rest_count) == (1, 1)
    apart, together = (moved(model, lanes, monkeypatch) for lanes in (False, True))
    assert np.array_equal(apart["joint_q"], together["joint_q"])
    assert np.abs(apart["joint_qd"]).min() > 0.0


@pytest.mark.cpu_only("SIMD lanes")
def test_mass_matrices_follow_a_step_in_lanes():
    """The scratch that a group leaves has the layout that all other algorithms read."""
    builder = sim.ModelBuilder(gravity=-G)
    builder.replicate(chain(3), 20)
    model = builder.finalize()
    assert isinstance(model.kinematic_trees, KinematicTrees) and model.kinematic_trees.lanes == 16
    state = model.state()
    sim.FeatherstoneIntegrator().simulate(model, state, model.state(), DT)
    H = sim.eval_mass_matrix(model, state.joint_q).numpy()
    alone = chain(3).finalize()
    want = sim.eval_mass_matrix(alone, alone.joint_q).numpy()
    np.testing.assert_allclose(H, np.broadcast_to(want, H.shape), rtol=1e-6)


def test_forces_changed_between_replays_of_a_graph_arrive():
    builder = sim.ModelBuilder(gravity=0.0)
    builder.replicate(chain(1), 5)
    model = builder.finalize()
    now, after, control = model.state(), model.state(), model.control()
    with en.ScopedCapture(model.device) as capture:
        sim.FeatherstoneIntegrator().simulate(model, now, after, DT, control)
    control.joint_f.assign(np.arange(5, dtype=np.float32))
    model.body_mass.assign(np.full(5, 2.0, dtype=np.float32))
    en.capture_launch(capture.graph)
    inertia = 2.0 * 0.25 + 1.0 / 12.0
    np.testing.assert_allclose(after.joint_qd.numpy(), DT * np.arange(5) / inertia, rtol=1e-5)

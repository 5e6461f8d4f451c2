"""Robots as their files draw them, dropped on the ground under every integrator: none flies apart, all come to lie."""

import warnings
from pathlib import Path

import numpy as np
import pytest

import engine as en
import sim
from sim.collide.pipeline import shape_placement
from usd_io import emit, read_scene

MODELS = Path(__file__).parents[2].parent / "shared" / "models"
if not MODELS.exists():
    MODELS = Path("/work/shared/models")

INTEGRATORS = {
    "xpbd": lambda: sim.XPBDIntegrator(),
    "semi-implicit": lambda: sim.SemiImplicitIntegrator(angular_damping=0.0),
    "featherstone": lambda: sim.FeatherstoneIntegrator(),
}
# links overlap as drawn in the first, the others are of all sizes and makes
ROBOTS = (
    "urdf/bullet3/quadruped/vision/vision60.urdf",
    "urdf/bullet3/quadruped/minitaur_derpy.urdf",
    "urdf/bullet3/kuka_iiwa/model_free_base.urdf",
    "urdf/bullet3/r2d2.urdf",
    "mjcf/mujoco/humanoid/humanoid.xml",
    "mjcf/wonik_allegro/scene_left.xml",
)
DROP = 0.1


def dropped(path: str):
    """A model on a ground, its lowest point ``DROP`` above it, and the state it starts in."""
    if not (MODELS / path).exists():
        pytest.skip("shared models are not here")
    scene, builder = read_scene(MODELS / path, floating_base=True), sim.ModelBuilder()
    bindings = emit(scene, builder)
    if path.endswith(".urdf"):
        stiff = {name: float(getattr(builder, f"shape_material_{name}").view.max()) for name in ("ke", "kd", "kf")}
        builder.set_ground_plane(**stiff)
    model = builder.finalize()
    bindings.configure(model)
    state = model.state()
    sim.eval_fk(model, state.joint_q, state.joint_qd, None, state)
    if model.ground:
        placement = shape_placement(model)
        placement.refresh(model, state.body_q)
        up = model.up_axis
        q, lowest = state.joint_q.numpy().copy(), placement.lower_w.numpy()[:-1, up].min()
        roots = (model.joint_type.numpy() == sim.JOINT_FREE) & (model.joint_parent.numpy() < 0)
        q[model.joint_q_start.numpy()[:-1][roots] + up] += DROP - lowest
        state.joint_q.assign(q)
        sim.eval_fk(model, state.joint_q, state.joint_qd, None, state)
    return model, state


@pytest.mark.parametrize("path", ROBOTS, ids=lambda p: Path(p).stem)
@pytest.mark.parametrize("name", INTEGRATORS)
def test_a_dropped_robot_comes_to_lie(name, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sim.SimWarning)
        model, now = dropped(path)
        after, integrator, dt = model.state(), INTEGRATORS[name](), 1.0 / 1920
        integrator.simulate(model, now, after, dt)
        with en.ScopedCapture(model.device) as capture:
            for _ in range(16):
                integrator.simulate(model, after, now, dt)
                integrator.simulate(model, now, after, dt)
    fastest, calm = 0.0, 0
    for _ in range(600):
        en.capture_launch(capture.graph)
        speeds = after.body_qd.numpy()
        assert np.isfinite(speeds).all()
        fastest = max(fastest, np.abs(speeds[:, 3:]).max())
        calm = calm + 1 if np.abs(speeds[:, 3:]).max() < 0.5 else 0
        if calm == 30:
            break
    height = np.ptp(model.body_q.numpy()[:, :3], axis=0).max() + 0.3
    assert fastest < 1.5 * np.sqrt(2.0 * 9.81 * (DROP + height))
    assert calm == 30  # half a second of lying within 10 s
    assert np.abs(after.body_q.numpy()[:, :3]).max() < 3.0

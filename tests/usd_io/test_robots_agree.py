"""The same robot files under all integrators, free of contacts: results differ by the error of the steps only."""

import warnings
from pathlib import Path

import numpy as np
import pytest

import sim
from usd_io import add_robot

MODELS = Path(__file__).parents[2].parent / "shared" / "models"
if not MODELS.exists():
    MODELS = Path("/work/shared/models")
ROBOTS = {
    "cartpole": "urdf/bullet3/cartpole.urdf",
    "arm": "urdf/bullet3/kuka_iiwa/model.urdf",
    "hand": "mjcf/wonik_allegro/right_hand.xml",
    "humanoid": "mjcf/mujoco/humanoid/humanoid.xml",
}
INTEGRATORS = {
    "featherstone": sim.FeatherstoneIntegrator,
    "xpbd": sim.XPBDIntegrator,
    "semi-implicit": lambda: sim.SemiImplicitIntegrator(angular_damping=0.0),
}
QUADRUPED = """
<mujoco model="quadruped">
  <compiler angle="degree"/>
  <default><joint armature="0.01" damping="0.1" range="-60 60"/><geom density="500"/></default>
  <worldbody>
    <body name="trunk" pos="0 0 0.5">
      <freejoint/>
      <geom type="box" size="0.25 0.12 0.06"/>
      <frame pos="0.2 0.12 0"><body name="fl"><joint name="fl_hip" axis="1 0 0"/><joint name="fl_thigh" axis="0 1 0"/>
        <geom type="capsule" fromto="0 0 0 0.05 0.02 -0.2" size="0.03"/>
        <body name="fl_shin" pos="0.05 0.02 -0.2"><joint name="fl_knee" axis="0 1 0"/>
          <geom type="capsule" fromto="0 0 0 -0.05 0 -0.2" size="0.025"/></body></body></frame>
      <frame pos="-0.2 -0.12 0"><body name="br"><joint name="br_hip" axis="1 0 0"/><joint name="br_thigh" axis="0 1 0"/>
        <geom type="capsule" fromto="0 0 0 0.05 -0.02 -0.2" size="0.03"/>
        <body name="br_shin" pos="0.05 -0.02 -0.2"><joint name="br_knee" axis="0 1 0"/>
          <geom type="capsule" fromto="0 0 0 -0.05 0 -0.2" size="0.025"/></body></body></frame>
    </body>
  </worldbody>
</mujoco>
"""


def moved(path, name: str, dt: float):
    """Coordinates and poses after 0.2 s with every joint in motion."""
    builder = sim.ModelBuilder()
    builder.ground = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        add_robot(builder, path)
    builder.ground = False
    builder.shape_shape_collision.view[:] = False
    builder.joint_qd[:] = 0.3 * np.cos(np.arange(builder.joint_dof_count))
    model, integrator = builder.finalize(), INTEGRATORS[name]()
    now, after = model.state(), model.state()
    sim.eval_fk(model, now.joint_q, now.joint_qd, None, now)
    for _ in range(round(0.2 / dt)):
        integrator.simulate(model, now, after, dt)
        now, after = after, now
    return now.joint_q.numpy(), now.body_q.numpy()


@pytest.mark.parametrize("robot", [*ROBOTS, "quadruped"])
def test_a_robot_moves_alike_under_all_integrators(robot, tmp_path):
    path = tmp_path / "quadruped.xml"
    if robot == "quadruped":
        path.write_text(QUADRUPED)
    else:
        path = MODELS / ROBOTS[robot]
    if not path.exists():
        pytest.skip("shared models are not here")
    fine = moved(path, "featherstone", 2.5e-4)
    for name in ("xpbd", "semi-implicit"):
        for got, expected in zip(moved(path, name, 1e-3), fine, strict=True):
            assert np.abs(got - expected).max() < 4e-3, name

"""Motion without contacts and limits, against MuJoCo's RK4 at a step so small that its error does not count."""

import numpy as np
import pytest

import engine as en
import sim
from tests.usd_io.mjcf.against_mujoco import MODELS, Pair, mujoco
from usd_io import emit

CHAIN = """
<mujoco><compiler angle="radian"/><option gravity="0 0 -9.81"/>
  <worldbody>
    <body name="a"><joint axis="0 1 0"/><geom type="capsule" fromto="0 0 0 0 0 -.5" size=".03"/>
      <body name="b" pos="0 0 -.5"><joint axis="0 1 0"/><geom type="capsule" fromto="0 0 0 0 0 -.5" size=".03"/>
        <body name="c" pos="0 0 -.5"><joint axis="1 0 0"/><geom type="capsule" fromto="0 0 0 0 0 -.5" size=".03"/>
        </body></body></body>
  </worldbody>
</mujoco>"""

FLAGS = mujoco.mjtDisableBit
OFF = FLAGS.mjDSBL_CONTACT | FLAGS.mjDSBL_LIMIT | FLAGS.mjDSBL_ACTUATION | FLAGS.mjDSBL_EQUALITY


def end_positions(pair: Pair, seconds: float, steps: int) -> np.ndarray:
    """Where our bodies are after a time, from MuJoCo's present state."""
    q, qd = pair.arrays()
    now, after, integrator = pair.model.state(), pair.model.state(), sim.FeatherstoneIntegrator()
    now.joint_q.assign(q)
    now.joint_qd.assign(qd)
    control = pair.model.control()
    with en.ScopedCapture(pair.model.device) as capture:
        integrator.simulate(pair.model, now, after, seconds / steps, control)
        integrator.simulate(pair.model, after, now, seconds / steps, control)
    for _ in range(steps // 2):
        en.capture_launch(capture.graph)
    return now.body_q.numpy()[pair.real_bodies, :3].astype(float)


def their_positions(pair: Pair, seconds: float, steps: int) -> np.ndarray:
    pair.mj.opt.integrator = mujoco.mjtIntegrator.mjINT_RK4
    pair.mj.opt.timestep = seconds / steps
    pair.mj.opt.disableflags |= OFF
    for _ in range(steps):
        mujoco.mj_step(pair.mj, pair.data)
    mujoco.mj_kinematics(pair.mj, pair.data)
    return pair.data.xpos[1:].copy()


def without_forces_that_only_mujoco_or_only_we_have(pair: Pair) -> Pair:
    """No drives, no dry friction (a constraint there), no medium, no tendons."""
    pair.model.joint_axis_mode.zero_()
    pair.model.joint_act.zero_()
    pair.model.joint_friction.zero_()
    pair.model.ground = False
    pair.model.rigid_contacts = None
    pair.mj.dof_frictionloss[:] = 0.0
    pair.mj.tendon_stiffness[:] = pair.mj.tendon_damping[:] = 0.0
    return pair


@pytest.fixture
def chain(tmp_path) -> Pair:
    (tmp_path / "chain.xml").write_text(CHAIN)
    pair = Pair(tmp_path / "chain.xml")
    pair.data.qpos[:] = 1.2, 0.6, -0.8
    pair.data.qvel[:] = 0.5, -1.0, 2.0
    return without_forces_that_only_mujoco_or_only_we_have(pair)


def test_three_link_chain_stays_within_a_millimetre(chain):
    ours = end_positions(chain, 1.0, 10_000)
    assert np.abs(ours - their_positions(chain, 1.0, 10_000)).max() < 1e-3


def test_undamped_chain_converges_at_second_order(chain):
    coarse, fine = (end_positions(chain, 1.0, n) for n in (200, 400))
    truth = their_positions(chain, 1.0, 10_000)
    errors = [np.abs(x - truth).max() for x in (coarse, fine)]
    assert 3.0 < errors[0] / errors[1] < 5.5
    assert errors[1] < 2e-3


# The hand's damping over its small inertias is too stiff for RK4 at longer steps; ours is implicit in it.
@pytest.mark.parametrize(
    ("name", "seconds", "steps"),
    [
        ("mujoco/humanoid/humanoid.xml", 0.5, 5000),
        ("wonik_allegro/right_hand.xml", 0.1, 20_000),
        ("mujoco/car/car.xml", 0.5, 5000),
    ],
)
def test_robots_with_springs_and_damping_converge_at_first_order(name, seconds, steps):
    path = MODELS / "mjcf" / name
    if not path.exists():
        pytest.skip("shared models are not here")
    pair = without_forces_that_only_mujoco_or_only_we_have(Pair(path))
    # Contacts off on our side: shapes that meet nothing.
    record = pair.record
    record.colliders.clear()
    record.equalities.clear()  # MuJoCo's limits, those of tendons too, are off
    builder = sim.ModelBuilder()
    emit(record, builder)
    builder.joint_limit_ke.view[:] = builder.joint_limit_kd.view[:] = 0.0
    pair.model = builder.finalize()
    without_forces_that_only_mujoco_or_only_we_have(pair)
    pair.randomise(5, spread=0.3)
    coarse, fine = (end_positions(pair, seconds, round(seconds * rate)) for rate in (500, 1000))
    truth = their_positions(pair, seconds, steps)
    errors = [np.abs(x - truth).max() for x in (coarse, fine)]
    assert errors[1] < 0.02
    assert errors[0] / errors[1] > 1.7 or errors[1] < 1e-4

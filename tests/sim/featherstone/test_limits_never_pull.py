"""Joint limits slow what runs into them and push it back; what leaves is not held by their damping."""

import numpy as np
import pytest

import sim
from tests.sim.maximal.robots import walk


@pytest.mark.parametrize("integrator", [sim.FeatherstoneIntegrator, sim.XPBDIntegrator, sim.SemiImplicitIntegrator])
@pytest.mark.parametrize("side", [1.0, -1.0], ids=["upper", "lower"])
def test_what_leaves_a_limit_keeps_its_speed(integrator, side):
    builder = sim.ModelBuilder(gravity=0.0)
    builder.ground = False
    body = builder.add_body(m=1.0, I_m=np.eye(3))
    builder.add_joint_prismatic(-1, body, axis=(1, 0, 0), limit_lower=-1, limit_upper=1, limit_ke=100.0, limit_kd=20.0, armature=0)  # fmt: skip
    builder.joint_q[0], builder.joint_qd[0] = side * 1.01, side * -2.0
    model = builder.finalize()
    state = model.state()
    sim.eval_fk(model, state.joint_q, state.joint_qd, None, state)
    state = walk(model, integrator(), 0.02, 1e-3, state=state) or state
    assert state.body_q.numpy()[0, 0] == pytest.approx(side * (1.01 - 0.04), abs=1e-4)

"""eval_fk and eval_ik for every joint type, in any frames."""

import numpy as np
import pytest

import engine as en
import sim
from sim.articulation.joint_motion import advance_joint
from sim.articulation.joint_table import JointTable
from sim.geometry.rotation import rotation_matrix


@en.kernel
def advance(
    joints: JointTable,
    q: en.array(dtype=float),
    qd: en.array(dtype=float),
    dt: float,
    out: en.array(dtype=float),
):
    advance_joint(joints, en.tid(), q, qd, dt, out)


def random_pose(rng) -> np.ndarray:
    q = rng.normal(size=4)
    return np.concatenate([rng.normal(size=3), q / np.linalg.norm(q)])


def zoo(rng) -> sim.ModelBuilder:
    """One joint of each type, on a branched tree with a floating base."""
    builder = sim.ModelBuilder()
    builder.ground = False

    def frames():
        return random_pose(rng), random_pose(rng)

    for _ in range(9):
        builder.add_body(random_pose(rng), m=1.0, com=0.1 * rng.normal(size=3), I_m=np.diag([1.0, 1.2, 1.1]))
    builder.add_joint_free(0, *frames())
    builder.add_joint_revolute(0, 1, *frames(), axis=(1, 2, 3), armature=0.0)
    builder.add_joint_ball(1, 2, *frames(), armature=0.0)
    builder.add_joint_universal(2, 3, (1, 0, 0), (0, 1, 0), *frames(), armature=0.0)
    builder.add_joint_compound(0, 4, (0, 0, 1), (0, 1, 0), (1, 0, 0), *frames(), armature=0.0)
    builder.add_joint_d6(4, 5, [(1, 0, 0), (0, 1, 0)], [(0, 1, 0), (1, 0, 0)], None, *frames(), armature=0.0)
    builder.add_joint_prismatic(5, 6, *frames(), axis=(0, 1, 1), armature=0.0)
    builder.add_joint_fixed(6, 7, *frames())
    builder.add_joint_distance(0, 8, *frames())
    return builder


def random_coordinates(model, rng):
    q, qd = 0.7 * rng.normal(size=model.joint_coord_count), rng.normal(size=model.joint_dof_count)
    starts = model.joint_q_start.numpy()
    for joint, kind in enumerate(model.joint_type.numpy()):
        shift = {sim.JOINT_FREE: 3, sim.JOINT_DISTANCE: 3, sim.JOINT_BALL: 0}.get(kind)
        if shift is not None:
            rows = slice(starts[joint] + shift, starts[joint] + shift + 4)
            q[rows] /= np.linalg.norm(q[rows])
    return q, qd


@pytest.mark.parametrize("seed", range(5))
def test_inverse_of_forward_kinematics_is_the_identity(seed):
    rng = np.random.default_rng(seed)
    model = zoo(rng).finalize()
    q, qd = random_coordinates(model, rng)
    state = model.state()
    joint_q, joint_qd = en.array(q, dtype=float), en.array(qd, dtype=float)
    sim.eval_fk(model, joint_q, joint_qd, None, state)
    back_q, back_qd = en.zeros_like(joint_q), en.zeros_like(joint_qd)
    sim.eval_ik(model, state, back_q, back_qd)
    again = model.state()
    sim.eval_fk(model, back_q, back_qd, None, again)
    # Angles and quaternions may come out in another of their forms; what they mean may not.
    assert np.allclose(again.body_qd.numpy(), state.body_qd.numpy(), atol=1e-4)
    a, b = again.body_q.numpy(), state.body_q.numpy()
    assert np.allclose(a[:, :3], b[:, :3], atol=1e-4)
    assert np.allclose(rotation_matrix(a[:, 3:]), rotation_matrix(b[:, 3:]), atol=1e-4)


def test_body_velocities_are_the_rates_of_the_poses():
    """Central difference of eval_fk along the motion at constant joint velocity."""
    rng = np.random.default_rng(7)
    builder = zoo(rng)
    builder.gravity = 0.0
    model = builder.finalize()
    q, qd = random_coordinates(model, rng)
    h, states = 5e-3, []
    joint_q, joint_qd = en.array(q, dtype=float), en.array(qd, dtype=float)
    for step in (-h, 0.0, h):
        moved, state = en.zeros_like(joint_q), model.state()
        en.launch(advance, dim=model.joint_count, inputs=[model.joint_table, joint_q, joint_qd, step], outputs=[moved])
        sim.eval_fk(model, moved, joint_qd, None, state)
        states.append((state.body_q.numpy().astype(float), state.body_qd.numpy().astype(float)))
    R = [rotation_matrix(s[0][:, 3:]) for s in states]
    com = [s[0][:, :3] + np.einsum("bij,bj->bi", r, model.body_com.numpy()) for s, r in zip(states, R)]
    speed = np.abs(states[1][1]).max()
    assert np.allclose((com[2] - com[0]) / (2 * h), states[1][1][:, 3:], atol=2e-3 * speed)
    turn = (R[2] - R[0]) / (2 * h) @ np.swapaxes(R[1], 1, 2)
    w = np.stack([turn[:, 2, 1], turn[:, 0, 2], turn[:, 1, 0]], axis=1)
    assert np.allclose(w, states[1][1][:, :3], atol=2e-3 * speed)


def test_mass_matrix_jacobian_and_inverse_dynamics_agree_for_every_joint_type():
    rng = np.random.default_rng(3)
    model = zoo(rng).finalize()
    q, qd = random_coordinates(model, rng)
    joint_q, joint_qd = en.array(q, dtype=float), en.array(qd, dtype=float)
    state = model.state()
    sim.eval_fk(model, joint_q, joint_qd, None, state)
    J = sim.eval_jacobian(model, joint_q).numpy().astype(float)
    assert np.allclose(J @ qd, state.body_qd.numpy(), atol=1e-4)
    H = sim.eval_mass_matrix(model, joint_q).numpy()[0].astype(float)
    R = rotation_matrix(state.body_q.numpy()[:, 3:])
    mass = np.zeros((model.body_count, 6, 6))
    mass[:, :3, :3] = R @ model.body_inertia.numpy() @ np.swapaxes(R, 1, 2)
    mass[:, 3:, 3:] = model.body_mass.numpy()[:, None, None] * np.eye(3)
    assert np.allclose(H, np.einsum("bij,bik,bkl->jl", J, mass, J), atol=1e-5 * np.abs(H).max())
    qdd = rng.normal(size=len(qd))
    tau = sim.eval_inverse_dynamics(model, joint_q, joint_qd, en.array(qdd, dtype=float)).numpy()
    bias = sim.eval_bias_forces(model, joint_q, joint_qd).numpy()
    assert np.allclose(tau - bias, H @ qdd, atol=1e-5 * np.abs(tau).max())


def test_forward_dynamics_inverts_inverse_dynamics():
    rng = np.random.default_rng(4)
    builder = zoo(rng)
    builder.joint_limit_ke.view[:] = builder.joint_limit_kd.view[:] = 0.0
    builder.joint_distance_range.view[:] = -1.0
    model = builder.finalize()
    q, qd = random_coordinates(model, rng)
    qdd = rng.normal(size=len(qd))
    joint_q, joint_qd = en.array(q, dtype=float), en.array(qd, dtype=float)
    control, now, after = model.control(), model.state(), model.state()
    sim.eval_inverse_dynamics(model, joint_q, joint_qd, en.array(qdd, dtype=float), tau=control.joint_f)
    now.joint_q.assign(joint_q)
    now.joint_qd.assign(joint_qd)
    sim.FeatherstoneIntegrator().simulate(model, now, after, 1e-7, control)
    assert np.allclose(after.joint_qdd.numpy(), qdd, atol=2e-3)


def test_mask_chooses_articulations():
    builder = sim.ModelBuilder()
    for _ in range(2):
        body = builder.add_body(m=1.0, I_m=np.eye(3))
        builder.add_articulation()
        builder.add_joint_prismatic(-1, body, axis=(1, 0, 0))
    builder.joint_q[:] = 1.0, 2.0
    model = builder.finalize()
    state = model.state()
    sim.eval_fk(model, state.joint_q, state.joint_qd, [False, True], state)
    assert state.body_q.numpy()[:, 0].tolist() == [0.0, 2.0]


def test_joints_in_any_order_are_walked_from_the_root():
    builder = sim.ModelBuilder()
    for _ in range(3):
        builder.add_body(m=1.0, I_m=np.eye(3))
    builder.add_joint_prismatic(1, 2, axis=(1, 0, 0))
    builder.add_joint_prismatic(0, 1, axis=(1, 0, 0))
    builder.add_joint_prismatic(-1, 0, axis=(1, 0, 0))
    builder.joint_q[:] = 1.0, 10.0, 100.0
    model = builder.finalize()
    state = model.state()
    sim.eval_fk(model, state.joint_q, state.joint_qd, None, state)
    assert state.body_q.numpy()[:, 0].tolist() == [100.0, 110.0, 111.0]


def test_joints_in_a_circle_are_named():
    builder = sim.ModelBuilder()
    for _ in range(2):
        builder.add_body(m=1.0, I_m=np.eye(3))
    builder.add_joint_revolute(0, 1, name="there")
    builder.add_joint_revolute(1, 0, name="back")
    model = builder.finalize()
    state = model.state()
    with pytest.raises(sim.SimError, match="there, back"):
        sim.eval_fk(model, state.joint_q, state.joint_qd, None, state)

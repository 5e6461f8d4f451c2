"""Articulated robots: cartpoles beside the peer, built by the same lines, and the humanoid beside MuJoCo's C library.

    python benchmarks/robots.py [--threads N] [--json FILE] [--humanoid PATH]

MuJoCo steps 64 humanoids on one core (its own humanoid.xml, contacts, limits and actuators off, RK is not used: one
evaluation a step, as here). What is not installed is left out.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import engine as en
import sim
from benchmarks.sidebyside import alternate, peer, row, save

HUMANOID = Path("../shared/models/mjcf/mujoco/humanoid/humanoid.xml")
SUBSTEPS, DT = 10, 1.0 / 600.0


def cartpole(lang, module, copies: int, device=None):
    """A cart on a rail with a pole of two rods: the same lines build it in both programs."""

    def at(x: float, y: float):
        return lang.transform(lang.vec3(x, y, 0.0), lang.quat_identity())

    one = module.ModelBuilder(up_vector=lang.vec3(0.0, 1.0, 0.0), gravity=-9.81)
    one.add_articulation()
    inertia = lang.mat33(0.1, 0.0, 0.0, 0.0, 0.1, 0.0, 0.0, 0.0, 0.1)
    cart, rod, tip = (one.add_body(m=1.0, I_m=inertia, com=lang.vec3(0.0, -0.5 * i, 0.0)) for i in (0, 1, 1))
    free = {"armature": 0.0, "limit_lower": -1e6, "limit_upper": 1e6}
    one.add_joint_prismatic(-1, cart, axis=lang.vec3(1.0, 0.0, 0.0), **free)
    one.add_joint_revolute(cart, rod, at(0.0, 0.0), at(0.0, 0.0), axis=lang.vec3(0.0, 0.0, 1.0), **free)
    one.add_joint_revolute(rod, tip, at(0.0, -1.0), at(0.0, 0.0), axis=lang.vec3(0.0, 0.0, 1.0), **free)
    one.joint_q[-2:] = [1.0, 0.5]
    builder = module.ModelBuilder(up_vector=lang.vec3(0.0, 1.0, 0.0), gravity=-9.81)
    for i in range(copies):
        builder.add_builder(one, at(2.0 * i, 0.0))
    model = builder.finalize(device) if device else builder.finalize()
    model.ground = False
    return model


def ours(model, dt: float = DT, steps: int = SUBSTEPS):
    """A frame as a captured graph."""
    now, after, integrator, control = model.state(), model.state(), sim.FeatherstoneIntegrator(), model.control()
    sim.eval_fk(model, now.joint_q, now.joint_qd, None, now)
    with en.ScopedCapture(model.device) as capture:
        for _ in range(steps // 2):
            integrator.simulate(model, now, after, dt, control)
            integrator.simulate(model, after, now, dt, control)
    return (lambda: en.capture_launch(capture.graph)), now


def theirs(wp, copies: int):
    """A frame of the peer's solver."""
    import warp.sim as wps

    model = cartpole(wp, wps, copies, "cpu")
    states, integrator = [model.state(), model.state()], wps.FeatherstoneIntegrator(model)
    wps.eval_fk(model, model.joint_q, model.joint_qd, None, states[0])

    def frame():
        for _ in range(SUBSTEPS):
            states[0].clear_forces()
            integrator.simulate(model, states[0], states[1], DT)
            states.reverse()

    return frame


def humanoids(path: Path, copies: int, dt: float, steps: int):
    """Our humanoids without contacts, and MuJoCo's (None where it is not installed)."""
    from usd_io import emit, read_mjcf

    scene = read_mjcf(path)
    scene.colliders.clear()
    scene.equalities.clear()
    one, builder = sim.ModelBuilder(), sim.ModelBuilder(up_vector=(0, 0, 1), gravity=-9.81)
    emit(scene, one)
    one.joint_limit_ke.view[:] = one.joint_limit_kd.view[:] = 0.0
    builder.replicate(one, copies, (2.0, 2.0, 0.0))
    builder.ground = False
    run, state = ours(builder.finalize(), dt, steps)
    tasks = {"simrun": run}
    try:
        import mujoco
    except ImportError:
        return tasks, state
    mj = mujoco.MjModel.from_xml_path(str(path))
    mj.opt.timestep = dt
    off = mujoco.mjtDisableBit
    mj.opt.disableflags |= off.mjDSBL_CONTACT | off.mjDSBL_LIMIT | off.mjDSBL_ACTUATION
    data = [mujoco.MjData(mj) for _ in range(copies)]
    tasks["warp"] = lambda: [mujoco.mj_step(mj, d, steps) for d in data]
    return tasks, state


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json")
    parser.add_argument("--humanoid", type=Path, default=HUMANOID)
    arguments = parser.parse_args()
    en.set_threads(arguments.threads)
    wp, rows = peer(), []
    for copies in (1, 100):
        run, state = ours(cartpole(en, sim, copies))
        tasks = {"simrun": run}
        if wp is not None:
            tasks["warp"] = theirs(wp, copies)
        rows.append(row(f"{copies} cartpoles, 10 substeps", "ms", 1e3, alternate(tasks)))
        assert np.isfinite(state.joint_q.numpy()).all()
    if arguments.humanoid.exists():
        tasks, state = humanoids(arguments.humanoid, 64, 0.002, 10)
        medians = alternate(tasks)
        rows.append(row("64 humanoids, contact-free, a step (peer: MuJoCo, one core)", "ms", 1e2, medians))
        print(f"    humanoid steps a second: {', '.join(f'{k} {640 / v:,.0f}' for k, v in medians.items())}")
        assert np.isfinite(state.joint_q.numpy()).all()
    save(rows, arguments.json)


if __name__ == "__main__":
    main()

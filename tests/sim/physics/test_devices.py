"""The same scene on CPU and GPU, with and without graph.

How far apart may two correct runs end? As far as rounding carries one: the tolerance is four times the distance between
two runs on the CPU, one of which is disturbed after every step by one rounding of single precision (eps = 2^-24). Semi-
implicit steps round positions and velocities: eps |x|, eps |v|. XPBD makes velocities from positions, so there a rounding
of a position is a velocity of eps |x| / dt. Where cloth buckles or touches, the motion itself makes such disturbances
grow; the measured distance knows that, a formula would not.
"""

import math

import numpy as np
import pytest

import engine as en
from sim import ModelBuilder, SemiImplicitIntegrator, XPBDIntegrator, collide

EPS = 2.0**-24
SOLVERS = {
    "semi-implicit": lambda: SemiImplicitIntegrator(),
    "xpbd": lambda: XPBDIntegrator(iterations=2),
    "xpbd-simultaneous": lambda: XPBDIntegrator(iterations=2, sweep="simultaneous"),
}
DEVICES = ["cpu", *(["cuda:0"] if en.is_cuda_available() else [])]


def cloth(builder):
    builder.add_cloth_grid(
        pos=en.vec3(-0.5, 1.0, -0.5), rot=en.quat_from_axis_angle(en.vec3(1.0, 0.0, 0.0), math.pi * 0.5),
        vel=en.vec3(0.0, 0.0, 0.0), dim_x=14, dim_y=10, cell_x=0.1, cell_y=0.1, mass=0.05, fix_left=True,
        tri_ke=1.0e3, tri_ka=1.0e3, tri_kd=5.0, edge_ke=10.0, edge_kd=0.1,
    )  # fmt: skip
    builder.add_shape_sphere(-1, pos=en.vec3(0.3, 0.5, 0.0), radius=0.4)


def soft_block(builder):
    builder.add_soft_grid(
        pos=en.vec3(0.0, 0.15, 0.0), rot=en.quat_identity(), vel=en.vec3(1.0, 0.0, 0.0), dim_x=4, dim_y=3, dim_z=3,
        cell_x=0.1, cell_y=0.1, cell_z=0.1, density=300.0, k_mu=2.0e4, k_lambda=2.0e4, k_damp=10.0,
    )  # fmt: skip


def net(builder):
    for i in range(6):
        for j in range(6):
            builder.add_particle(en.vec3(0.2 * i, 1.0 + 0.01 * j, 0.2 * j), en.vec3(0.0, 0.0, 0.0), 0.1 * (i > 0))
    for i in range(6):
        for j in range(6):
            if i < 5:
                builder.add_spring(6 * i + j, 6 * i + j + 6, 500.0, 0.5, 0)
            if j < 5:
                builder.add_spring(6 * i + j, 6 * i + j + 1, 500.0, 0.5, 0)


SCENES = {"cloth": cloth, "soft block": soft_block, "net": net}


@en.kernel
def round_anew(
    step: int,
    eps: float,
    speed: float,
    inv_mass: en.array(dtype=float),
    q: en.array(dtype=en.vec3),
    qd: en.array(dtype=en.vec3),
):
    """Disturbs by up to one rounding; `speed` is what a rounding of a position of 1 m is as a velocity [1/s]."""
    p = en.tid()
    state = en.rand_init(step, p)
    if inv_mass[p] > 0.0:
        for d in range(3):
            q[p][d] = q[p][d] * (1.0 + eps * en.randf(state, -1.0, 1.0))
            size = en.abs(qd[p][d]) + speed * en.abs(q[p][d])
            qd[p][d] = qd[p][d] + size * eps * en.randf(state, -1.0, 1.0)


class Run:
    """A scene on a device; `frame` simulates `substeps` steps and leaves the result in `state`."""

    def __init__(self, scene, solver, device, substeps, dt=1.0 / 1920, disturbed=False):
        builder = ModelBuilder()
        SCENES[scene](builder)
        self.model = builder.finalize(device=device)
        self.integrator = SOLVERS[solver]()
        self.state, self.other = self.model.state(), self.model.state()
        self.substeps, self.dt = substeps, dt
        self.disturbed, self.steps = disturbed, 0
        self.rounding_speed = 0.0 if solver == "semi-implicit" else 1.0 / dt

    def frame(self):
        a, b = self.state, self.other
        collide(self.model, a)
        for _ in range(self.substeps):
            a.clear_forces()
            self.integrator.simulate(self.model, a, b, self.dt)
            a, b = b, a
            if self.disturbed:
                self.steps += 1
                inputs = [self.steps, EPS, self.rounding_speed, self.model.particle_inv_mass]
                en.launch(
                    round_anew, dim=self.model.particle_count, inputs=inputs, outputs=[a.particle_q, a.particle_qd]
                )
        if a is not self.state:
            en.copy(self.state.particle_q, a.particle_q)
            en.copy(self.state.particle_qd, a.particle_qd)

    def restart(self):
        fresh = self.model.state()
        for name in ("particle_q", "particle_qd"):
            getattr(self.state, name).assign(getattr(fresh, name))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("substeps", [1, 2, 5, 8])
def test_graph_and_plain_launches_give_the_same_bits(device, solver, substeps):
    plain, graphed = (Run("cloth", solver, device, substeps) for _ in range(2))
    graphed.frame()  # compiles and allocates
    graphed.restart()
    with en.ScopedCapture(device) as capture:
        graphed.frame()
    for _ in range(12):
        plain.frame()
        en.capture_launch(capture.graph)
        np.testing.assert_array_equal(plain.state.particle_q.numpy(), graphed.state.particle_q.numpy())
        np.testing.assert_array_equal(plain.state.particle_qd.numpy(), graphed.state.particle_qd.numpy())


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("solver", SOLVERS)
def test_a_run_repeats_to_the_bit(device, solver):
    runs = [Run("cloth", solver, device, 4) for _ in range(2)]
    for run in runs:
        for _ in range(10):
            run.frame()
    np.testing.assert_array_equal(*(run.state.particle_q.numpy() for run in runs))


def distance_after(scene, solver, one, other, frames=6, substeps=32):
    """How far apart two runs end [m]; each is a device and whether it is disturbed."""
    ends = []
    for device, disturbed in (one, other):
        run = Run(scene, solver, device, substeps, disturbed=disturbed)
        for _ in range(frames):
            run.frame()
        ends.append(run.state.particle_q.numpy().astype(np.float64))
    assert np.isfinite(ends).all()
    return np.abs(ends[0] - ends[1]).max()


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("solver", SOLVERS)
def test_cpu_and_gpu_agree_to_rounding(scene, solver):
    tolerance = 4.0 * distance_after(scene, solver, ("cpu", False), ("cpu", True))
    assert 0.0 < tolerance < 2e-3, "a tolerance that says something"
    if not en.is_cuda_available():
        pytest.skip(f"the GPU's part needs a GPU; {tolerance:.1e} m would be allowed")
    found = distance_after(scene, solver, ("cpu", False), ("cuda:0", False))
    print(f"{scene}, {solver}: {found:.2e} m apart, {tolerance:.2e} allowed")
    assert found < tolerance

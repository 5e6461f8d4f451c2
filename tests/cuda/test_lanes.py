"""Threads that share an island or a tree (`sync_lanes`) come to what one thread comes to, in whatever order they run."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import engine as en

HERE = Path(__file__).parent

PILE = """
rng = np.random.default_rng(0)
builder = sim.ModelBuilder()
for k in range(12):
    x, z = rng.uniform(-0.4, 0.4, 2)
    body = builder.add_body(origin=en.transform(en.vec3(x, 0.3 + 0.45 * k, z), en.quat_identity()))
    if k % 2:
        builder.add_shape_box(body, hx=0.3, hy=0.2, hz=0.3, restitution=0.3)
    else:
        builder.add_shape_sphere(body, radius=0.3, restitution=0.3)
make, steps, dt, allowed = builder.finalize, 150, 1.0 / 200, 0.0
"""
ROBOT = """
from benchmarks.gpu_robots import ant
make, steps, dt, allowed = lambda device: ant(2, True, device), 60, 1.0 / 240, 2e-4
"""
RUN = """
ends = []
for device in ("cpu", "cuda:0"):
    model = make(device)
    now, after = model.state(), model.state()
    if model.joint_count:
        sim.eval_fk(model, now.joint_q, now.joint_qd, None, now)
    start = now.body_q.numpy().copy()
    integrator = sim.XPBDIntegrator()
    for _ in range(steps):
        integrator.simulate(model, now, after, dt)
        now, after = after, now
    ends.append(now.body_q.numpy())
assert np.abs(ends[0] - start).max() > 0.005
assert np.abs(ends[0] - ends[1]).max() <= allowed, np.abs(ends[0] - ends[1]).max()
print("same")
"""


@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
@pytest.mark.parametrize("scene", [PILE, ROBOT], ids=["pile", "robot"])
def test_threads_that_share_an_island_come_to_what_one_comes_to(scene, tmp_path):
    """To the bit for the pile; the robot's long expressions are rounded otherwise by another compiler."""
    head = f"import sys\nsys.path[:0] = [{str(HERE)!r}, {str(HERE.parents[1])!r}]\nfrom pathlib import Path\n"
    head += f"import lanes_on_host\nlanes_on_host.install(Path({str(tmp_path)!r}))\n"
    head += "import numpy as np\nimport engine as en\nimport sim\n"
    done = subprocess.run([sys.executable, "-c", head + scene + RUN], capture_output=True, text=True)
    assert done.stdout.endswith("same\n"), done.stderr[-2000:]


@en.kernel
def hand_round(width: int, a: en.array(dtype=int), b: en.array(dtype=int), out: en.array(dtype=int)):
    i = en.tid()
    group = i // width * width
    a[i] = i
    en.sync_lanes(width)
    b[i] = a[group + (i - group + 1) % width]
    en.sync_lanes(width)
    out[i] = b[group + (i - group + 1) % width]


@pytest.mark.parametrize("width", [1, 2, 8, 32, 64, 256])
def test_a_thread_sees_what_its_group_wrote_before_the_barrier(device, width):
    if width > 1 and not en.get_device(device).is_cuda:
        pytest.skip("threads of a CPU run one after the other")
    n = 1024
    a, b, out = (en.zeros(n, dtype=int, device=device) for _ in range(3))
    block = {"block_dim": width} if width > 32 else {}
    en.launch(hand_round, dim=n, inputs=[width, a, b], outputs=[out], device=device, **block)
    i = np.arange(n)
    np.testing.assert_array_equal(out.numpy(), i // width * width + (i % width + 2) % width)


def test_the_backward_pass_of_a_group_of_one(device):
    @en.kernel
    def square(x: en.array(dtype=float), y: en.array(dtype=float), z: en.array(dtype=float)):
        i = en.tid()
        y[i] = x[i] * x[i]
        en.sync_lanes(1)
        z[i] = y[i] * x[i]

    x, y, z = (en.array([1.0, 2.0, 3.0], dtype=float, device=device, requires_grad=True) for _ in range(3))
    with en.Tape() as tape:
        en.launch(square, dim=3, inputs=[x], outputs=[y, z], device=device)
    tape.backward(grads={z: en.ones(3, dtype=float, device=device)})
    np.testing.assert_allclose(x.grad.numpy(), [3.0, 12.0, 27.0], rtol=1e-6)

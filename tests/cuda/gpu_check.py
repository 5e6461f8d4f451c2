"""First checks on a real GPU: `python tests/cuda/gpu_check.py`. Prints one line a check."""

import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(
    0, os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "benchmarks")
)
import traceback

import numpy as np

import engine as en


def check(name):
    def run(f):
        t = time.perf_counter()
        try:
            out = f()
            print(f"ok   {name}: {out} ({time.perf_counter() - t:.2f} s)", flush=True)
        except Exception as error:
            print(f"FAIL {name}: {type(error).__name__}: {str(error)[:1500]}", flush=True)
            traceback.print_exc(limit=-3)

    return run


@en.kernel
def saxpy(a: float, x: en.array(dtype=float), y: en.array(dtype=float)):
    i = en.tid()
    y[i] = a * x[i] + y[i]


@en.kernel
def integrate(
    x: en.array(dtype=en.vec3),
    v: en.array(dtype=en.vec3),
    f: en.array(dtype=en.vec3),
    w: en.array(dtype=float),
    g: en.vec3,
    dt: float,
):
    i = en.tid()
    v1 = v[i] + (f[i] * w[i] + g) * dt
    x[i] = x[i] + v1 * dt
    v[i] = v1


@check("device")
def _():
    return [f"{d} {d.name} sm_{d.arch}" for d in en.device.get_cuda_devices()]


@check("arrays")
def _():
    a = en.array(np.arange(12, dtype=np.float32).reshape(3, 4), dtype=float, device="cuda")
    b = en.zeros((3, 4), dtype=float, device="cuda")
    en.copy(b, a)
    assert np.array_equal(b.numpy(), a.numpy()) and a[1, 2] == 6.0
    b[1] = 7.0
    b.fill_(3.0)
    assert (b.numpy() == 3).all()
    t = a.transpose()
    assert np.array_equal(t.numpy(), a.numpy().T) and np.array_equal(en.clone(t).numpy(), a.numpy().T)
    return en.clone(a, device="cpu").numpy().sum()


@check("saxpy")
def _():
    x = en.array(np.arange(1000, dtype=np.float32), device="cuda")
    y = en.ones(1000, device="cuda")
    en.launch(saxpy, dim=1000, inputs=[2.0, x, y])
    assert np.allclose(y.numpy(), 2 * np.arange(1000) + 1)
    ts = []
    for _ in range(300):
        t = time.perf_counter()
        en.launch(saxpy, dim=1000, inputs=[2.0, x, y])
        ts.append(time.perf_counter() - t)
    en.synchronize()
    cmd = en.launch(saxpy, dim=1000, inputs=[2.0, x, y], record_cmd=True)
    tb = []
    for _ in range(300):
        t = time.perf_counter()
        cmd.launch()
        tb.append(time.perf_counter() - t)
    en.synchronize()
    return f"launch {np.median(ts) * 1e6:.1f} us, bound {np.median(tb) * 1e6:.1f} us"


@check("integrate 16M")
def _():
    n = 16 << 20
    x, v, f = (en.zeros(n, dtype=en.vec3, device="cuda") for _ in range(3))
    w = en.ones(n, device="cuda")
    cmd = en.launch(integrate, dim=n, inputs=[x, v, f, w, en.vec3(0.0, -9.8, 0.0), 1e-3], record_cmd=True)
    cmd.launch()
    en.synchronize()
    ts = []
    for _ in range(20):
        t = time.perf_counter()
        for _ in range(5):
            cmd.launch()
        en.synchronize()
        ts.append((time.perf_counter() - t) / 5)
    m = np.median(ts)
    return f"{m * 1e3:.3f} ms = {n * 64 / m / 1e12:.2f} TB/s"


import seed_cloth  # noqa: E402

import sim  # noqa: E402


def cloth(device, solver, frames, graph):
    with en.ScopedDevice(device):
        model = seed_cloth.build(en, sim, device=device)
        integrator = sim.SemiImplicitIntegrator() if solver == "semi-implicit" else sim.XPBDIntegrator()
        a, b = model.state(), model.state()

        def frame():
            p, q = a, b
            sim.collide(model, p)
            for _ in range(32):
                p.clear_forces()
                integrator.simulate(model, p, q, 1.0 / 60 / 32)
                p, q = q, p

        t = time.perf_counter()
        frame()
        en.synchronize()
        first = time.perf_counter() - t
        run = frame
        if graph:
            with en.ScopedCapture(device) as c:
                frame()
            run = lambda: en.capture_launch(c.graph)  # noqa: E731
        ts = []
        for _ in range(frames):
            t = time.perf_counter()
            run()
            en.synchronize()
            ts.append(time.perf_counter() - t)
        return model, a.particle_q.numpy(), first, np.median(ts) * 1e3


for solver in ("semi-implicit", "xpbd"):
    for graph in (False, True):

        @check(f"seed cloth {solver} graph={graph}")
        def _(solver=solver, graph=graph):
            _, gpu, first, ms = cloth("cuda", solver, 20, graph)
            _, cpu, _, cms = cloth("cpu", solver, 20, True)
            return f"first frame {first:.2f} s, {ms:.3f} ms a frame (CPU {cms:.2f}), largest difference {np.abs(gpu - cpu).max():.2e} m"

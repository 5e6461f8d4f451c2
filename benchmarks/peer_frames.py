"""The peer's side of `gpu_sim.py`, in a process of its own: `python peer_frames.py ARRAYS.npz SOLVER`.

Builds the cloth from arrays, captures a frame, and answers every line `N` on its input with the seconds of N frames as
JSON; `end` with the positions, written to the file that follows.
"""

import json
import sys
import time

import numpy as np
import warp as wp
from cloth_scene import DT, SUBSTEPS, cloth

wp.config.quiet = True
import warp.sim as wps  # noqa: E402

DEVICE = "cuda:0"


def model_of(arrays):
    """A model whose arrays are those of another program; the peer's own builder would take five minutes."""
    model = cloth(wp, wps, 4, 3)
    for name in arrays.files:
        setattr(model, name, wp.array(arrays[name], dtype=getattr(model, name).dtype, device=DEVICE))
    model.particle_count = len(arrays["particle_q"])
    model.tri_count, model.edge_count = len(arrays["tri_indices"]), len(arrays["edge_indices"])
    model.soft_contact_tids = wp.zeros(model.particle_count, dtype=int, device=DEVICE)
    return model


def frame_of(model, integrator, state, other):
    def frame():
        a, b = state, other
        wps.collide(model, a)
        for _ in range(SUBSTEPS):
            a.clear_forces()
            integrator.simulate(model, a, b, DT)
            a, b = b, a

    return frame


def captured(frame):
    """The frame as a graph if the driver takes it, and how it runs."""
    for how in ({}, {"force_module_load": False}, {"mempool": False}):
        try:
            if how.pop("mempool", True) is False:
                wp.set_mempool_enabled(DEVICE, False)
            with wp.ScopedCapture(device=DEVICE, **how) as capture:
                frame()
            wp.capture_launch(capture.graph)
            wp.synchronize_device(DEVICE)
            return (lambda: wp.capture_launch(capture.graph)), "graph"
        except RuntimeError as error:
            print(f"capture with {how}: {error}", file=sys.stderr, flush=True)
    return frame, "launch by launch"


def main() -> None:
    source, solver = sys.argv[1:]
    with wp.ScopedDevice(DEVICE):
        model = model_of(np.load(source))
        integrator = wps.SemiImplicitIntegrator() if solver == "semi-implicit" else wps.XPBDIntegrator()
        state, other = model.state(), model.state()
        frame = frame_of(model, integrator, state, other)
        frame()
        run, how = captured(frame)
        fresh = model.state()
        state.particle_q.assign(fresh.particle_q)
        state.particle_qd.assign(fresh.particle_qd)
        print(json.dumps(how), flush=True)
        for line in sys.stdin:
            if line.startswith("end"):
                np.save(line.split()[1], state.particle_q.numpy())
                return
            times = []
            for _ in range(int(line)):
                began = time.perf_counter()
                run()
                wp.synchronize_device(DEVICE)
                times.append(time.perf_counter() - began)
            print(json.dumps(times), flush=True)


if __name__ == "__main__":
    main()

"""The seed cloth beside the peer: `python benchmarks/seed_cloth.py [--json FILE] [--frames N]`.

64x32 cells (2,145 particles), pinned left edge, a sphere of radius 2 m and the ground, 60 frames a second, 32 substeps,
semi-implicit and XPBD. Both programs build the scene through the same calls; ours replays a captured frame, the peer on
a CPU has no graph and runs its launches one by one.
"""

from __future__ import annotations

import argparse
import math
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import numpy as np
from sidebyside import alternate, peer, row, save

import engine as en
import sim

FPS, SUBSTEPS = 60, 32


def build(m, s, dim_x=64, dim_y=32, device="cpu"):
    """The scene of the course through the API that both programs share; `m` is the core module, `s` the simulation module."""
    builder = s.ModelBuilder()
    builder.add_cloth_grid(
        pos=m.vec3(0.0, 4.0, -1.6), rot=m.quat_from_axis_angle(m.vec3(1.0, 0.0, 0.0), math.pi * 0.5), vel=m.vec3(0.0, 0.0, 0.0),
        dim_x=dim_x, dim_y=dim_y, cell_x=6.4 / dim_x, cell_y=3.2 / dim_y, mass=0.1 * 64 * 32 / (dim_x * dim_y), fix_left=True,
        tri_ke=1.0e3, tri_ka=1.0e3, tri_kd=1.0e1,
    )  # fmt: skip
    builder.add_shape_sphere(body=-1, pos=m.vec3(0.0, 0.0, 0.0), radius=2.0, ke=1.0e2, kd=1.0e2, kf=1.0e1)
    model = builder.finalize(device=device)
    model.ground = True
    model.soft_contact_ke = 1.0e4
    model.soft_contact_kd = 1.0e2
    return model


def stepper(m, s, solver: str):
    """A function that simulates one frame, and the state that holds the result."""
    model = build(m, s)
    integrator = s.SemiImplicitIntegrator() if solver == "semi-implicit" else s.XPBDIntegrator()
    first, second = model.state(), model.state()
    dt = 1.0 / FPS / SUBSTEPS

    def frame():
        a, b = first, second
        s.collide(model, a)
        for _ in range(SUBSTEPS):
            a.clear_forces()
            integrator.simulate(model, a, b, dt)
            a, b = b, a

    if m is en:
        frame()  # compiles; what it changed is undone
        fresh = model.state()
        first.particle_q.assign(fresh.particle_q)
        first.particle_qd.assign(fresh.particle_qd)
        with en.ScopedCapture() as capture:
            frame()
        return (lambda: en.capture_launch(capture.graph)), first, len(capture.graph)
    return frame, first, 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json")
    parser.add_argument("--frames", type=int, default=40)
    args = parser.parse_args()
    wp = peer()
    sides = {"simrun": (en, sim)}
    if wp:
        import warp.sim

        sides["warp"] = (wp, warp.sim)
    rows = []
    print(f"{'work':<58} {'simrun':>10} {'warp':>10} {'unit':<8} {'ratio':>7}   ({en.get_threads()} threads)")
    for solver in ("semi-implicit", "xpbd"):
        tasks, states = {}, {}
        for name, (m, s) in sides.items():
            tasks[name], states[name], nodes = stepper(m, s, solver)
            if name == "simrun":
                count = nodes
        rows.append(
            row(f"seed cloth 64x32, 32 substeps, {solver}, a frame", "ms", 1e3, alternate(tasks, repeats=args.frames))
        )
        print(f"    {count} jobs a frame")
        ours = states["simrun"].particle_q.numpy()
        print(f"    lowest point {ours[:, 1].min():.3f}, finite: {bool(np.isfinite(ours).all())}", end="")
        if wp:
            theirs = states["warp"].particle_q.numpy()
            print(f"; largest distance to the peer's cloth {np.abs(ours - theirs).max():.4f} m", end="")
        print()
    save(rows, args.json)


if __name__ == "__main__":
    main()

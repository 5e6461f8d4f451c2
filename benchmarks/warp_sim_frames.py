"""warp.sim's side of `gpu_warp_sim.py`, in a process of its own: `python warp_sim_frames.py ROBOT.xml [--device D]`.

Answers every line `SOLVER COPIES SUBSTEPS REPEATS` on its input with the seconds of each repeat of a captured frame, as JSON.
Contacts with the ground, looked for every substep; none between links, which is how its importer takes these files.
"""

import argparse
import json
import os
import sys
import time

answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what the packages and their kernels print must not come between answers

import warp as wp  # noqa: E402
import warp.sim as wps  # noqa: E402

DT = 1.0 / 600.0


class Frames:
    """Copies of one robot, with a captured frame."""

    def __init__(self, path: str, solver: str, copies: int, substeps: int, device: str):
        one = wps.ModelBuilder(up_vector=wp.vec3(0.0, 0.0, 1.0), gravity=-9.81)
        wps.parse_mjcf(path, one, armature=0.01, up_axis="Z")
        one.joint_q[2] = 1.4 if "humanoid" in path else 0.75
        builder = wps.ModelBuilder(up_vector=wp.vec3(0.0, 0.0, 1.0), gravity=-9.81)
        for i in range(copies):
            place = wp.vec3(4.0 * (i % 32), 4.0 * (i // 32), 0.0)
            builder.add_builder(one, wp.transform(place, wp.quat_identity()))
        self.device, self.substeps = device, substeps
        with wp.ScopedDevice(device):
            self.model = builder.finalize()
            self.model.ground = True
            self.solver = {"xpbd": wps.XPBDIntegrator, "featherstone": wps.FeatherstoneIntegrator}[solver](
                *([self.model] if solver == "featherstone" else [])
            )
            self.states = self.model.state(), self.model.state()
            wps.eval_fk(self.model, self.states[0].joint_q, self.states[0].joint_qd, None, self.states[0])
            self.frame()
            self.run = self.frame
            if wp.get_device(device).is_cuda:
                with wp.ScopedCapture() as capture:
                    self.frame()
                self.run = lambda: wp.capture_launch(capture.graph)

    def frame(self) -> None:
        a, b = self.states
        for _ in range(self.substeps):
            a.clear_forces()
            wps.collide(self.model, a)
            self.solver.simulate(self.model, a, b, DT)
            a, b = b, a

    def seconds(self, repeats: int) -> list[float]:
        times = []
        with wp.ScopedDevice(self.device):
            for _ in range(repeats):
                began = time.perf_counter()
                self.run()
                wp.synchronize_device(self.device)
                times.append(time.perf_counter() - began)
        return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("robot")
    parser.add_argument("--device", default="cuda:0")
    arguments = parser.parse_args()
    made: dict[tuple, Frames] = {}
    print(json.dumps({"warp": wp.__version__}), file=answers, flush=True)
    for line in sys.stdin:
        solver, *numbers = line.split()
        copies, substeps, repeats = (int(word) for word in numbers)
        key = (solver, copies, substeps)
        if key not in made:
            made.clear()  # one at a time: memory
            made[key] = Frames(arguments.robot, solver, copies, substeps, arguments.device)
        print(json.dumps(made[key].seconds(repeats)), file=answers, flush=True)


if __name__ == "__main__":
    main()

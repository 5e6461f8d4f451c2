"""MuJoCo Warp's side of `gpu_robots.py --peer`, in a process of its own: `python mujoco_warp_frames.py ROBOT.xml [--device D]`.

Answers every line `WORLDS CONTACTS STEPS REPEATS` on its input with the seconds of each repeat of a captured graph of STEPS
steps, as JSON. Models are as that package takes them (solver, cone and integrator of the file); CONTACTS 0 disables contacts
and limits, so that there is nothing to solve for (our contact-free robot keeps its limits).
"""

import argparse
import json
import os
import sys
import time

answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what the packages and their kernels print must not come between answers

import mujoco  # noqa: E402
import mujoco_warp as mjw  # noqa: E402
import warp as wp  # noqa: E402


class Worlds:
    """Copies of one robot, with a captured run of steps."""

    def __init__(self, path: str, worlds: int, contacts: bool, steps: int, device: str):
        model = mujoco.MjModel.from_xml_path(path)
        if not contacts:
            model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_CONTACT | mujoco.mjtDisableBit.mjDSBL_LIMIT
        data = mujoco.MjData(model)
        mujoco.mj_forward(model, data)
        self.device = device
        with wp.ScopedDevice(device):
            self.model = mjw.put_model(model)
            self.data = mjw.put_data(model, data, nworld=worlds)
            self.steps()
            if wp.get_device(device).is_cuda:
                with wp.ScopedCapture() as capture:
                    for _ in range(steps):
                        self.steps()
                self.run = lambda: wp.capture_launch(capture.graph)
            else:
                self.run = lambda: [self.steps() for _ in range(steps)]

    def steps(self) -> None:
        mjw.step(self.model, self.data)

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
    made: dict[tuple, Worlds] = {}
    print(
        json.dumps({"mujoco_warp": getattr(mjw, "__version__", "?"), "warp": wp.__version__}), file=answers, flush=True
    )
    for line in sys.stdin:
        worlds, contacts, steps, repeats = (int(word) for word in line.split())
        key = (worlds, contacts, steps)
        if key not in made:
            made.clear()  # one at a time: memory
            made[key] = Worlds(arguments.robot, worlds, bool(contacts), steps, arguments.device)
        print(json.dumps(made[key].seconds(repeats)), file=answers, flush=True)


if __name__ == "__main__":
    main()

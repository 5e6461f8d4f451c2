"""Articulated robots on a GPU: `python benchmarks/gpu_robots.py [--json FILE] [--only PATTERN] [--humanoid PATH]`.

Where there is no USD library, `--keep` on another machine writes the humanoid beside its file first.

Frames are captured as graphs and replayed; medians with synchronisation. Below each line stand the launches of one step
with their share: microseconds (a graph that holds the launch alone many times), threads, registers, bytes of local memory.
"""

from __future__ import annotations

import argparse
import pickle
import re
import statistics
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np

import engine as en
import sim
from benchmarks.robots import DT, HUMANOID, cartpole
from benchmarks.sidebyside import save
from sim.bound_launches import BoundLaunches

REPEATS = 20


# robots ---------------------------------------------------------------------------------------------------------------


def keep_humanoid(path: Path) -> None:
    """Writes the robot of a file beside it, without and with colliders, for machines that have no USD library."""
    for contacts in (False, True):
        path.with_name(f"{path.stem}_{int(contacts)}.pickle").write_bytes(pickle.dumps(one_humanoid(path, contacts)))


def one_humanoid(path: Path, contacts: bool) -> sim.ModelBuilder:
    """The robot of a file, or what `--keep` wrote beside it."""
    ready = path.with_name(f"{path.stem}_{int(contacts)}.pickle")
    if ready.exists():
        return pickle.loads(ready.read_bytes())
    from usd_io import emit, read_mjcf

    scene, one = read_mjcf(path), sim.ModelBuilder()
    if not contacts:
        scene.colliders.clear()
        scene.equalities.clear()
    emit(scene, one)
    return one


def humanoid(path: Path, copies: int, contacts: bool, device):
    """MuJoCo's humanoid, with colliders or without."""
    one, builder = one_humanoid(path, contacts), sim.ModelBuilder(up_vector=(0, 0, 1), gravity=-9.81)
    builder.replicate(one, copies, (2.0, 2.0, 0.0))
    builder.ground = contacts
    return builder.finalize(device)


def ant(copies: int, contacts: bool, device):
    """A ball on four legs, each a hip and a knee: 14 degrees of freedom, 9 bodies."""
    one = sim.ModelBuilder(up_vector=(0, 0, 1), gravity=-9.81)
    one.add_articulation()
    shape = {"density": 1000.0, "has_ground_collision": contacts, "has_shape_collision": contacts}
    torso = one.add_body(origin=((0.0, 0.0, 0.75), (0.0, 0.0, 0.0, 1.0)))
    one.add_shape_sphere(torso, radius=0.25, **shape)
    one.add_joint_free(torso)
    one.joint_q[:7] = [0.0, 0.0, 0.75, 0.0, 0.0, 0.0, 1.0]
    for leg in range(4):
        angle = np.pi / 4 + leg * np.pi / 2
        out = np.array([np.cos(angle), np.sin(angle), 0.0])
        turn = (0.0, 0.0, np.sin(angle / 2), np.cos(angle / 2))
        upper, lower = one.add_body(), one.add_body()
        for body, length in ((upper, 0.4), (lower, 0.8)):
            one.add_shape_capsule(
                body, (0.5 * length, 0.0, 0.0), radius=0.08, half_height=0.5 * length, up_axis=0, **shape
            )
        drive = {"armature": 0.01, "target_ke": 10.0, "target_kd": 1.0, "mode": sim.JOINT_MODE_TARGET_POSITION}
        one.add_joint_revolute(
            torso, upper, (tuple(0.25 * out), turn), axis=(0, 0, 1), limit_lower=-0.7, limit_upper=0.7, **drive
        )
        knee = ((0.4, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))
        one.add_joint_revolute(
            upper, lower, knee, axis=(0, 1, 0), limit_lower=0.5, limit_upper=1.75, target=1.0, **drive
        )
        one.joint_q[-1:] = [1.0]
    builder = sim.ModelBuilder(up_vector=(0, 0, 1), gravity=-9.81)
    builder.replicate(one, copies, (4.0, 4.0, 0.0))
    builder.ground = contacts
    return builder.finalize(device)


# measuring ------------------------------------------------------------------------------------------------------------


class Frame:
    """Steps of one model, captured."""

    def __init__(self, model, integrator, substeps: int, dt: float):
        self.model, self.integrator, self.dt, self.control = model, integrator, dt, model.control()
        self.now, self.after = model.state(), model.state()
        sim.eval_fk(model, self.now.joint_q, self.now.joint_qd, None, self.now)
        began = time.perf_counter()
        self.step(self.now, self.after)
        en.synchronize_device(model.device)
        self.first = time.perf_counter() - began
        fresh = model.state()
        self.now.joint_q.assign(fresh.joint_q)
        self.now.joint_qd.assign(fresh.joint_qd)
        self.now.joint_qdd.assign(fresh.joint_qdd)
        sim.eval_fk(model, self.now.joint_q, self.now.joint_qd, None, self.now)
        with en.ScopedCapture(model.device) as capture:
            a, b = self.now, self.after
            for _ in range(substeps):
                self.step(a, b)
                a, b = b, a
        self.graph = capture.graph

    def step(self, a, b) -> None:
        self.integrator.simulate(self.model, a, b, self.dt, self.control)

    def seconds(self) -> float:
        """Median of a replay."""
        times = []
        for _ in range(REPEATS + 3):
            began = time.perf_counter()
            en.capture_launch(self.graph)
            en.synchronize_device(self.model.device)
            times.append(time.perf_counter() - began)
        return statistics.median(times[3:])

    def uncaptured(self) -> float:
        """Seconds of the host for a step that is not captured."""
        began = time.perf_counter()
        for _ in range(50):
            self.step(self.now, self.after)
            self.step(self.after, self.now)
        spent = (time.perf_counter() - began) / 100
        en.synchronize_device(self.model.device)
        return spent

    def parts(self) -> list[dict]:
        """The launches of one step, each timed on its own."""
        self.model.articulation_launches = BoundLaunches()  # those of before would not be noted
        with noted_launches() as commands:
            self.step(self.now, self.after)
        return [self.timed(c) for c in commands]

    def timed(self, command, times: int = 20) -> dict:
        with en.ScopedCapture(self.model.device) as capture:
            for _ in range(times):
                command.launch()
        spans = []
        for _ in range(7):
            began = time.perf_counter()
            en.capture_launch(capture.graph)
            en.synchronize_device(self.model.device)
            spans.append(time.perf_counter() - began)
        out = {"kernel": command.kernel.__name__, "us": 1e6 * min(spans) / times, "dim": str(command.dim)}
        if self.model.device.is_cuda:
            out.update(resources(command.variant.entry))
        return out


@contextmanager
def noted_launches():
    """Every launch inside, bound, in order; they run as always."""
    commands, launch = [], en.launch

    def note(kernel, *args, record_cmd=False, **kw):
        command = launch(kernel, *args, record_cmd=True, **kw)
        commands.append(command)
        if record_cmd:
            return command
        command.launch()
        return None

    en.launch = note
    try:
        yield commands
    finally:
        en.launch = launch


def resources(entry: int) -> dict:
    """What the driver says about a kernel: registers and bytes of local memory of a thread."""
    from engine.cuda.driver import binding, call

    driver, kind = binding(), binding().CUfunction_attribute
    function = driver.CUfunction(entry)
    return {
        "registers": call("cuFuncGetAttribute", kind.CU_FUNC_ATTRIBUTE_NUM_REGS, function),
        "local": call("cuFuncGetAttribute", kind.CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES, function),
    }


# work -----------------------------------------------------------------------------------------------------------------


def works(path: Path, device):
    """Name, target [ms], and how to make the frame."""
    feather, xpbd = sim.FeatherstoneIntegrator, sim.XPBDIntegrator

    def of(make, integrator, substeps, dt):
        return lambda: Frame(make(), integrator(), substeps, dt)

    if path.exists():
        yield (
            "humanoid x512, contact-free, 10 substeps", 2.9,
            of(lambda: humanoid(path, 512, False, device), feather, 10, 0.002),
        )  # fmt: skip
        yield (
            "humanoid x8192, contact-free, one step", 0.7,
            of(lambda: humanoid(path, 8192, False, device), feather, 1, 0.002),
        )  # fmt: skip
        yield (
            "humanoid x512, contacts, 10 substeps", None,
            of(lambda: humanoid(path, 512, True, device), feather, 10, 0.002),
        )  # fmt: skip
        yield (
            "humanoid x8192, contacts, one step", 1.2,
            of(lambda: humanoid(path, 8192, True, device), feather, 1, 0.002),
        )  # fmt: skip
        yield (
            "humanoid x512, XPBD, contacts, 10 substeps", 0.6,
            of(lambda: humanoid(path, 512, True, device), xpbd, 10, 0.002),
        )  # fmt: skip
    yield "ant x512, contact-free, 10 substeps", 1.5, of(lambda: ant(512, False, device), feather, 10, DT)
    yield "ant x512, contacts, 10 substeps", None, of(lambda: ant(512, True, device), feather, 10, DT)
    yield "ant x512, XPBD, contacts, 10 substeps", 0.6, of(lambda: ant(512, True, device), xpbd, 10, DT)
    yield "cartpole x1024, 10 substeps", 0.5, of(lambda: cartpole(en, sim, 1024, device), feather, 10, DT)


def measure(name: str, target, make, rows: list) -> None:
    """Runs one line, prints and keeps it."""
    began = time.perf_counter()
    frame = make()
    built = time.perf_counter() - began
    seconds = frame.seconds()
    finite = bool(np.isfinite(frame.now.joint_q.numpy()).all())
    host = frame.uncaptured()
    rows.append(
        {
            "work": name, "ms": 1e3 * seconds, "target": target, "build_s": built - frame.first,
            "first_step_s": frame.first, "host_us": 1e6 * host, "finite": finite,
        }
    )  # fmt: skip
    print(
        f"{name:<46} {1e3 * seconds:8.3f} ms (target {target})  first step {frame.first:.2f} s, build "
        f"{built - frame.first:.2f} s, host {1e6 * host:.0f} us a step{'' if finite else '  NOT FINITE'}",
        flush=True,
    )
    rows[-1]["parts"] = frame.parts()
    for p in rows[-1]["parts"]:
        print(
            "      " + "  ".join(f"{k} {v:.1f}" if isinstance(v, float) else f"{k} {v}" for k, v in p.items()),
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--json")
    parser.add_argument("--only", default=".")
    parser.add_argument("--humanoid", type=Path, default=HUMANOID)
    parser.add_argument("--keep", action="store_true", help="only write the humanoid for a machine without USD")
    arguments = parser.parse_args()
    if arguments.keep:
        keep_humanoid(arguments.humanoid)
        return
    rows: list[dict] = []
    for name, target, make in works(arguments.humanoid, arguments.device):
        if re.search(arguments.only, name):
            try:
                measure(name, target, make, rows)
            except Exception as why:  # one line that fails must not take the others along: device time is short
                print(f"{name}: {type(why).__name__}: {why}", flush=True)
            save(rows, arguments.json)


if __name__ == "__main__":
    main()

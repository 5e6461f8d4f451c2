"""What can be plotted over time: a name and how to read it off a frame."""

from __future__ import annotations

import time

import numpy as np

from app.frame_history import Frame
from app.session import Session
from app.view.elastic import elastic_quantities, part_elastic
from app.view.quantity import Quantity
from app.view.selection import SimulatedPart

#: time for reading frames, a quantity and a picture [s]; what is left over is read with the next pictures
READING_TIME = 0.004


class Masses:
    """The masses of a model on the host, and energies of frames."""

    def __init__(self, session: Session):
        model = session.model
        self._model = model
        self.particle = model.particle_mass.numpy().astype(float) if model.particle_count else np.zeros(0)
        if model.particle_count:  # pinned ones do not move
            self.particle = np.where(model.particle_inv_mass.numpy() > 0, self.particle, 0.0)
        self.body = model.body_mass.numpy().astype(float) if model.body_count else np.zeros(0)
        self.com = model.body_com.numpy().reshape(-1, 3).astype(float) if model.body_count else np.zeros((0, 3))
        inertia = (
            model.body_inertia.numpy().reshape(-1, 3, 3).astype(float) if model.body_count else np.zeros((0, 3, 3))
        )
        free = model.body_inv_mass.numpy() > 0 if model.body_count else np.zeros(0, bool)
        self.body, self.inertia = np.where(free, self.body, 0.0), inertia * free[:, None, None]

    def kinetic(self, frame: Frame, bodies: slice = slice(None), particles: slice = slice(None)) -> float:
        """Kinetic energy [J] of some bodies and particles."""
        total = 0.0
        if len(self.particle):
            v = frame.rows("particle_qd")[particles].astype(float)
            total += 0.5 * float(self.particle[particles] @ (v * v).sum(axis=1))
        if len(self.body):
            qd = frame.rows("body_qd")[bodies].astype(float)
            total += 0.5 * float(self.body[bodies] @ (qd[:, 3:] ** 2).sum(axis=1))
            w = rotate_back(frame.rows("body_q")[bodies, 3:].astype(float), qd[:, :3])
            total += 0.5 * float(np.einsum("ni,nij,nj->", w, self.inertia[bodies], w))
        return total

    def centers(self, frame: Frame) -> np.ndarray:
        """Centres of mass of the bodies [m], [n, 3]."""
        q = frame.rows("body_q").astype(float)
        return q[:, :3] + rotate_all(q[:, 3:], self.com)

    def potential(self, frame: Frame, bodies: slice = slice(None), particles: slice = slice(None)) -> float:
        """Energy in the field of gravity [J], zero at the origin."""
        gravity = np.asarray(self._model.gravity, float)
        total = 0.0
        if len(self.particle):
            total -= float(self.particle[particles] @ (frame.rows("particle_q")[particles].astype(float) @ gravity))
        if len(self.body):
            total -= float(self.body[bodies] @ (self.centers(frame)[bodies] @ gravity))
        return total


def rotate_all(q: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Vectors [n, 3] turned by quaternions [n, 4] (x, y, z, w)."""
    t = 2.0 * np.cross(q[:, :3], v)
    return v + q[:, 3:] * t + np.cross(q[:, :3], t)


def rotate_back(q: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Vectors turned by the inverse quaternions."""
    return rotate_all(q * np.array([-1.0, -1.0, -1.0, 1.0]), v)


def scene_quantities(session: Session) -> list[Quantity]:
    """What a scene as a whole has."""
    masses = Masses(session)
    found = [
        Quantity("kinetic energy", "J", masses.kinetic),
        Quantity("gravitational energy", "J", masses.potential),
        Quantity("kinetic + gravitational", "J", lambda f: masses.kinetic(f) + masses.potential(f)),
        *elastic_quantities(session, lambda f: masses.kinetic(f) + masses.potential(f)),
        Quantity("contacts", "", lambda f: f.numbers.get("contacts", 0.0)),
        Quantity("time of a frame", "ms", lambda f: f.numbers.get("simulate", 0.0)),
    ]
    model = session.model
    names = joint_coordinate_names(session)
    for k in range(model.joint_coord_count):
        found.append(Quantity(names[k], "", lambda f, k=k: float(f.rows("joint_q")[k])))
    return found


def part_quantities(session: Session, part: SimulatedPart) -> list[Quantity]:
    """What a body, a cloth or a soft body has."""
    masses, name = Masses(session), part.path.rsplit("/", 1)[-1]
    if part.body >= 0:
        b, rows = part.body, slice(part.body, part.body + 1)
        nothing = slice(0, 0)
        axes = [
            Quantity(f"{name} {axis}", "m", lambda f, k=k: float(masses.centers(f)[b, k]))
            for k, axis in enumerate("xyz")
        ]
        return [
            *axes,
            Quantity(f"{name} speed", "m/s", lambda f: float(np.linalg.norm(f.rows("body_qd")[b, 3:]))),
            Quantity(f"{name} turning", "rad/s", lambda f: float(np.linalg.norm(f.rows("body_qd")[b, :3]))),
            Quantity(f"{name} kinetic energy", "J", lambda f: masses.kinetic(f, rows, nothing)),
        ]
    if part.particles is not None:
        rows = slice(part.particles.start, part.particles.stop)
        axes = [
            Quantity(f"{name} centre {axis}", "m", lambda f, k=k: float(f.rows("particle_q")[rows, k].mean()))
            for k, axis in enumerate("xyz")
        ]
        kinetic = Quantity(f"{name} kinetic energy", "J", lambda f: masses.kinetic(f, slice(0, 0), rows))
        return [*axes, kinetic, *part_elastic(session, name, part.particles)]
    return []


def joint_coordinate_names(session: Session) -> list[str]:
    """A name for every joint coordinate: the joint's, and which coordinate of it when there are several."""
    model = session.model
    if not model.joint_count:
        return []
    starts = model.joint_q_start.numpy()
    names = []
    for joint, name in enumerate(model.joint_name):
        count = int(starts[joint + 1] - starts[joint])
        short = str(name).rsplit("/", 1)[-1]
        names += [short if count == 1 else f"{short} {k}" for k in range(count)]
    return names


class Series:
    """Values of one quantity over the frames of a history, brought up to date with few frames read."""

    def __init__(self, quantity: Quantity):
        """Nothing read yet."""
        self.quantity = quantity
        self.times: list[float] = []
        self.values: list[float] = []
        self._last = -1
        self._generation = -1

    def update(self, history: object, most: float = READING_TIME) -> None:
        """Read frames that were not read yet, for about `most` seconds but at least one."""
        if history.generation != self._generation:
            self._generation, self._last = history.generation, -1
            self.times.clear()
            self.values.clear()
        end = time.perf_counter() + most
        for frame in history.since(self._last):
            self.times.append(frame.time)
            self.values.append(self.quantity.read(frame))
            self._last = frame.number
            if time.perf_counter() > end:
                break

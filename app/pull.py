"""Pulling on something by hand: a spring between a point of a body, or of some particles, and a point in space.

Everything the spring needs is in device arrays, so it is part of the recorded frame and can be taken hold of, moved and
let go between two frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import engine as en
from sim import Model, State

#: most particles that are held at once
MOST_PARTICLES = 256
#: how fast what is held swings about the hand at strength 1 [rad/s]
FREQUENCY = 12.0
#: fractions of what an explicit step bears
STIFFEST, DAMPEST = 0.2, 0.4
#: strongest pull at strength 1: accelerations of the whole thing, and of the held part of a cloth or soft body [m/s^2]
HARDEST, HARDEST_LOCALLY = 40.0, 600.0


@dataclass(frozen=True)
class Hold:
    """What is held: a point of a body, or particles with weights.

    Attributes:
        body: index of the body, -1 for particles.
        local: the held point in the body's frame [m].
        particles: indices of the particles.
        weights: their shares of the force, which add up to 1.
    """

    body: int = -1
    local: tuple[float, float, float] = (0.0, 0.0, 0.0)
    particles: tuple[int, ...] = ()
    weights: tuple[float, ...] = ()

    def point(self, body_q: np.ndarray, particle_q: np.ndarray) -> np.ndarray:
        """Where the held point is [m], world frame, given poses [n, 7] and positions [n, 3]."""
        if self.body >= 0:
            return transform_point(body_q[self.body], np.asarray(self.local))
        return np.asarray(self.weights) @ particle_q[list(self.particles)]


def hold_body(body_q: np.ndarray, body: int, point: np.ndarray) -> Hold:
    """Take hold of a body at a world point [m]."""
    local = rotate(conjugate(body_q[body, 3:]), np.asarray(point, np.float64) - body_q[body, :3])
    return Hold(body=body, local=tuple(float(x) for x in local))


def hold_particles(particle_q: np.ndarray, point: np.ndarray, members: range, reach: float | None = None) -> Hold:
    """Take hold of particles around a world point, those within `reach` [m] but at least the three nearest.

    Args:
        particle_q: positions [m], [n, 3].
        point: where the hand is [m].
        members: the particles of the cloth or soft body that was met.
        reach: radius of the hand [m]; None for an eighth of the size of what is held.
    """
    positions = particle_q[members.start : members.stop]
    if reach is None:
        reach = 0.125 * float(np.linalg.norm(np.ptp(positions, axis=0)))
    distance = np.linalg.norm(positions - np.asarray(point), axis=1)
    nearest = np.argsort(distance, kind="stable")
    near = max(int(np.searchsorted(distance[nearest], reach)), min(3, len(nearest)))
    chosen = nearest[: near : max(1, -(-near // MOST_PARTICLES))]
    width = max(reach, float(distance[chosen[-1]]), 1e-9)
    weights = (1.0 - 0.9 * (distance[chosen] / width).clip(0, 1)) ** 2
    weights /= weights.sum()
    return Hold(
        particles=tuple(int(members.start + i) for i in chosen), weights=tuple(float(weight) for weight in weights)
    )


class Pull:
    """The hand of a session: holds one thing at a time, or nothing."""

    def __init__(self, model: Model):
        """A hand in the world of `model`, holding nothing."""
        self._model = model
        device = model.device
        self._body = en.full(1, -1, dtype=int, device=device)
        self._count = en.zeros(1, dtype=int, device=device)
        self._particles = en.zeros(MOST_PARTICLES, dtype=int, device=device)
        self._weights = en.zeros(MOST_PARTICLES, dtype=float, device=device)
        #: held point in the body's frame, target in the world
        self._points = en.zeros(2, dtype=en.vec3, device=device)
        #: stiffness [N/m], damping [N s/m], most that the spring is stretched [m]
        self._gains = en.zeros(3, dtype=float, device=device)
        self.hold: Hold | None = None
        self.target: np.ndarray | None = None
        self.strength = 1.0

    def take(self, hold: Hold, target: np.ndarray, step_dt: float, strength: float = 1.0) -> None:
        """Hold something and pull it towards `target` [m], world frame.

        Args:
            hold: what.
            target: where to.
            step_dt: length of a solver step [s]: the spring is no stiffer than such a step bears.
            strength: factor on the stiffness.
        """
        if len(hold.particles) > MOST_PARTICLES:
            raise ValueError(f"Pull.take: {len(hold.particles)} particles; at most {MOST_PARTICLES} expected")
        self.hold, self.strength = hold, strength
        particles, weights = np.zeros(MOST_PARTICLES, np.int32), np.zeros(MOST_PARTICLES, np.float32)
        particles[: len(hold.particles)] = hold.particles
        weights[: len(hold.weights)] = hold.weights
        self._particles.assign(particles)
        self._weights.assign(weights)
        total, local = self._masses(hold)
        stiffness = min(strength * total * FREQUENCY**2, STIFFEST * local / step_dt**2)
        damping = min(2.0 * np.sqrt(stiffness * local), DAMPEST * local / step_dt)
        hardest = strength * (HARDEST * total if hold.body >= 0 else min(HARDEST * total, HARDEST_LOCALLY * local))
        stretch = hardest / stiffness if stiffness > 0.0 else 0.0
        self._gains.assign(np.array([stiffness, damping, stretch], np.float32))
        self._count.assign(np.array([len(hold.particles)], np.int32))
        self._body.assign(np.array([hold.body], np.int32))
        self.move(target)

    def move(self, target: np.ndarray) -> None:
        """Pull towards another point [m]."""
        if self.hold is None:
            return
        self.target = np.asarray(target, np.float32)
        self._points.assign(np.array([self.hold.local, self.target], np.float32))

    def release(self) -> None:
        """Let go."""
        self.hold = self.target = None
        self._body.assign(np.array([-1], np.int32))
        self._count.assign(np.array([0], np.int32))

    def apply(self, state: State) -> None:
        """Add the spring's force to a state's external forces; only launches, so it can be captured."""
        model = self._model
        if model.body_count:
            en.launch(
                pull_body,
                dim=1,
                inputs=[self._body, self._points, self._gains, state.body_q, state.body_qd, model.body_com],
                outputs=[state.body_f],
                device=model.device,
            )
        if model.particle_count:
            en.launch(
                pull_particles,
                dim=1,
                inputs=[
                    self._count, self._particles, self._weights, self._points, self._gains, state.particle_q,
                    state.particle_qd,
                ],
                outputs=[state.particle_f],
                device=model.device,
            )  # fmt: skip

    def _masses(self, hold: Hold) -> tuple[float, float]:
        """Mass of the whole thing, and the mass felt at the held point by a short push [kg]."""
        model = self._model
        if hold.body >= 0:
            mass = float(model.body_mass.numpy()[hold.body])
            inverse = model.body_inv_inertia.numpy().reshape(-1, 3, 3)[hold.body]
            arm = np.asarray(hold.local) - model.body_com.numpy().reshape(-1, 3)[hold.body]
            # mean over the directions of n (1/m + (r x n)^T I^-1 (r x n))
            cross = np.array([[0, -arm[2], arm[1]], [arm[2], 0, -arm[0]], [-arm[1], arm[0], 0]])
            inverse_mass = (1.0 / mass if mass > 0 else 0.0) + float(np.trace(cross.T @ inverse @ cross)) / 3.0
            local = 1.0 / inverse_mass if inverse_mass > 0 else 0.0
            return self._tree_mass(hold.body), local
        inverse_masses = model.particle_inv_mass.numpy()[list(hold.particles)]
        felt = float((np.asarray(hold.weights) ** 2 * inverse_masses).sum())
        return self._cluster_mass(hold.particles[0]), 1.0 / felt if felt > 0 else 0.0

    def _tree_mass(self, body: int) -> float:
        """Mass of a body and of all that hang on it by joints [kg]."""
        model, mass = self._model, self._model.body_mass.numpy()
        if not model.joint_count:
            return float(mass[body])
        parents, children = model.joint_parent.numpy(), model.joint_child.numpy()
        root = np.arange(len(mass))
        for _ in range(len(parents)):  # every pass joins neighbours; chains settle early
            before = root.copy()
            for parent, child in zip(parents, children):
                if parent >= 0:
                    root[parent] = root[child] = min(root[parent], root[child])
            if (root == before).all():
                break
        return float(mass[root == root[body]].sum())

    def _cluster_mass(self, particle: int) -> float:
        model, mass = self._model, self._model.particle_mass.numpy()
        for each in model.particle_ranges:
            if each.start <= particle < each.start + each.count:
                return float(mass[each.start : each.start + each.count].sum())
        return float(mass.sum())


@en.func
def spring_force(gains: en.array(dtype=float), stretch: en.vec3, speed: en.vec3) -> en.vec3:
    """Force of the hand's spring and damper [N]; a long spring pulls no harder than one of the longest stretch."""
    length = en.length(stretch)
    share = 1.0
    if length > gains[2]:
        share = gains[2] / length
    return gains[0] * share * stretch - gains[1] * speed


@en.kernel
def pull_body(
    body: en.array(dtype=int),
    points: en.array(dtype=en.vec3),
    gains: en.array(dtype=float),
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
    body_com: en.array(dtype=en.vec3),
    body_f: en.array(dtype=en.spatial_vector),
):
    b = body[0]
    if b >= 0:
        held = en.transform_point(body_q[b], points[0])
        arm = held - en.transform_point(body_q[b], body_com[b])
        speed = en.spatial_bottom(body_qd[b]) + en.cross(en.spatial_top(body_qd[b]), arm)
        force = spring_force(gains, points[1] - held, speed)
        body_f[b] = body_f[b] + en.spatial_vector(en.cross(arm, force), force)


@en.kernel
def pull_particles(
    count: en.array(dtype=int),
    particles: en.array(dtype=int),
    weights: en.array(dtype=float),
    points: en.array(dtype=en.vec3),
    gains: en.array(dtype=float),
    particle_q: en.array(dtype=en.vec3),
    particle_qd: en.array(dtype=en.vec3),
    particle_f: en.array(dtype=en.vec3),
):
    held = en.vec3(0.0, 0.0, 0.0)
    speed = en.vec3(0.0, 0.0, 0.0)
    for i in range(count[0]):
        held = held + weights[i] * particle_q[particles[i]]
        speed = speed + weights[i] * particle_qd[particles[i]]
    force = spring_force(gains, points[1] - held, speed)
    for i in range(count[0]):
        p = particles[i]
        particle_f[p] = particle_f[p] + weights[i] * force


def rotate(q: np.ndarray, v: np.ndarray) -> np.ndarray:
    """A vector turned by a quaternion (x, y, z, w)."""
    q = np.asarray(q, np.float64)
    t = 2.0 * np.cross(q[:3], v)
    return v + q[3] * t + np.cross(q[:3], t)


def conjugate(q: np.ndarray) -> np.ndarray:
    """The inverse of a unit quaternion (x, y, z, w)."""
    return np.asarray(q, np.float64) * np.array([-1.0, -1.0, -1.0, 1.0])


def transform_point(pose: np.ndarray, point: np.ndarray) -> np.ndarray:
    """A point moved by a pose: position, then quaternion (x, y, z, w)."""
    return np.asarray(pose[:3], np.float64) + rotate(pose[3:], point)

"""Detects a simulation that blew up."""

from dataclasses import dataclass

import numpy as np

import engine as en

NONE = en.constant(2147483647)


@dataclass(frozen=True)
class Divergence:
    """The first particle or body whose state is not finite or absurdly large.

    Attributes:
        kind: "particle" or "body".
        index: Its index.
        value: What was found: position then velocity (particle), or pose then velocity (body).
    """

    kind: str
    index: int
    value: np.ndarray

    def __iter__(self):
        """Unpacks as (kind, index, value)."""
        return iter((self.kind, self.index, self.value))


def find_divergence(state, *, distance_limit: float = 1.0e7, speed_limit: float = 1.0e6) -> Divergence | None:
    """Looks for NaN, infinity, positions beyond `distance_limit` [m] and speeds beyond `speed_limit` [m/s].

    Costs a pass over the state and reads four bytes back; meant for once a frame, outside a capture.

    Returns:
        The first offender, particles before bodies, or None.
    """
    if state.particle_count:
        bad = _first(mark_bad_particles, state.particle_q, state.particle_qd, distance_limit, speed_limit)
        if bad is not None:
            value = np.concatenate([state.particle_q.numpy()[bad], state.particle_qd.numpy()[bad]])
            return Divergence("particle", bad, value)
    if state.body_count:
        bad = _first(mark_bad_bodies, state.body_q, state.body_qd, distance_limit, speed_limit)
        if bad is not None:
            value = np.concatenate([state.body_q.numpy()[bad], state.body_qd.numpy()[bad]])
            return Divergence("body", bad, value)
    return None


class DivergenceWatch:
    """`find_divergence` as a part of a graph: notes the first offender where it is found, to be read later.

    Attributes:
        report: What `found` reads, float64 on the state's device, shape [1 + 6 + 1 + 13]: index of the first bad
            particle or -1, its position and velocity, then the same for bodies.
    """

    def __init__(self, state, *, distance_limit: float = 1.0e7, speed_limit: float = 1.0e6):
        """Watches `state`, always the same object; the limits are those of `find_divergence`."""
        self._state, self._limits = state, (distance_limit, speed_limit)
        device = (state.particle_q if state.particle_count else state.body_q).device
        self._first = en.full(2, NONE, dtype=int, device=device)
        self.report = en.full(21, -1.0, dtype=en.float64, device=device)

    def look(self) -> None:
        """Inspects the state; only launches, so it can be captured."""
        state, device = self._state, self.report.device
        if state.particle_count:
            inputs = [state.particle_q, state.particle_qd, *self._limits]
            en.launch(mark_bad_particles, state.particle_count, inputs, [self._first], device=device)
            en.launch(
                note_particle, 1, [state.particle_q, state.particle_qd], [self._first, self.report], device=device
            )
        if state.body_count:
            inputs = [state.body_q, state.body_qd, *self._limits]
            en.launch(mark_bad_bodies, state.body_count, inputs, [self._first], device=device)
            en.launch(note_body, 1, [state.body_q, state.body_qd], [self._first, self.report], device=device)

    @staticmethod
    def found(report: np.ndarray) -> Divergence | None:
        """What a copy of `report` says: the first offender, particles before bodies, or None."""
        if report[0] >= 0:
            return Divergence("particle", int(report[0]), report[1:7].astype(np.float32))
        if report[7] >= 0:
            return Divergence("body", int(report[7]), report[8:21].astype(np.float32))
        return None


def _first(kernel, q, qd, distance_limit: float, speed_limit: float) -> int | None:
    n = q.shape[0]
    first = en.full(1, n, dtype=int, device=q.device)
    en.launch(kernel, dim=n, inputs=[q, qd, distance_limit, speed_limit], outputs=[first])
    found = int(first.numpy()[0])
    return found if found < n else None


@en.func
def sane(v: en.vec3, limit: float) -> bool:
    """False for NaN, infinity and anything longer than `limit` (comparisons with NaN are false)."""
    return en.abs(v[0]) < limit and en.abs(v[1]) < limit and en.abs(v[2]) < limit


@en.kernel
def mark_bad_particles(
    q: en.array(dtype=en.vec3),
    qd: en.array(dtype=en.vec3),
    distance_limit: float,
    speed_limit: float,
    first: en.array(dtype=int),
):
    p = en.tid()
    if not (sane(q[p], distance_limit) and sane(qd[p], speed_limit)):
        en.atomic_min(first, 0, p)


@en.kernel
def mark_bad_bodies(
    q: en.array(dtype=en.transform),
    qd: en.array(dtype=en.spatial_vector),
    distance_limit: float,
    speed_limit: float,
    first: en.array(dtype=int),
):
    b = en.tid()
    r = en.transform_get_rotation(q[b])
    ok = sane(en.transform_get_translation(q[b]), distance_limit) and sane(en.vec3(r[0], r[1], r[2]), 2.0)
    if not (ok and sane(en.spatial_top(qd[b]), speed_limit) and sane(en.spatial_bottom(qd[b]), speed_limit)):
        en.atomic_min(first, 0, b)


@en.kernel
def note_particle(
    q: en.array(dtype=en.vec3),
    qd: en.array(dtype=en.vec3),
    first: en.array(dtype=int),
    report: en.array(dtype=en.float64),
):
    """Writes what `mark_bad_particles` found and forgets it."""
    p = first[0]
    first[0] = NONE
    report[0] = en.float64(-1.0)
    if p != NONE:
        report[0] = en.float64(p)
        for d in range(3):
            report[1 + d] = en.float64(q[p][d])
            report[4 + d] = en.float64(qd[p][d])


@en.kernel
def note_body(
    q: en.array(dtype=en.transform),
    qd: en.array(dtype=en.spatial_vector),
    first: en.array(dtype=int),
    report: en.array(dtype=en.float64),
):
    """Writes what `mark_bad_bodies` found and forgets it."""
    b = first[0]
    first[0] = NONE
    report[7] = en.float64(-1.0)
    if b != NONE:
        report[7] = en.float64(b)
        for d in range(7):
            report[8 + d] = en.float64(q[b][d])
        for d in range(6):
            report[15 + d] = en.float64(qd[b][d])

"""Detects a simulation that blew up."""

from dataclasses import dataclass

import numpy as np

import engine as en


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

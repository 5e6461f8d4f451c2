"""The contacts of the last step on the host, for people to look at."""

from __future__ import annotations

import numpy as np

from app.pull import transform_point
from sim import Model, State
from sim.collide.contact_points import MAX_POINTS

#: most contacts that are looked at
MOST = 20_000


def count_contacts(model: Model) -> int:
    """Contact points between shapes, and particles with a shape nearby, as listed by the last step."""
    total = 0
    rigid, particles = model.rigid_contacts, model.particle_contacts
    if rigid is not None and rigid.pair_count:
        active = int(rigid.active_count.numpy()[0])
        total += int(rigid.points.count.numpy()[:active].sum())
    if particles is not None:
        force = particles.force.numpy()
        total += int(np.any(force.reshape(force.shape[0], -1, 3) != 0.0, axis=2).sum())
    return total


def find_contacts(model: Model, state: State) -> np.ndarray:
    """The contacts of the last step: world point [m], unit normal (zero if unknown), force [N] on what is above.

    Returns:
        float32, shape [n, 9]; forces are known for the explicit solvers only, else they are zero.
    """
    parts = [np.zeros((0, 9), np.float32)]
    if model.rigid_contacts is not None and model.rigid_contacts.pair_count:
        parts.append(_between_shapes(model, state))
    if model.particle_contacts is not None:
        parts.append(_on_particles(model))
    return np.concatenate(parts)[:MOST].astype(np.float32)


def _between_shapes(model: Model, state: State) -> np.ndarray:
    contacts = model.rigid_contacts
    active = int(contacts.active_count.numpy()[0])
    counts = contacts.points.count.numpy()[:active]
    pairs = contacts.pair_shapes.numpy()[contacts.active_pair.numpy()[:active]].reshape(-1, 2)
    bodies = model.shape_body.numpy()[pairs]
    points, normals = contacts.points.point_a.numpy().reshape(-1, 3), contacts.points.normal.numpy().reshape(-1, 3)
    forces = contacts.wrench_a.numpy().reshape(-1, 6)[:active, 3:]
    poses = state.body_q.numpy().reshape(-1, 7)
    rows = []
    for slot in np.flatnonzero(counts):
        body, n = bodies[slot, 0], counts[slot]
        for i in range(n):
            c = slot * MAX_POINTS + i
            point = transform_point(poses[body], points[c]) if body >= 0 else points[c]
            rows.append([*point, *normals[c], *(forces[slot] / n)])
            if len(rows) == MOST:
                break
    return np.array(rows, np.float32).reshape(-1, 9)


def _on_particles(model: Model) -> np.ndarray:
    contacts = model.particle_contacts
    force = contacts.force.numpy().reshape(-1, 3)
    touching = np.any(force != 0.0, axis=1)
    force, point = force[touching], contacts.point.numpy().reshape(-1, 3)[touching]
    size = np.linalg.norm(force, axis=1, keepdims=True)
    return np.hstack([point, force / np.maximum(size, 1e-30), force])

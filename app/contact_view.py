"""The contacts of the last step on the host, for people to look at."""

from __future__ import annotations

import numpy as np

from app.settings import RunSettings
from sim import Model, State
from sim.collide.contact_points import MAX_POINTS

#: most contacts that are looked at
MOST = 20_000
#: surfaces that are closer than this part of the margin of a step touch
TOUCHING = 0.1


def count_contacts(model: Model, state: State, settings: RunSettings) -> int:
    """Points at which shapes touch, and particles that a shape or the ground pushes, as found in the last step."""
    total = 0
    if model.rigid_contacts is not None and model.rigid_contacts.pair_count:
        total += len(_touching_points(model, state)[0])
    if model.particle_count:
        total += len(_on_particles(model, settings)) + len(_on_ground(model, state, settings))
    return total


def find_contacts(model: Model, state: State, settings: RunSettings) -> np.ndarray:
    """The contacts of the last step: world point [m], unit normal, force on what is above [N].

    Forces are those of the explicit solvers, for xpbd the mean over its last step. On particles the direction of the
    force takes the place of the normal, and of the ground's push on them the explicit solvers show the elastic part.

    Returns:
        float32, shape [n, 9].
    """
    parts = [np.zeros((0, 9), np.float32)]
    if model.rigid_contacts is not None and model.rigid_contacts.pair_count:
        parts.append(_between_shapes(model, state, settings))
    if model.particle_count:
        parts += [_on_particles(model, settings), _on_ground(model, state, settings)]
    return np.concatenate(parts)[:MOST].astype(np.float32)


def _touching_points(model: Model, state: State) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places in the table of points that touch [n], their slots [n], and where they are in the world [n, 3]."""
    contacts = model.rigid_contacts
    active = int(contacts.active_count.numpy()[0])
    counts = contacts.points.count.numpy()[:active]
    slots = np.repeat(np.arange(active), counts)
    place = slots * MAX_POINTS + np.concatenate([np.arange(n) for n in counts] or [np.zeros(0, int)]).astype(int)
    pairs = contacts.pair_shapes.numpy()[contacts.active_pair.numpy()[:active]].reshape(-1, 2)
    bodies = model.shape_body.numpy()[pairs][slots].reshape(-1, 2)
    poses = state.body_q.numpy().reshape(-1, 7).astype(float)
    on_a, on_b = (
        to_world(poses, bodies[:, side], points.numpy().reshape(-1, 3)[place].astype(float))
        for side, points in enumerate((contacts.points.point_a, contacts.points.point_b))
    )
    normals = contacts.points.normal.numpy().reshape(-1, 3)[place]
    near = np.einsum("ni,ni->n", on_a - on_b, normals) <= TOUCHING * contacts.step_margin
    return place[near], slots[near], on_a[near]


def _between_shapes(model: Model, state: State, settings: RunSettings) -> np.ndarray:
    contacts = model.rigid_contacts
    place, slots, points = _touching_points(model, state)
    normals = contacts.points.normal.numpy().reshape(-1, 3)[place]
    if settings.solver == "xpbd" and getattr(model, "xpbd_scratch", None) is not None:
        push, drag = (values.numpy() for values in model.xpbd_scratch.rigid_multipliers(contacts))
        pushed = push[place, None] * normals + drag.reshape(-1, 3)[place]
        return np.hstack([points, normals, pushed / settings.step_dt**2])
    forces = contacts.wrench.numpy().reshape(-1, 2, 6)[slots, 0, 3:]
    shares = np.bincount(slots, minlength=1)[slots] if len(slots) else np.ones(0)
    return np.hstack([points, normals, forces / shares[:, None]])


def _xpbd_scratch(model: Model, settings: RunSettings) -> object | None:
    """Where xpbd keeps what its constraints did in the last step; None under another solver."""
    return getattr(model, "xpbd_scratch", None) if settings.solver == "xpbd" else None


def _on_particles(model: Model, settings: RunSettings) -> np.ndarray:
    """Pushes of shapes on particles."""
    contacts, scratch = model.particle_contacts, _xpbd_scratch(model, settings)
    if contacts is None:
        return np.zeros((0, 9), np.float32)
    listed = np.arange(contacts.max_per_particle)[:, None] < contacts.count.numpy()  # other places hold old values
    if not listed.any():
        return np.zeros((0, 9), np.float32)
    if scratch is not None:
        force = scratch.contact_total(contacts).numpy()[listed] / settings.step_dt**2
    else:
        force = contacts.force.numpy()[listed]
    touching = np.any(force != 0.0, axis=1)
    force, point = force[touching], contacts.point.numpy()[listed][touching]
    size = np.linalg.norm(force, axis=1, keepdims=True)
    return np.hstack([point, force / np.maximum(size, 1e-30), force])


def _on_ground(model: Model, state: State, settings: RunSettings) -> np.ndarray:
    """Pushes of the ground plane on particles, which it gives without a list of candidates."""
    if not model.ground:
        return np.zeros((0, 9), np.float32)
    scratch, plane, inverse = (
        _xpbd_scratch(model, settings),
        model.ground_plane.numpy(),
        model.particle_inv_mass.numpy(),
    )
    free = inverse > 0.0
    mass = 1.0 / np.where(free, inverse, 1.0)
    normal, positions = plane[:3], state.particle_q.numpy()
    if scratch is not None:
        push = scratch.ground_push.numpy() * mass / settings.step_dt**2
    else:
        depth = model.particle_radius.numpy() - positions @ normal - plane[3]
        push = np.maximum(depth, 0.0) * np.minimum(model.soft_contact_ke, mass / settings.step_dt**2)
    touching = free & (push > 0.0)
    height = positions[touching] @ normal + plane[3]
    count = len(height)
    return np.hstack(
        [positions[touching] - height[:, None] * normal, np.tile(normal, (count, 1)), push[touching, None] * normal]
    )


def to_world(poses: np.ndarray, bodies: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points in the frames of bodies [n, 3], in the world; those of body -1 are there already."""
    out = points.copy()
    moving = bodies >= 0
    q, v = poses[bodies[moving], 3:], points[moving]
    t = 2.0 * np.cross(q[:, :3], v)
    out[moving] = v + q[:, 3:] * t + np.cross(q[:, :3], t) + poses[bodies[moving], :3]
    return out

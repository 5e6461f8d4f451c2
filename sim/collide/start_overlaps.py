"""Shapes that overlap where a simulation starts: which of them never touch, and what eases the others apart.

Robot files are full of links that overlap as drawn. Near relatives (links whose chains meet within two moving joints above
each) can seldom get out of each other, so they are left out of contacts, as motion planners leave out what collides in
the default pose. All other pairs may keep their overlap at first, and it shrinks no faster than
``Model.max_depenetration_velocity``: undone at once, it would throw them apart.
"""

import warnings
from dataclasses import replace

import numpy as np

import engine as en
from sim.articulation.joint_types import JOINT_FIXED
from sim.builder.contact_pairs import filter_rows
from sim.collide.contact_points import POINTS, PointTable, to_world
from sim.device_arrays import device_array
from sim.errors import SimWarning

DEEP = 0.02
"""Overlap that counts, as a part of the smaller shape's bounding radius: resting contacts are shallower."""
SHALLOW = en.constant(DEEP)
SETTLING = en.constant(0.1)
"""Time [s] in which the last of an overlap goes, so that nothing leaves with speed."""
LEAST_SPEED = en.constant(0.01)
NAMED = 4


def sort_out(model, contacts, placement, body_q, *, grow: bool) -> bool:
    """Looks at the overlaps of a state: notes those to be eased apart, excludes those of near relatives in the model.

    Args:
        model: The model, whose filters may change.
        contacts: Its `RigidContacts`, fresh; they detect here.
        placement: Frames of the shapes in that state.
        body_q: Poses of that state.
        grow: Whether the table may make room for more pairs.

    Returns:
        Whether filters have changed, so that ``contacts`` are to be made anew.
    """
    contacts.find(model, placement, body_q, 0.0, grow=grow)
    inputs = [contacts.active_count, contacts.active_pair, contacts.pair_shapes, model.shape_body, body_q]
    en.launch(measure_depths, dim=contacts.capacity, inputs=[*inputs, contacts.points], outputs=[contacts.allowed])
    depth = contacts.allowed.numpy()[: int(contacts.active_count.numpy()[0])]
    pairs = contacts.pair_shapes.numpy()[contacts.active_pair.numpy()[: len(depth)]]
    radius = model.shape_collision_radius.numpy()[pairs]
    # planes have none
    deep = depth > DEEP * np.where(radius > 0.0, radius, np.inf).min(axis=1)
    bodies = model.shape_body.numpy()[pairs]
    related = deep & relatives(model, bodies[:, 0], bodies[:, 1])
    if related.any():
        warnings.warn(message(model, pairs[deep], depth[deep], related[deep]), SimWarning, stacklevel=2)
        exclude(model, pairs[related])
        return True
    if deep.any() and not model.start_overlaps_told:
        warnings.warn(message(model, pairs[deep], depth[deep], related[deep]), SimWarning, stacklevel=2)
    model.start_overlaps_told = True
    kept = np.zeros(contacts.capacity, dtype=np.float32)
    kept[: len(depth)] = np.where(deep, depth, 0.0)
    contacts.allowed.assign(kept)
    contacts.eases = bool(deep.any())
    return False


def relatives(model, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Whether chains of bodies meet within two moving joints above each, bool [n]; fixed joints count as none.

    Parent and child are none here: they are candidates only because someone wants them to touch.
    """
    if not model.joint_count:
        return np.zeros(len(a), dtype=bool)
    child, parent = model.joint_child.numpy()[::-1], model.joint_parent.numpy()[::-1]
    world = model.body_count  # also the parent of the world
    above, fixed = np.full(world + 1, world), np.zeros(world + 1, dtype=bool)
    above[child] = np.where(parent < 0, world, parent)
    fixed[child] = model.joint_type.numpy()[::-1] == JOINT_FIXED
    root = np.where(fixed, above, np.arange(world + 1))
    for _ in range(int(world).bit_length()):  # each turn doubles the way; rings of fixed joints have no end
        root = root[root]
    up = root[above[root]]
    chain_a, chain_b = (np.stack([root[x], up[x], up[up[x]]], axis=1) for x in (a, b))
    meet = (chain_a[:, :, None] == chain_b[:, None, :]) & (chain_a != world)[:, :, None]
    return meet.any(axis=(1, 2)) & (above[a] != b) & (above[b] != a) & (a >= 0) & (b >= 0)


def exclude(model, pairs: np.ndarray) -> None:
    """Adds pairs of shapes to those that the model filters out."""
    pairs = np.sort(pairs, axis=1).astype(np.int32)
    model.shape_collision_filter_pairs = model.shape_collision_filter_pairs | set(map(tuple, pairs.tolist()))
    every = np.array(sorted(model.shape_collision_filter_pairs), dtype=np.int32).reshape(-1, 2)
    tables = filter_rows(every, model.shape_count)
    offsets, rows = (device_array(table, "int32", model.device) for table in tables)
    model.shape_filter = replace(model.shape_filter, excluded_offsets=offsets, excluded=rows)
    listed = model.shape_contact_pairs.numpy().reshape(-1, 2)
    numbers = [p[:, 0].astype(np.int64) * model.shape_count + p[:, 1] for p in (listed, pairs)]
    listed = listed[~np.isin(*numbers)]
    model.shape_contact_pairs = device_array(listed, "int32", model.device)
    model.shape_contact_pair_count = len(listed)


def message(model, pairs: np.ndarray, depth: np.ndarray, related: np.ndarray) -> str:
    """What overlaps, deepest first, and what becomes of it."""
    parts = ["shapes overlap where the simulation starts"]
    for chosen, fate in (
        (related, "near relatives of one mechanism, which never touch from now on"),
        (
            ~related,
            f"pushed apart at up to {model.max_depenetration_velocity:g} m/s (model.max_depenetration_velocity)",
        ),
    ):
        order = np.flatnonzero(chosen)[np.argsort(-depth[chosen], kind="stable")]
        if len(order):
            named = [
                f"{name_of(model, a)} in {name_of(model, b)} ({d:.3g} m)"
                for (a, b), d in zip(pairs[order[:NAMED]], depth[order])
            ]
            more = f" and {len(order) - NAMED} more" if len(order) > NAMED else ""
            parts.append(f"{fate}: {', '.join(named)}{more}")
    return "; ".join(parts)


def name_of(model, shape: int) -> str:
    """The name of a shape's body, or its own where it is static."""
    body = int(model.shape_body.numpy()[shape])
    return (model.body_name[body] if body >= 0 else "") or model.shape_name[shape]


@en.func
def overlap(slot: int, a: int, b: int, body_q: en.array(dtype=en.transform), points: PointTable) -> float:
    """How deep the shapes of a slot are in each other [m]."""
    deepest = 0.0
    for i in range(points.count[slot]):
        c = slot * POINTS + i
        apart = to_world(body_q, a, points.point_a[c]) - to_world(body_q, b, points.point_b[c])
        deepest = en.max(deepest, -en.dot(points.normal[c], apart))
    return deepest


@en.kernel
def measure_depths(
    active_count: en.array(dtype=int),
    active_pair: en.array(dtype=int),
    pair_shapes: en.array2d(dtype=int),
    shape_body: en.array(dtype=int),
    body_q: en.array(dtype=en.transform),
    points: PointTable,
    depth: en.array(dtype=float),
):
    """The overlap of each slot [m]."""
    slot = en.tid()
    if slot >= active_count[0]:
        return
    pair = active_pair[slot]
    a = shape_body[pair_shapes[pair, 0]]
    b = shape_body[pair_shapes[pair, 1]]
    depth[slot] = overlap(slot, a, b, body_q, points)


@en.func
def smaller_radius(a: int, b: int, radius: en.array(dtype=float)) -> float:
    """The smaller bounding radius of two shapes; those of planes are 0 and do not count."""
    r = en.max(radius[a], radius[b])
    if en.min(radius[a], radius[b]) > 0.0:
        r = en.min(radius[a], radius[b])
    return r


@en.func
def parting_speed(left: float, fastest: float) -> float:
    """How fast [m/s] a pair parts that may still overlap by ``left`` [m]; 0 for one that may not."""
    speed = 0.0
    if left > 0.0:
        speed = en.max(en.min(fastest, left / SETTLING), LEAST_SPEED)
    return speed


@en.kernel
def ease_overlaps(
    active_count: en.array(dtype=int),
    active_pair: en.array(dtype=int),
    pair_shapes: en.array2d(dtype=int),
    shape_body: en.array(dtype=int),
    shape_radius: en.array(dtype=float),
    body_q: en.array(dtype=en.transform),
    previous_slot: en.array(dtype=int),
    old_allowed: en.array(dtype=float),
    fastest: float,
    dt: float,
    points: PointTable,
    allowed: en.array(dtype=float),
):
    """Carries over how much overlap each pair may keep, less what goes in ``dt``; integrators add it to their gaps.

    What exceeds it is never deep, so a pair that cannot part is pressed gently, and for ever.
    """
    slot = en.tid()
    if slot >= active_count[0]:
        return
    left = 0.0
    if previous_slot[slot] >= 0:
        left = old_allowed[previous_slot[slot]]
    if left > 0.0:
        pair = active_pair[slot]
        shape_a = pair_shapes[pair, 0]
        shape_b = pair_shapes[pair, 1]
        a = shape_body[shape_a]
        b = shape_body[shape_b]
        deepest = overlap(slot, a, b, body_q, points) - SHALLOW * smaller_radius(shape_a, shape_b, shape_radius)
        left = en.max(en.min(left, deepest), left - dt * parting_speed(left, fastest))
    allowed[slot] = en.max(left, 0.0)

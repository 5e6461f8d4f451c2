"""What a push and a kick at a point do to a body, alone or held by joints, and how much it opposes to them.

The forms for lone and for jointed bodies take the same arguments: kernels are made with one or the other.
"""

from functools import cache

import engine as en
from sim.forces.particle_contact import body_velocity_at, inverse_mass_at
from sim.maximal.body_response import ResponseTable, response_along
from sim.maximal.respond import displace_body

HELD = en.constant(1.0e-5)
"""Part of a body's own yielding below which joints are taken to hold it."""


@en.struct
class MassTable:
    """Per body: centre of mass, inverse mass, inertia and its inverse in the body's frame."""

    com: en.array(dtype=en.vec3)
    inv_mass: en.array(dtype=float)
    inertia: en.array(dtype=en.mat33)
    inv_inertia: en.array(dtype=en.mat33)


def mass_table(model) -> MassTable:
    """The table of a model; its arrays are the model's own."""
    table = MassTable()
    for name in ("com", "inv_mass", "inertia", "inv_inertia"):
        setattr(table, name, getattr(model, f"body_{name}"))
    return table


@en.func
def relative_velocity(
    a: int,
    b: int,
    point: en.vec3,
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
    body_com: en.array(dtype=en.vec3),
) -> en.vec3:
    """Velocity of body a relative to body b at world `point` [m/s]; -1 is the world."""
    v = en.vec3(0.0, 0.0, 0.0)
    if a >= 0:
        v = v + body_velocity_at(body_q[a], body_qd[a], body_com[a], point)
    if b >= 0:
        v = v - body_velocity_at(body_q[b], body_qd[b], body_com[b], point)
    return v


@en.func
def turned_back(x: en.vec3, q: en.quat) -> en.vec3:
    """What turning by the inverse of q adds to x; its rounding is as small as the turn."""
    axis = en.vec3(q[0], q[1], q[2])
    across = en.cross(axis, x)
    return (en.cross(axis, across) - across * q[3]) * 2.0


@en.func
def push_lone_body(
    b: int,
    impulse: en.vec3,
    point: en.vec3,
    masses: MassTable,
    responses: ResponseTable,
    predicted: en.array(dtype=en.transform),
    dt: float,
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
):
    """Displaces body `b` by the positional impulse [kg m] at world `point`, and its velocity by the same over dt.

    Two bodies that push each other keep their angular momentum, since that of each changes by the impulse's torque about
    the centre as predicted: all impulses of a step act at one instant, however far they have already moved the body. Nor
    does the turn change it, although it changes the inertia that it is made of.
    """
    X = body_q[b]
    r = en.transform_get_rotation(X)
    center = en.transform_point(X, masses.com[b])
    move = impulse * masses.inv_mass[b]
    torque = en.quat_rotate_inv(r, en.cross(point - center, impulse))
    turn = masses.inv_inertia[b] * torque
    turned = en.normalize(en.quat(0.5 * turn[0], 0.5 * turn[1], 0.5 * turn[2], 1.0))
    r1 = en.normalize(r * turned)
    shifted = en.cross(center - en.transform_point(predicted[b], masses.com[b]), impulse)
    gain = (turn + masses.inv_inertia[b] * en.quat_rotate_inv(r, shifted)) / dt
    spin = en.quat_rotate(r, gain)
    if masses.inv_mass[b] > 0.0:
        w = en.quat_rotate_inv(r, en.spatial_top(body_qd[b])) + gain
        kept = masses.inv_inertia[b] * turned_back(masses.inertia[b] * w, turned)
        spin = spin + en.quat_rotate(r1, kept - turned_back(w, turned))
    body_q[b] = en.transform(center + move - en.quat_rotate(r1, masses.com[b]), r1)
    body_qd[b] = body_qd[b] + en.spatial_vector(spin, move / dt)


@en.func
def kick_lone_body(
    b: int,
    impulse: en.vec3,
    point: en.vec3,
    masses: MassTable,
    responses: ResponseTable,
    dt: float,
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
):
    """Changes the velocity of body `b` by the impulse [N s] at world `point`."""
    X = body_q[b]
    r = en.transform_get_rotation(X)
    center = en.transform_point(X, masses.com[b])
    torque = en.quat_rotate_inv(r, en.cross(point - center, impulse))
    spin = en.quat_rotate(r, masses.inv_inertia[b] * torque)
    body_qd[b] = body_qd[b] + en.spatial_vector(spin, impulse * masses.inv_mass[b])


@en.func
def lone_weight(
    b: int,
    point: en.vec3,
    n: en.vec3,
    body_q: en.array(dtype=en.transform),
    masses: MassTable,
    responses: ResponseTable,
) -> float:
    """Inverse mass that a body on its own shows along n at a world point."""
    return inverse_mass_at(body_q[b], masses.com[b], masses.inv_mass[b], masses.inv_inertia[b], point, n)


@en.func
def jointed_weight(
    b: int,
    point: en.vec3,
    n: en.vec3,
    body_q: en.array(dtype=en.transform),
    masses: MassTable,
    responses: ResponseTable,
) -> float:
    """The same with what joints add; 0 where they hold the body, since a push over what rounding leaves goes anywhere."""
    w = response_along(responses, b, point - en.transform_point(body_q[b], masses.com[b]), n)
    alone = inverse_mass_at(body_q[b], masses.com[b], masses.inv_mass[b], masses.inv_inertia[b], point, n)
    return en.where(w > HELD * alone, w, 0.0)


@cache
def weight_of_two(jointed: bool):
    """Function that sums the weights of two bodies, of which -1 is the world."""
    weigh = jointed_weight if jointed else lone_weight

    @en.func
    def weigh_both(
        a: int,
        b: int,
        point: en.vec3,
        n: en.vec3,
        body_q: en.array(dtype=en.transform),
        masses: MassTable,
        responses: ResponseTable,
    ) -> float:
        """How far two bodies yield to each other along n at a world point, per impulse."""
        w = 0.0
        if a >= 0:
            w = w + weigh(a, point, n, body_q, masses, responses)
        if b >= 0:
            w = w + weigh(b, point, n, body_q, masses, responses)
        return w

    return weigh_both


@en.func
def push_jointed_body(
    b: int,
    impulse: en.vec3,
    point: en.vec3,
    masses: MassTable,
    responses: ResponseTable,
    predicted: en.array(dtype=en.transform),
    dt: float,
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
):
    """Displaces a body as its cluster lets it yield, and notes the impulse for the rest of the cluster."""
    torque = en.cross(point - en.transform_point(body_q[b], masses.com[b]), impulse)
    turn = responses.aa[b] * torque + responses.al[b] * impulse
    move = en.transpose(responses.al[b]) * torque + responses.ll[b] * impulse
    displace_body(b, turn, move, masses.com[b], dt, body_q, body_qd)
    responses.wrench[b] = responses.wrench[b] + en.spatial_vector(torque, impulse)


@en.func
def kick_jointed_body(
    b: int,
    impulse: en.vec3,
    point: en.vec3,
    masses: MassTable,
    responses: ResponseTable,
    dt: float,
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
):
    """Changes a body's velocity as its cluster lets it yield, and notes the positional impulse for the rest of it."""
    torque = en.cross(point - en.transform_point(body_q[b], masses.com[b]), impulse)
    spin = responses.aa[b] * torque + responses.al[b] * impulse
    speed = en.transpose(responses.al[b]) * torque + responses.ll[b] * impulse
    body_qd[b] = body_qd[b] + en.spatial_vector(spin, speed)
    responses.wrench[b] = responses.wrench[b] + en.spatial_vector(torque, impulse) * dt

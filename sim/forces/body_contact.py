"""Contact between rigid bodies: penalty force with a friction spring, as wrenches per pair of shapes.

ke kd kf and restitution of the two shapes are averaged; mu too, unless the shapes say otherwise (``friction_rules``). Friction follows Cundall and Strack 1979: a
tangential spring of stiffness ke stretched by the displacement since the contact stuck, plus the dashpot kf, together
at most mu times the normal force; the spring lets go when it slides. So a body at rest really stays, without creep.
Where ``body_ahead`` says so, the gap is that of a part of the step later (half of it for Featherstone's position Verlet: taken
at the start, an elastic contact would gain energy in each collision; see ``Model.tree_contact_ahead``).
A body shares its mass between all points where it touches something, so that parameter limits (see `contact_response`) hold
for the sum also in the middle of a pile; a body that joints hold too lends contacts one of ``mass_parts`` equal parts of it,
since joints want the others.
"""

from functools import cache

import engine as en
from sim.collide.contact_points import POINTS, PointTable, to_world
from sim.collide.start_overlaps import parting_speed
from sim.forces.contact_resistance import Resistance, resist_at
from sim.forces.contact_response import limited_damping, limited_stiffness, normal_damping, normal_force
from sim.forces.friction_rules import FrictionRules, pair_friction
from sim.forces.particle_contact import body_velocity_at, inverse_mass_at


@en.func
def pair_average(values: en.array(dtype=float), a: int, b: int) -> float:
    """Mean of a material value over two shapes."""
    return 0.5 * (values[a] + values[b])


@en.func
def friction_with_slip(slip: en.vec3, vt: en.vec3, limit: float, kt: float, kf: float):
    """Force against sliding [N] and the new spring displacement [m]."""
    f = slip * (-kt) - vt * kf
    size = en.length(f)
    s = slip
    if size > limit:
        f = f * (limit / en.max(size, 1.0e-20))
        # what remains in the spring when the dashpot carries its part
        part = en.min(kf, limit / en.max(en.length(vt), 1.0e-12))
        s = (f + vt * part) * (-1.0 / en.max(kt, 1.0e-12))
    return f, s


@en.func
def gap_ahead(
    a: int,
    b: int,
    pa: en.vec3,
    pb: en.vec3,
    n: en.vec3,
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
    body_com: en.array(dtype=en.vec3),
    body_ahead: en.array(dtype=float),
    dt: float,
) -> float:
    """Distance [m] along the normal when the contact's force acts, ``body_ahead`` steps from now."""
    gap = en.dot(n, pa - pb)
    point = (pa + pb) * 0.5
    if a >= 0:
        gap = gap + body_ahead[a] * dt * en.dot(n, body_velocity_at(body_q[a], body_qd[a], body_com[a], point))
    if b >= 0:
        gap = gap - body_ahead[b] * dt * en.dot(n, body_velocity_at(body_q[b], body_qd[b], body_com[b], point))
    return gap


@en.kernel
def count_touching(
    active_count: en.array(dtype=int),
    active_pair: en.array(dtype=int),
    pair_shapes: en.array2d(dtype=int),
    shape_body: en.array(dtype=int),
    shape_ka: en.array(dtype=float),
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
    body_com: en.array(dtype=en.vec3),
    body_ahead: en.array(dtype=float),
    points: PointTable,
    dt: float,
    body_touching: en.array(dtype=int),
    pair_touching: en.array(dtype=int),
):
    """Points at which each pair touches, and their sum for each body; whole numbers, so their order does not matter."""
    slot = en.tid()
    if slot >= active_count[0]:
        return
    pair = active_pair[slot]
    a = shape_body[pair_shapes[pair, 0]]
    b = shape_body[pair_shapes[pair, 1]]
    ka = pair_average(shape_ka, pair_shapes[pair, 0], pair_shapes[pair, 1])
    touching = 0
    for i in range(points.count[slot]):
        c = slot * POINTS + i
        pa = to_world(body_q, a, points.point_a[c])
        pb = to_world(body_q, b, points.point_b[c])
        if gap_ahead(a, b, pa, pb, points.normal[c], body_q, body_qd, body_com, body_ahead, dt) < ka:
            touching = touching + 1
    pair_touching[slot] = touching
    if touching > 0:
        if a >= 0:
            en.atomic_add(body_touching, a, touching)
        if b >= 0:
            en.atomic_add(body_touching, b, touching)


@cache
def push_bodies_apart(implicit: bool):
    """Kernel of the wrenches; ``implicit``: also how much contacts of trees with what stays resist acceleration."""

    @en.kernel
    def push(
        active_count: en.array(dtype=int),
        active_pair: en.array(dtype=int),
        pair_shapes: en.array2d(dtype=int),
        shape_body: en.array(dtype=int),
        shape_ke: en.array(dtype=float),
        shape_kd: en.array(dtype=float),
        shape_kf: en.array(dtype=float),
        shape_ka: en.array(dtype=float),
        shape_mu: en.array(dtype=float),
        friction_rules: FrictionRules,
        shape_restitution: en.array(dtype=float),
        body_q: en.array(dtype=en.transform),
        body_qd: en.array(dtype=en.spatial_vector),
        body_com: en.array(dtype=en.vec3),
        body_inv_mass: en.array(dtype=float),
        body_inv_inertia: en.array(dtype=en.mat33),
        mass_parts: en.array(dtype=float),
        body_ahead: en.array(dtype=float),
        tree_inv_mass: en.array(dtype=float),
        points: PointTable,
        body_touching: en.array(dtype=int),
        pair_touching: en.array(dtype=int),
        allowed: en.array(dtype=float),
        fastest: float,
        rest_speed: float,
        dt: float,
        slip: en.array(dtype=en.vec3),
        wrench: en.array(dtype=en.spatial_vector),
        resistance: Resistance,
    ):
        slot = en.tid()
        if slot >= active_count[0]:
            return
        pair = active_pair[slot]
        shape_a = pair_shapes[pair, 0]
        shape_b = pair_shapes[pair, 1]
        a = shape_body[shape_a]
        b = shape_body[shape_b]
        ke = pair_average(shape_ke, shape_a, shape_b)
        kd0 = pair_average(shape_kd, shape_a, shape_b)
        kf0 = pair_average(shape_kf, shape_a, shape_b)
        ka = pair_average(shape_ka, shape_a, shape_b)
        mu = pair_friction(shape_mu, friction_rules, shape_a, shape_b)
        e = pair_average(shape_restitution, shape_a, shape_b)
        count = points.count[slot]
        # inverse masses count for each body as often as it touches something
        parts_a = 0.0
        parts_b = 0.0
        if a >= 0:
            parts_a = mass_parts[a] * float(en.max(body_touching[a], 1))
        if b >= 0:
            parts_b = mass_parts[b] * float(en.max(body_touching[b], 1))
        tree = 0.0
        if en.static(implicit):
            # against what stays, only the mass of the tree sets limits; two that move must push each other equally
            if a >= 0 and (b < 0 or body_inv_mass[en.max(b, 0)] == 0.0):
                tree = tree_inv_mass[a]
            elif b >= 0 and (a < 0 or body_inv_mass[en.max(a, 0)] == 0.0):
                tree = tree_inv_mass[b]
        share = float(en.max(pair_touching[slot], 1))
        parting = parting_speed(allowed[slot], fastest)
        force_a = en.vec3(0.0, 0.0, 0.0)
        torque_a = en.vec3(0.0, 0.0, 0.0)
        torque_b = en.vec3(0.0, 0.0, 0.0)
        if en.static(implicit):
            aa_a = en.mat33(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
            al_a = en.mat33(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
            ll_a = en.mat33(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
            aa_b = en.mat33(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
            al_b = en.mat33(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
            ll_b = en.mat33(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        for i in range(count):
            c = slot * POINTS + i
            n = points.normal[c]
            pa = to_world(body_q, a, points.point_a[c])
            pb = to_world(body_q, b, points.point_b[c])
            gap = gap_ahead(a, b, pa, pb, n, body_q, body_qd, body_com, body_ahead, dt)
            if gap < ka:
                point = (pa + pb) * 0.5
                w = 0.0
                w_pair = 0.0
                w_own = 0.0
                v = en.vec3(0.0, 0.0, 0.0)
                ra = en.vec3(0.0, 0.0, 0.0)
                rb = en.vec3(0.0, 0.0, 0.0)
                if a >= 0:
                    wa = inverse_mass_at(body_q[a], body_com[a], body_inv_mass[a], body_inv_inertia[a], point, n)
                    w = w + wa * parts_a
                    w_own = w_own + wa
                    w_pair = w_pair + wa * mass_parts[a] * share
                    v = v + body_velocity_at(body_q[a], body_qd[a], body_com[a], point)
                    ra = point - en.transform_point(body_q[a], body_com[a])
                if b >= 0:
                    wb = inverse_mass_at(body_q[b], body_com[b], body_inv_mass[b], body_inv_inertia[b], point, n)
                    w = w + wb * parts_b
                    w_own = w_own + wb
                    w_pair = w_pair + wb * mass_parts[b] * share
                    v = v - body_velocity_at(body_q[b], body_qd[b], body_com[b], point)
                    rb = point - en.transform_point(body_q[b], body_com[b])
                vn = en.dot(n, v)
                vt = v - n * vn
                s = slip[c]
                s = s - n * en.dot(n, s) + vt * dt
                # sliding moves another inverse mass than pressing (a plate on its edge turns easily), and the two are coupled
                # where one turns the body that the other turns: their dashpots together must not overcorrect
                t = vt
                if en.dot(t, t) < 1.0e-16:
                    t = s
                wt = w
                coupling = 1.0
                if en.dot(t, t) > 0.0:
                    t = en.normalize(t)
                    across = (n + t) * 0.70710678
                    wt = 0.0
                    both = 0.0
                    if a >= 0:
                        wt = wt + parts_a * inverse_mass_at(
                            body_q[a], body_com[a], body_inv_mass[a], body_inv_inertia[a], point, t
                        )
                        both = both + parts_a * inverse_mass_at(
                            body_q[a], body_com[a], body_inv_mass[a], body_inv_inertia[a], point, across
                        )
                    if b >= 0:
                        wt = wt + parts_b * inverse_mass_at(
                            body_q[b], body_com[b], body_inv_mass[b], body_inv_inertia[b], point, t
                        )
                        both = both + parts_b * inverse_mass_at(
                            body_q[b], body_com[b], body_inv_mass[b], body_inv_inertia[b], point, across
                        )
                    # (as far as it slides: a speed that is rounding of an impact has no direction, and the corners of a box
                    # that falls flat must stay alike)
                    part = en.length(vt) / en.max(en.length(vt) + en.abs(vn), 1.0e-18)
                    coupling = en.abs(both - 0.5 * (w + wt)) / en.max(en.sqrt(w * wt), 1.0e-18)
                    coupling = 1.0 + en.min(coupling, 1.0) * part
                if en.static(implicit):
                    if tree > 0.0:
                        w = tree
                        w_pair = tree
                        wt = tree
                        coupling = 1.0
                # a body's points seldom resist one and the same motion, and the edge of stability is at k dt^2 + 2 d dt = 4 for
                # unit masses: springs get twice their share where several pairs hold a body, so that stacks sag less
                stiffness = limited_stiffness(ke, en.max(0.5 * w, w_pair) + 3.0 * tree, dt)
                kd = limited_damping(kd0, w * coupling, dt)
                push = normal_force(-gap - allowed[slot], vn, stiffness, kd, e, rest_speed)
                damping = normal_damping(vn, kd, e, rest_speed)
                if parting > 0.0:
                    # shapes stuck in each other part as through honey: a spring alone would throw them out
                    push = en.where(vn < parting, en.max(push, 0.0), 0.0)
                    damping = 0.5 * limited_damping(1.0e30, en.max(w * coupling, w_own), dt)
                    push = push + damping * (parting - vn)
                kf = en.min(kf0, 1.0 / (en.max(wt * coupling, 1.0e-18) * dt))
                kt = limited_stiffness(ke, wt + 3.0 * tree, dt)
                most = mu * en.abs(push)
                if en.static(implicit):
                    resist = dt * (damping + dt * stiffness)
                    # what slides resists as the dashpot that would give the same force
                    across = kf + dt * kt
                    if en.length(s * (-kt) - vt * kf) > most:
                        across = en.min(across, most / en.max(en.length(vt), 1.0e-12))
                    if a >= 0 and tree > 0.0:
                        aa, al, ll = resist_at(ra, n, resist, dt * across)
                        aa_a = aa_a + aa
                        al_a = al_a + al
                        ll_a = ll_a + ll
                    if b >= 0 and tree > 0.0:
                        aa, al, ll = resist_at(rb, n, resist, dt * across)
                        aa_b = aa_b + aa
                        al_b = al_b + al
                        ll_b = ll_b + ll
                drag, s = friction_with_slip(s, vt, most, kt, kf)
                slip[c] = s
                f = n * push + drag
                force_a = force_a + f
                torque_a = torque_a + en.cross(ra, f)
                torque_b = torque_b - en.cross(rb, f)
            else:
                slip[c] = en.vec3(0.0, 0.0, 0.0)
        wrench[2 * slot] = en.spatial_vector(torque_a, force_a)
        wrench[2 * slot + 1] = en.spatial_vector(torque_b, -force_a)
        if en.static(implicit):
            if pair_touching[slot] == 0:
                return  # nobody reads it
            resistance.aa[2 * slot] = aa_a
            resistance.al[2 * slot] = al_a
            resistance.ll[2 * slot] = ll_a
            resistance.aa[2 * slot + 1] = aa_b
            resistance.al[2 * slot + 1] = al_b
            resistance.ll[2 * slot + 1] = ll_b

    return push

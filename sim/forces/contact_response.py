"""Penalty contact: normal spring-dashpot, restitution, and Coulomb friction.

Parameters mean what users of the peer know: ke stiffness [N/m], kd damping while approaching [N s/m], kf slope of the
friction force over the sliding speed [N s/m], mu Coulomb coefficient, ka adhesion distance [m].
Two limits keep an explicit step stable whatever the mass; where they do not bind, the response is exactly ke and kd:
ke/m <= 1/dt^2 and kd/m <= 1/dt. Friction never does more than stop the sliding within the step, so with
kf >= m/dt a contact below the Coulomb limit really sticks.

Rebound. Without a coefficient of restitution the dashpot decides: active while approaching only, it lets a mass m
rebound at e = exp(-z acos(z)/sqrt(1 - z^2)) of its speed, z = kd/(2 sqrt(ke m)). A restitution e > 0 replaces the
dashpot by a softer spring while separating (e^2 ke, after Walton and Braun 1986), which gives back e^2 of the energy
for any mass; below the rest speed the two blend, so that resting contacts are damped and quiet.
"""

import engine as en


@en.func
def limited_stiffness(ke: float, w: float, dt: float) -> float:
    """Stiffness [N/m], at most m/dt^2; w = 1/m is the inverse mass that the contact moves [1/kg]."""
    return en.min(ke, 1.0 / (en.max(w, 1.0e-18) * dt * dt))


@en.func
def limited_damping(kd: float, w: float, dt: float) -> float:
    """Damping [N s/m], at most m/dt."""
    return en.min(kd, 1.0 / (en.max(w, 1.0e-18) * dt))


@en.func
def normal_force(depth: float, vn: float, ke: float, kd: float, e: float, rest_speed: float) -> float:
    """Push along the normal [N] from limited parameters.

    Args:
        depth: Penetration [m], positive inside.
        vn: Speed of separation [m/s].
        ke: Stiffness [N/m].
        kd: Damping [N s/m].
        e: Coefficient of restitution; 0 leaves the rebound to kd.
        rest_speed: Speed below which the contact is damped rather than elastic [m/s].
    """
    elastic = en.where(e > 0.0, en.min(en.abs(vn) * (1.0 / rest_speed), 1.0), 0.0)
    softer = en.where(vn > 0.0, (1.0 - en.min(e * e, 1.0)) * elastic, 0.0)
    return ke * depth * (1.0 - softer) - kd * en.min(vn, 0.0) * (1.0 - elastic)


@en.func
def normal_damping(vn: float, kd: float, e: float, rest_speed: float) -> float:
    """The damping [N s/m] that is part of `normal_force`."""
    elastic = en.where(e > 0.0, en.min(en.abs(vn) * (1.0 / rest_speed), 1.0), 0.0)
    return en.where(vn < 0.0, kd * (1.0 - elastic), 0.0)


@en.func
def friction_force(vt: en.vec3, pressure: float, kf: float, mu: float, w: float, dt: float) -> en.vec3:
    """Force against the sliding velocity `vt` [N]; never more than stops it within the step."""
    speed = en.length(vt)
    slope = en.min(kf, 1.0 / (en.max(w, 1.0e-18) * dt))
    return vt * (-en.min(mu * en.abs(pressure) * (1.0 / en.max(speed, 1.0e-12)), slope))


def rest_speed(gravity, dt: float) -> float:
    """Speed that gravity adds in four steps [m/s]; slower impacts do not bounce."""
    return max(4.0 * float(sum(g * g for g in gravity)) ** 0.5 * dt, 1.0e-6)

"""Penalty contact: normal spring-dashpot and Coulomb friction, as accelerations of a mass.

Parameters mean what users of the peer know: ke stiffness [N/m], kd damping while approaching [N s/m], kf slope of the
friction force over the sliding speed [N s/m], mu Coulomb coefficient, ka adhesion distance [m].
Two limits keep an explicit step stable whatever the mass; where they do not bind, the response is exactly ke and kd:
ke/m <= 1/dt^2 and kd/m <= 1/dt. Friction never does more than stop the sliding within the step, so with
kf >= m/dt a contact below the Coulomb limit really sticks.

Restitution e follows from damping: with the dashpot active while approaching only, a mass m rebounds at
e = exp(-z acos(z)/sqrt(1 - z^2)), z = kd/(2 sqrt(ke m)). A restitution e > 0 therefore replaces kd by 2 z(e) sqrt(ke m).
"""

import math

import engine as en


def damping_ratio(restitution: float) -> float:
    """Damping ratio z(e) of a contact that rebounds at `restitution` times the impact speed; -1 for e <= 0 (unset)."""
    if restitution <= 0.0:
        return -1.0
    y = min(-math.log(min(restitution, 1.0)), 2.3)
    return y * (0.636757 + y * (0.254648 + y * (0.0926528 + y * (0.00482353 + y * 0.0111681))))


@en.func
def damping_ratio_of(restitution: float) -> float:
    """`damping_ratio` inside a kernel: our own polynomial fit in -ln e, within 0.03 percent for 0.1 <= e <= 1."""
    z = float(-1.0)
    if restitution > 0.0:
        y = en.min(-en.log(en.min(restitution, 1.0)), 2.3)
        z = y * (0.636757 + y * (0.254648 + y * (0.0926528 + y * (0.00482353 + y * 0.0111681))))
    return z


@en.func
def limited_stiffness(ke: float, w: float, dt: float) -> float:
    """Stiffness [N/m], at most m/dt^2; w = 1/m is the inverse mass that the contact moves [1/kg]."""
    return en.min(ke, 1.0 / (en.max(w, 1.0e-18) * dt * dt))


@en.func
def limited_damping(kd: float, zeta: float, ke: float, w: float, dt: float) -> float:
    """Damping [N s/m]: 2 zeta sqrt(ke m) when zeta >= 0, else kd; at most m/dt."""
    m = 1.0 / en.max(w, 1.0e-18)
    d = en.where(zeta >= 0.0, 2.0 * zeta * en.sqrt(ke * m), kd)
    return en.min(d, m / dt)


@en.func
def normal_force(depth: float, vn: float, ke: float, kd: float) -> float:
    """Push along the normal [N] from limited parameters; depth > 0 inside, vn speed of separation [m/s]."""
    return ke * depth - kd * en.min(vn, 0.0)


@en.func
def friction_force(vt: en.vec3, pressure: float, kf: float, mu: float, w: float, dt: float) -> en.vec3:
    """Force against the sliding velocity `vt` [N]; never more than stops it within the step."""
    speed = en.length(vt)
    slope = en.min(kf, 1.0 / (en.max(w, 1.0e-18) * dt))
    return vt * (-en.min(mu * en.abs(pressure) / en.max(speed, 1.0e-12), slope))

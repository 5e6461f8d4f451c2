"""Contact parameters of shapes and particles, from mass and size where the file gives none.

A default stiffness lets a body sink ``SAG`` of its size into the ground under its own weight: ke = m g / (SAG size),
lowered to what the scene's step takes with several contacts (``LONGEST_RATE``). Static shapes take the largest
stiffness among the bodies; the solvers limit ke/m to 1/dt^2 and kd/m to 1/dt, so light bodies stay stable on them.
kd damps a body on four contacts critically (restitution is a parameter of its own); kf, the slope of friction, lets a
body creep at ``CREEP`` before it sticks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from usd_io.emit.extents import shape_size
from usd_io.emit.mass_lumping import particle_masses
from usd_io.emit.radius import particle_radii
from usd_io.emit.timestep import solver_step
from usd_io.records import ColliderRecord, DeformableRecord, MaterialRecord, SceneRecord

SAG = 5e-4
LONGEST_RATE = 0.15
"""Largest sqrt(ke/m) dt of a default: four contacts and their levers multiply it."""
CREEP = 1e-3
"""[m/s]"""
DEFAULT_MU = 0.5
PARTICLE_SAG = 0.02
"""A particle sinks this part of its radius in under its own weight, at ten times the particles' mean mass."""
LOWEST_GRAVITY = 1.0
"""[m/s^2] taken where a scene has (almost) no gravity, so that contacts stay stiff."""


@dataclass(frozen=True)
class Contact:
    """Contact parameters: ke [N/m], kd [N s/m], kf [N s/m], mu, restitution."""

    ke: float
    kd: float
    kf: float
    mu: float
    restitution: float


def friction(material: MaterialRecord) -> float:
    """One Coulomb coefficient: dynamic, or static where dynamic is absent or 0."""
    for value in (material.dynamic_friction, material.static_friction):
        if value:
            return value
    known = material.dynamic_friction is not None or material.static_friction is not None
    return 0.0 if known else DEFAULT_MU


def with_stiffness(collider: ColliderRecord, ke: float, mass: float) -> Contact:
    """Contact of a collider of ke [N/m] and mass [kg], its own overrides first."""
    over, material = collider.contact, collider.material
    stiffness = ke if over.ke is None else over.ke
    return Contact(
        ke=stiffness,
        kd=(ke * mass) ** 0.5 if over.kd is None else over.kd,
        kf=mass * 9.81 / CREEP if over.kf is None else over.kf,
        mu=friction(material) if over.mu is None else over.mu,
        restitution=(material.restitution or 0.0) if over.restitution is None else over.restitution,
    )


def contacts(scene: SceneRecord) -> list[Contact]:
    """Contact parameters of every collider, in the scene's order."""
    g = max(float(np.linalg.norm(scene.gravity)), LOWEST_GRAVITY)
    mass_of = {b.path: b.mass for b in scene.bodies if not b.kinematic}
    sizes: dict[str, float] = {}
    for collider in scene.colliders:
        if collider.body_path in mass_of:
            sizes[collider.body_path] = max(sizes.get(collider.body_path, 0.0), shape_size(collider.shape))
    fastest = (LONGEST_RATE / solver_step(scene)) ** 2
    own = {p: (mass_of[p] * min(g / (SAG * size), fastest), mass_of[p]) for p, size in sizes.items() if size > 0.0}
    particle = soft_contact(scene)
    strongest = max(own.values(), default=(particle["soft_contact_ke"], particle["mass"]))
    return [with_stiffness(c, *own.get(c.body_path, strongest)) for c in scene.colliders]


def soft_contact(scene: SceneRecord) -> dict[str, float]:
    """Particle contact: ``soft_contact_ke kd kf mu restitution``, and the particles' mean ``mass`` [kg].

    ``simrun:softContactKe`` etc. on the PhysicsScene, then ``simrun:contactKe`` etc. on a deformable, come first.
    """
    sets = [d for d in scene.deformables if d.count]
    masses = [particle_mass(d) for d in sets]
    mass = float(np.average(masses, weights=[d.count for d in sets])) if sets else 1.0
    radius = float(np.mean([mean_radius(d) for d in sets])) if sets else 0.1
    g = max(float(np.linalg.norm(scene.gravity)), LOWEST_GRAVITY)
    ke = 10.0 * mass * g / (PARTICLE_SAG * radius)
    result = {
        "soft_contact_ke": ke,
        "soft_contact_kd": 2.0 * (ke * mass) ** 0.5,
        "soft_contact_kf": mass * 9.81 / CREEP,
        "soft_contact_mu": float(np.mean([friction(d.material) for d in sets])) if sets else DEFAULT_MU,
        "soft_contact_restitution": 0.0,
    }
    for name in ("Ke", "Kd", "Kf", "Mu"):
        said = [d.overrides[f"contact{name}"] for d in sets if f"contact{name}" in d.overrides]
        if said:
            result[f"soft_contact_{name.lower()}"] = float(np.mean(said))
    result.update(scene.settings.soft_contact)
    result["mass"] = mass
    return result


def particle_mass(record: DeformableRecord) -> float:
    """Mean mass of the free particles [kg], for choosing parameters."""
    free = particle_masses(record)[~record.pinned]
    return float(free.mean()) if len(free) and free.mean() > 0.0 else 1.0


def mean_radius(record: DeformableRecord) -> float:
    """Mean particle radius [m], for choosing parameters."""
    return float(np.mean(particle_radii(record)))

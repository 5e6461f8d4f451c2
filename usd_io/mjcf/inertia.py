"""Mass properties of bodies: from ``inertial`` or from geoms, then what the compiler asks for on top."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sim.geometry.rotation import rotation_matrix
from usd_io.errors import SceneError
from usd_io.mjcf.bodies import Body
from usd_io.mjcf.poses import pose
from usd_io.read.shape_mass import MassProperties, combine
from usd_io.xml.attributes import number, numbers

LEAST = 1e-15
"""[kg, kg m^2] below which MuJoCo refuses to move a body."""
WEIGHTLESS = MassProperties(0.0, np.zeros(3), np.zeros((3, 3)))


def body_mass(body: Body) -> MassProperties:
    """Mass properties of a body in its own frame, zero without any mass."""
    compiler = body.document.compiler
    if body.inertial is not None and compiler.inertiafromgeom != "true":
        result = _inertial(body)
    elif compiler.inertiafromgeom == "false":
        result = WEIGHTLESS
    else:
        low, high = compiler.inertiagrouprange
        parts = [g.mass for g in body.geoms if g.mass is not None and g.mass.mass > 0.0 and low <= g.group <= high]
        result = combine(parts) if parts else WEIGHTLESS
    if compiler.boundmass > 0.0:
        result = replace(result, mass=max(result.mass, compiler.boundmass))
    moments, axes = np.linalg.eigh(result.inertia)
    if compiler.boundinertia > 0.0:
        moments = np.maximum(moments, compiler.boundinertia)
    if compiler.balanceinertia and moments[0] + moments[1] < moments[2]:
        moments = np.full(3, moments.mean())
    return replace(result, inertia=axes @ np.diag(moments) @ axes.T)


def check_moving(bodies: list[Body], masses: list[MassProperties]) -> None:
    """Whatever joints move must have mass and inertia, itself or in a body that is welded to it.

    Raises:
        SceneError: A body has neither.
    """
    welded: dict[Body, list[Body]] = {}
    for body in bodies:
        if not body.joints and body.parent is not None:
            welded.setdefault(body.parent, []).append(body)
    mass_of = dict(zip(bodies, masses, strict=True))

    def has_mass(body: Body) -> bool:
        mass = mass_of[body]
        return mass.mass >= LEAST and bool(np.linalg.eigvalsh(mass.inertia)[0] >= LEAST)

    for body in bodies:
        waiting = [body] if body.joints else []
        while waiting and not has_mass(waiting[-1]):
            waiting.extend(welded.get(waiting.pop(), ()))
        if body.joints and not waiting:
            mass = mass_of[body]
            raise SceneError(
                body.element.where,
                f"joints move it, and it has {mass.mass:g} kg and principal moments "
                f"{np.linalg.eigvalsh(mass.inertia).tolist()}",
                expected=f"mass and moments of {LEAST:g} or more, its own or those of a body without joints inside it",
                next_step="give it a geom with mass, or an <inertial>",
            )


def _inertial(body: Body) -> MassProperties:
    element = body.inertial
    mass = number(element, "mass", low=0.0)
    if mass is None:
        raise SceneError(element.where, "has no mass", expected='mass="..." in kg')
    X = pose(element, element.attributes, body.document.compiler)
    full = numbers(element, "fullinertia", count=6)
    if full is not None:
        xx, yy, zz, xy, xz, yz = full
        tensor = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
    else:
        diagonal = numbers(element, "diaginertia", count=3)
        if diagonal is None and mass > 0.0:
            raise SceneError(element.where, "has no inertia", expected='diaginertia="..." or fullinertia="..."')
        tensor = np.diag(np.zeros(3) if diagonal is None else diagonal)
    moments = np.linalg.eigvalsh(tensor)
    tolerance = 1e-6 * max(moments[2], 1e-12)
    if moments[0] < -tolerance or (
        moments[0] + moments[1] < moments[2] - tolerance and not body.document.compiler.balanceinertia
    ):
        raise SceneError(
            element.where,
            f"principal moments {moments.tolist()} that no body has",
            expected="none below 0, and the largest at most the sum of the others",
            next_step='correct it, or set <compiler balanceinertia="true"/>',
        )
    return MassProperties(mass, np.zeros(3), tensor).moved(rotation_matrix(X[3:]), X[:3])

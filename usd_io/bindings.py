"""Which part of the simulation belongs to which prim."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

import sim


@dataclass(frozen=True)
class BodyBinding:
    """Rigid body ``index`` moves the prim ``path``.

    A writer composes the prim's new local-to-world matrix (column convention, stage units) as
    ``[R(q) @ stretch | p / meters_per_unit]`` from the body's world transform (p [m], q).
    """

    path: str
    index: int
    stretch: np.ndarray
    """[3, 3] scale and shear of the prim, see ``BodyRecord.stretch``."""
    kinematic: bool = False
    instance_roots: tuple[str, ...] = ()
    """Prims to make ``instanceable = false`` before authoring below them."""
    instancer: str | None = None
    """PointInstancer path when the body is a point instance."""
    instance_index: int = -1
    prototype_offset: np.ndarray | None = None
    """[4, 4], see ``BodyRecord.prototype_offset``."""


@dataclass(frozen=True)
class ParticleBinding:
    """Particles ``start .. start + count - 1`` are the points of the prim ``path``, in order."""

    path: str
    kind: str
    """``cloth``, ``soft``, ``cable`` or ``particles``."""
    start: int
    count: int
    local_to_world: np.ndarray
    """[4, 4] stage units, column convention; ``p_local = inverse(local_to_world) @ (particle_q / meters_per_unit)``."""
    surface_triangles: np.ndarray | None = None
    """[k, 3] indices into the points: boundary of a soft body, triangles of a cloth; None for cables and particles."""
    widths: np.ndarray | None = None
    """Particle diameters [m] (for extents), when known."""
    instance_roots: tuple[str, ...] = ()


@dataclass
class SceneBindings:
    """Result of ``emit``: prim paths to simulation indices."""

    meters_per_unit: float = 1.0
    bodies: list[BodyBinding] = field(default_factory=list)
    particles: list[ParticleBinding] = field(default_factory=list)
    shapes: dict[str, int] = field(default_factory=dict)
    """Collider path to shape index."""
    joints: dict[str, int] = field(default_factory=dict)
    """Joint path to joint index."""
    actuators: dict[str, int] = field(default_factory=dict)
    """Path of an actuator to its index in ``Control.ctrl``."""
    equalities: dict[str, int] = field(default_factory=dict)
    """Path of an equality constraint to its index."""
    measure_joints: bool = False
    """Joint coordinates come from the bodies' poses and velocities."""
    model_parameters: dict[str, float] = field(default_factory=dict)
    """Attributes of ``sim.Model`` that the builder does not carry (``soft_contact_ke`` ...)."""

    def configure(self, model: Any) -> None:
        """Sets ``model_parameters`` on a finalized model, and its joint coordinates where bodies say them."""
        for name, value in self.model_parameters.items():
            setattr(model, name, value)
        if self.measure_joints:
            sim.eval_ik(model, model.state(), model.joint_q, model.joint_qd)

    def body_index(self, path: str) -> int:
        """Index of the body at a prim path; KeyError names the known ones."""
        for b in self.bodies:
            if b.path == path:
                return b.index
        raise KeyError(f"no body {path}; bodies: {', '.join(b.path for b in self.bodies[:10])}")

    def body_name(self, index: int) -> str:
        """Prim path of a body index."""
        for b in self.bodies:
            if b.index == index:
                return b.path
        return f"body {index}"

    def particle_name(self, index: int) -> str:
        """Prim path and point number of a particle index."""
        for p in self.particles:
            if p.start <= index < p.start + p.count:
                return f"{p.path} point {index - p.start}"
        return f"particle {index}"

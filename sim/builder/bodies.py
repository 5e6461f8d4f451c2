"""Rigid bodies and the mass they gather from their shapes."""

import warnings

import numpy as np

from sim.errors import SimError, SimWarning
from sim.geometry.mass_properties import MassProperties, combine
from sim.inputs import HEAVIEST, LIGHTEST, as_floats, as_masses, as_number, as_transform, as_vector

BODY_FLAG_KINEMATIC = 1


class BodyBuilder:
    """The rigid-body part of ``ModelBuilder``."""

    def add_body(
        self,
        origin=None,
        armature: float = 0.0,
        com=None,
        I_m=None,
        m: float = 0.0,
        name: str | None = None,
        *,
        kinematic: bool = False,
        linear_velocity=None,
        angular_velocity=None,
    ) -> int:
        """Adds a rigid body and returns its index.

        Shapes added to it with a density above zero add their mass and inertia to what is given here. A body that ends
        up without mass, and a kinematic one, moves by its velocity only: its inverse mass is 0.

        Args:
            origin: Pose of the body in the world, 7 numbers (p, q) or a pair (p, q); None means identity.
            armature: Artificial inertia [kg m^2] added to the diagonal.
            com: Centre of mass [m], body frame.
            I_m: Inertia [kg m^2] about the centre of mass, body axes, shape [3, 3]; None means zero.
            m: Mass [kg].
            name: Name; None means ``body_<index>``.
            kinematic: Whether the body ignores forces and contacts.
            linear_velocity: Velocity of the centre of mass [m/s], world frame.
            angular_velocity: Angular velocity [rad/s], world frame.

        Raises:
            SimError: NaN, a zero quaternion, negative mass, an inertia that is not symmetric and non-negative.
        """
        index = self.body_count
        name = f"body_{index}" if name is None else str(name)
        where = f"add_body({name!r})"
        pose = as_transform(origin, where, "origin")
        mass = as_number(m, where, "m", minimum=0.0)
        centre = np.zeros(3) if com is None else as_vector(com, 3, where, "com")
        inertia = np.zeros((3, 3)) if I_m is None else _as_inertia(I_m, where)
        inertia = inertia + as_number(armature, where, "armature", minimum=0.0) * np.eye(3)
        linear = np.zeros(3) if linear_velocity is None else as_vector(linear_velocity, 3, where, "linear_velocity")
        angular = np.zeros(3) if angular_velocity is None else as_vector(angular_velocity, 3, where, "angular_velocity")
        _check_magnitude(mass, inertia, where)
        self.body_q.append(pose)
        self.body_qd.append(np.concatenate([angular, linear]))
        self.body_mass.append(mass)
        self.body_com.append(centre)
        self.body_inertia.append(inertia)
        self.body_flags.append(BODY_FLAG_KINEMATIC if kinematic else 0)
        self.body_name.append(name)
        return index

    def add_body_mass(self, body: int, properties: MassProperties, where: str = "add_body_mass()") -> None:
        """Adds mass given in the body's frame: sums, with the parallel-axis theorem about the new centre of mass."""
        if properties.mass == 0.0 and not properties.inertia.any():
            return
        present = MassProperties(
            float(self.body_mass[body]), self.body_com[body].copy(), self.body_inertia[body].copy()
        )
        total = combine(present, properties)
        _check_magnitude(total.mass, total.inertia, f"{where} on body {self.body_name[body]!r}")
        self.body_mass[body] = total.mass
        self.body_com[body] = total.com
        self.body_inertia[body] = total.inertia


def _check_magnitude(mass: float, inertia: np.ndarray, where: str) -> None:
    """Refuses what float32 cannot hold the inverse of."""
    as_masses(mass, 1, where, "total mass")
    moment = float(np.trace(inertia))
    if not (moment == 0.0 or LIGHTEST**1.5 <= moment <= HEAVIEST):
        raise SimError(
            where,
            f"moments of inertia of {moment:g} kg m^2 in sum",
            f"0, or from {LIGHTEST**1.5:g} to {HEAVIEST:g} kg m^2",
            "check the units of size and density",
        )


def _as_inertia(value, where: str) -> np.ndarray:
    inertia = as_floats(value, where, "I_m")
    if inertia.size == 9:
        inertia = inertia.reshape(3, 3)
    if inertia.shape != (3, 3):
        raise SimError(where, f"I_m of shape {inertia.shape}", "shape (3, 3)")
    scale = np.abs(inertia).max()
    if np.abs(inertia - inertia.T).max() > 1e-5 * scale:
        raise SimError(where, f"I_m = {inertia.tolist()}", "a symmetric matrix")
    inertia = 0.5 * (inertia + inertia.T)
    principal = np.linalg.eigvalsh(inertia)
    if principal[0] < -1e-6 * scale:
        raise SimError(where, f"I_m with principal moments {principal.tolist()}", "principal moments of at least 0")
    if principal[2] > (principal[0] + principal[1]) * (1.0 + 1e-4):
        warnings.warn(
            f"{where}: no rigid body has principal moments {principal.tolist()} (the largest exceeds the sum of the "
            "others); simulated as given",
            SimWarning,
            stacklevel=3,
        )
    return inertia

"""Mass properties of links."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sim.geometry.rotation import rotation_matrix
from usd_io.errors import SceneError
from usd_io.read.shape_mass import MassProperties
from usd_io.urdf.poses import origin
from usd_io.xml.attributes import number
from usd_io.xml.element import Element

WEIGHTLESS = MassProperties(0.0, np.zeros(3), np.zeros((3, 3)))


def link_mass(link: Element, warn: Callable[[Element, str], None] = lambda element, message: None) -> MassProperties:
    """Mass, centre of mass and inertia in the link's frame; zero for a link without ``inertial``.

    ``warn`` takes what no body can have and is simulated all the same, since many files say it.

    Raises:
        SceneError: A negative mass, or an inertia no body can have.
    """
    inertial = link.only("inertial")
    if inertial is None:
        return WEIGHTLESS
    mass_element, inertia = inertial.only("mass"), inertial.only("inertia")
    mass = number(mass_element, "value", 0.0, low=0.0) if mass_element is not None else 0.0
    tensor = np.zeros((3, 3))
    if inertia is not None:
        xx, xy, xz, yy, yz, zz = (number(inertia, f"i{k}", 0.0) for k in ("xx", "xy", "xz", "yy", "yz", "zz"))
        tensor = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
        moments = np.linalg.eigvalsh(tensor)
        if moments[0] < -1e-6 * max(moments[2], 1e-12):
            raise SceneError(
                inertia.where, f"principal moments {moments.tolist()} of link {link.attributes.get('name')!r}",
                expected="none below zero", next_step="check the signs of ixy, ixz, iyz",
            )  # fmt: skip
        if mass > 0.0 and moments[0] + moments[1] < (1.0 - 1e-6) * moments[2]:
            warn(
                inertia, "a principal moment above the sum of the others, which no body has; it is simulated as written"
            )
    if mass == 0.0:
        return WEIGHTLESS
    if not tensor.any():
        warn(inertial, "mass without inertia: the link is simulated as a point")
    X = origin(inertial)
    return MassProperties(mass, np.zeros(3), tensor).moved(rotation_matrix(X[3:]), X[:3])

"""``origin`` elements."""

from __future__ import annotations

import numpy as np

from sim.geometry.rotation import IDENTITY_TRANSFORM, quat_from_axis_angle, quat_multiply
from usd_io.xml.attributes import numbers
from usd_io.xml.element import Element


def origin(element: Element) -> np.ndarray:
    """Pose said by the ``origin`` of an element, 7 numbers: xyz [m], and rpy [rad] about the fixed axes x, y, z."""
    child = element.only("origin")
    if child is None:
        return IDENTITY_TRANSFORM
    roll, pitch, yaw = numbers(child, "rpy", (0.0, 0.0, 0.0), count=3)
    x, y, z = np.eye(3)
    q = quat_multiply(quat_from_axis_angle(y, pitch), quat_from_axis_angle(x, roll))
    q = quat_multiply(quat_from_axis_angle(z, yaw), q)
    return np.concatenate([numbers(child, "xyz", (0.0, 0.0, 0.0), count=3), q])

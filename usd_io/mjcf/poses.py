"""Positions and the five ways in which MJCF writes an orientation."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sim.geometry.rotation import IDENTITY_QUAT, quat_between, quat_from_axis_angle, quat_multiply
from usd_io.errors import SceneError
from usd_io.mjcf.compiler import Compiler
from usd_io.read.frames import quaternion_from_matrix
from usd_io.xml.attributes import direction, numbers
from usd_io.xml.element import Element

ORIENTATIONS = ("quat", "axisangle", "euler", "xyaxes", "zaxis")


def pose(element: Element, values: Mapping[str, str], compiler: Compiler) -> np.ndarray:
    """Position and orientation of an element, 7 numbers with the quaternion as xyzw."""
    position = numbers(element, "pos", (0.0, 0.0, 0.0), count=3, source=values)
    return np.concatenate([position, orientation(element, values, compiler)])


def orientation(element: Element, values: Mapping[str, str], compiler: Compiler) -> np.ndarray:
    """Unit quaternion xyzw of an element.

    Raises:
        SceneError: More than one kind of orientation, or one that is none.
    """
    given = [name for name in ORIENTATIONS if name in element.attributes] or [n for n in ORIENTATIONS if n in values]
    if len(given) > 1:
        raise SceneError(element.where, f"has {' and '.join(given)}", expected="one way to say the orientation")
    if not given:
        return IDENTITY_QUAT
    return _READERS[given[0]](element, values, compiler)


def _quat(element, values, compiler) -> np.ndarray:
    w, x, y, z = direction(element, "quat", numbers(element, "quat", count=4, source=values))
    return np.array([x, y, z, w])


def _axisangle(element, values, compiler) -> np.ndarray:
    given = numbers(element, "axisangle", count=4, source=values)
    return quat_from_axis_angle(direction(element, "axisangle", given[:3]), compiler.angle(given[3]))


def _euler(element, values, compiler) -> np.ndarray:
    return euler_quaternion(numbers(element, "euler", count=3, source=values), compiler)


def euler_quaternion(angles: np.ndarray, compiler: Compiler) -> np.ndarray:
    """Rotation by three angles of the file in the order of ``eulerseq``: lower case turns with the frame, upper not."""
    q = IDENTITY_QUAT
    for letter, angle in zip(compiler.eulerseq, compiler.angle(angles), strict=True):
        turn = quat_from_axis_angle(np.eye(3)["xyz".index(letter.lower())], angle)
        q = quat_multiply(q, turn) if letter.islower() else quat_multiply(turn, q)
    return q


def _xyaxes(element, values, compiler) -> np.ndarray:
    given = numbers(element, "xyaxes", count=6, source=values)
    x = direction(element, "xyaxes", given[:3])
    y = direction(element, "xyaxes", given[3:] - x * (given[3:] @ x))
    return np.array(quaternion_from_matrix(np.column_stack([x, y, np.cross(x, y)])))


def _zaxis(element, values, compiler) -> np.ndarray:
    return z_towards(direction(element, "zaxis", numbers(element, "zaxis", count=3, source=values)))


def z_towards(z: np.ndarray) -> np.ndarray:
    """Shortest rotation of the z axis to a unit vector; straight back it goes about x."""
    if z[2] < -1.0 + 1e-12:
        return np.array([1.0, 0.0, 0.0, 0.0])
    return quat_between(np.array([0.0, 0.0, 1.0]), z)


_READERS = {"quat": _quat, "axisangle": _axisangle, "euler": _euler, "xyaxes": _xyaxes, "zaxis": _zaxis}

"""State of one reading of one stage: units, time, transforms, warnings."""

from __future__ import annotations

import numpy as np
from pxr import Sdf, Usd, UsdGeom

from usd_io.errors import SceneError
from usd_io.read.warning_log import WarningLog

LARGEST = 1e12
"""Lengths, scales and coordinates beyond this (in stage units) are taken for corrupt: their squares and cubes would
leave the range of floats."""


class Reading:
    """What every reader of a prim needs to know about the stage.

    Attributes:
        stage: The composed stage.
        source: File name for messages.
        time: Time code at which values are read (the start of the stage's time range).
        meters: Metres per stage unit.
        kilograms: Kilograms per stage mass unit.
        down: Unit vector against the stage's up axis, world frame.
        log: Where warnings go.
    """

    def __init__(self, stage: Usd.Stage, source: str, time: Usd.TimeCode, meters: float, kilograms: float):
        self.stage, self.source, self.time = stage, source, time
        self.meters, self.kilograms = meters, kilograms
        self.down = np.array([0.0, -1.0, 0.0])
        self.log = WarningLog()
        self.xform_cache = UsdGeom.XformCache(time)
        self._matrices: dict[Sdf.Path, np.ndarray] = {}

    @property
    def density_unit(self) -> float:
        """[kg/m^3] for one stage mass unit a cubic stage unit."""
        return self.kilograms / self.meters**3

    @property
    def pressure_unit(self) -> float:
        """[Pa] for one mass/(distance s^2)."""
        return self.kilograms / self.meters

    @property
    def inertia_unit(self) -> float:
        """[kg m^2] for one mass * distance^2."""
        return self.kilograms * self.meters**2

    def at(self, prim: Usd.Prim | str) -> str:
        """``file </prim/path>`` for messages."""
        path = prim if isinstance(prim, str) else prim.GetPath().pathString
        return f"{self.source} <{path}>"

    def world_matrix(self, prim: Usd.Prim) -> np.ndarray:
        """Local-to-world matrix in stage units, column-vector convention, shape [4, 4].

        Raises:
            SceneError: if it is not finite, or flattens space (zero scale).
        """
        path = prim.GetPath()
        if path not in self._matrices:
            matrix = np.array(self.xform_cache.GetLocalToWorldTransform(prim), dtype=np.float64).T
            self._matrices[path] = self.checked_matrix(prim, matrix)
        return self._matrices[path]

    def local_matrix(self, prim: Usd.Prim) -> tuple[np.ndarray, bool]:
        """The prim's own transform, [4, 4] column convention, stage units, and whether it resets its parent's."""
        matrix, resets = self.xform_cache.GetLocalTransformation(prim)
        return np.array(matrix, dtype=np.float64).T, resets

    def checked_matrix(self, prim: Usd.Prim, matrix: np.ndarray) -> np.ndarray:
        """The matrix, if it is finite, affine and invertible; SceneError otherwise."""
        if not np.abs(matrix).max() <= LARGEST:  # also false for NaN
            raise SceneError(
                self.at(prim),
                "the transform has NaN, infinite or huge values",
                expected="finite xformOps here and on every ancestor",
                next_step="check xformOp values on this prim and its parents",
            )
        lengths = np.linalg.norm(matrix[:3, :3], axis=0)
        if lengths.min() < 1.0 / LARGEST or abs(_determinant(matrix[:3, :3] / lengths)) < 1e-9:
            raise SceneError(
                self.at(prim),
                f"the transform has zero scale (column lengths {', '.join(f'{x:.3g}' for x in lengths)})",
                expected="a non-zero scale on every axis",
                next_step="fix xformOp:scale on this prim or its parents; for flat things use a Plane or a thin Cube",
            )
        return matrix


def _determinant(A: np.ndarray) -> float:
    (a, b, c), (d, e, f), (g, h, i) = A.tolist()
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)

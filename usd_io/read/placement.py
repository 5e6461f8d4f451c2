"""Where a prim is in world and what its record is called: once for the stage, once for every point instance."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from pxr import Usd

from usd_io.read.reading import Reading


class Placement(Protocol):
    """World matrices and record names of prims."""

    def world_matrix(self, prim: Usd.Prim) -> np.ndarray:
        """Local-to-world, [4, 4] column convention, stage units."""
        ...

    def record_path(self, prim: Usd.Prim) -> str:
        """Name of the record read from the prim."""
        ...

    def record_path_of(self, path: str) -> str:
        """Name of the record read from the prim at a path."""
        ...


class OnStage:
    """Prims where the stage puts them, called by their paths."""

    def __init__(self, reading: Reading):
        self._reading = reading

    def world_matrix(self, prim: Usd.Prim) -> np.ndarray:
        return self._reading.world_matrix(prim)

    def record_path(self, prim: Usd.Prim) -> str:
        return prim.GetPath().pathString

    def record_path_of(self, path: str) -> str:
        return path


class OnInstance:
    """Prims of a prototype where one point instance puts them, called ``<instancer>[index]<path below prototype>``."""

    def __init__(self, reading: Reading, instancer: str, index: int, prototype: Usd.Prim, matrix: np.ndarray):
        """``matrix``: prototype root to world, [4, 4] column convention, the root's own transform included."""
        self._reading, self._matrix = reading, matrix
        self._root = prototype
        self._root_path = prototype.GetPath().pathString
        self._name = f"{instancer}[{index}]"

    def world_matrix(self, prim: Usd.Prim) -> np.ndarray:
        if prim == self._root:
            return self._reading.checked_matrix(prim, self._matrix)
        relative, _ = self._reading.xform_cache.ComputeRelativeTransform(prim, self._root)
        return self._reading.checked_matrix(prim, self._matrix @ np.array(relative, dtype=np.float64).T)

    def record_path(self, prim: Usd.Prim) -> str:
        return self.record_path_of(prim.GetPath().pathString)

    def record_path_of(self, path: str) -> str:
        return self._name + path[len(self._root_path) :]

"""What a recording needs from each frame's state, and the check that it got it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from usd_io.recorder.errors import RecorderError


@dataclass(frozen=True)
class StateNeed:
    """One state array a recording reads."""

    name: str
    rows: int
    """Smallest number of rows that covers every target; 0 = the array is not needed."""
    columns: int
    owners: tuple[tuple[np.ndarray, str], ...]
    """Row numbers and the prim they move."""

    def copy(self, values, where: str) -> np.ndarray | None:
        """A float32 copy of the array, or None when it is not needed.

        Args:
            values: NumPy array, or anything with ``numpy()``, shape [>= rows, columns].
            where: Start of the error message.

        Raises:
            RecorderError: Missing, of another shape, or not finite.
        """
        if not self.rows:
            return None
        if values is None:
            raise RecorderError(where, f"no {self.name}", expected=f"an array of shape [{self.rows}, {self.columns}]")
        array = np.array(values.numpy() if hasattr(values, "numpy") else values, dtype=np.float32)
        if array.ndim != 2 or array.shape[1] != self.columns or array.shape[0] < self.rows:
            shape = ", ".join(map(str, array.shape))
            expected = f"at least {self.rows} rows of {self.columns}, one per simulated element"
            raise RecorderError(where, f"{self.name} of shape [{shape}]", expected=expected)
        if not np.isfinite(array.sum(dtype=np.float64)):
            self._refuse_nonfinite(array, where)
        return array

    def _refuse_nonfinite(self, array: np.ndarray, where: str) -> None:
        bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
        for rows, path in self.owners:
            hit = np.intersect1d(rows, bad)
            if len(hit):
                raise RecorderError(
                    f"{where} <{path}>",
                    f"{self.name}[{hit[0]}] = {array[hit[0]].tolist()}",
                    expected="finite numbers",
                    next_step="the simulation blew up; use more substeps or softer materials",
                )


def body_need(owners: list[tuple[np.ndarray, str]]) -> StateNeed:
    """Need for body poses."""
    return StateNeed("body_q", _rows(owners), 7, tuple(owners))


def particle_need(name: str, owners: list[tuple[np.ndarray, str]]) -> StateNeed:
    """Need for a particle array."""
    return StateNeed(name, _rows(owners), 3, tuple(owners))


def _rows(owners: list[tuple[np.ndarray, str]]) -> int:
    return max((int(rows.max()) + 1 for rows, _ in owners if len(rows)), default=0)

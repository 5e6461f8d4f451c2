"""A grid of heights, solid below."""

import numpy as np

from sim.errors import SimError
from sim.geometry.mesh import Mesh
from sim.inputs import as_floats, as_length


class HeightField(Mesh):
    """Ground given by heights on a regular grid; solid from there down to ``base`` below the lowest.

    The frame's z is up. Heights stand on a grid of ``columns`` points along x and ``rows`` along y, centred at the
    origin. Cells are two triangles each, split between (row + 1, column) and (row, column + 1).
    As a mesh (for drawing, particles and mass) it is closed: top, four sides, bottom.

    Attributes:
        heights: [rows, columns] float32 [m].
        hx, hy: Half extents along x and y [m].
        base: Thickness below the lowest height [m].
    """

    def __init__(self, heights, hx: float = 1.0, hy: float = 1.0, base: float | None = None):
        """Checks the grid and makes the closed mesh.

        Args:
            heights: [rows, columns], at least 2 by 2 [m].
            hx: Half extent along x (columns) [m].
            hy: Half extent along y (rows) [m].
            base: Thickness below the lowest height [m]; None means a tenth of the larger half extent.

        Raises:
            SimError: Not a grid, NaN, or an extent not above zero.
        """
        grid = as_floats(heights, "HeightField()", "heights")
        if grid.ndim != 2 or min(grid.shape) < 2:
            raise SimError("HeightField()", f"heights of shape {grid.shape}", "a grid of at least 2 rows and 2 columns")
        self.hx = as_length(hx, "HeightField()", "hx")
        self.hy = as_length(hy, "HeightField()", "hy")
        self.base = 0.1 * max(self.hx, self.hy) if base is None else as_length(base, "HeightField()", "base")
        self.heights = np.ascontiguousarray(grid, dtype=np.float32)
        super().__init__(*_closed(self.heights.astype(np.float64), self.hx, self.hy, self.base))


def _closed(heights: np.ndarray, hx: float, hy: float, base: float) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = heights.shape
    x, y = np.meshgrid(np.linspace(-hx, hx, columns), np.linspace(-hy, hy, rows))
    top = np.stack([x.ravel(), y.ravel(), heights.ravel()], axis=1)
    at = np.arange(rows * columns).reshape(rows, columns)
    p00, p01, p10, p11 = (at[i : rows - 1 + i, j : columns - 1 + j].ravel() for i in (0, 1) for j in (0, 1))
    triangles = [np.stack([p00, p01, p10], axis=1), np.stack([p10, p01, p11], axis=1)]
    # around the rim, counter-clockwise seen from above
    rim = np.concatenate([at[0, :-1], at[:-1, -1], at[-1, :0:-1], at[:0:-1, 0]])
    floor = float(heights.min()) - base
    below = top[rim].copy()
    below[:, 2] = floor
    low = rows * columns + np.arange(len(rim))
    after, low_after, middle = np.roll(rim, -1), np.roll(low, -1), np.full(len(rim), rows * columns + len(rim))
    triangles += [
        np.stack(t, axis=1) for t in ((rim, low, low_after), (rim, low_after, after), (low_after, low, middle))
    ]
    return np.concatenate([top, below, [[0.0, 0.0, floor]]]), np.concatenate(triangles)

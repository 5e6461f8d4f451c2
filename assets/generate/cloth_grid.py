"""Writes assets/cloth_64x32.usda and assets/cloth_96x96.usdc: sheets of square cells, each cut into two triangles.

In the first, of 0.1 m cells, point (i, j) lies at (0.1 i, 0.1 j, 0) and has number 65 j + i, so the points with i = 0,
the left edge, are 0, 65, 130 ... The second, of 0.03 m cells, is centred on the origin.

Run: python assets/generate/cloth_grid.py
"""

from pathlib import Path

import numpy as np
from pxr import Sdf, Usd, UsdGeom, Vt

ASSETS = Path(__file__).parent.parent


def grid_points(cells_x: int, cells_y: int, cell: float) -> np.ndarray:
    """Points of the sheet in the xy plane from the origin on [m], shape [(cells_x + 1) * (cells_y + 1), 3]."""
    y, x = np.mgrid[0 : cells_y + 1, 0 : cells_x + 1]
    return np.stack([cell * x, cell * y, 0 * x], axis=-1).reshape(-1, 3)


def grid_triangles(cells_x: int, cells_y: int) -> np.ndarray:
    """Two triangles a cell, counter-clockwise seen from +z, shape [2 * cells_x * cells_y, 3]."""
    j, i = np.mgrid[0:cells_y, 0:cells_x]
    a = (j * (cells_x + 1) + i).reshape(-1)
    b, c, d = a + 1, a + cells_x + 2, a + cells_x + 1
    return np.stack([a, b, c, a, c, d], axis=-1).reshape(-1, 3)


def write_sheet(target: Path, cells_x: int, cells_y: int, cell: float, *, centred: bool = False) -> None:
    """Write one sheet as the default prim of a new layer."""
    points, triangles = grid_points(cells_x, cells_y, cell), grid_triangles(cells_x, cells_y)
    uv = points[:, :2] / points[:, :2].max(0)
    if centred:
        points -= points.mean(0)
    target.unlink(missing_ok=True)
    stage = Usd.Stage.CreateNew(str(target))
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    mesh = UsdGeom.Mesh.Define(stage, "/Cloth")
    stage.SetDefaultPrim(mesh.GetPrim())
    mesh.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(points.astype(np.float32)))
    mesh.CreateFaceVertexCountsAttr(Vt.IntArray.FromNumpy(np.full(len(triangles), 3, np.int32)))
    mesh.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(triangles.reshape(-1).astype(np.int32)))
    mesh.CreateExtentAttr(Vt.Vec3fArray.FromNumpy(np.stack([points.min(0), points.max(0)]).astype(np.float32)))
    mesh.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    mesh.CreateDoubleSidedAttr(True)
    primvar = UsdGeom.PrimvarsAPI(mesh).CreatePrimvar("st", Sdf.ValueTypeNames.TexCoord2fArray, UsdGeom.Tokens.vertex)
    primvar.Set(Vt.Vec2fArray.FromNumpy(uv.astype(np.float32)))
    stage.GetRootLayer().documentation = (
        f"A sheet of {cells_x} x {cells_y} cells of {cell} m, by assets/generate/cloth_grid.py."
    )
    stage.Save()


def main() -> None:
    write_sheet(ASSETS / "cloth_64x32.usda", 64, 32, 0.1)
    write_sheet(ASSETS / "cloth_96x96.usdc", 96, 96, 0.03, centred=True)


if __name__ == "__main__":
    main()

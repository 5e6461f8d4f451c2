"""Writes assets/jelly.usdc: three soft bodies as tetrahedral meshes, a ring, a rounded cube and a ball.

Each starts as a block of little cubes, which is bent into shape and cut into six tetrahedra a cube (the Kuhn split,
whose faces match from cube to cube). +y is up and each is centred on the origin.

Run: python assets/generate/jelly.py
"""

from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import numpy as np
from pxr import Usd, UsdGeom, Vt

TARGET = Path(__file__).parent.parent / "jelly.usdc"


def block_tetrahedra(nx: int, ny: int, nz: int, *, periodic_x: bool = False) -> np.ndarray:
    """Kuhn tetrahedra of a block of cubes, numbered x-major over its grid points, shape [6 nx ny nz, 4]."""
    points_x = nx if periodic_x else nx + 1

    def number(i: np.ndarray, j: np.ndarray, k: np.ndarray) -> np.ndarray:
        return ((i % points_x) * (ny + 1) + j) * (nz + 1) + k

    i, j, k = (index.reshape(-1) for index in np.meshgrid(range(nx), range(ny), range(nz), indexing="ij"))
    tetrahedra = []
    for order in permutations(range(3)):
        corner = np.zeros((4, 3), int)
        for step, axis in enumerate(order):
            corner[step + 1 :, axis] += 1
        tetrahedra.append(np.stack([number(i + c[0], j + c[1], k + c[2]) for c in corner], axis=-1))
    return np.concatenate(tetrahedra)


def block_coordinates(nx: int, ny: int, nz: int, *, periodic_x: bool = False) -> np.ndarray:
    """Grid coordinates in [-1, 1] of the points `block_tetrahedra` numbers, shape [n, 3]."""
    x = np.linspace(-1, 1, nx + 1)[: nx if periodic_x else nx + 1]
    return np.stack(np.meshgrid(x, np.linspace(-1, 1, ny + 1), np.linspace(-1, 1, nz + 1), indexing="ij"), -1).reshape(
        -1, 3
    )


def square_to_disc(u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The square [-1, 1]^2 onto the unit disc, smoothly (elliptical grid mapping)."""
    return u * np.sqrt(1 - v * v / 2), v * np.sqrt(1 - u * u / 2)


def cube_to_ball(p: np.ndarray) -> np.ndarray:
    """The cube [-1, 1]^3 onto the unit ball, smoothly."""
    # Each coordinate shrinks with the squares of the two others.
    a, b = np.roll(p, 1, axis=1) ** 2, np.roll(p, 2, axis=1) ** 2
    return p * np.sqrt(1 - a / 2 - b / 2 + a * b / 3)


def ring() -> tuple[np.ndarray, np.ndarray]:
    """A torus, 0.45 m to the middle of a tube of 0.18 m, lying flat."""
    size = dict(nx=40, ny=6, nz=6, periodic_x=True)
    p = block_coordinates(**size)
    u, v = square_to_disc(p[:, 1], p[:, 2])
    angle = np.pi * p[:, 0]
    radius = 0.45 + 0.18 * u
    return np.stack([radius * np.cos(angle), 0.18 * v, radius * np.sin(angle)], -1), block_tetrahedra(**size)


def rounded_cube() -> tuple[np.ndarray, np.ndarray]:
    """A cube of 0.7 m with well-rounded edges."""
    size = dict(nx=10, ny=10, nz=10)
    p = block_coordinates(**size)
    return 0.35 * (0.6 * p + 0.4 * cube_to_ball(p) * 1.2), block_tetrahedra(**size)


def ball() -> tuple[np.ndarray, np.ndarray]:
    """A ball of 0.4 m radius."""
    size = dict(nx=10, ny=10, nz=10)
    return 0.4 * cube_to_ball(block_coordinates(**size)), block_tetrahedra(**size)


def write(stage: Usd.Stage, path: str, make: Callable[[], tuple[np.ndarray, np.ndarray]]) -> None:
    points, tetrahedra = make()
    a, b, c, d = points[tetrahedra].transpose(1, 0, 2)
    volumes = np.einsum("ij,ij->i", np.cross(b - a, c - a), d - a) / 6
    flipped = volumes < 0
    tetrahedra[flipped] = tetrahedra[flipped][:, [0, 2, 1, 3]]
    mesh = UsdGeom.TetMesh.Define(stage, path)
    mesh.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(points.astype(np.float32)))
    mesh.CreateTetVertexIndicesAttr(Vt.Vec4iArray.FromNumpy(tetrahedra.astype(np.int32)))
    mesh.CreateSurfaceFaceVertexIndicesAttr(UsdGeom.TetMesh.ComputeSurfaceFaces(mesh))
    mesh.CreateExtentAttr(Vt.Vec3fArray.FromNumpy(np.stack([points.min(0), points.max(0)]).astype(np.float32)))
    print(f"{path}: {len(points)} points, {len(tetrahedra)} tetrahedra, smallest {abs(volumes).min():.2e} m^3")


def main() -> None:
    TARGET.unlink(missing_ok=True)
    stage = Usd.Stage.CreateNew(str(TARGET))
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    root = UsdGeom.Xform.Define(stage, "/Jelly")
    stage.SetDefaultPrim(root.GetPrim())
    for name, make in {"Ring": ring, "Cube": rounded_cube, "Ball": ball}.items():
        write(stage, f"/Jelly/{name}", make)
    stage.GetRootLayer().documentation = __doc__.splitlines()[0]
    stage.Save()


if __name__ == "__main__":
    main()

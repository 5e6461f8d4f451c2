"""Writes assets/jelly.usdc: three soft bodies as tetrahedral meshes, a ring, a rounded cube and a ball.

Each starts as a block of little cubes, which is bent into shape and cut into six tetrahedra a cube (the Kuhn split,
whose faces match from cube to cube). +y is up and each is centred on the origin.

Run: python assets/generate/jelly.py
"""

from collections.abc import Callable
from itertools import combinations, permutations
from pathlib import Path

import numpy as np
from pxr import Usd, UsdGeom, Vt

TARGET = Path(__file__).parent.parent / "jelly.usdc"


def block_tetrahedra(nx: int, ny: int, nz: int, *, periodic_x: bool = False) -> np.ndarray:
    """Kuhn tetrahedra of a block of cubes, numbered x-major over its grid points, shape [6 nx ny nz, 4].

    The diagonal that the six tetrahedra of a cube share points away from the middle of the block (of its cross-section
    when periodic). So the corners of the block, which bending flattens most, keep well-shaped tetrahedra.
    """
    points_x = nx if periodic_x else nx + 1
    i, j, k = (index.reshape(-1) for index in np.meshgrid(range(nx), range(ny), range(nz), indexing="ij"))

    def number(corner: np.ndarray) -> np.ndarray:
        x = i + (corner[0] if periodic_x else np.where(2 * i < nx, 1 - corner[0], corner[0]))
        y = j + np.where(2 * j < ny, 1 - corner[1], corner[1])
        z = k + np.where(2 * k < nz, 1 - corner[2], corner[2])
        return ((x % points_x) * (ny + 1) + y) * (nz + 1) + z

    tetrahedra = []
    for order in permutations(range(3)):
        corner = np.zeros((4, 3), int)
        for step, axis in enumerate(order):
            corner[step + 1 :, axis] += 1
        tetrahedra.append(np.stack([number(c) for c in corner], axis=-1))
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
    return 0.35 * (0.6 * p + 0.48 * cube_to_ball(p)), block_tetrahedra(**size)


def ball() -> tuple[np.ndarray, np.ndarray]:
    """A ball of 0.4 m, a little cornered, since the corners of the block would flatten entirely on a sphere."""
    size = dict(nx=10, ny=10, nz=10)
    p = block_coordinates(**size)
    return 0.4 * (0.22 * p + 0.7 * cube_to_ball(p)), block_tetrahedra(**size)


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
    height = 3 * abs(volumes) / largest_face(points, tetrahedra)
    print(f"{path}: {len(points)} points, {len(tetrahedra)} tetrahedra, lowest {height.min():.4f} m high")


def largest_face(points: np.ndarray, tetrahedra: np.ndarray) -> np.ndarray:
    """Area of the largest face of each tetrahedron [m^2]."""
    areas = []
    for face in combinations(range(4), 3):
        a, b, c = points[tetrahedra[:, face]].transpose(1, 0, 2)
        areas.append(np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2)
    return np.max(areas, axis=0)


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

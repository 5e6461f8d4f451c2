"""Writes assets/cat.usdc: a statue of a sitting cat, meshed from a smooth union of simple solids.

The cat is our own: every ellipsoid and cone below was placed by hand. +y is up, it looks along +z and sits on y = 0; it
is 2 m tall. The surface is where a signed distance is zero; marching cubes finds it, so it is closed and manifold.

Run: pip install scikit-image && python assets/generate/cat.py
"""

from itertools import pairwise
from pathlib import Path

import numpy as np
from pxr import Usd, UsdGeom, Vt
from skimage.measure import marching_cubes

TARGET = Path(__file__).parent.parent / "cat.usdc"
CELL = 0.045
LOW, HIGH = np.array([-0.95, -0.1, -1.05]), np.array([0.95, 2.2, 1.0])


def ellipsoid(p: np.ndarray, centre: tuple, radii: tuple, pitch: float = 0.0) -> np.ndarray:
    """Approximate distance to an ellipsoid, turned about x by `pitch` degrees."""
    q = p - np.array(centre)
    s, c = np.sin(np.radians(pitch)), np.cos(np.radians(pitch))
    q = np.stack([q[..., 0], c * q[..., 1] + s * q[..., 2], -s * q[..., 1] + c * q[..., 2]], axis=-1)
    r = np.array(radii)
    k0 = np.linalg.norm(q / r, axis=-1)
    k1 = np.linalg.norm(q / r**2, axis=-1)
    return k0 * (k0 - 1.0) / np.maximum(k1, 1e-9)


def cone(p: np.ndarray, a: tuple, b: tuple, radius_a: float, radius_b: float) -> np.ndarray:
    """Distance to a round cone: spheres from `a` to `b` with radii between `radius_a` and `radius_b`."""
    a, b = np.array(a), np.array(b)
    ab = b - a
    t = np.clip((p - a) @ ab / (ab @ ab), 0.0, 1.0)
    return np.linalg.norm(p - a - t[..., None] * ab, axis=-1) - (radius_a + t * (radius_b - radius_a))


def join(a: np.ndarray, b: np.ndarray, blend: float) -> np.ndarray:
    """Union with a fillet of about `blend` metres."""
    h = np.clip(0.5 + 0.5 * (b - a) / blend, 0.0, 1.0)
    return b + h * (a - b) - blend * h * (1.0 - h)


def cat_distance(p: np.ndarray) -> np.ndarray:
    """Signed distance to the cat [m], roughly; negative inside."""
    d = ellipsoid(p, (0, 0.48, -0.25), (0.46, 0.46, 0.50))  # rump
    d = join(d, ellipsoid(p, (0, 0.80, 0.02), (0.36, 0.60, 0.36), pitch=-18), 0.20)  # trunk
    d = join(d, ellipsoid(p, (0, 0.92, 0.20), (0.26, 0.34, 0.22)), 0.12)  # chest
    d = join(d, cone(p, (0, 1.15, 0.16), (0, 1.38, 0.22), 0.25, 0.22), 0.12)  # neck
    d = join(d, ellipsoid(p, (0, 1.56, 0.26), (0.36, 0.30, 0.32)), 0.08)  # head
    for side in (-1.0, 1.0):
        d = join(d, ellipsoid(p, (side * 0.12, 1.46, 0.52), (0.13, 0.10, 0.10)), 0.06)  # cheek
        d = join(d, cone(p, (side * 0.20, 1.74, 0.20), (side * 0.27, 1.98, 0.17), 0.14, 0.055), 0.05)  # ear
        d = join(d, cone(p, (side * 0.17, 0.85, 0.28), (side * 0.17, 0.12, 0.40), 0.15, 0.11), 0.08)  # fore leg
        d = join(d, ellipsoid(p, (side * 0.17, 0.08, 0.48), (0.13, 0.10, 0.18)), 0.06)  # fore paw
        d = join(d, ellipsoid(p, (side * 0.40, 0.38, -0.12), (0.20, 0.36, 0.40)), 0.08)  # thigh
        d = join(d, ellipsoid(p, (side * 0.44, 0.09, 0.22), (0.14, 0.10, 0.26)), 0.06)  # hind paw
    d = join(d, ellipsoid(p, (0, 1.50, 0.585), (0.055, 0.04, 0.04)), 0.03)  # nose
    angles = np.radians(np.linspace(-95, 30, 9))  # the tail lies around the right-hand side
    tail = np.stack([0.68 * np.cos(angles), 0.10 + 0 * angles, 0.02 + 0.72 * np.sin(angles)], axis=-1)
    tail[:, 1] += 0.06 * np.linspace(0, 1, 9) ** 2
    for start, end in pairwise(tail):
        d = join(d, cone(p, tuple(start), tuple(end), 0.10, 0.10), 0.05)
    return np.maximum(d, 0.0 - p[..., 1])  # flat underside


def main() -> None:
    axes = [np.arange(low, high, CELL) for low, high in zip(LOW, HIGH, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    distance = cat_distance(grid)
    # A crossing next to a grid point makes a sliver; keep crossings a tenth of a cell away.
    margin = 0.1 * CELL
    distance = np.where(np.abs(distance) < margin, np.where(distance < 0, -margin, margin), distance)
    points, triangles, _, _ = marching_cubes(distance, 0.0, spacing=(CELL,) * 3)
    points = (points + LOW).astype(np.float32)
    corners = points[triangles]
    face_normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    volume = np.einsum("ij,ij->", corners[:, 0], face_normals) / 6.0
    if volume < 0:
        triangles = triangles[:, ::-1]

    TARGET.unlink(missing_ok=True)
    stage = Usd.Stage.CreateNew(str(TARGET))
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    mesh = UsdGeom.Mesh.Define(stage, "/Cat")
    stage.SetDefaultPrim(mesh.GetPrim())
    mesh.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(points))
    mesh.CreateFaceVertexCountsAttr(Vt.IntArray.FromNumpy(np.full(len(triangles), 3, np.int32)))
    mesh.CreateFaceVertexIndicesAttr(
        Vt.IntArray.FromNumpy(np.ascontiguousarray(triangles).reshape(-1).astype(np.int32))
    )
    mesh.CreateExtentAttr(Vt.Vec3fArray.FromNumpy(np.stack([points.min(0), points.max(0)])))
    mesh.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    mesh.CreateNormalsAttr(Vt.Vec3fArray.FromNumpy(smooth_normals(points, triangles)))
    mesh.SetNormalsInterpolation(UsdGeom.Tokens.vertex)
    stage.GetRootLayer().documentation = __doc__.splitlines()[0]
    stage.Save()
    print(f"{TARGET.name}: {len(points)} points, {len(triangles)} triangles, {abs(volume):.3f} m^3")


def smooth_normals(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Unit normals a point, weighted by triangle area, shape [n, 3]."""
    a, b, c = points[triangles].transpose(1, 0, 2)
    face = np.cross(b - a, c - a)
    normals = np.zeros_like(points)
    for corner in range(3):
        np.add.at(normals, triangles[:, corner], face)
    return (normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)).astype(np.float32)


if __name__ == "__main__":
    main()

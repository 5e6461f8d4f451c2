"""From a few pixels of numbers to what a person pointed at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.render.batches import MeshBatch
from app.render.camera import Camera
from app.render.scene import Item, MeshItem, RenderScene
from app.render.targets import PICK_SIZE


@dataclass(frozen=True, eq=False)
class Pick:
    """What is under the pointer.

    Attributes:
        item: the item of the scene.
        path: prim path (of the instance, where instances are prims of their own).
        body: body that carries it, -1 for none.
        instance: which instance of the item; for spheres and capsules, which of them.
        position: where the surface is hit, world [m].
        triangle: triangle of the item's geometry, -1 for spheres, capsules and the ground.
        particles: the particles nearby that carry the surface: the corners of the triangle, or the one; empty if rigid.
        weights: how much each of them counts at `position`, summing to 1.
    """

    item: Item
    path: str
    body: int
    instance: int
    position: np.ndarray
    triangle: int
    particles: tuple[int, ...] = ()
    weights: tuple[float, ...] = ()


def zoom_matrix(x: float, y: float, size: tuple[int, int]) -> np.ndarray:
    """Clip space to clip space [4, 4]: the pixels around (x, y) (from the top left) fill the picture."""
    width, height = size
    u, v = 2.0 * x / width - 1.0, 1.0 - 2.0 * y / height
    zoom = np.eye(4)
    zoom[0, 0], zoom[1, 1] = width / PICK_SIZE, height / PICK_SIZE
    zoom[0, 3], zoom[1, 3] = -u * zoom[0, 0], -v * zoom[1, 1]
    return zoom


def nearest_hit(
    data: bytes,
    point: tuple[float, float],
    size: tuple[int, int],
    projection: np.ndarray,
    scene: RenderScene,
    meshes: list[MeshBatch],
) -> Pick | None:
    """The hit nearest to the middle of the numbers that the pick pass wrote."""
    numbers = np.frombuffer(data, np.uint32).reshape(PICK_SIZE, PICK_SIZE, 4)
    rows, columns = np.nonzero(numbers[..., 0])
    if not len(rows):
        return None
    middle = (PICK_SIZE - 1) / 2
    best = int(np.argmin((rows - middle) ** 2 + (columns - middle) ** 2))
    row, column = int(rows[best]), int(columns[best])
    number, instance, triangle, depth_bits = (int(v) for v in numbers[row, column])
    depth = float(np.array(depth_bits, np.uint32).view(np.float32))
    x, y = point[0] + column - middle, point[1] - (row - middle)
    clip = np.array([2.0 * x / size[0] - 1.0, 1.0 - 2.0 * y / size[1], 2.0 * depth - 1.0, 1.0])
    world = np.linalg.solve(projection, clip)
    position = world[:3] / world[3]
    item = scene.items[number - 1]
    if isinstance(item, MeshItem):
        return _mesh_hit(item, number - 1, instance, triangle, position, meshes)
    particles = ()
    if item.particles is not None:
        ends = [instance] if not hasattr(item, "segments") else item.segments[instance]
        particles = tuple(int(item.particles.rows[e]) for e in ends)
    weights = tuple([1.0 / len(particles)] * len(particles)) if particles else ()
    return Pick(item, item.path, item.body, instance, position, -1, particles, weights)


def _mesh_hit(
    item: MeshItem, number: int, instance: int, triangle: int, position: np.ndarray, meshes: list[MeshBatch]
) -> Pick:
    for batch in meshes:
        if batch.triangle_numbers is not None and any(n == number for n, _ in batch.items):
            # Parts of a mesh count their triangles from 0, and depth cannot tell them apart: take the nearest.
            triangle = _nearest_triangle(item, triangle, position, meshes, number)
            break
    path = item.instance_paths[instance] if item.instance_paths else item.path
    particles, weights = (), ()
    if item.particles is not None and triangle < len(item.geometry.triangles):
        corners = item.geometry.triangles[triangle]
        points = corners if item.geometry.source_points is None else item.geometry.source_points[corners]
        particles = tuple(int(item.particles.rows[p]) for p in points)
        weights = _equal(len(particles))
    return Pick(item, path, int(item.bodies[instance]), instance, position, triangle, particles, weights)


def _equal(count: int) -> tuple[float, ...]:
    return tuple([1.0 / count] * count)


def _nearest_triangle(item: MeshItem, local: int, position: np.ndarray, meshes: list[MeshBatch], number: int) -> int:
    candidates = [
        int(b.triangle_numbers[local])
        for b in meshes
        if b.triangle_numbers is not None and local < len(b.triangle_numbers) and any(n == number for n, _ in b.items)
    ]
    if len(candidates) == 1 or len(item.transforms) != 1 or item.bodies[0] >= 0:
        return candidates[0]
    centers = item.geometry.points[item.geometry.triangles[candidates]].mean(axis=1)
    matrix = item.transforms[0]
    return candidates[int(np.argmin(np.linalg.norm(centers @ matrix[:3, :3].T + matrix[:3, 3] - position, axis=1)))]


def ground_hit(scene: RenderScene, camera: Camera, point: tuple[float, float], size: tuple[int, int]) -> Pick | None:
    """The unbounded ground, where the ray through a pixel meets it."""
    grounds = [m for m in scene.meshes if m.ground and m.visible]
    if not grounds:
        return None
    origin, direction = camera.ray(*point, *size)
    up = scene.up
    speed = float(np.dot(direction, up))
    along = ((scene.ground_height or 0.0) - float(np.dot(origin, up))) / speed if abs(speed) > 1e-9 else -1.0
    if along <= 0.0:
        return None
    return Pick(grounds[0], grounds[0].path, -1, 0, origin + along * direction, -1)

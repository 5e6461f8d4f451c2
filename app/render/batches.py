"""GL buffers of the items of a scene: one batch for all that share geometry and material, drawn with one call."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import moderngl
import numpy as np

from app.render.motion import GatheredPoints, SurfaceVertices
from app.render.scene import CurvesItem, Geometry, Item, MeshItem, PointsItem, RenderScene

HIDDEN, SELECTED, HIGHLIGHTED = 1, 2, 4
_CUBE = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float32)
_CUBE_FACES = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]],
    np.int32,
)  # fmt: skip
_SQUARE = np.array([[-1, -1], [1, -1], [-1, 1], [1, 1]], np.float32)
IDENTITY_ROWS = np.eye(4, dtype=np.float32)[None, :3, :]


@dataclass(frozen=True)
class Part:
    """A mesh item as far as it has one material: the triangles of a GeomSubset, or all."""

    item: MeshItem
    number: int
    material: int
    triangles: np.ndarray | None


class MeshBatch:
    """All parts that share geometry, triangles and material.

    Attributes:
        material: index of the material.
        items: (number, item) of what is in it.
        first: where its instances begin in the renderer's table of instances; -1 for a surface of particles.
        count: instances.
        surface: what moves the vertices, for cloth and soft bodies.
        transparent: whether anything in it is seen through.
        center, half_extent: of the box around the geometry, in its own space.
        triangle_numbers: number of each drawn triangle in the item's geometry, None when they are the same.
    """

    def __init__(self, context: moderngl.Context, parts: list[Part], scene: RenderScene):
        geometry = parts[0].item.geometry
        self._context = context
        self._arrays: dict[tuple, moderngl.VertexArray] = {}
        self.material = parts[0].material
        self.items = [(part.number, part.item) for part in parts]
        self.triangle_numbers = parts[0].triangles
        triangles = geometry.triangles if self.triangle_numbers is None else geometry.triangles[self.triangle_numbers]
        self.double_sided = any(item.double_sided for _, item in self.items)
        self.surface: SurfaceVertices | None = None
        self.first = -1
        item = parts[0].item
        if item.particles is not None:
            self.surface = SurfaceVertices(item.particles.rows, geometry.triangles, geometry.source_points)
            self.transforms, self.bodies = np.eye(4, dtype=np.float32)[None], np.full(1, -1, np.int32)
        else:
            self.transforms = np.concatenate([i.transforms for _, i in self.items])
            self.bodies = np.concatenate([i.bodies for _, i in self.items])
        self.count = len(self.transforms)
        #: whether backs need not be drawn; a few things may be rooms that are looked at from inside
        self.is_solid = (
            geometry.closed and self.count >= 64 and bool((np.linalg.det(self.transforms[:, :3, :3]) > 0).all())
        )
        points = geometry.points
        lower, upper = (points.min(axis=0), points.max(axis=0)) if len(points) else (np.zeros(3), np.zeros(3))
        self.center = 0.5 * (lower + upper)
        self.half_extent = 0.5 * (upper - lower)
        self._fill(geometry, triangles, scene)

    def _fill(self, geometry: Geometry, triangles: np.ndarray, scene: RenderScene) -> None:
        n = len(geometry.points)
        normals = np.zeros((n, 3), np.float32) if geometry.normals is None else geometry.normals
        vertices = np.concatenate([geometry.points, normals], axis=1).astype(np.float32)
        self._vertices = self._context.buffer(vertices.tobytes(), dynamic=self.surface is not None)
        looks = np.zeros(n, np.dtype([("uv", "<f4", 2), ("color", "<f2", 4)]))
        looks["uv"] = 0.0 if geometry.uvs is None else geometry.uvs
        looks["color"] = 1.0 if geometry.colors is None else geometry.colors
        self._looks = self._context.buffer(looks.tobytes())
        self._indices = self._context.buffer(np.ascontiguousarray(triangles, np.int32).tobytes())
        self.triangle_count = len(triangles)
        self._rows = self._context.buffer(np.tile(IDENTITY_ROWS, (self.count, 1, 1)).astype(np.float32).tobytes())
        self._statics = self._context.buffer(reserve=24 * self.count)
        self.refresh(scene, lambda item: item.visible, set(), None, -1)

    def refresh(
        self, scene: RenderScene, shown, selected: set[int], highlighted: set[int] | None, instance: int
    ) -> None:
        """Write colours and flags anew: what is hidden, selected, highlighted (by item number)."""
        records = np.zeros(self.count, np.dtype([("color", "<f2", 4), ("id", "<u4", 3)]))
        material, at = scene.materials[self.material], 0
        self.all_hidden, self.any_flagged = True, False
        for number, item in self.items:
            k = 1 if item.particles is not None else len(item.transforms)
            rows = records[at : at + k]
            if item.geometry.colors is not None:
                rows["color"] = 1.0
            else:
                rows["color"] = item.color if item.instance_colors is None else item.instance_colors
            visible = shown(item)
            self.all_hidden &= not visible
            rows["id"][:, 0], rows["id"][:, 1] = number, np.arange(k)
            rows["id"][:, 2] = 0 if visible else HIDDEN
            if number in selected:
                mine = slice(None) if instance < 0 or k == 1 else slice(instance, instance + 1)
                rows["id"][mine, 2] |= SELECTED
                self.any_flagged = True
            if highlighted and number in highlighted:
                rows["id"][:, 2] |= HIGHLIGHTED
                self.any_flagged = True
            at += k
        vertex_alpha = any(
            i.geometry.colors is not None and (i.geometry.colors[:, 3] < 0.999).any() for _, i in self.items
        )
        texture_alpha = material.has_see_through_texels
        own_alpha = material.diffuse is None and material.texture is None
        self.transparent = bool(
            material.opacity < 0.999
            or texture_alpha
            or (own_alpha and (vertex_alpha or (records["color"][:, 3] < 0.999).any()))
        )
        self._statics.write(records.tobytes())

    @property
    def moves(self) -> bool:
        """Whether anything in it can move."""
        return self.surface is not None or bool((self.bodies >= 0).any())

    def write_rows(self, rows: np.ndarray) -> None:
        """Matrices of the instances, float32 [count, 3, 4]."""
        self._rows.write(np.ascontiguousarray(rows, np.float32).tobytes())

    def deform(self, points: np.ndarray) -> None:
        """Move the points of a mesh that the stage deforms, float32 [n, 3]; normals follow."""
        geometry = self.items[0][1].geometry
        geometry.points = points
        faces = points[geometry.triangles]
        across = np.cross(faces[:, 1] - faces[:, 0], faces[:, 2] - faces[:, 0])
        normals = np.stack(
            [np.bincount(geometry.triangles.ravel(), np.repeat(across[:, k], 3), len(points)) for k in range(3)], axis=1
        )
        lower, upper = points.min(axis=0), points.max(axis=0)
        self.center, self.half_extent = 0.5 * (lower + upper), 0.5 * (upper - lower)
        self.write_vertices(np.stack([points, normals], axis=1))

    @property
    def row_buffer(self) -> moderngl.Buffer:
        """The GL buffer of the matrices."""
        return self._rows

    @property
    def vertex_buffer(self) -> moderngl.Buffer:
        """The GL buffer of positions and normals."""
        return self._vertices

    def write_vertices(self, vertices: np.ndarray) -> None:
        """Positions and normals of a surface of particles, float32 [n, 2, 3]."""
        self._vertices.write(np.ascontiguousarray(vertices, np.float32).tobytes())

    def array(self, program: moderngl.Program) -> moderngl.VertexArray:
        """Vertex array for a program."""
        if program not in self._arrays:
            self._arrays[program] = self._context.vertex_array(
                program,
                _used(
                    program,
                    [
                        (self._vertices, "3f 3f", "in_position", "in_normal"),
                        (self._looks, "2f 4f2", "in_uv", "in_color"),
                        (self._rows, "4f 4f 4f/i", "in_row0", "in_row1", "in_row2"),
                        (self._statics, "4f2 3u4/i", "in_instance_color", "in_id"),
                    ],
                ),
                index_buffer=self._indices,
                index_element_size=4,
            )
        return self._arrays[program]

    def draw(self, program: moderngl.Program, mode: int = moderngl.TRIANGLES) -> None:
        """One call for all instances."""
        if self.is_solid and not self.transparent and mode == moderngl.TRIANGLES:
            self._context.enable(moderngl.CULL_FACE)
            self._context.cull_face = "back"
            self.array(program).render(mode, instances=self.count)
            self._context.disable(moderngl.CULL_FACE)
        else:
            self.array(program).render(mode, instances=self.count)

    def release(self) -> None:
        """Give the buffers back."""
        for each in (*self._arrays.values(), self._vertices, self._looks, self._indices, self._rows, self._statics):
            each.release()


class GrainBatch:
    """Spheres of a points item, or capsules of a curves item.

    Attributes:
        capsules: whether each grain has two ends.
        gathered: what moves the positions.
        body: body that carries them, or -1.
    """

    def __init__(self, context: moderngl.Context, number: int, item: PointsItem | CurvesItem, scene: RenderScene):
        self._context = context
        self._arrays: dict[tuple, moderngl.VertexArray] = {}
        self.number, self.item, self.material = number, item, item.material
        self.capsules = isinstance(item, CurvesItem)
        self.body = item.body
        positions = np.asarray(item.positions, np.float32).reshape(-1, 3)
        self._segments = np.asarray(item.segments, np.int32) if self.capsules else None
        self.count = len(self._segments) if self.capsules else len(positions)
        self.gathered = GatheredPoints(item.particles.rows) if item.particles is not None else None
        self._corners = context.buffer((_CUBE if self.capsules else _SQUARE).tobytes())
        self._faces = context.buffer(_CUBE_FACES.tobytes()) if self.capsules else None
        self._places = context.buffer(reserve=max(self.count, 1) * (24 if self.capsules else 12), dynamic=True)
        radii = np.asarray(item.radii, np.float32)
        if self.capsules:
            radii = radii[self._segments].mean(axis=1) if len(radii) == len(positions) else np.resize(radii, self.count)
        self._radii = context.buffer(np.ascontiguousarray(radii, np.float32).tobytes() or b"\0" * 4)
        self.largest = float(np.max(radii, initial=0.0))
        self._statics = context.buffer(reserve=24 * max(self.count, 1))
        self.write_positions(positions)
        self.refresh(scene, lambda item: item.visible, set(), None, -1)

    def refresh(
        self, scene: RenderScene, shown, selected: set[int], highlighted: set[int] | None, instance: int
    ) -> None:
        """As `MeshBatch.refresh`; an instance is a grain."""
        records = np.zeros(self.count, np.dtype([("color", "<f2", 4), ("id", "<u4", 3)]))
        colors = self.item.color if self.item.colors is None else np.asarray(self.item.colors)
        if self.capsules and np.ndim(colors) == 2 and len(colors) != self.count:
            colors = colors[self._segments[:, 0]]
        records["color"] = colors
        self.all_hidden = not shown(self.item) or not self.count
        records["id"][:, 0], records["id"][:, 1] = self.number, np.arange(self.count)
        records["id"][:, 2] = HIDDEN if self.all_hidden else 0
        self.any_flagged = self.number in selected or bool(highlighted and self.number in highlighted)
        if self.number in selected:
            records["id"][:, 2] |= SELECTED
        if highlighted and self.number in highlighted:
            records["id"][:, 2] |= HIGHLIGHTED
        material = scene.materials[self.material]
        self.transparent = material.opacity < 0.999 or bool(
            material.diffuse is None and (records["color"][:, 3] < 0.999).any()
        )
        if self.count:
            self._statics.write(records.tobytes())

    @property
    def place_buffer(self) -> moderngl.Buffer:
        """The GL buffer of centres or, for capsules, of both ends, float32 [n, 3] or [n, 2, 3]."""
        return self._places

    @property
    def radius_buffer(self) -> moderngl.Buffer:
        """The GL buffer of radii, float32 [n]."""
        return self._radii

    @property
    def static_buffer(self) -> moderngl.Buffer:
        """The GL buffer of colours (four halves), item, instance and flags (uint32), [n]."""
        return self._statics

    @property
    def particle_rows(self) -> np.ndarray:
        """The particle of each point in `place_buffer`; only for grains that particles move."""
        rows = np.asarray(self.item.particles.rows, np.int32)
        return rows[self._segments].reshape(-1) if self.capsules else rows

    def write_positions(self, positions: np.ndarray) -> None:
        """Positions of the points, float32 [n, 3]."""
        self.positions = positions
        if self.capsules:
            positions = positions[self._segments]
        if self.count:
            self._places.write(np.ascontiguousarray(positions, np.float32).tobytes())

    def array(self, program: moderngl.Program) -> moderngl.VertexArray:
        """Vertex array for a program."""
        if program not in self._arrays:
            places = (
                (self._places, "3f 3f/i", "in_start", "in_end") if self.capsules else (self._places, "3f/i", "in_start")
            )
            buffers = [
                (self._corners, "3f" if self.capsules else "2f", "in_corner"),
                places,
                (self._radii, "1f/i", "in_radius"),
                (self._statics, "4f2 3u4/i", "in_instance_color", "in_id"),
            ]
            extra = {"index_buffer": self._faces, "index_element_size": 4} if self.capsules else {}
            self._arrays[program] = self._context.vertex_array(program, _used(program, buffers), **extra)
        return self._arrays[program]

    def draw(self, program: moderngl.Program) -> None:
        """One call for all grains."""
        mode = moderngl.TRIANGLES if self.capsules else moderngl.TRIANGLE_STRIP
        self.array(program).render(mode, instances=self.count)

    def release(self) -> None:
        """Give the buffers back."""
        for each in (*self._arrays.values(), self._corners, self._places, self._radii, self._statics):
            each.release()
        if self._faces is not None:
            self._faces.release()


def _used(program: moderngl.Program, buffers: list[tuple]) -> list[tuple]:
    """The buffers with those attributes only that the program reads; the others are skipped over as padding."""
    out = []
    for buffer, layout, *names in buffers:
        words, rate = (layout[:-2].split(), "/i") if layout.endswith("/i") else (layout.split(), "")
        kept = [name for name in names if name in program]
        if not kept:
            continue
        words = [w if n in program else f"{_bytes(w)}x" for w, n in zip(words, names, strict=True)]
        out.append((buffer, " ".join(words) + (" /i" if rate else ""), *kept))
    return out


def _bytes(word: str) -> int:
    """Size of one attribute in moderngl's notation: `3f`, `4f2`, `3u4`."""
    count, kind = int(word[0]), word[1:]
    return count * {"f": 4, "f2": 2, "u4": 4, "f1": 1}[kind]


def make_batches(context: moderngl.Context, scene: RenderScene) -> tuple[list[MeshBatch], list[GrainBatch]]:
    """Batches for a scene: what can be drawn together is; transparent things stay apart, to be sorted by distance."""
    groups: dict[tuple, list[Part]] = {}
    for number, item in enumerate(scene.meshes):
        if not len(item.geometry.triangles) or not len(item.transforms):
            continue
        for material, triangles in _parts(item):
            apart = item.particles is not None or item.animated or _see_through(item, scene, material)
            key = (id(item.geometry), material, number if apart else -1)
            groups.setdefault(key, []).append(Part(item, number, material, triangles))
    meshes = [MeshBatch(context, parts, scene) for parts in groups.values()]
    start = len(scene.meshes)
    grains = [
        GrainBatch(context, start + k, item, scene)
        for k, item in enumerate([*scene.points, *scene.curves])
        if len(item.positions)
    ]
    return meshes, grains


def _see_through(item: MeshItem, scene: RenderScene, material: int) -> bool:
    look = scene.materials[material]
    colors = [item.color[None]] if item.instance_colors is None else [item.instance_colors]
    return look.opacity < 0.999 or (look.diffuse is None and any((c[:, 3] < 0.999).any() for c in colors))


def _parts(item: MeshItem) -> Iterable[tuple[int, np.ndarray | None]]:
    by_triangle = item.geometry.materials
    if by_triangle is None:
        return [(item.material, None)]
    used = np.unique(by_triangle)
    if len(used) == 1:
        return [(int(used[0]), None)]
    return [(int(m), np.flatnonzero(by_triangle == m).astype(np.int32)) for m in used]


def flag_sets(scene: RenderScene, paths: Iterable[str]) -> set[int]:
    """Numbers of the items at or below any of some prim paths."""
    wanted = tuple(paths)
    if not wanted:
        return set()
    below = tuple(p.rstrip("/") + "/" for p in wanted)
    return {n for n, item in enumerate(scene.items) if item.path in wanted or item.path.startswith(below)}


def shown_by(purposes: tuple[str, ...]):
    """Whether an item is drawn, given the purposes that are."""

    def shown(item: Item) -> bool:
        return item.visible and item.purpose in purposes and not getattr(item, "ground", False)

    return shown

"""Surfaces of constant value in a grid of numbers, as triangle meshes.

Lorensen & Cline, "Marching Cubes", SIGGRAPH 1987, with tables that leave no holes (see `marching_cubes_tables`). Every
edge of the grid that the surface crosses gives one vertex, which all triangles around it share. Counting, prefix sums
and writing are kernels with one writing thread per number, so the same field always gives the same mesh.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import engine as en
from engine.device_algorithms import array_scan
from engine.errors import EngineError, EngineValueError
from engine.spatial.marching_cubes_tables import CORNERS, EDGES, marching_cubes_tables


@en.kernel
def count_cells(
    field: en.array3d(dtype=float),
    threshold: float,
    case_to_triangles: en.array(dtype=int),
    vertex_counts: en.array3d(dtype=int),
    triangle_counts: en.array3d(dtype=int),
):
    """Vertices on the three edges that start at a node, and triangles of the cell there; one thread per node."""
    i, j, k = en.tid()
    last_i = field.shape[0] - 1
    last_j = field.shape[1] - 1
    last_k = field.shape[2] - 1
    # beyond the last node the value repeats: no crossing, so no vertex and no triangle
    ni = en.min(i + 1, last_i)
    nj = en.min(j + 1, last_j)
    nk = en.min(k + 1, last_k)
    here = field[i, j, k] < threshold
    x = field[ni, j, k] < threshold
    y = field[i, nj, k] < threshold
    z = field[i, j, nk] < threshold
    vertex_counts[i, j, k] = en.where(x != here, 1, 0) + en.where(y != here, 1, 0) + en.where(z != here, 1, 0)
    case = en.where(here, 1, 0) + en.where(x, 2, 0) + en.where(y, 4, 0) + en.where(z, 16, 0)
    case = case + en.where(field[ni, nj, k] < threshold, 8, 0) + en.where(field[ni, j, nk] < threshold, 32, 0)
    case = case + en.where(field[i, nj, nk] < threshold, 64, 0) + en.where(field[ni, nj, nk] < threshold, 128, 0)
    full = i < last_i and j < last_j and k < last_k
    case = en.where(full, case, 0)
    triangle_counts[i, j, k] = case_to_triangles[case + 1] - case_to_triangles[case]


@en.func
def _crossing(a: float, b: float, threshold: float) -> float:
    """Where the value between `a` at 0 and `b` at 1 is `threshold`; the middle where numbers are not finite."""
    t = (threshold - a) / (b - a)
    return en.where(t >= 0.0 and t <= 1.0, t, 0.5)


@en.kernel
def write_vertices(
    field: en.array3d(dtype=float),
    threshold: float,
    lower: en.vec3,
    spacing: en.vec3,
    first_vertex: en.array3d(dtype=int),
    vertices: en.array(dtype=en.vec3),
):
    """Vertices on the edges along x, y, z that start at a node; one thread per node."""
    i, j, k = en.tid()
    value = field[i, j, k]
    here = value < threshold
    at = first_vertex[i, j, k]
    node = en.vec3(float(i), float(j), float(k))
    if i + 1 < field.shape[0]:
        other = field[i + 1, j, k]
        if (other < threshold) != here:
            place = node + en.vec3(_crossing(value, other, threshold), 0.0, 0.0)
            vertices[at] = lower + en.cw_mul(spacing, place)
            at = at + 1
    if j + 1 < field.shape[1]:
        other = field[i, j + 1, k]
        if (other < threshold) != here:
            place = node + en.vec3(0.0, _crossing(value, other, threshold), 0.0)
            vertices[at] = lower + en.cw_mul(spacing, place)
            at = at + 1
    if k + 1 < field.shape[2]:
        other = field[i, j, k + 1]
        if (other < threshold) != here:
            place = node + en.vec3(0.0, 0.0, _crossing(value, other, threshold))
            vertices[at] = lower + en.cw_mul(spacing, place)


@en.func
def _vertex_of_edge(
    field: en.array3d(dtype=float),
    threshold: float,
    first_vertex: en.array3d(dtype=int),
    i: int,
    j: int,
    k: int,
    axis: int,
) -> int:
    """Number of the vertex on the edge along `axis` that starts at a node."""
    number = first_vertex[i, j, k]
    here = field[i, j, k] < threshold
    if axis > 0 and i + 1 < field.shape[0]:
        if (field[i + 1, j, k] < threshold) != here:
            number = number + 1
    if axis > 1 and j + 1 < field.shape[1]:
        if (field[i, j + 1, k] < threshold) != here:
            number = number + 1
    return number


@en.kernel
def write_triangles(
    field: en.array3d(dtype=float),
    threshold: float,
    case_to_triangles: en.array(dtype=int),
    triangle_edges: en.array(dtype=int),
    edge_starts: en.array2d(dtype=int),
    first_vertex: en.array3d(dtype=int),
    first_triangle: en.array3d(dtype=int),
    indices: en.array(dtype=int),
):
    """Triangles of a cell; one thread per node."""
    i, j, k = en.tid()
    if i + 1 < field.shape[0] and j + 1 < field.shape[1] and k + 1 < field.shape[2]:
        case = 0
        for c in range(8):
            if field[i + c % 2, j + c / 2 % 2, k + c / 4] < threshold:
                case = case + (1 << c)
        at = 3 * first_triangle[i, j, k]
        for n in range(3 * case_to_triangles[case], 3 * case_to_triangles[case + 1]):
            edge = triangle_edges[n]
            indices[at] = _vertex_of_edge(
                field,
                threshold,
                first_vertex,
                i + edge_starts[edge, 0],
                j + edge_starts[edge, 1],
                k + edge_starts[edge, 2],
                edge / 4,
            )
            at = at + 1


class MarchingCubes:
    """Extracts surfaces of constant value from fields of `nx * ny * nz` nodes.

    Attributes:
        verts: Vertices of the last surface, `array(vec3)`.
        indices: Three vertex numbers per triangle, flat `array(int32)`; normals point to larger values.
        nx, ny, nz: Nodes along x, y, z.
        domain_bounds_lower_corner: Where node (0, 0, 0) lies; None: the origin.
        domain_bounds_upper_corner: Where the last node lies; None: at its indices.
    """

    CORNERS = CORNERS
    EDGES = EDGES

    def __init__(
        self,
        nx: int,
        ny: int,
        nz: int,
        max_verts: int = 0,
        max_tris: int = 0,
        device: Any = None,
        domain_bounds_lower_corner: Any = None,
        domain_bounds_upper_corner: Any = None,
    ):
        """Prepare for fields of a size. `max_verts` and `max_tris` are for compatibility: results fit themselves."""
        self.device = en.get_device(device)
        self.domain_bounds_lower_corner = domain_bounds_lower_corner
        self.domain_bounds_upper_corner = domain_bounds_upper_corner
        self.verts = en.zeros(0, dtype=en.vec3, device=self.device)
        self.indices = en.zeros(0, dtype=en.int32, device=self.device)
        tables = marching_cubes_tables()
        starts = [CORNERS[first] for first, _ in EDGES]
        self._case_to_triangles, self._triangle_edges, self._edge_starts = (
            en.array(np.array(values, np.int32), device=self.device)
            for values in (tables.case_to_triangles, tables.triangle_edges, starts)
        )
        self.resize(nx, ny, nz, max_verts, max_tris)

    def resize(self, nx: int, ny: int, nz: int, max_verts: int = 0, max_tris: int = 0) -> None:
        """Expect fields of another size from now on."""
        self.nx, self.ny, self.nz = int(nx), int(ny), int(nz)
        self.max_verts, self.max_tris = max_verts, max_tris

    def surface(self, field: Any, threshold: float) -> None:
        """Extract the surface where `field` is `threshold` into `verts` and `indices`.

        Args:
            field: Values at the nodes, `array3d(float32)`, shape [nx, ny, nz].
            threshold: Nodes below it are inside.

        Raises:
            EngineError: A field of another type or shape, or with fewer than 2 nodes along an axis.
        """
        if not isinstance(field, en.array) or field.dtype is not en.float32 or field.ndim != 3:
            got = f"array{field.ndim}d of {field.dtype}" if isinstance(field, en.array) else type(field).__name__
            raise EngineError(f"MarchingCubes.surface: field is {got}; expected array3d(dtype=float)")
        shape = (self.nx, self.ny, self.nz)
        if field.shape != shape:
            raise EngineError(f"MarchingCubes.surface: field has shape {field.shape}; expected {shape}; see resize()")
        if min(shape) < 2:
            raise EngineValueError(f"MarchingCubes.surface: got shape {shape}; expected at least 2 nodes on each axis")
        threshold = float(threshold)
        first_vertex = en.empty(shape, dtype=en.int32, device=self.device)
        first_triangle = en.empty(shape, dtype=en.int32, device=self.device)
        en.launch(count_cells, shape, [field, threshold, self._case_to_triangles], [first_vertex, first_triangle])
        totals = []
        for counts in (first_vertex, first_triangle):
            end = counts.flatten()[counts.size - 1 :]
            last = int(end.numpy()[0])
            array_scan(counts, counts, inclusive=False)
            totals.append(int(end.numpy()[0]) + last)
        vertex_count, triangle_count = totals
        lower, spacing = self._frame()
        self.verts = en.empty(vertex_count, dtype=en.vec3, device=self.device, requires_grad=field.requires_grad)
        self.indices = en.empty(3 * triangle_count, dtype=en.int32, device=self.device)
        en.launch(write_vertices, shape, [field, threshold, lower, spacing, first_vertex], [self.verts])
        tables = [self._case_to_triangles, self._triangle_edges, self._edge_starts]
        en.launch(
            write_triangles,
            shape,
            [field, threshold, *tables, first_vertex, first_triangle],
            [self.indices],
        )

    def _frame(self) -> tuple[Any, Any]:
        """Place of the first node and distance between nodes."""
        last = np.array([self.nx, self.ny, self.nz], np.float64) - 1
        lower, upper = self.domain_bounds_lower_corner, self.domain_bounds_upper_corner
        lower = np.zeros(3) if lower is None else np.array([float(x) for x in lower])
        upper = last if upper is None else np.array([float(x) for x in upper])
        return en.vec3(*lower.tolist()), en.vec3(*((upper - lower) / last).tolist())

    @staticmethod
    def extract_surface_marching_cubes(
        field: Any,
        threshold: float = 0.0,
        domain_bounds_lower_corner: Any = None,
        domain_bounds_upper_corner: Any = None,
    ) -> tuple[Any, Any]:
        """Vertices and indices of the surface where `field` is `threshold`; see `surface`."""
        shape = field.shape if getattr(field, "ndim", 0) == 3 else (0, 0, 0)
        cubes = MarchingCubes(
            *shape,
            device=getattr(field, "device", None),
            domain_bounds_lower_corner=domain_bounds_lower_corner,
            domain_bounds_upper_corner=domain_bounds_upper_corner,
        )
        cubes.surface(field, threshold)
        return cubes.verts, cubes.indices

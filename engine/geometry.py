"""Geometry processing outside kernels: surfaces from fields."""

from __future__ import annotations

from typing import Any

from engine.spatial.marching_cubes import CORNERS, EDGES, MarchingCubes, marching_cubes_tables

_TABLES = marching_cubes_tables()


class IsoSurfaceMarchingCubes(MarchingCubes):
    """`MarchingCubes` under the names that newer programs use: `lower` and `upper` bound the field.

    `CUBE_CORNER_OFFSETS`, `EDGE_TO_CORNERS`, `CASE_TO_TRI_RANGE` and `TRI_LOCAL_INDICES` are the tables: corners of a
    cell, corners of its edges, and for each case of corners inside, which edges its triangles connect.
    """

    CUBE_CORNER_OFFSETS = tuple(map(tuple, CORNERS))
    EDGE_TO_CORNERS = tuple(map(tuple, EDGES))
    CASE_TO_TRI_RANGE = tuple(3 * int(k) for k in _TABLES.case_to_triangles)
    TRI_LOCAL_INDICES = tuple(int(k) for k in _TABLES.triangle_edges)

    def __init__(self, nx: int, ny: int, nz: int, lower: Any = None, upper: Any = None, device: Any = None):
        """Prepare for fields of `nx * ny * nz` nodes, the first of which lies at `lower`, the last at `upper`."""
        super().__init__(nx, ny, nz, device=device, domain_bounds_lower_corner=lower, domain_bounds_upper_corner=upper)

    lower = property(lambda self: self.domain_bounds_lower_corner)
    upper = property(lambda self: self.domain_bounds_upper_corner)

    @staticmethod
    def extract(field: Any, threshold: float = 0.0, lower: Any = None, upper: Any = None) -> tuple[Any, Any]:
        """Vertices and indices of the surface where `field` is `threshold`; see `MarchingCubes.surface`."""
        return MarchingCubes.extract_surface_marching_cubes(field, threshold, lower, upper)

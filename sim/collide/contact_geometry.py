"""The shapes of a model as rigid contacts see them: kinds, hulls, fields, surfaces."""

import numpy as np

import engine as en
from sim.collide.convex_shapes import hull_table
from sim.collide.pair_table import ShapeTable
from sim.collide.shape_types import CONVEX, FIELD, MESH
from sim.collide.shapes import ShapePlacement
from sim.collide.surfaces import surface_table
from sim.geometry.height_field import HeightField
from sim.geometry.hull_topology import HullTopology


class ContactGeometry:
    """Tables that kernels read.

    Attributes:
        kinds: Kind of each shape: that of `shape_geo`, but CONVEX for convex meshes and FIELD for height fields.
    """

    def __init__(self, model):
        geo = model.shape_geo
        self.kinds = np.array(geo.type.numpy(), dtype=np.int32)
        sources = model.shape_geo_src
        meshes: dict[int, int] = {}
        hulls: list[HullTopology] = []
        hull_of, mesh_of, field_of = (np.full(len(self.kinds), -1, dtype=np.int32) for _ in range(3))
        different, fields = [], []
        for s in np.flatnonzero(self.kinds == MESH):
            mesh = sources[s]
            number = meshes.setdefault(id(mesh), len(different))
            if number == len(different):
                different.append(mesh)
                hulls.append(mesh.hull_topology or flat_hull(mesh.vertices))
            hull_of[s] = mesh_of[s] = number
            if isinstance(mesh, HeightField):
                self.kinds[s] = FIELD
                field_of[s] = number
            elif mesh.is_convex:
                self.kinds[s] = CONVEX
        fields = [m if isinstance(m, HeightField) else None for m in different]
        order = np.cumsum([f is not None for f in fields]) - 1 if fields else np.zeros(0, dtype=int)
        field_of[field_of >= 0] = order[field_of[field_of >= 0]]
        self._hulls, places = hull_table(hulls)
        hull_of[hull_of >= 0] = np.array(places, dtype=np.int32)[hull_of[hull_of >= 0]]
        # triangles' flags only for surfaces that are searched
        searched = [m for m in different if isinstance(m, HeightField) or not m.is_convex]
        place = {id(m): i for i, m in enumerate(searched)}
        mesh_of = np.array([place.get(id(sources[s]), -1) if m >= 0 else -1 for s, m in enumerate(mesh_of)])
        self._surfaces = surface_table([f for f in fields if f is not None], searched, mesh_of.reshape(-1))
        table = self._shapes = ShapeTable()
        table.body, table.scale, table.thickness, table.source = (
            model.shape_body, geo.scale, geo.thickness, geo.source
        )  # fmt: skip
        table.kind = en.array(self.kinds, dtype=int)
        table.hull = en.array(hull_of, dtype=int)
        table.field = en.array(field_of, dtype=int)

    def placed(self, placement: ShapePlacement) -> tuple:
        """The tables (shapes, hulls, surfaces) with the frames of a placement."""
        table = self._shapes
        table.X_ws, table.lower_s, table.upper_s = placement.X_ws, placement.lower_s, placement.upper_s
        return table, self._hulls, self._surfaces


def flat_hull(points: np.ndarray) -> HullTopology:
    """The points of a flat mesh, without edges and faces: what a plane needs."""
    points = np.unique(np.asarray(points, dtype=np.float64), axis=0)
    return HullTopology(points, [np.zeros(0, dtype=np.int32)] * len(points), [], np.zeros((0, 3)))

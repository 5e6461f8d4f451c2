"""Adders of ellipsoids, convex hulls and height fields."""

import numpy as np

from sim.builder.primitives import shared_arguments
from sim.errors import SimError
from sim.geometry.height_field import HeightField
from sim.geometry.mesh import Mesh
from sim.geometry.rotation import IDENTITY_QUAT
from sim.geometry.shape_types import GEO_ELLIPSOID, GEO_MESH


class GeneralShapeBuilder:
    """``add_shape_ellipsoid`` and its kin; the arguments they share are described at ``ShapeBuilder``."""

    def add_shape_ellipsoid(
        self,
        body: int,
        pos=(0.0, 0.0, 0.0),
        rot=(0.0, 0.0, 0.0, 1.0),
        rx: float = 1.0,
        ry: float = 0.75,
        rz: float = 0.5,
        density: float | None = None,
        ke: float | None = None,
        kd: float | None = None,
        kf: float | None = None,
        ka: float | None = None,
        mu: float | None = None,
        restitution: float | None = None,
        is_solid: bool = True,
        thickness: float | None = None,
        has_ground_collision: bool = True,
        has_shape_collision: bool = True,
        collision_group: int = -1,
        is_visible: bool = True,
        *,
        has_particle_collision: bool = True,
        name: str | None = None,
    ) -> int:
        """Adds an ellipsoid of semi-axes ``rx ry rz`` [m]; see ``ShapeBuilder`` for the other arguments.

        Its mass is that of a solid one, also with ``is_solid=False``.
        """
        return self.add_shape(body, pos, rot, GEO_ELLIPSOID, (rx, ry, rz), **shared_arguments(locals()))

    def add_shape_convex_hull(
        self,
        body: int,
        pos=None,
        rot=None,
        mesh: Mesh | None = None,
        scale=None,
        density: float | None = None,
        ke: float | None = None,
        kd: float | None = None,
        kf: float | None = None,
        ka: float | None = None,
        mu: float | None = None,
        restitution: float | None = None,
        is_solid: bool = True,
        thickness: float | None = None,
        has_ground_collision: bool = True,
        has_shape_collision: bool = True,
        collision_group: int = -1,
        is_visible: bool = True,
        *,
        has_particle_collision: bool = True,
        name: str | None = None,
    ) -> int:
        """Adds the convex hull of a mesh's vertices; as ``add_shape_mesh`` otherwise.

        Raises:
            SimError: No mesh, or one whose vertices lie in a plane.
        """
        if not isinstance(mesh, Mesh):
            raise SimError("add_shape_convex_hull()", f"mesh = {mesh!r}", "a sim.Mesh")
        shared = shared_arguments(locals())
        return self.add_shape_mesh(body, pos, rot, mesh.convex_hull(), scale, **shared)

    def add_shape_heightfield(
        self,
        body: int = -1,
        pos=None,
        rot=None,
        heightfield: HeightField | None = None,
        scale=None,
        density: float | None = None,
        ke: float | None = None,
        kd: float | None = None,
        kf: float | None = None,
        ka: float | None = None,
        mu: float | None = None,
        restitution: float | None = None,
        is_solid: bool = True,
        thickness: float | None = None,
        has_ground_collision: bool = True,
        has_shape_collision: bool = True,
        collision_group: int = -1,
        is_visible: bool = True,
        *,
        has_particle_collision: bool = True,
        name: str | None = None,
    ) -> int:
        """Adds a height field, its z up, scaled by ``scale`` along its x, y, z; see ``ShapeBuilder`` for the rest.

        Raises:
            SimError: ``heightfield`` is not a ``sim.HeightField``.
        """
        if not isinstance(heightfield, HeightField):
            raise SimError("add_shape_heightfield()", f"heightfield = {heightfield!r}", "a sim.HeightField")
        return self.add_shape(
            body,
            (0.0, 0.0, 0.0) if pos is None else pos,
            IDENTITY_QUAT if rot is None else rot,
            GEO_MESH,
            np.ones(3) if scale is None else scale,
            heightfield,
            **shared_arguments(locals()),
        )

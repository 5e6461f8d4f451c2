"""The triangle mesh that a collision shape refers to."""

import warnings
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from sim.errors import SimError, SimWarning
from sim.geometry.hull import convex_hull
from sim.geometry.hull_topology import HullTopology, hull_topology, is_convex
from sim.geometry.mass_properties import MassProperties
from sim.geometry.mesh_mass import is_watertight, shell_mesh, solid_mesh
from sim.inputs import as_indices, as_points

if TYPE_CHECKING:
    import engine


class Mesh:
    """A triangle mesh for collision and inertia.

    Triangles with a repeated vertex are dropped with a ``SimWarning``. A solid needs a surface that encloses a volume;
    an open one is treated as a hollow shell, with a ``SimWarning``.

    Attributes:
        vertices: Points [m], shape [vertex_count, 3], float32.
        indices: Vertex indices, flat, 3 per triangle, int32.
        is_solid: Whether ``mass`` and ``I`` are those of the volume (or of the shell).
    """

    def __init__(self, vertices, indices, compute_inertia: bool = True, is_solid: bool = True):
        """Checks the arrays and computes mass properties.

        Args:
            vertices: Points [m], shape [n, 3].
            indices: Triangle vertex indices, flat or [m, 3].
            compute_inertia: Whether mass, centre of mass and inertia are those of the mesh at density 1.
            is_solid: Solid inside, or a hollow surface.

        Raises:
            SimError: No triangle, a bad shape, an index out of range, or NaN.
        """
        points = as_points(vertices, "Mesh()", "vertices")
        triangles = as_indices(indices, 3, len(points), "Mesh()", "indices", "vertices")
        repeated = (triangles == np.roll(triangles, 1, axis=1)).any(axis=1)
        if repeated.any():
            warnings.warn(
                f"Mesh(): dropped {int(repeated.sum())} of {len(triangles)} triangles that use a vertex twice",
                SimWarning,
                stacklevel=2,
            )
            triangles = triangles[~repeated]
        if len(triangles) == 0:
            raise SimError("Mesh()", f"{len(points)} vertices and no triangle", "at least one triangle")
        self.vertices = points.astype(np.float32)
        self.indices = triangles.astype(np.int32).ravel()
        self.is_solid = bool(is_solid)
        self._compute_inertia = bool(compute_inertia)
        self._hull: Mesh | None = None
        self._device_meshes: dict[str, engine.Mesh] = {}

    @cached_property
    def _unit_mass_properties(self) -> MassProperties:
        # Lazy, so that a static collider that encloses no volume (a terrain) does not warn about its mass.
        if self._compute_inertia:
            return self.mass_properties()
        return MassProperties(1.0, np.zeros(3), np.eye(3))

    @property
    def mass(self) -> float:
        """Mass at density 1 [m^3], or at surface density 1 [m^2] for a shell; 1 without ``compute_inertia``."""
        return self._unit_mass_properties.mass

    @property
    def com(self) -> np.ndarray:
        """Centre of mass [m], shape [3]."""
        return self._unit_mass_properties.com

    @property
    def I(self) -> np.ndarray:  # noqa: E743
        """Inertia at density 1 about the centre of mass, shape [3, 3]."""
        return self._unit_mass_properties.inertia

    @property
    def triangles(self) -> np.ndarray:
        """Vertex indices, shape [triangle_count, 3]."""
        return self.indices.reshape(-1, 3)

    def mass_properties(
        self, scale=(1.0, 1.0, 1.0), is_solid: bool = True, density: float = 1.0, thickness: float = 1.0
    ) -> MassProperties:
        """Mass properties of the scaled mesh.

        Args:
            scale: Scale along x, y, z.
            is_solid: Filled, or a shell (as is a mesh made with ``is_solid=False``, or one that encloses no volume).
            density: [kg/m^3].
            thickness: Wall thickness of a shell [m].
        """
        points = self.vertices.astype(np.float64) * np.asarray(scale, dtype=np.float64)
        if self.is_solid and is_solid:
            solid = solid_mesh(points, self.triangles)
            if solid is not None:
                if not is_watertight(self.triangles):
                    warnings.warn(
                        "Mesh: the surface is not closed, its volume and inertia are approximate; close it, or give "
                        "mass and inertia explicitly",
                        SimWarning,
                        stacklevel=3,
                    )
                return solid.scaled(density)
            warnings.warn(
                f"Mesh: the surface encloses no volume; its mass is taken as that of a shell {thickness:g} m thick; "
                "give mass and inertia explicitly",
                SimWarning,
                stacklevel=3,
            )
        return shell_mesh(points, self.triangles).scaled(density * thickness)

    def bounding_radius(self, scale=(1.0, 1.0, 1.0)) -> float:
        """Radius [m] of the sphere about the mesh origin that holds the scaled mesh."""
        return float(np.sqrt(np.max(np.sum((self.vertices * np.asarray(scale)) ** 2, axis=1))))

    @cached_property
    def is_convex(self) -> bool:
        """Whether the surface is closed and bounds a convex body; such meshes collide as solids, and fast."""
        return is_convex(self.vertices, self.triangles)

    @cached_property
    def hull_topology(self) -> HullTopology | None:
        """Vertices, edges and faces of the convex hull (of the mesh itself if convex); None for flat meshes."""
        return hull_topology(self.vertices, self.triangles if self.is_convex else None)

    def convex_hull(self) -> "Mesh":
        """The convex hull of the vertices as a mesh, made once; the mesh itself where it is convex.

        Raises:
            SimError: The vertices lie in a plane.
        """
        if self.is_convex:
            return self
        if self._hull is None:
            hull = convex_hull(self.vertices)
            if hull is None:
                raise SimError("Mesh.convex_hull()", "vertices in a plane", "vertices around a volume")
            self._hull = Mesh(hull[0], hull[1], self._compute_inertia, self.is_solid)
        return self._hull

    def finalize(self, device=None) -> "engine.Mesh":
        """The mesh on ``device`` with its BVH, made once per device; its ``id`` goes into kernels."""
        import engine as en

        key = str(device)
        if key not in self._device_meshes:
            self._device_meshes[key] = en.Mesh(
                points=en.array(self.vertices, dtype=en.vec3, device=device),
                indices=en.array(self.indices, dtype=en.int32, device=device),
            )
        return self._device_meshes[key]

"""Cloth: a regular grid, or any triangle mesh."""

import warnings

import numpy as np

from sim.builder.particles import PARTICLE_FLAG_ACTIVE, ParticleRange, grid_points
from sim.builder.transaction import all_or_nothing
from sim.errors import SimError, SimWarning
from sim.geometry.mesh_edges import alike_together, mesh_edges
from sim.geometry.rotation import cross, rotate
from sim.inputs import as_count, as_indices, as_length, as_points, as_positive, as_quat, as_scalars, as_vector


class ClothBuilder:
    """The cloth part of ``ModelBuilder``."""

    def add_cloth_grid(
        self,
        pos,
        rot,
        vel,
        dim_x: int,
        dim_y: int,
        cell_x: float,
        cell_y: float,
        mass: float,
        reverse_winding: bool = False,
        fix_left: bool = False,
        fix_right: bool = False,
        fix_top: bool = False,
        fix_bottom: bool = False,
        tri_ke: float | None = None,
        tri_ka: float | None = None,
        tri_kd: float | None = None,
        tri_drag: float | None = None,
        tri_lift: float | None = None,
        edge_ke: float | None = None,
        edge_kd: float | None = None,
        add_springs: bool = False,
        spring_ke: float | None = None,
        spring_kd: float | None = None,
        particle_radius: float | None = None,
        *,
        name: str | None = None,
    ) -> ParticleRange:
        """Adds a rectangular cloth of ``dim_x * dim_y`` cells in its local xy plane, two triangles a cell.

        Args:
            pos: World position of the first corner [m].
            rot: Rotation (x, y, z, w).
            vel: Velocity [m/s].
            dim_x: Cells along x; there are ``dim_x + 1`` particles along it, x running fastest.
            dim_y: Cells along y.
            cell_x: Cell width [m].
            cell_y: Cell height [m].
            mass: Mass of each particle [kg].
            reverse_winding: Flips the triangles' winding.
            fix_left: Pins the particles at x = 0.
            fix_right: Pins the particles at the largest x.
            fix_top: Pins the particles at the largest y.
            fix_bottom: Pins the particles at y = 0.
            tri_ke: Triangle stiffness; this and the following as in ``add_triangles``.
            tri_ka: Area stiffness.
            tri_kd: Damping.
            tri_drag: Drag.
            tri_lift: Lift.
            edge_ke: Bending stiffness, as in ``add_edges``.
            edge_kd: Bending damping.
            add_springs: Also adds springs along all edges and across all inner edges.
            spring_ke: Their stiffness [N/m].
            spring_kd: Their damping [N s/m].
            particle_radius: Collision radius [m].
            name: Name of the particle range.

        Raises:
            SimError: A count below 1, a size not above zero, negative mass or stiffness, NaN.
        """
        where = "add_cloth_grid()"
        nx, ny = as_count(dim_x, where, "dim_x"), as_count(dim_y, where, "dim_y")
        cells = [as_length(cell_x, where, "cell_x"), as_length(cell_y, where, "cell_y"), 1.0]
        local = grid_points([nx + 1, ny + 1, 1], cells)
        q = rotate(as_quat(rot, where), local) + as_vector(pos, 3, where, "pos")
        masses = np.array(as_scalars(mass, len(q), where, "mass", minimum=0.0)).reshape(ny + 1, nx + 1)
        flags = np.full(masses.shape, PARTICLE_FLAG_ACTIVE, dtype=np.uint32)
        sides = ((fix_left, np.s_[:, 0]), (fix_right, np.s_[:, -1]), (fix_top, np.s_[-1, :]), (fix_bottom, np.s_[0, :]))
        for fixed, where_fixed in sides:
            if fixed:
                masses[where_fixed] = 0.0
                flags[where_fixed] = 0
        with all_or_nothing(self):
            start = self.add_particles(
                q, as_vector(vel, 3, where, "vel"), masses.ravel(), particle_radius, flags.ravel()
            )
            self._add_cloth_elements(
                start + grid_triangles(nx, ny, reverse_winding),
                where,
                (tri_ke, tri_ka, tri_kd, tri_drag, tri_lift),
                (edge_ke, edge_kd),
                (spring_ke, spring_kd) if add_springs else None,
            )
        return self.add_particle_range(start, len(q), name=name, kind="cloth")

    def add_cloth_mesh(
        self,
        pos,
        rot,
        scale: float,
        vel,
        vertices,
        indices,
        density: float | None = None,
        edge_callback=None,
        face_callback=None,
        tri_ke: float | None = None,
        tri_ka: float | None = None,
        tri_kd: float | None = None,
        tri_drag: float | None = None,
        tri_lift: float | None = None,
        edge_ke: float | None = None,
        edge_kd: float | None = None,
        add_springs: bool = False,
        spring_ke: float | None = None,
        spring_kd: float | None = None,
        particle_radius: float | None = None,
        *,
        mass=None,
        fixed=None,
        velocities=None,
        name: str | None = None,
    ) -> ParticleRange:
        """Adds cloth from a triangle mesh: a particle a vertex, a triangle a face, a bending edge a shared edge.

        Where three or more triangles meet in one edge (non-manifold) there is no bending, with a ``SimWarning``.
        Degenerate triangles are dropped with a ``SimWarning``. A vertex of no triangle keeps mass 0 and stays pinned
        (with a ``SimWarning``) unless ``mass`` is given.

        Args:
            pos: World position [m].
            rot: Rotation (x, y, z, w).
            scale: Uniform scale of the vertices.
            vel: Velocity [m/s] of all particles.
            vertices: Points [m], mesh frame, shape [n, 3].
            indices: Triangle vertex indices, flat or [m, 3].
            density: Mass per area [kg/m^2], a third of each triangle to each corner.
            edge_callback: Called as ``edge_callback(face, face_vertex_index_pair)``; not supported, must be None.
            face_callback: Not supported, must be None.
            tri_ke: Triangle stiffness; this and the following as in ``add_triangles`` (numbers, or one per face).
            tri_ka: Area stiffness.
            tri_kd: Damping.
            tri_drag: Drag.
            tri_lift: Lift.
            edge_ke: Bending stiffness, as in ``add_edges`` (a number).
            edge_kd: Bending damping.
            add_springs: Also adds springs along all edges and across all inner edges.
            spring_ke: Their stiffness [N/m].
            spring_kd: Their damping [N s/m].
            particle_radius: Collision radius [m], a number or shape [n].
            mass: Particle masses [kg] instead of ``density``, a number or shape [n].
            fixed: Boolean mask of particles to pin, shape [n].
            velocities: Velocity [m/s] of each particle, mesh frame, shape [n, 3], added to ``vel``.
            name: Name of the particle range.

        Raises:
            SimError: Neither or both of density and mass, an empty mesh, an index out of range, NaN.
        """
        where = "add_cloth_mesh()"
        for callback, what in ((edge_callback, "edge_callback"), (face_callback, "face_callback")):
            if callback is not None:
                raise SimError(
                    where, f"{what}", "None", "work on builder.edge_indices / tri_indices afterwards instead"
                )
        local, triangles = as_points(vertices, where, "vertices"), None
        triangles = as_indices(indices, 3, len(local), where, "indices", "vertices")
        if len(triangles) == 0:
            raise SimError(where, f"{len(local)} vertices and no triangle", "a mesh with at least one triangle")
        rotation = as_quat(rot, where)
        q = rotate(rotation, local * as_positive(scale, where, "scale")) + as_vector(pos, 3, where, "pos")
        qd = np.broadcast_to(as_vector(vel, 3, where, "vel"), q.shape)
        if velocities is not None:
            qd = qd + rotate(rotation, as_points(velocities, where, "velocities"))
        masses = lumped_mass(q, triangles, density, mass, where, measure=triangle_areas)
        flags = np.full(len(q), PARTICLE_FLAG_ACTIVE, dtype=np.uint32)
        if fixed is not None:
            pinned = np.asarray(fixed, dtype=bool)
            as_scalars(pinned, len(q), where, "fixed")
            masses[pinned], flags[pinned] = 0.0, 0
        with all_or_nothing(self):
            start = self.add_particles(q, qd, masses, particle_radius, flags)
            self._add_cloth_elements(
                start + triangles,
                where,
                (tri_ke, tri_ka, tri_kd, tri_drag, tri_lift),
                (edge_ke, edge_kd),
                (spring_ke, spring_kd) if add_springs else None,
            )
        return self.add_particle_range(start, len(q), name=name, kind="cloth")

    def _add_cloth_elements(self, triangles, where, tri_material, edge_material, spring_material) -> None:
        before = self.tri_count
        self.add_triangles(triangles, None, None, *tri_material)
        if self.tri_count - before == 0:
            raise SimError(where, "only triangles without an area", "a mesh with a surface")
        edges = mesh_edges(self.tri_indices.view[before:])
        branching = int(np.count_nonzero(~edges.is_manifold))
        if branching:
            bad = edges.indices[int(np.argmin(edges.is_manifold)), 2:] - int(triangles.min())
            warnings.warn(
                f"{where}: {branching} edges are shared by more than two triangles, the first joins vertices "
                f"{bad.tolist()}; they do not resist bending",
                SimWarning,
                stacklevel=3,
            )
        self.add_edges(edges.indices[alike_together(edges.indices)], None, None, None, None, *edge_material)
        if spring_material is not None:
            inner = edges.indices[:, 1] >= 0
            pairs = np.concatenate([edges.indices[:, 2:], edges.indices[inner, :2]])
            self.add_springs(np.unique(np.sort(pairs, axis=1), axis=0), *spring_material)


def grid_triangles(nx: int, ny: int, reverse_winding: bool = False) -> np.ndarray:
    """Triangles [2 nx ny, 3] of a grid of ``nx * ny`` cells whose points run along x first."""
    corner = (np.arange(ny)[:, None] * (nx + 1) + np.arange(nx)).ravel()
    right, up, opposite = corner + 1, corner + nx + 1, corner + nx + 2
    lower = np.stack([corner, right, up], axis=1)
    upper = np.stack([right, opposite, up], axis=1)
    triangles = np.stack([lower, upper], axis=1).reshape(-1, 3)
    return triangles[:, ::-1] if reverse_winding else triangles


def triangle_areas(q: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Areas [m^2] of triangles, shape [n]."""
    a, b, c = (q[triangles[:, i]] for i in range(3))
    return 0.5 * np.linalg.norm(cross(b - a, c - a), axis=1)


def lumped_mass(q, elements, density, mass, where, *, measure) -> np.ndarray:
    """Particle masses [kg], shape [n]: as given, or density times each element's measure shared by its corners."""
    if (density is None) == (mass is None):
        got = "neither density nor mass" if mass is None else "both density and mass"
        raise SimError(where, got, "one of them")
    if mass is not None:
        return np.array(as_scalars(mass, len(q), where, "mass", minimum=0.0))
    density = float(as_scalars(density, 1, where, "density", minimum=0.0)[0])
    corners = elements.shape[1]
    shares = np.repeat(measure(q, elements) * (density / corners), corners)
    masses = np.bincount(elements.ravel(), weights=shares, minlength=len(q))
    unused = int(np.count_nonzero(np.bincount(elements.ravel(), minlength=len(q)) == 0))
    if unused:
        warnings.warn(
            f"{where}: {unused} of {len(q)} vertices belong to no element; they get mass 0 and stay where they are",
            SimWarning,
            stacklevel=3,
        )
    return masses

"""Soft bodies: a regular block, or any tetrahedral mesh."""

import numpy as np

from sim.builder.cloth import lumped_mass
from sim.builder.particles import PARTICLE_FLAG_ACTIVE, ParticleRange, grid_points
from sim.builder.transaction import all_or_nothing
from sim.errors import SimError
from sim.geometry.integer_order import stable_order, stable_order_of_pairs
from sim.geometry.rotation import cross, rotate
from sim.inputs import as_count, as_indices, as_length, as_points, as_positive, as_quat, as_scalars, as_vector


class SoftBuilder:
    """The soft-body part of ``ModelBuilder``."""

    def add_soft_grid(
        self,
        pos,
        rot,
        vel,
        dim_x: int,
        dim_y: int,
        dim_z: int,
        cell_x: float,
        cell_y: float,
        cell_z: float,
        density: float,
        k_mu: float,
        k_lambda: float,
        k_damp: float,
        fix_left: bool = False,
        fix_right: bool = False,
        fix_top: bool = False,
        fix_bottom: bool = False,
        tri_ke: float | None = None,
        tri_ka: float | None = None,
        tri_kd: float | None = None,
        tri_drag: float | None = None,
        tri_lift: float | None = None,
        *,
        particle_radius: float | None = None,
        name: str | None = None,
    ) -> ParticleRange:
        """Adds a block of ``dim_x * dim_y * dim_z`` cells, five tetrahedra a cell, and its surface triangles.

        The total mass is density times volume: each cell gives an eighth to each of its corners.

        Args:
            pos: World position of the first corner [m].
            rot: Rotation (x, y, z, w).
            vel: Velocity [m/s].
            dim_x: Cells along x; particles run along x first, then y, then z (``dim_y``, ``dim_z`` likewise).
            dim_y: See ``dim_x``.
            dim_z: See ``dim_x``.
            cell_x: Cell size along x [m] (``cell_y``, ``cell_z`` likewise).
            cell_y: See ``cell_x``.
            cell_z: See ``cell_x``.
            density: Mass per volume [kg/m^3].
            k_mu: First Lame parameter [Pa].
            k_lambda: Second Lame parameter [Pa].
            k_damp: Damping [Pa s].
            fix_left: Pins the particles at x = 0.
            fix_right: Pins the particles at the largest x.
            fix_top: Pins the particles at the largest y.
            fix_bottom: Pins the particles at y = 0.
            tri_ke: Stiffness of the surface triangles; this and the following as in ``add_triangles``.
            tri_ka: Area stiffness.
            tri_kd: Damping.
            tri_drag: Drag.
            tri_lift: Lift.
            particle_radius: Collision radius [m].
            name: Name of the particle range.
        """
        where = "add_soft_grid()"
        dims = [as_count(d, where, n) for d, n in ((dim_x, "dim_x"), (dim_y, "dim_y"), (dim_z, "dim_z"))]
        cells = [as_length(c, where, n) for c, n in ((cell_x, "cell_x"), (cell_y, "cell_y"), (cell_z, "cell_z"))]
        q = rotate(as_quat(rot, where), grid_points([d + 1 for d in dims], cells)) + as_vector(pos, 3, where, "pos")
        rho = float(as_scalars(density, 1, where, "density", minimum=0.0)[0])
        corners = grid_cells(*dims)
        share = rho * cells[0] * cells[1] * cells[2] / 8.0
        masses = share * np.bincount(corners.ravel(), minlength=len(q))
        flags = np.full(len(q), PARTICLE_FLAG_ACTIVE, dtype=np.uint32)
        block = np.arange(len(q)).reshape(dims[2] + 1, dims[1] + 1, dims[0] + 1)
        for fixed, side in (
            (fix_left, block[:, :, 0]),
            (fix_right, block[:, :, -1]),
            (fix_top, block[:, -1, :]),
            (fix_bottom, block[:, 0, :]),
        ):
            if fixed:
                masses[side], flags[side] = 0.0, 0
        with all_or_nothing(self):
            start = self.add_particles(q, as_vector(vel, 3, where, "vel"), masses, particle_radius, flags)
            tets = start + grid_tetrahedra(*dims)
            self.add_tetrahedra(tets, k_mu, k_lambda, k_damp)
            self.add_triangles(surface_triangles(tets), None, None, tri_ke, tri_ka, tri_kd, tri_drag, tri_lift)
        return self.add_particle_range(start, len(q), name=name, kind="soft")

    def add_soft_mesh(
        self,
        pos,
        rot,
        scale: float,
        vel,
        vertices,
        indices,
        density: float | None = None,
        k_mu: float = 1.0e3,
        k_lambda: float = 1.0e3,
        k_damp: float = 0.0,
        tri_ke: float | None = None,
        tri_ka: float | None = None,
        tri_kd: float | None = None,
        tri_drag: float | None = None,
        tri_lift: float | None = None,
        *,
        mass=None,
        fixed=None,
        particle_radius=None,
        velocities=None,
        name: str | None = None,
    ) -> ParticleRange:
        """Adds a soft body from a tetrahedral mesh, with its surface triangles.

        Args:
            pos: World position [m].
            rot: Rotation (x, y, z, w).
            scale: Uniform scale of the vertices.
            vel: Velocity [m/s] of all particles.
            vertices: Points [m], mesh frame, shape [n, 3].
            indices: Tetrahedron vertex indices, flat or [m, 4].
            density: Mass per volume [kg/m^3], a quarter of each tetrahedron to each corner.
            k_mu: First Lame parameter [Pa], a number or one per tetrahedron.
            k_lambda: Second Lame parameter [Pa], likewise.
            k_damp: Damping [Pa s], likewise.
            tri_ke: Stiffness of the surface triangles; this and the following as in ``add_triangles``.
            tri_ka: Area stiffness.
            tri_kd: Damping.
            tri_drag: Drag.
            tri_lift: Lift.
            mass: Particle masses [kg] instead of ``density``, a number or shape [n].
            fixed: Boolean mask of particles to pin, shape [n].
            particle_radius: Collision radius [m], a number or shape [n].
            velocities: Velocity [m/s] of each particle, mesh frame, shape [n, 3], added to ``vel``.
            name: Name of the particle range.

        Raises:
            SimError: Neither or both of density and mass, an empty mesh, a flat tetrahedron, a bad index, NaN.
        """
        where = "add_soft_mesh()"
        local = as_points(vertices, where, "vertices")
        tets = as_indices(indices, 4, len(local), where, "indices", "vertices")
        if len(tets) == 0:
            raise SimError(where, f"{len(local)} vertices and no tetrahedron", "a mesh with at least one tetrahedron")
        rotation = as_quat(rot, where)
        q = rotate(rotation, local * as_positive(scale, where, "scale")) + as_vector(pos, 3, where, "pos")
        qd = np.broadcast_to(as_vector(vel, 3, where, "vel"), q.shape)
        if velocities is not None:
            qd = qd + rotate(rotation, as_points(velocities, where, "velocities"))
        masses = lumped_mass(q, tets, density, mass, where, measure=tetrahedron_volumes)
        flags = np.full(len(q), PARTICLE_FLAG_ACTIVE, dtype=np.uint32)
        if fixed is not None:
            pinned = np.asarray(fixed, dtype=bool)
            as_scalars(pinned, len(q), where, "fixed")
            masses[pinned], flags[pinned] = 0.0, 0
        with all_or_nothing(self):
            start, first_tet = self.add_particles(q, qd, masses, particle_radius, flags), self.tet_count
            self.add_tetrahedra(start + tets, k_mu, k_lambda, k_damp)
            surface = surface_triangles(self.tet_indices.view[first_tet:])
            self.add_triangles(surface, None, None, tri_ke, tri_ka, tri_kd, tri_drag, tri_lift)
        return self.add_particle_range(start, len(q), name=name, kind="soft")


def grid_cells(nx: int, ny: int, nz: int) -> np.ndarray:
    """Corner point indices of every cell, shape [nx ny nz, 8]; corner bit 0 is +x, bit 1 +y, bit 2 +z."""
    x, y, z = np.arange(nx), np.arange(ny)[:, None], np.arange(nz)[:, None, None]
    stride_y, stride_z = nx + 1, (nx + 1) * (ny + 1)
    first = (x + y * stride_y + z * stride_z).ravel()
    offsets = np.array([dx + dy * stride_y + dz * stride_z for dz in (0, 1) for dy in (0, 1) for dx in (0, 1)])
    return first[:, None] + offsets


# Five tetrahedra of a cell by its corner bits, positively oriented: four corners cut off and the one in the middle.
# Neighbouring cells are mirror images so that their face diagonals meet.
EVEN_CELL = np.array([[0, 1, 2, 4], [3, 2, 1, 7], [5, 4, 7, 1], [6, 7, 4, 2], [1, 2, 4, 7]])
ODD_CELL = np.array([[1, 3, 0, 5], [2, 0, 3, 6], [4, 6, 5, 0], [7, 5, 6, 3], [0, 3, 6, 5]])


def grid_tetrahedra(nx: int, ny: int, nz: int) -> np.ndarray:
    """Tetrahedra [5 nx ny nz, 4] of a block of cells, all of positive volume."""
    corners = grid_cells(nx, ny, nz)
    x, y, z = np.arange(nx), np.arange(ny)[:, None], np.arange(nz)[:, None, None]
    odd = ((x + y + z) % 2 == 1).ravel()
    return np.where(odd[:, None, None], corners[:, ODD_CELL], corners[:, EVEN_CELL]).reshape(-1, 4)


def tetrahedron_volumes(q: np.ndarray, tets: np.ndarray) -> np.ndarray:
    """Volumes [m^3] of tetrahedra whatever their orientation, shape [n]."""
    a, b, c, d = (q[tets[:, i]] for i in range(4))
    return np.abs(np.einsum("ij,ij->i", b - a, cross(c - a, d - a))) / 6.0


def surface_triangles(tets: np.ndarray) -> np.ndarray:
    """Faces of exactly one tetrahedron, wound outwards, shape [m, 3]."""
    # Faces of a positively oriented tetrahedron (0, 1, 2, 3), seen from outside.
    faces = np.asarray(tets)[:, [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]]].reshape(-1, 3)
    key = np.sort(faces, axis=1)
    order = stable_order_of_pairs(key[:, 0], key[:, 1])
    order = order[stable_order(key[order, 2])]
    ordered = key[order]
    differs = np.ones(len(faces) + 1, dtype=bool)
    differs[1:-1] = (ordered[1:] != ordered[:-1]).any(axis=1)
    return faces[np.sort(order[differs[:-1] & differs[1:]])]

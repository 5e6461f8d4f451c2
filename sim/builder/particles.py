"""Particles: single, in batches, in grids; and the named ranges they were added as."""

from dataclasses import dataclass, replace

import numpy as np

from sim.geometry.rotation import rotate
from sim.inputs import as_count, as_length, as_masses, as_number, as_points, as_positive, as_quat, as_scalars, as_vector

PARTICLE_FLAG_ACTIVE = 1


@dataclass(frozen=True)
class ParticleRange:
    """Particles that were added together: cloth, soft body or particle set.

    Attributes:
        start: First particle index.
        count: Number of particles.
        name: Name given by the caller (a prim path, say), or None.
        kind: ``particles``, ``cloth`` or ``soft``.
    """

    start: int
    count: int
    name: str | None = None
    kind: str = "particles"

    @property
    def slice(self) -> slice:
        """For indexing arrays: ``particle_q.numpy()[range.slice]``."""
        return slice(self.start, self.start + self.count)

    def shifted(self, offset: int) -> "ParticleRange":
        """The same range after ``offset`` more particles in front."""
        return replace(self, start=self.start + offset)


class ParticleBuilder:
    """The particle part of ``ModelBuilder``."""

    def add_particle(
        self, pos, vel, mass: float, radius: float | None = None, flags: int = PARTICLE_FLAG_ACTIVE
    ) -> int:
        """Adds one particle and returns its index; arguments as ``add_particles``. Mass zero pins it in place."""
        return self._append_particles(
            as_points([as_vector(pos, 3, "add_particle()", "pos")], "add_particle()", "pos"),
            as_vector(vel, 3, "add_particle()", "vel"),
            as_masses(mass, 1, "add_particle()", "mass"),
            self.default_particle_radius if radius is None else as_positive(radius, "add_particle()", "radius"),
            int(flags),
        )

    def add_particles(self, q, qd=(0.0, 0.0, 0.0), mass=1.0, radius=None, flags=PARTICLE_FLAG_ACTIVE) -> int:
        """Adds particles in one go.

        Args:
            q: Positions [m], world frame, shape [n, 3].
            qd: Velocities [m/s], shape [n, 3] or [3] for all.
            mass: Mass [kg], a number or shape [n]; zero pins a particle in place.
            radius: Collision radius [m], a number or shape [n]; None means ``default_particle_radius``.
            flags: ``PARTICLE_FLAG_*`` bits, a number or shape [n].

        Returns:
            Index of the first particle added.

        Raises:
            SimError: Wrong shapes, NaN or infinite values, negative mass, radius not above zero.
        """
        where = "add_particles()"
        points = as_points(q, where, "q")
        count = len(points)
        velocities = np.broadcast_to(as_vector(qd, 3, where, "qd"), (count, 3)) if np.ndim(qd) == 1 else None
        if velocities is None:
            velocities = as_points(qd, where, "qd")
            as_scalars(velocities[:, 0], count, where, "qd")
        radii = as_scalars(self.default_particle_radius if radius is None else radius, count, where, "radius")
        if count and radii.min() <= 0.0:
            as_positive(radii.min(), where, f"radius[{int(np.argmin(radii))}]")
        masses = as_masses(mass, count, where, "mass")
        bits = as_scalars(flags, count, where, "flags", minimum=0.0).astype(np.uint32)
        return self._append_particles(points, velocities, masses, radii, bits)

    def add_particle_grid(
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
        mass: float,
        jitter: float = 0.0,
        radius_mean: float | None = None,
        radius_std: float = 0.0,
        *,
        seed: int = 42,
        name: str | None = None,
    ) -> ParticleRange:
        """Adds ``dim_x * dim_y * dim_z`` particles on a regular grid; x runs fastest.

        Args:
            pos: World position of the grid's corner [m].
            rot: Rotation of the grid (x, y, z, w).
            vel: Velocity of every particle [m/s].
            dim_x: Number of particles along x (``dim_y``, ``dim_z`` likewise).
            dim_y: See ``dim_x``.
            dim_z: See ``dim_x``.
            cell_x: Spacing along x [m] (``cell_y``, ``cell_z`` likewise).
            cell_y: See ``cell_x``.
            cell_z: See ``cell_x``.
            mass: Mass of each particle [kg].
            jitter: Width [m] of the uniform random offset per axis, centred on the grid point.
            radius_mean: Mean radius [m]; None means ``default_particle_radius``.
            radius_std: Standard deviation of the radius [m]; radii are kept above a tenth of the mean.
            seed: Seed of the random offsets and radii.
            name: Name of the range.
        """
        where = "add_particle_grid()"
        dims = [as_count(d, where, n) for d, n in ((dim_x, "dim_x"), (dim_y, "dim_y"), (dim_z, "dim_z"))]
        cells = [as_length(c, where, n) for c, n in ((cell_x, "cell_x"), (cell_y, "cell_y"), (cell_z, "cell_z"))]
        local = grid_points(dims, cells)
        rng = np.random.default_rng(seed)
        width = as_number(jitter, where, "jitter", minimum=0.0)
        if width > 0.0:
            local = local + (rng.random(local.shape) - 0.5) * width
        mean = self.default_particle_radius if radius_mean is None else as_positive(radius_mean, where, "radius_mean")
        radius = mean
        if as_number(radius_std, where, "radius_std", minimum=0.0) > 0.0:
            radius = np.maximum(rng.normal(mean, radius_std, len(local)), 0.1 * mean)
        q = rotate(as_quat(rot, where), local) + as_vector(pos, 3, where, "pos")
        start = self.add_particles(q, as_vector(vel, 3, where, "vel"), mass, radius)
        return self.add_particle_range(start, len(q), name=name, kind="particles")

    def add_particle_range(
        self, start: int, count: int, *, name: str | None = None, kind: str = "particles"
    ) -> ParticleRange:
        """Records particles [start, start + count) as one named set, kept in ``particle_ranges``."""
        particle_range = ParticleRange(int(start), int(count), name, kind)
        self.particle_ranges.append(particle_range)
        return particle_range

    def _append_particles(self, q: np.ndarray, qd, mass, radius, flags) -> int:
        start, count = len(self.particle_q), len(q)
        self.particle_q.grow(count)[...] = q
        self.particle_qd.grow(count)[...] = qd
        self.particle_mass.grow(count)[...] = mass
        self.particle_radius.grow(count)[...] = radius
        self.particle_flags.grow(count)[...] = flags
        return start


def grid_points(dims: list[int], cells: list[float]) -> np.ndarray:
    """Points of a regular grid from the origin, shape [dims product, 3]; the first axis runs fastest."""
    axes = [np.arange(d, dtype=np.float64) * c for d, c in zip(dims, cells, strict=True)]
    z, y, x = np.meshgrid(axes[2], axes[1], axes[0], indexing="ij")
    return np.stack([x.ravel(), y.ravel(), z.ravel()], axis=1)

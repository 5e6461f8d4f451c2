"""Elements between particles: springs, triangles, bending edges, tetrahedra."""

import warnings

import numpy as np

from sim.errors import SimError, SimWarning
from sim.geometry.rotation import cross
from sim.inputs import as_indices, as_scalars

# An element is degenerate when its area (volume) is below this fraction of its longest edge squared (cubed).
DEGENERATE = 1e-7


class ElementBuilder:
    """The spring, triangle, edge and tetrahedron part of ``ModelBuilder``."""

    def add_spring(self, i: int, j: int, ke: float, kd: float, control: float = 0.0) -> int:
        """Adds one spring between particles ``i`` and ``j`` at rest now; see ``add_springs``."""
        return self.add_springs([[i, j]], ke, kd, control=control)

    def add_springs(self, indices, ke=None, kd=None, rest_length=None, control=0.0) -> int:
        """Adds springs.

        Args:
            indices: Particle pairs, shape [n, 2].
            ke: Stiffness [N/m], a number or shape [n]; None means ``default_spring_ke``.
            kd: Damping [N s/m], likewise; None means ``default_spring_kd``.
            rest_length: Rest length [m], likewise; None means the present distance.
            control: Activation, dimensionless, likewise.

        Returns:
            Index of the first spring added.

        Raises:
            SimError: A particle index out of range, both ends the same particle, a negative stiffness or length.
        """
        where = "add_springs()"
        ij = as_indices(indices, 2, self.particle_count, where, "indices", "particles")
        _reject_repeated(ij, where, "spring")
        count = len(ij)
        if rest_length is None:
            q = self.particle_q.view
            rest = np.linalg.norm((q[ij[:, 1]] - q[ij[:, 0]]).astype(np.float64), axis=1)
        else:
            rest = as_scalars(rest_length, count, where, "rest_length", minimum=0.0)
        start = self.spring_count
        stiffness = as_scalars(self.default_spring_ke if ke is None else ke, count, where, "ke", minimum=0.0)
        damping = as_scalars(self.default_spring_kd if kd is None else kd, count, where, "kd", minimum=0.0)
        activation = as_scalars(control, count, where, "control")
        self.spring_indices.extend(ij)
        self.spring_rest_length.grow(count)[...] = rest
        self.spring_stiffness.grow(count)[...] = stiffness
        self.spring_damping.grow(count)[...] = damping
        self.spring_control.grow(count)[...] = activation
        return start

    def add_triangle(
        self, i: int, j: int, k: int, tri_ke=None, tri_ka=None, tri_kd=None, tri_drag=None, tri_lift=None
    ) -> float:
        """Adds one triangle and returns its rest area [m^2]; see ``add_triangles``."""
        return float(self.add_triangles([[i, j, k]], None, None, tri_ke, tri_ka, tri_kd, tri_drag, tri_lift)[0])

    def add_triangles(
        self, i, j=None, k=None, tri_ke=None, tri_ka=None, tri_kd=None, tri_drag=None, tri_lift=None
    ) -> np.ndarray:
        """Adds membrane triangles whose rest shape is the present one.

        Degenerate triangles (a repeated particle, or no area) are dropped with a ``SimWarning``.

        Args:
            i: Particle indices, shape [n, 3]; or shape [n] of the first corners, with ``j`` and ``k`` for the others.
            j: Second corners, or None.
            k: Third corners, or None.
            tri_ke: Stiffness [N/m], a number or shape [n]; None means ``default_tri_ke`` (likewise below).
            tri_ka: Area stiffness [N/m].
            tri_kd: Damping [N s/m].
            tri_drag: Drag coefficient.
            tri_lift: Lift coefficient.

        Returns:
            Rest areas [m^2], shape [n]; 0 for dropped ones.
        """
        where = "add_triangles()"
        rows = i if j is None else np.stack([np.atleast_1d(i), np.atleast_1d(j), np.atleast_1d(k)], axis=1)
        tri = as_indices(rows, 3, self.particle_count, where, "indices", "particles")
        materials = np.empty((len(tri), 5))
        for column, (value, default, what) in enumerate(
            (
                (tri_ke, self.default_tri_ke, "tri_ke"),
                (tri_ka, self.default_tri_ka, "tri_ka"),
                (tri_kd, self.default_tri_kd, "tri_kd"),
                (tri_drag, self.default_tri_drag, "tri_drag"),
                (tri_lift, self.default_tri_lift, "tri_lift"),
            )
        ):
            materials[:, column] = as_scalars(default if value is None else value, len(tri), where, what, minimum=0.0)
        poses, areas, valid = triangle_rest(self.particle_q.view, tri)
        if not valid.all():
            _warn_dropped(where, "triangles", valid, tri)
            tri, poses, materials = tri[valid], poses[valid], materials[valid]
        self.tri_indices.extend(tri)
        self.tri_poses.extend(poses)
        self.tri_areas.extend(areas[valid])
        self.tri_materials.extend(materials)
        self.tri_activations.grow(len(tri))[...] = 0.0
        return np.where(valid, areas, 0.0)

    def add_edge(self, i: int, j: int, k: int, l: int, rest=None, edge_ke=None, edge_kd=None) -> int:
        """Adds one bending edge; see ``add_edges``."""
        return self.add_edges([[i, j, k, l]], None, None, None, rest, edge_ke, edge_kd)

    def add_edges(self, i, j=None, k=None, l=None, rest=None, edge_ke=None, edge_kd=None) -> int:
        """Adds bending edges: the edge runs k-l, between triangles (i, k, l) and (j, l, k).

        The rest angle is 0 when flat; see ``bending_angle`` for its sign. An opposite vertex i or j of -1 marks a
        border edge: it is stored, and does not bend.

        Args:
            i: Rows (i, j, k, l), shape [n, 4]; or shape [n] of the i alone, with ``j k l`` for the others.
            j: Vertices opposite in the second triangle, or None.
            k: First ends of the edges, or None.
            l: Second ends of the edges, or None.
            rest: Rest angle [rad], a number or shape [n]; None means the present angle.
            edge_ke: Bending stiffness, a number or shape [n]; None means ``default_edge_ke``.
            edge_kd: Bending damping, likewise; None means ``default_edge_kd``.

        Returns:
            Index of the first edge added.
        """
        where = "add_edges()"
        if j is not None:
            i = np.stack([np.atleast_1d(v) for v in (i, j, k, l)], axis=1)
        rows = as_indices(i, 4, self.particle_count, where, "indices", "particles", lowest=-1)
        if len(rows) and rows[:, 2:].min() < 0:
            bad = int(np.argmax(rows[:, 2:].min(axis=1) < 0))
            raise SimError(where, f"edge {bad} = {rows[bad].tolist()}", "k and l to be particles (only i, j may be -1)")
        _reject_repeated(rows, where, "edge", missing=-1)
        count, q = len(rows), self.particle_q.view
        angles = bending_angle(q, rows) if rest is None else as_scalars(rest, count, where, "rest")
        ke = as_scalars(self.default_edge_ke if edge_ke is None else edge_ke, count, where, "edge_ke", minimum=0.0)
        kd = as_scalars(self.default_edge_kd if edge_kd is None else edge_kd, count, where, "edge_kd", minimum=0.0)
        start = self.edge_count
        self.edge_indices.extend(rows)
        self.edge_rest_angle.grow(count)[...] = angles
        self.edge_rest_length.extend(np.linalg.norm(q[rows[:, 3]] - q[rows[:, 2]], axis=1))
        properties = self.edge_bending_properties.grow(count)
        properties[:, 0], properties[:, 1] = ke, kd
        return start

    def add_tetrahedron(
        self, i: int, j: int, k: int, l: int, k_mu: float = 1.0e3, k_lambda: float = 1.0e3, k_damp: float = 0.0
    ) -> float:
        """Adds one tetrahedron and returns its rest volume [m^3]; see ``add_tetrahedra``."""
        return float(self.add_tetrahedra([[i, j, k, l]], k_mu, k_lambda, k_damp)[0])

    def add_tetrahedra(self, indices, k_mu=1.0e3, k_lambda=1.0e3, k_damp=0.0) -> np.ndarray:
        """Adds tetrahedra whose rest shape is the present one.

        Inverted tetrahedra (negative volume) get their last two vertices swapped, with a ``SimWarning``.

        Args:
            indices: Particle indices, shape [n, 4].
            k_mu: First Lame parameter [Pa], a number or shape [n].
            k_lambda: Second Lame parameter [Pa], likewise.
            k_damp: Damping [Pa s], likewise.

        Returns:
            Rest volumes [m^3], shape [n].

        Raises:
            SimError: A flat tetrahedron or one that repeats a particle (it has no rest shape), an index out of range.
        """
        where = "add_tetrahedra()"
        tet = as_indices(indices, 4, self.particle_count, where, "indices", "particles")
        _reject_repeated(tet, where, "tetrahedron")
        materials = np.empty((len(tet), 3))
        for column, (value, what) in enumerate(((k_mu, "k_mu"), (k_lambda, "k_lambda"), (k_damp, "k_damp"))):
            materials[:, column] = as_scalars(value, len(tet), where, what, minimum=0.0)
        shape, volumes, valid = tetrahedron_rest(self.particle_q.view, tet)
        if not valid.all():
            bad = int(np.argmin(valid))
            raise SimError(
                where,
                f"tetrahedron {bad} = {tet[bad].tolist()} of volume {volumes[bad]:g} m^3 ({int((~valid).sum())} such)",
                "tetrahedra with a volume",
                "remove flat elements from the mesh",
            )
        flipped = volumes < 0.0
        if flipped.any():
            warnings.warn(
                f"{where}: {int(flipped.sum())} of {len(tet)} tetrahedra were inverted, the first is "
                f"{int(np.argmax(flipped))}; their last two vertices were swapped",
                SimWarning,
                stacklevel=2,
            )
            tet = np.where(flipped[:, None], tet[:, [0, 1, 3, 2]], tet)
            shape = np.where(flipped[:, None, None], shape[:, :, [0, 2, 1]], shape)
        self.tet_indices.extend(tet)
        self.tet_poses.extend(np.linalg.inv(shape))
        self.tet_materials.extend(materials)
        self.tet_activations.grow(len(tet))[...] = 0.0
        return np.abs(volumes)


def triangle_rest(q: np.ndarray, tri: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inverse rest matrices [n, 2, 2], areas [n] and whether each triangle has an area [n].

    The rest matrix has the two edges from the first corner as columns, in a frame whose x runs along the first edge.
    """
    origin = q[tri[:, 0]].astype(np.float64)
    a = q[tri[:, 1]] - origin
    b = q[tri[:, 2]] - origin
    length = np.sqrt(np.einsum("ij,ij->i", a, a))
    doubled = np.linalg.norm(cross(a, b), axis=1)
    longest = np.maximum(np.maximum(length, np.linalg.norm(b, axis=1)), np.linalg.norm(b - a, axis=1))
    valid = doubled > 2.0 * DEGENERATE * longest**2
    valid &= doubled > 1e-30
    safe_length = np.where(valid, length, 1.0)
    height = np.where(valid, doubled, 1.0) / safe_length
    along = np.einsum("ij,ij->i", a, b) / safe_length
    # inverse of [[length, along], [0, height]]
    poses = np.zeros((len(tri), 2, 2))
    poses[:, 0, 0] = 1.0 / safe_length
    poses[:, 0, 1] = -along / (safe_length * height)
    poses[:, 1, 1] = 1.0 / height
    return poses, 0.5 * doubled, valid


def tetrahedron_rest(q: np.ndarray, tet: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rest matrices [n, 3, 3] (edges from the first corner as columns), signed volumes [n], and whether any volume."""
    corners = q[tet].astype(np.float64)
    edges = corners[:, 1:] - corners[:, :1]
    shape = np.swapaxes(edges, 1, 2)
    volumes = np.einsum("ij,ij->i", edges[:, 0], cross(edges[:, 1], edges[:, 2])) / 6.0
    longest = np.sqrt(np.einsum("nij,nij->ni", edges, edges).max(axis=1, initial=0.0))
    valid = (np.abs(volumes) > DEGENERATE * longest**3) & (np.abs(volumes) > 1e-36)
    return shape, volumes, valid


def bending_angle(q: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Dihedral angles [rad] of bending rows (i, j, k, l), shape [n]; 0 where flat, and on border edges.

    With x1..x4 the positions of i, j, k, l: n1 = (x3-x1) x (x4-x1), n2 = (x4-x2) x (x3-x2), e = x4-x3, all normalised;
    angle = atan2((n2 x n1) . e, n1 . n2).
    """
    interior = (rows[:, 0] >= 0) & (rows[:, 1] >= 0)
    angles = np.zeros(len(rows))
    # For the interior rows only: -1 must not index a particle.
    x1, x2, x3, x4 = (q[rows[interior, c]].astype(np.float64) for c in range(4))
    n1 = cross(x3 - x1, x4 - x1)
    n2 = cross(x4 - x2, x3 - x2)
    e = x4 - x3
    length = np.linalg.norm(e, axis=1)
    sine = np.einsum("ij,ij->i", cross(n2, n1), e) / np.where(length > 0.0, length, 1.0)
    angles[interior] = np.arctan2(sine, np.einsum("ij,ij->i", n1, n2))
    return angles


def _reject_repeated(rows: np.ndarray, where: str, what: str, missing: int | None = None) -> None:
    if len(rows) == 0:
        return
    same = np.zeros(len(rows), dtype=bool)
    for a in range(rows.shape[1]):
        for b in range(a + 1, rows.shape[1]):
            same |= (rows[:, a] == rows[:, b]) & (rows[:, a] != missing)
    if same.any():
        bad = int(np.argmax(same))
        raise SimError(
            where, f"{what} {bad} = {rows[bad].tolist()}, which names one particle twice", "distinct particles"
        )


def _warn_dropped(where: str, what: str, valid: np.ndarray, rows: np.ndarray) -> None:
    bad = int(np.argmin(valid))
    warnings.warn(
        f"{where}: dropped {int((~valid).sum())} of {len(valid)} {what} without an area, "
        f"the first is {bad} = {rows[bad].tolist()}",
        SimWarning,
        stacklevel=3,
    )

"""One adder per primitive shape, with the argument order of ``warp.sim``."""

from sim.builder.shapes import AXIS_ROTATION
from sim.errors import SimError
from sim.geometry.mesh import Mesh
from sim.geometry.rotation import IDENTITY_QUAT, quat_multiply
from sim.geometry.shape_types import GEO_BOX, GEO_CAPSULE, GEO_CONE, GEO_CYLINDER, GEO_MESH, GEO_SPHERE
from sim.inputs import as_quat

_SHARED = (
    "density", "ke", "kd", "kf", "ka", "mu", "restitution", "thickness", "is_solid", "collision_group",
    "has_ground_collision", "has_shape_collision", "is_visible", "has_particle_collision", "name",
)  # fmt: skip


def shared_arguments(given: dict) -> dict:
    """The arguments of an adder that ``add_shape`` takes by the same name."""
    return {name: given[name] for name in _SHARED}


class PrimitiveBuilder:
    """``add_shape_sphere`` and its kin; the arguments they share are described at ``ShapeBuilder``."""

    def add_shape_sphere(
        self,
        body: int,
        pos=(0.0, 0.0, 0.0),
        rot=(0.0, 0.0, 0.0, 1.0),
        radius: float = 1.0,
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
        """Adds a sphere of ``radius`` [m]; see ``ShapeBuilder`` for the other arguments."""
        return self.add_shape(body, pos, rot, GEO_SPHERE, (radius,), **shared_arguments(locals()))

    def add_shape_box(
        self,
        body: int,
        pos=(0.0, 0.0, 0.0),
        rot=(0.0, 0.0, 0.0, 1.0),
        hx: float = 0.5,
        hy: float = 0.5,
        hz: float = 0.5,
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
        """Adds a box of half extents ``hx hy hz`` [m]; see ``ShapeBuilder`` for the other arguments."""
        return self.add_shape(body, pos, rot, GEO_BOX, (hx, hy, hz), **shared_arguments(locals()))

    def add_shape_capsule(
        self,
        body: int,
        pos=(0.0, 0.0, 0.0),
        rot=(0.0, 0.0, 0.0, 1.0),
        radius: float = 1.0,
        half_height: float = 0.5,
        up_axis: int = 1,
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
        """Adds a capsule: a cylinder of ``radius`` and ``half_height`` [m] along ``up_axis`` with round caps beyond it.

        ``up_axis``: 0 = x, 1 = y, 2 = z of the frame given by ``rot``; see ``ShapeBuilder`` for the other arguments.
        """
        return self.add_shape(
            body,
            pos,
            _along(up_axis, rot, "add_shape_capsule()"),
            GEO_CAPSULE,
            (radius, half_height),
            **shared_arguments(locals()),
        )

    def add_shape_cylinder(
        self,
        body: int,
        pos=(0.0, 0.0, 0.0),
        rot=(0.0, 0.0, 0.0, 1.0),
        radius: float = 1.0,
        half_height: float = 0.5,
        up_axis: int = 1,
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
        """Adds a cylinder of ``radius`` and ``half_height`` [m] along ``up_axis``.

        ``up_axis``: 0 = x, 1 = y, 2 = z of the frame given by ``rot``; see ``ShapeBuilder`` for the other arguments.
        """
        return self.add_shape(
            body,
            pos,
            _along(up_axis, rot, "add_shape_cylinder()"),
            GEO_CYLINDER,
            (radius, half_height),
            **shared_arguments(locals()),
        )

    def add_shape_cone(
        self,
        body: int,
        pos=(0.0, 0.0, 0.0),
        rot=(0.0, 0.0, 0.0, 1.0),
        radius: float = 1.0,
        half_height: float = 0.5,
        up_axis: int = 1,
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
        """Adds a cone of ``radius`` and ``half_height`` [m], apex towards +``up_axis``, origin half way up.

        Its centre of mass is a quarter of the height above the base.

        ``up_axis``: 0 = x, 1 = y, 2 = z of the frame given by ``rot``; see ``ShapeBuilder`` for the other arguments.
        """
        return self.add_shape(
            body,
            pos,
            _along(up_axis, rot, "add_shape_cone()"),
            GEO_CONE,
            (radius, half_height),
            **shared_arguments(locals()),
        )

    def add_shape_mesh(
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
        """Adds a triangle mesh scaled by ``scale`` along its x, y, z; see ``ShapeBuilder`` for the other arguments."""
        return self.add_shape(
            body,
            (0.0, 0.0, 0.0) if pos is None else pos,
            IDENTITY_QUAT if rot is None else rot,
            GEO_MESH,
            (1.0, 1.0, 1.0) if scale is None else scale,
            mesh,
            **shared_arguments(locals()),
        )


def _along(up_axis: int, rot, where: str):
    """``rot`` after turning the shape's y axis to ``up_axis``."""
    if up_axis not in AXIS_ROTATION:
        raise SimError(where, f"up_axis = {up_axis!r}", "0 (x), 1 (y) or 2 (z)")
    return quat_multiply(as_quat(rot, where), AXIS_ROTATION[up_axis])

"""Collision shapes, their materials, and the ground plane."""

import numpy as np

from sim.errors import SimError
from sim.geometry import mass_properties as mp
from sim.geometry.mesh import Mesh
from sim.geometry.rotation import IDENTITY_QUAT, quat_between, quat_from_axis_angle
from sim.geometry.shape_types import (
    GEO_BOX,
    GEO_CAPSULE,
    GEO_CONE,
    GEO_CYLINDER,
    GEO_ELLIPSOID,
    GEO_MESH,
    GEO_NAMES,
    GEO_PLANE,
    GEO_SPHERE,
)
from sim.inputs import as_count, as_floats, as_length, as_number, as_transform, as_vector

# Radius of the bounding sphere of an unbounded plane [m].
UNBOUNDED = 1.0e6

# Rotation that takes the shape's own axis y to the asked one.
AXIS_ROTATION = {
    0: quat_from_axis_angle((0.0, 0.0, 1.0), -0.5 * np.pi),
    1: IDENTITY_QUAT,
    2: quat_from_axis_angle((1.0, 0.0, 0.0), 0.5 * np.pi),
}

# How many numbers of ``scale`` each type uses; they must be above zero (a plane may be unbounded: 0).
SCALE_SIZE = {
    GEO_SPHERE: 1,
    GEO_BOX: 3,
    GEO_CAPSULE: 2,
    GEO_CYLINDER: 2,
    GEO_CONE: 2,
    GEO_MESH: 3,
    GEO_PLANE: 0,
    GEO_ELLIPSOID: 3,
}

SOLID = {
    GEO_SPHERE: mp.sphere,
    GEO_BOX: mp.box,
    GEO_CAPSULE: mp.capsule,
    GEO_CYLINDER: mp.cylinder,
    GEO_CONE: mp.cone,
    GEO_ELLIPSOID: mp.ellipsoid,
}
HOLLOW = {
    GEO_SPHERE: mp.hollow_sphere,
    GEO_BOX: mp.hollow_box,
    GEO_CAPSULE: mp.hollow_capsule,
    GEO_CYLINDER: mp.hollow_cylinder,
    GEO_CONE: mp.hollow_cone,
}

MATERIAL_NAMES = ("ke", "kd", "kf", "ka", "mu", "restitution")


def shape_mass(kind: int, scale, src, density: float, is_solid: bool, thickness: float) -> mp.MassProperties:
    """Mass properties of a shape in its own frame at ``density`` [kg/m^3]."""
    if density <= 0.0 or kind not in SCALE_SIZE or kind == GEO_PLANE:
        return mp.MassProperties()
    if kind == GEO_MESH:
        return src.mass_properties(scale, is_solid=is_solid, density=density, thickness=thickness)
    size = [float(s) for s in scale[: SCALE_SIZE[kind]]]
    return SOLID[kind](density, *size) if is_solid or kind not in HOLLOW else HOLLOW[kind](density, *size, thickness)


def shape_bounding_radius(kind: int, scale, src) -> float:
    """Radius [m] of the sphere about the shape's origin that holds it."""
    x, y, z = (float(s) for s in scale)
    if kind == GEO_SPHERE:
        return x
    if kind == GEO_BOX:
        return float(np.linalg.norm((x, y, z)))
    if kind == GEO_CAPSULE:
        return x + y
    if kind == GEO_ELLIPSOID:
        return max(x, y, z)
    if kind in (GEO_CYLINDER, GEO_CONE):
        return float(np.hypot(x, y))
    if kind == GEO_MESH:
        return src.bounding_radius(scale)
    if kind == GEO_PLANE:
        return float(np.hypot(x, y)) if x > 0.0 and y > 0.0 else UNBOUNDED
    return 10.0


class ShapeBuilder:
    """The collision-shape part of ``ModelBuilder``.

    Arguments that every ``add_shape_*`` has:

    * ``body``: Body index; -1 for a static shape, given in the world frame.
    * ``pos``, ``rot``: Pose in the body's frame [m], (x, y, z, w).
    * ``density``: [kg/m^3], adds to the body's mass; None means ``default_shape_density``, 0 adds none.
    * ``ke`` [N/m], ``kd`` [N s/m], ``kf`` [N s/m], ``ka`` [m], ``mu``, ``restitution``: contact stiffness, damping,
      friction stiffness, adhesion distance, friction and restitution coefficients; None means ``default_shape_*``.
    * ``is_solid``: Solid, or a wall of ``thickness`` [m] on the inside of the surface, when computing the mass.
    * ``thickness``: also the contact skin [m]; None means ``default_shape_thickness``.
    * ``has_ground_collision``, ``has_shape_collision``, ``has_particle_collision``: what the shape collides with.
    * ``collision_group``: shapes collide within their group and with group -1; -1 collides with every group.
    * ``is_visible``: for renderers.
    * ``name``: None means ``shape_<index>``.
    """

    def add_shape(
        self,
        body: int,
        pos,
        rot,
        type: int,
        scale,
        src: Mesh | None = None,
        density: float | None = None,
        ke: float | None = None,
        kd: float | None = None,
        kf: float | None = None,
        ka: float | None = None,
        mu: float | None = None,
        restitution: float | None = None,
        thickness: float | None = None,
        is_solid: bool = True,
        collision_group: int = -1,
        collision_filter_parent: bool = True,
        has_ground_collision: bool = True,
        has_shape_collision: bool = True,
        is_visible: bool = True,
        *,
        has_particle_collision: bool = True,
        name: str | None = None,
    ) -> int:
        """Adds a shape of any type and returns its index; see the class for the arguments.

        Args:
            body: Body index, -1 for static.
            pos: Position in the body's frame [m].
            rot: Rotation in the body's frame (x, y, z, w).
            type: One of ``GEO_*``.
            scale: Sizes [m]: sphere (radius), box (half extents), capsule, cylinder and cone (radius, half_height)
                along y, plane (width, length) with 0 for unbounded, mesh (scale along x, y, z), ellipsoid (semi-axes);
                padded to 3 with 0.
            src: The mesh of a ``GEO_MESH``.
            density: See the class, as for all that follow.
            ke: Contact stiffness.
            kd: Contact damping.
            kf: Friction stiffness.
            ka: Adhesion distance.
            mu: Friction coefficient.
            restitution: Restitution coefficient.
            thickness: Wall and skin thickness.
            is_solid: Solid or hollow.
            collision_group: Collision group.
            collision_filter_parent: Kept for joints: no collision with the parent body's shapes.
            has_ground_collision: Collides with the ground plane.
            has_shape_collision: Collides with other shapes.
            is_visible: Visible.
            has_particle_collision: Collides with particles.
            name: Name.

        Raises:
            SimError: No such body, an unknown type, a size or scale not above zero, negative density, NaN.
        """
        index = self.shape_count
        label = GEO_NAMES.get(type, type)
        where = f"add_shape({label})" if name is None else f"add_shape({label}, {name!r})"
        if type not in SCALE_SIZE:
            supported = ", ".join(GEO_NAMES[k] for k in SCALE_SIZE)
            raise SimError(where, f"type = {type!r}", f"one of {supported}")
        body = as_count(body, where, "body", minimum=-1)
        group = as_count(collision_group, where, "collision_group", minimum=-1)
        if body >= self.body_count:
            raise SimError(
                where, f"body = {body}", f"-1 (static) or one of {self.body_count} bodies", "call add_body()"
            )
        if type == GEO_MESH and not isinstance(src, Mesh):
            raise SimError(where, f"mesh = {src!r}", "a sim.Mesh")
        size = np.zeros(3)
        given = np.atleast_1d(as_floats(scale, where, "scale"))
        if given.ndim > 1 or not SCALE_SIZE[type] <= len(given) <= 3:
            raise SimError(where, f"scale of shape {given.shape}", f"{SCALE_SIZE[type]} to 3 numbers")
        size[: len(given)] = given
        for axis in range(SCALE_SIZE[type]):
            as_length(size[axis], where, f"scale[{axis}]")
        x_bs = as_transform((pos, rot), where, "pose")
        material = self._shape_material(where, (ke, kd, kf, ka, mu, restitution))
        skin = (
            self.default_shape_thickness if thickness is None else as_number(thickness, where, "thickness", minimum=0)
        )
        rho = self.default_shape_density if density is None else as_number(density, where, "density", minimum=0)
        if body >= 0:
            self.add_body_mass(body, shape_mass(type, size, src, rho, is_solid, skin).moved(x_bs), where)

        self.shape_body.append(body)
        self.shape_transform.append(x_bs)
        self.shape_visible.append(is_visible)
        self.shape_geo_type.append(type)
        self.shape_geo_scale.append(size)
        self.shape_geo_is_solid.append(is_solid)
        self.shape_geo_thickness.append(skin)
        self.shape_geo_src.append(src)
        for quantity, value in zip(MATERIAL_NAMES, material, strict=True):
            getattr(self, f"shape_material_{quantity}").append(value)
        self.shape_friction_rule.append(0)
        self.shape_collision_group.append(group)
        self.shape_collision_radius.append(shape_bounding_radius(type, size, src))
        self.shape_ground_collision.append(has_ground_collision)
        self.shape_shape_collision.append(has_shape_collision)
        self.shape_particle_collision.append(has_particle_collision)
        self.shape_name.append(f"shape_{index}" if name is None else str(name))
        self.last_collision_group = max(self.last_collision_group, group)
        return index

    def _shape_material(self, where: str, given) -> list[float]:
        values = []
        for quantity, value in zip(MATERIAL_NAMES, given, strict=True):
            default = getattr(self, f"default_shape_{quantity}")
            values.append(default if value is None else as_number(value, where, quantity, minimum=0.0))
        return values

    def add_shape_plane(
        self,
        plane=(0.0, 1.0, 0.0, 0.0),
        pos=None,
        rot=None,
        width: float = 10.0,
        length: float = 10.0,
        body: int = -1,
        ke: float | None = None,
        kd: float | None = None,
        kf: float | None = None,
        ka: float | None = None,
        mu: float | None = None,
        restitution: float | None = None,
        thickness: float | None = None,
        has_ground_collision: bool = False,
        has_shape_collision: bool = True,
        is_visible: bool = True,
        collision_group: int = -1,
        *,
        has_particle_collision: bool = True,
        name: str | None = None,
    ) -> int:
        """Adds a plane; its own normal is +y, and it has no mass.

        Args:
            plane: The plane a x + b y + c z + d = 0 as (a, b, c, d), used when neither ``pos`` nor ``rot`` is given.
            pos: Position, or None.
            rot: Rotation (x, y, z, w), or None.
            width: Half extent along its x [m], 0 for unbounded.
            length: Half extent along its z [m], 0 for unbounded.
            body: See the class, as for all that follow.
            ke: Contact stiffness.
            kd: Contact damping.
            kf: Friction stiffness.
            ka: Adhesion distance.
            mu: Friction coefficient.
            restitution: Restitution coefficient.
            thickness: Skin thickness.
            has_ground_collision: Collides with the ground plane.
            has_shape_collision: Collides with other shapes.
            is_visible: Visible.
            collision_group: Collision group.
            has_particle_collision: Collides with particles.
            name: Name.
        """
        where = "add_shape_plane()"
        if pos is None and rot is None:
            equation = as_vector(plane, 4, where, "plane")
            norm = float(np.linalg.norm(equation[:3]))
            if norm < 1e-12:
                raise SimError(where, f"plane = {equation.tolist()}", "a normal with non-zero length")
            normal = equation[:3] / norm
            pos = -equation[3] / norm * normal
            rot = quat_between(np.array([0.0, 1.0, 0.0]), normal)
        return self.add_shape(
            body,
            (0.0, 0.0, 0.0) if pos is None else pos,
            IDENTITY_QUAT if rot is None else rot,
            GEO_PLANE,
            (as_number(width, where, "width", minimum=0.0), as_number(length, where, "length", minimum=0.0)),
            None,
            0.0,
            ke,
            kd,
            kf,
            ka,
            mu,
            restitution,
            thickness,
            True,
            collision_group,
            True,
            has_ground_collision,
            has_shape_collision,
            is_visible,
            has_particle_collision=has_particle_collision,
            name=name,
        )

    def set_ground_plane(
        self, normal=None, offset: float = 0.0, ke=None, kd=None, kf=None, mu=None, restitution=None
    ) -> None:
        """Places the ground plane that ``finalize`` adds as the last shape.

        Args:
            normal: Its normal; None means ``up_vector``.
            offset: Its height along the normal [m].
            ke: Contact stiffness; this and the following as for shapes.
            kd: Contact damping.
            kf: Friction stiffness.
            mu: Friction coefficient.
            restitution: Restitution coefficient.
        """
        where = "set_ground_plane()"
        direction = as_vector(self.up_vector if normal is None else normal, 3, where, "normal")
        norm = float(np.linalg.norm(direction))
        if norm < 1e-12:
            raise SimError(where, f"normal = {direction.tolist()}", "a normal with non-zero length")
        equation = (*(direction / norm), -as_number(offset, where, "offset"))
        self._shape_material(where, (ke, kd, kf, None, mu, restitution))
        self._ground = {
            "plane": equation,
            "width": 0.0,
            "length": 0.0,
            "ke": ke,
            "kd": kd,
            "kf": kf,
            "mu": mu,
            "restitution": restitution,
        }
        self.ground = True

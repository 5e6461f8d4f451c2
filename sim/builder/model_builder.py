"""``ModelBuilder``: the parts put together, the defaults, and ``finalize``."""

import numpy as np

import engine as en
from sim.articulation.precision import PRECISE_COLUMNS
from sim.builder.actuators import ActuatorBuilder
from sim.builder.bodies import BodyBuilder
from sim.builder.cloth import ClothBuilder
from sim.builder.collapse import CollapseBuilder
from sim.builder.column import Column, PairTable
from sim.builder.compose import ComposeBuilder
from sim.builder.elements import ElementBuilder
from sim.builder.equalities import EqualityBuilder
from sim.builder.finalize import build_model
from sim.builder.friction import FrictionBuilder
from sim.builder.general_shapes import GeneralShapeBuilder
from sim.builder.joints import JointBuilder
from sim.builder.particles import ParticleBuilder
from sim.builder.primitives import PrimitiveBuilder
from sim.builder.shapes import ShapeBuilder
from sim.builder.soft import SoftBuilder
from sim.builder.tables import COLUMNS, OBJECT_COLUMNS
from sim.builder.transaction import undo_mark
from sim.errors import SimError
from sim.inputs import as_number, as_vector
from sim.model import Model


class ModelBuilder(
    ParticleBuilder,
    ElementBuilder,
    ClothBuilder,
    SoftBuilder,
    BodyBuilder,
    ShapeBuilder,
    PrimitiveBuilder,
    GeneralShapeBuilder,
    FrictionBuilder,
    JointBuilder,
    EqualityBuilder,
    ActuatorBuilder,
    CollapseBuilder,
    ComposeBuilder,
):
    """Collects particles, elements, bodies and shapes, and turns them into a ``Model``.

    Names, argument order and defaults follow ``warp.sim.ModelBuilder``; batch adders take whole arrays. Storage is one
    growable NumPy column per quantity (``builder.particle_mass[3] = 0.0`` works; the list is ``sim.builder.tables``).
    An adder that raises ``SimError`` leaves the builder as it was.

    Attributes:
        num_envs: Number of environments added.
        ground: Whether ``finalize`` adds the ground plane (as the last shape); True until switched off.
        up_vector: Up direction, shape [3].
        up_axis: Axis closest to it: 0, 1 or 2.
        gravity: Acceleration along ``up_vector`` [m/s^2]; negative pulls down.
        particle_ranges: ``ParticleRange`` of everything added as a set.
        shape_collision_filter_pairs: Pairs of shapes that never collide; ``add((a, b))``.
        shape_contact_pair_limit: Most shape pairs listed in the model; beyond it the broad phase decides at run time.
        soft_contact_max: Most particle-shape contacts kept at once.
        rigid_contact_margin: Distance at which shape-shape contacts are made [m].
        rigid_contact_torsional_friction: Torsional friction coefficient.
        rigid_contact_rolling_friction: Rolling friction coefficient.
    """

    default_spring_ke = 100.0
    default_spring_kd = 0.0
    default_tri_ke = 100.0
    default_tri_ka = 100.0
    default_tri_kd = 10.0
    default_tri_drag = 0.0
    default_tri_lift = 0.0
    default_edge_ke = 100.0
    default_edge_kd = 0.0
    default_particle_radius = 0.1
    default_shape_ke = 1.0e5
    default_shape_kd = 1000.0
    default_shape_kf = 1000.0
    default_shape_ka = 0.0
    default_shape_mu = 0.5
    default_shape_restitution = 0.0
    default_shape_density = 1000.0
    default_shape_thickness = 1e-5

    def __init__(self, up_vector=(0.0, 1.0, 0.0), gravity: float = -9.80665):
        """Starts empty.

        Args:
            up_vector: Up direction; normalised here.
            gravity: Acceleration along it [m/s^2].
        """
        up = as_vector(up_vector, 3, "ModelBuilder()", "up_vector")
        norm = float(np.linalg.norm(up))
        if norm < 1e-12:
            raise SimError("ModelBuilder()", f"up_vector = {up.tolist()}", "a direction")
        self.up_vector = up / norm
        self.up_axis = int(np.argmax(np.abs(self.up_vector)))
        self.gravity = as_number(gravity, "ModelBuilder()", "gravity")
        self.num_envs = 0
        self.ground = True
        self.particle_ranges = []
        self.particle_max_velocity = 1.0e5
        self.last_collision_group = 0
        self.shape_contact_pair_limit = 4_000_000
        self.soft_contact_max = 64 * 1024
        self.rigid_contact_margin = 0.1
        self.rigid_contact_torsional_friction = 0.5
        self.rigid_contact_rolling_friction = 0.001
        for spec in COLUMNS:
            setattr(self, spec.name, Column(spec.item_shape, spec.dtype))
        for name, _ in OBJECT_COLUMNS:
            setattr(self, name, [])
        self.shape_collision_filter_pairs = PairTable()
        self.set_ground_plane()

    def __setattr__(self, name: str, value) -> None:
        """Assigning to a table replaces its values: ``builder.joint_q = [...]``, one row for each that is there.

        Raises:
            SimError: Another number of rows, or rows of another shape or type.
        """
        column = self.__dict__.get(name)
        if isinstance(column, Column) and not isinstance(value, Column):
            column.assign(value, f"ModelBuilder.{name}")
        else:
            super().__setattr__(name, value)

    @property
    def particle_count(self) -> int:
        """Number of particles so far."""
        return len(self.particle_q)

    @property
    def spring_count(self) -> int:
        """Number of springs so far."""
        return len(self.spring_rest_length)

    @property
    def tri_count(self) -> int:
        """Number of triangles so far."""
        return len(self.tri_areas)

    @property
    def edge_count(self) -> int:
        """Number of bending edges so far, border edges included."""
        return len(self.edge_rest_angle)

    @property
    def tet_count(self) -> int:
        """Number of tetrahedra so far."""
        return len(self.tet_activations)

    @property
    def body_count(self) -> int:
        """Number of bodies so far."""
        return len(self.body_mass)

    @property
    def shape_count(self) -> int:
        """Number of shapes so far (``finalize`` adds the ground plane)."""
        return len(self.shape_body)

    def finalize(self, device=None, requires_grad: bool = False, *, precise: bool = False) -> Model:
        """Makes the model; the builder stays usable and unchanged.

        Args:
            device: Where the arrays live; None means the current device.
            requires_grad: Whether to keep gradients of the floating-point arrays.
            precise: Whether to keep joints and masses in float64 beside the model's float32, for ``eval_fk``,
                ``eval_mass_matrix`` and their like with coordinates of float64.

        Raises:
            SimError: A column holds NaN, infinity or an index out of range.
        """
        undo = undo_mark(self)
        try:
            if self.ground:
                self.add_shape_plane(
                    **self._ground, has_ground_collision=False, has_shape_collision=False, name="ground_plane"
                )
            model = build_model(self, en.get_device(device), requires_grad)
            if precise:
                model.precise_columns = {name: getattr(self, name).view.copy() for name in PRECISE_COLUMNS}
            return model
        finally:
            undo()

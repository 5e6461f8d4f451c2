"""The model: everything about a simulation that does not change from step to step."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

import engine as en
from sim.adjacency import ForceSlots, force_slots
from sim.articulation.joint_table import joint_table
from sim.articulation.trees import KinematicTrees, body_parts
from sim.bound_launches import BoundLaunches
from sim.coloring import ElementColoring, color_elements
from sim.device_arrays import device_array
from sim.forces.contact_resistance import TreeContacts
from sim.state import Control, State


@dataclass(frozen=True)
class ShapeFilter:
    """Tables from which a broad phase decides at run time whether two shapes may touch.

    Shapes a and b may touch when both ``collides``, they are on different bodies (or both static is excluded: one of
    them ``dynamic``), their groups are equal or one of them is -1, and b is not among a's excluded shapes.

    Attributes:
        group: Collision group, int32, shape [shape_count].
        collides: Whether the shape meets other shapes, int32 (0 or 1), shape [shape_count].
        collides_ground: Whether it meets the ground plane, int32, shape [shape_count].
        collides_particles: Whether it meets particles, int32, shape [shape_count].
        dynamic: Whether its body can be pushed (inverse mass above 0), int32, shape [shape_count].
        excluded_offsets: Excluded shapes of shape s: ``excluded[excluded_offsets[s]:excluded_offsets[s + 1]]``,
            ascending, int32, shape [shape_count + 1].
        excluded: Excluded shapes, int32.
    """

    group: Any
    collides: Any
    collides_ground: Any
    collides_particles: Any
    dynamic: Any
    excluded_offsets: Any
    excluded: Any


class Model:
    """The time-invariant description of a simulation; made by ``ModelBuilder.finalize``.

    Arrays are engine arrays on ``device``. SI units; frames: world unless noted.

    Attributes:
        device: Where the arrays live.
        requires_grad: Whether gradients are kept.
        num_envs: Number of environments added by ``add_builder`` and ``replicate``.

        particle_q: Initial positions [m], vec3 [particle_count].
        particle_qd: Initial velocities [m/s], vec3 [particle_count].
        particle_mass: Mass [kg], float [particle_count].
        particle_inv_mass: 1/mass [1/kg], 0 for pinned particles, float [particle_count].
        particle_radius: Collision radius [m], float [particle_count].
        particle_flags: ``PARTICLE_FLAG_*`` bits, uint32 [particle_count].
        particle_max_radius: Largest radius [m].
        particle_max_velocity: Speed limit of particles [m/s].
        particle_ranges: Named sets of particles, a tuple of ``ParticleRange``.
        particle_ke: Particle-particle contact stiffness [N/m].
        particle_kd: Particle-particle contact damping [N s/m].
        particle_kf: Particle-particle friction stiffness [N s/m].
        particle_mu: Particle friction coefficient.
        particle_cohesion: Particle cohesion distance [m].
        particle_adhesion: Particle adhesion distance to shapes [m].

        spring_indices: Particle pairs, flat, int32 [2 * spring_count].
        spring_rest_length: [m], float [spring_count].
        spring_stiffness: [N/m], float [spring_count].
        spring_damping: [N s/m], float [spring_count].
        spring_control: Activation, float [spring_count].

        tri_indices: Particle triples, int32 [tri_count, 3].
        tri_poses: Inverse rest matrices [1/m], mat22 [tri_count].
        tri_activations: float [tri_count].
        tri_materials: ke ka kd drag lift, float [tri_count, 5].
        tri_areas: Rest areas [m^2], float [tri_count].

        edge_indices: Rows [o0, o1, v1, v2]: the edge v1-v2 and the vertices opposite (-1 where there is no triangle;
            such rows do not bend), int32 [edge_count, 4].
        edge_rest_angle: [rad], 0 when flat, sign as ``sim.builder.elements.bending_angle``, float [edge_count].
        edge_rest_length: [m], float [edge_count].
        edge_bending_properties: ke kd, float [edge_count, 2].

        tet_indices: Particle quadruples, int32 [tet_count, 4].
        tet_poses: Inverse rest matrices [1/m], mat33 [tet_count].
        tet_activations: float [tet_count].
        tet_materials: k_mu k_lambda [Pa] k_damp [Pa s], float [tet_count, 3].

        body_q: Initial poses of the body origins, transform [body_count].
        body_qd: Initial velocities, angular [rad/s], then linear of the centre of mass [m/s], spatial_vector
            [body_count].
        body_com: Centre of mass [m], body frame, vec3 [body_count].
        body_mass: [kg], float [body_count].
        body_inv_mass: [1/kg], 0 for kinematic and massless bodies, float [body_count].
        body_inertia: About the centre of mass, body axes [kg m^2], mat33 [body_count].
        body_inv_inertia: Its inverse, 0 where ``body_inv_mass`` is 0, mat33 [body_count].
        body_flags: ``BODY_FLAG_*`` bits, int32 [body_count].
        body_name: Names, a list.

        shape_body: Body of each shape or -1, int32 [shape_count].
        shape_transform: Pose in the body's frame (world if static), transform [shape_count].
        shape_visible: bool [shape_count].
        shape_geo: ``ModelShapeGeometry``, struct of arrays: type is_solid thickness source scale.
        shape_geo_src: The ``sim.Mesh`` of mesh shapes, else None, a list.
        shape_materials: ``ModelShapeMaterials``, struct of arrays: ke kd kf ka mu restitution.
        friction_rules: ``FrictionRules``, how the ``mu`` of two shapes combine.
        shape_name: Names, a list.
        shape_collision_group: Collision groups, host int32 array [shape_count].
        shape_collision_radius: Radius of the bounding sphere about the shape's origin [m], float [shape_count].
        shape_ground_collision: Host bool array [shape_count].
        shape_shape_collision: Host bool array [shape_count].
        shape_particle_collision: Host bool array [shape_count].
        shape_collision_filter_pairs: Pairs of shapes that never collide, a set of (smaller, larger).
        shape_filter: ``ShapeFilter``, the same as device tables.
        shape_contact_pairs: Pairs of shapes that may touch, int32 [shape_contact_pair_count, 2], sorted.
        shape_contact_pairs_complete: False when there are too many pairs to list: then ``shape_contact_pairs`` is
            empty, and the broad phase decides with ``shape_filter``.
        shape_ground_contact_pairs: Pairs (shape, ground shape), int32 [shape_ground_contact_pair_count, 2].
        ground: Whether the ground plane is on; may be switched off after ``finalize``.
        ground_shape: Index of the ground plane's shape (the last one), -1 if there is none.
        ground_plane: (a, b, c, d) of a x + b y + c z + d = 0, float [4].

        joint_type: ``JOINT_*``, int32 [joint_count].
        joint_parent: Parent body, -1 for the world, int32 [joint_count]; likewise joint_child.
        joint_X_p: Joint frame in the parent's frame, transform [joint_count]; likewise joint_X_c in the child's.
        joint_q_start: First entry of each joint in ``joint_q``, int32 [joint_count + 1]; likewise joint_qd_start
            for ``joint_qd`` and joint_axis_start for the axes.
        joint_axis_dim: Numbers of linear and angular axes, int32 [joint_count, 2].
        joint_linear_compliance: [m/N], float [joint_count]; likewise joint_angular_compliance [rad/(N m)].
        joint_enabled: int32 [joint_count].
        joint_name: Names, a list.
        joint_axis: Axes in the joint frame, vec3 [joint_axis_count].
        joint_axis_mode: ``JOINT_MODE_*``, int32 [joint_axis_count].
        joint_limit_lower: [m or rad], float [joint_axis_count]; likewise joint_limit_upper, joint_limit_ke
            [N/m or N m/rad], joint_limit_kd.
        joint_target_ke: Drive stiffness, float [joint_axis_count]; likewise joint_target_kd, joint_target_qd,
            joint_effort_limit [N or N m].
        joint_act: Initial ``Control.joint_act``, float [joint_axis_count].
        joint_q: Initial coordinates, float [joint_coord_count].
        joint_qd: Initial velocities, float [joint_dof_count].
        joint_armature: Inertia added to a degree of freedom [kg or kg m^2], float [joint_dof_count]; likewise
            joint_damping, joint_stiffness, joint_spring_ref, joint_friction (passive forces). Which joints have friction
            is noted when the model is first stepped; its amount may change later.
        joint_ball_limit: Largest swings about the joint frames' y and z axes and largest rotation [rad] of ball joints,
            negative for none, float [joint_count, 3].
        equality_type: ``EQUALITY_*`` of each equality constraint, int32 [equality_count].
        equality_body: The two bodies held together, -1 for the world, int32 [equality_count, 2]; equality_X_1 and
            equality_X_2 are the frames in them.
        equality_dof: The two degrees of freedom that are coupled, int32 [equality_count, 2]; equality_coef the polynomial,
            equality_range [equality_count, 2] how far it may be from it.
        equality_compliance: [m/N or rad/(N m)], float [equality_count]; equality_enabled: int32.
        joint_attach_ke: Stiffness of joints under ``SemiImplicitIntegrator`` where it has none of its own [N/m, N m/rad];
            None for what masses and step allow; likewise joint_attach_kd.
        actuator_dof: Degree of freedom that each actuator drives, int32 [actuator_count]; actuator_coord is its coordinate,
            actuator_gear, actuator_gain, actuator_bias, actuator_ctrl_range, actuator_force_range its law, actuator_ctrl
            its initial control (see ``sim.articulation.actuators``).
        articulation_start: First joint of each articulation that was begun, int32 [articulation_count + 1].

        soft_contact_margin: Distance at which particle-shape contacts are made [m].
        soft_contact_ke: Stiffness [N/m]; likewise kd [N s/m], kf [N s/m], mu, restitution.
        soft_contact_max: Most particle-shape contacts kept at once.
        rigid_contact_margin: Distance at which shape-shape contacts are made [m].
        rigid_contact_max: Room for pairs of shapes that are near at one time; 0 means 24 a shape. Grows as needed
            except on GPUs and in graphs; read when contacts are first found.
        max_depenetration_velocity: Speed at which rigid shapes that overlap when the simulation starts are pushed apart
            [m/s] (see ``sim.collide.start_overlaps``); under XPBD all overlaps that were there before a step.
        rigid_contact_torsional_friction: Torsional friction coefficient.
        rigid_contact_rolling_friction: Rolling friction coefficient.

        gravity: [m/s^2], host array [3].
        up_vector: Host array [3].
        up_axis: 0, 1 or 2.
        particle_count: Number of particles; likewise spring_count tri_count edge_count tet_count body_count
            shape_count.
    """

    def __init__(self, device=None):
        self.device = device
        self.requires_grad = False
        self.num_envs = 0
        self.particle_max_radius = 0.0
        self.particle_max_velocity = 1.0e5
        self.particle_ranges: tuple = ()
        self.particle_ke = 1.0e3
        self.particle_kd = 1.0e2
        self.particle_kf = 1.0e2
        self.particle_mu = 0.5
        self.particle_cohesion = 0.0
        self.particle_adhesion = 0.0
        self.soft_contact_margin = 0.2
        self.soft_contact_ke = 1.0e3
        self.soft_contact_kd = 10.0
        self.soft_contact_kf = 1.0e3
        self.soft_contact_mu = 0.5
        self.soft_contact_restitution = 0.0
        self.soft_contact_max = 64 * 1024
        self.joint_attach_ke = None
        self.joint_attach_kd = None
        self.rigid_contact_margin = 0.1
        self.rigid_contact_max = 0
        self.max_depenetration_velocity = 1.0
        self.start_overlaps_told = False
        self.rigid_contact_torsional_friction = 0.5
        self.rigid_contact_rolling_friction = 0.001
        self.ground = True
        self.ground_shape = -1
        self.shape_contact_pairs_complete = True
        self.gravity = np.array([0.0, -9.80665, 0.0])
        self.up_vector = np.array([0.0, 1.0, 0.0])
        self.up_axis = 1
        # Scratch arrays of the collision pipeline and the integrators, made when they first see the model.
        self.articulation_scratch = None
        self.double_tables, self.precise_columns = None, {}
        self.articulation_launches = BoundLaunches()
        self.constraint_scratch = None
        self.actuator_scratch = None
        self.particle_forces = None
        self.body_wrench = None
        self.shape_placement = None
        self.particle_contacts = None
        self.rigid_contacts = None
        for family in (
            "particle", "spring", "tri", "edge", "tet", "body", "shape",
            "joint", "joint_axis", "joint_coord", "joint_dof", "articulation", "equality", "actuator",
        ):  # fmt: skip
            setattr(self, f"{family}_count", 0)

    def state(self, requires_grad: bool | None = None) -> State:
        """A new state at the initial positions and velocities, forces zero; fields of absent kinds stay None."""
        grad = self.requires_grad if requires_grad is None else requires_grad
        state = State()
        particle_f = body_f = None
        if self.particle_count:
            state.particle_q = en.clone(self.particle_q, requires_grad=grad)
            state.particle_qd = en.clone(self.particle_qd, requires_grad=grad)
            particle_f = en.zeros_like(self.particle_qd, requires_grad=grad)
        if self.body_count:
            state.body_q = en.clone(self.body_q, requires_grad=grad)
            state.body_qd = en.clone(self.body_qd, requires_grad=grad)
            body_f = en.zeros_like(self.body_qd, requires_grad=grad)
        if self.joint_count:
            state.joint_q = en.clone(self.joint_q, requires_grad=grad)
            state.joint_qd = en.clone(self.joint_qd, requires_grad=grad)
            state.joint_qdd = en.zeros_like(self.joint_qd, requires_grad=grad)
        state.adopt_forces(particle_f, body_f)
        return state

    def control(self, requires_grad: bool | None = None, clone_variables: bool = True) -> Control:
        """New control inputs at the model's activations (or, without ``clone_variables``, the model's own arrays)."""
        grad = self.requires_grad if requires_grad is None else requires_grad
        control = Control()
        for name, source, count in (
            ("tri_activations", "tri_activations", self.tri_count),
            ("tet_activations", "tet_activations", self.tet_count),
            ("spring_activations", "spring_control", self.spring_count),
            ("joint_act", "joint_act", self.joint_axis_count),
            ("ctrl", "actuator_ctrl", self.actuator_count),
        ):
            if count:
                array = getattr(self, source)
                setattr(control, name, en.clone(array, requires_grad=grad) if clone_variables else array)
        if self.joint_dof_count:
            control.joint_f = en.zeros(self.joint_dof_count, dtype=float, device=self.device, requires_grad=grad)
        return control

    def _element_indices(self, family: str) -> np.ndarray:
        width = {"spring": 2, "tri": 3, "edge": 4, "tet": 4}[family]
        return np.asarray(getattr(self, f"{family}_indices").numpy()).reshape(-1, width)

    @cached_property
    def joint_table(self):
        """The joint arrays as one kernel argument."""
        return joint_table(self)

    @cached_property
    def kinematic_trees(self):
        """The articulations in the order in which kernels walk them; see ``sim.articulation.trees``."""
        return KinematicTrees(self)

    @cached_property
    def mass_parts(self):
        """In how many parts a body is shared between its joints, free ones aside, and its contacts, float [body_count]."""
        return device_array(body_parts(self), "float32", self.device)

    @cached_property
    def tree_contacts(self):
        """What contacts of bodies that joint coordinates move need; see ``sim.forces.contact_resistance``."""
        return TreeContacts(self)

    @cached_property
    def no_contact_ahead(self):
        """Steps from the start of one to where contact forces act: none, float [body_count]."""
        return device_array(np.zeros(self.body_count), "float32", self.device)

    # Tables that only some integrators need are made at first use. Change of topology means a new Model.

    @cached_property
    def body_shapes(self) -> dict[int, list[int]]:
        """Shape indices of each body; key -1 holds the static shapes."""
        shapes: dict[int, list[int]] = {body: [] for body in range(-1, self.body_count)}
        for shape, body in enumerate(self.shape_body.numpy().tolist()):
            shapes[body].append(shape)
        return shapes

    @cached_property
    def force_slots(self) -> ForceSlots:
        """Slot numbering and slot lists on the host; see ``sim.adjacency``."""
        return force_slots(
            self.particle_count, {family: self._element_indices(family) for family in ("spring", "tri", "edge", "tet")}
        )

    @property
    def slot_count(self) -> int:
        """Number of force slots; slot arrays need one more entry, which stays zero."""
        return self.force_slots.slot_count

    @property
    def slot_base(self) -> dict[str, int]:
        """First slot of each family, keys ``spring tri edge tet``; block length is the family's count."""
        return self.force_slots.bases

    @property
    def particle_adjacency_use_csr(self) -> bool:
        """Whether to use the compressed rows (very uneven degrees) instead of the padded table."""
        return self.force_slots.use_csr

    @cached_property
    def particle_adjacency(self):
        """Padded slot lists, int32 [max_degree, particle_count], padded with ``slot_count``; empty if ``use_csr``."""
        return device_array(self.force_slots.padded, "int32", self.device)

    @cached_property
    def particle_adjacency_offsets(self):
        """Row starts of the compressed slot lists, int32 [particle_count + 1]."""
        return device_array(self.force_slots.offsets, "int32", self.device)

    @cached_property
    def particle_adjacency_slots(self):
        """Slots of the compressed lists, int32."""
        return device_array(self.force_slots.slots, "int32", self.device)

    @cached_property
    def _colorings(self) -> dict[str, ElementColoring]:
        return {}

    def coloring(self, family: str) -> ElementColoring:
        """Colours of ``spring``, ``tri``, ``edge`` or ``tet`` elements on the host; border edges have none."""
        if family not in self._colorings:
            self._colorings[family] = color_elements(self._element_indices(family), self.particle_count)
        return self._colorings[family]

    @cached_property
    def spring_color_order(self):
        """Spring indices, colour after colour, int32 [spring_count]."""
        return device_array(self.coloring("spring").order, "int32", self.device)

    @cached_property
    def tri_color_order(self):
        """Triangle indices, colour after colour, int32 [tri_count]."""
        return device_array(self.coloring("tri").order, "int32", self.device)

    @cached_property
    def edge_color_order(self):
        """Indices of the edges that bend, colour after colour, int32 [<= edge_count]."""
        return device_array(self.coloring("edge").order, "int32", self.device)

    @cached_property
    def tet_color_order(self):
        """Tetrahedron indices, colour after colour, int32 [tet_count]."""
        return device_array(self.coloring("tet").order, "int32", self.device)

    @property
    def spring_color_offsets(self) -> list[int]:
        """Where each colour starts in ``spring_color_order``, a host list of colour_count + 1."""
        return self.coloring("spring").offsets

    @property
    def tri_color_offsets(self) -> list[int]:
        """Where each colour starts in ``tri_color_order``."""
        return self.coloring("tri").offsets

    @property
    def edge_color_offsets(self) -> list[int]:
        """Where each colour starts in ``edge_color_order``."""
        return self.coloring("edge").offsets

    @property
    def tet_color_offsets(self) -> list[int]:
        """Where each colour starts in ``tet_color_order``."""
        return self.coloring("tet").offsets

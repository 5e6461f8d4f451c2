"""Typed scene records: what a file says, in SI units, before any simulation object exists.

Units are metres, kilograms, seconds and radians. The world axes stay as authored (see ``SceneRecord.up_axis``).
A transform is a ``float64`` array of seven numbers, position [m] then unit quaternion xyzw; ``X_wb`` maps body
coordinates to world. Prim paths are plain strings.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from usd_io.marker_records import MarkerRecord
from usd_io.shape_records import Shape


@dataclass(frozen=True)
class SceneWarning:
    """Something in the file that is not simulated as authored."""

    path: str
    """Prim path, or the file for stage-wide remarks."""
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


@dataclass
class SceneSettings:
    """Simulation settings kept in the file (``simrun:*`` attributes of the PhysicsScene prim); None = not said."""

    substeps: int | None = None
    solver: str | None = None
    """``semi-implicit`` or ``xpbd``."""
    iterations: int | None = None
    """Constraint iterations a substep (XPBD)."""
    frames: int | None = None
    soft_contact: dict[str, float] = field(default_factory=dict)
    """``soft_contact_ke kd kf mu restitution margin`` of the model, from ``simrun:softContactKe`` etc."""


@dataclass(frozen=True)
class MaterialRecord:
    """Physics material; a field is None where the file gives no value (or USD's ``-inf`` or 0-density sentinel)."""

    path: str | None = None
    static_friction: float | None = None
    dynamic_friction: float | None = None
    restitution: float | None = None
    density: float | None = None
    """[kg/m^3]"""
    youngs_modulus: float | None = None
    """[Pa]"""
    poissons_ratio: float | None = None
    thickness: float | None = None
    """Shell or cable thickness [m]."""
    stretch_stiffness: float | None = None
    """[Pa] for surfaces and curves."""
    shear_stiffness: float | None = None
    """[Pa]"""
    bend_stiffness: float | None = None
    """[Pa]"""
    twist_stiffness: float | None = None
    """[Pa]"""
    friction_combine: str | None = None
    """How its friction combines with another's: ``average`` (also None), ``min``, ``multiply`` or ``max``."""


@dataclass
class BodyRecord:
    """A rigid body with resolved mass properties (UsdPhysics precedence already applied)."""

    path: str
    X_wb: np.ndarray
    """Body frame in world, scale removed."""
    stretch: np.ndarray
    """[3, 3] ``K`` with ``A = R(X_wb) @ K``, where A is the linear part of the prim's authored local-to-world matrix
    (column-vector convention). Identity without scale, ``diag(scale)`` with; a writer puts it back after moving R."""
    mass: float
    com: np.ndarray
    """Centre of mass, body frame [m], shape [3]."""
    inertia: np.ndarray
    """About the centre of mass, body axes [kg m^2], shape [3, 3]."""
    linear_velocity: np.ndarray
    """Of the centre of mass, world frame [m/s]."""
    angular_velocity: np.ndarray
    """World frame [rad/s]."""
    kinematic: bool = False
    instance_roots: tuple[str, ...] = ()
    """Instanceable prims above this prim, outermost first; a writer must override ``instanceable = false`` on them."""
    instancer: str | None = None
    """Path of the PointInstancer this body is an instance of; then ``path`` is ``<instancer>[index]``."""
    instance_index: int = -1
    """Row in the instancer's ``positions``/``orientations``/``scales`` arrays."""
    prototype_offset: np.ndarray | None = None
    """[4, 4] column convention, stage units: the part of the instance's transform that comes after
    position/orientation/scale, so that ``world = instancer_local_to_world @ T(pos) R(orient) S(scale) @ offset``."""


@dataclass(frozen=True)
class ContactOverrides:
    """Contact parameters said outright by ``simrun:ke`` etc. on the collider; None = derived by the emitter."""

    ke: float | None = None
    """[N/m]"""
    kd: float | None = None
    """[N s/m]"""
    kf: float | None = None
    """[N s/m]"""
    mu: float | None = None
    restitution: float | None = None


@dataclass
class ColliderRecord:
    """One collision shape."""

    path: str
    body_path: str | None
    """Path of the BodyRecord that carries it; None for static geometry."""
    X_bs: np.ndarray
    """Shape frame in the body frame; in world when static."""
    shape: Shape
    material: MaterialRecord
    contact: ContactOverrides = ContactOverrides()
    prim_path: str = ""
    """The prim it was read from; differs from ``path`` for point instances only."""
    color: tuple[float, float, float, float] | None = None
    """How it is drawn where the source is not USD: red, green, blue, opacity in 0 .. 1."""
    hidden: bool = False
    """Drawn by nobody, because other geometry shows the body."""
    priority: int = 0
    """The collider of the higher priority decides alone about the friction of two."""
    frictionless: bool = False
    """No friction with colliders that are frictionless, too."""


@dataclass
class VisualRecord:
    """Geometry that is only seen."""

    path: str
    body_path: str | None
    """Path of the BodyRecord that carries it; None for static geometry."""
    X_bs: np.ndarray
    """Shape frame in the body frame; in world when static."""
    shape: Shape
    color: tuple[float, float, float, float] | None = None
    """Red, green, blue, opacity in 0 .. 1."""


@dataclass(frozen=True)
class DriveRecord:
    """What pulls an axis: stiffness (target - q) + damping (target_velocity - qd), limited to max_force."""

    stiffness: float = 0.0
    """[N/m or N m/rad]"""
    damping: float = 0.0
    target: float = 0.0
    """[m or rad]"""
    target_velocity: float = 0.0
    max_force: float | None = None
    """[N or N m]"""
    acceleration: bool = False
    """Stiffness and damping count per unit of the mass or inertia that the axis carries."""
    force: float = 0.0
    """Force of a drive without stiffness and damping [N or N m]."""


@dataclass
class JointAxisRecord:
    """One axis of freedom. Positions count from the pose as authored [m or rad]."""

    kind: str
    """``linear`` or ``angular``."""
    axis: np.ndarray
    """Unit vector in the joint frames, shape [3]."""
    lower: float | None = None
    upper: float | None = None
    limit_stiffness: float | None = None
    """[N/m or N m/rad]; None = stiff enough for what hangs on the joint."""
    limit_damping: float | None = None
    limit_rates: tuple[float, float] | None = None
    """Stiffness [1/s^2] and damping [1/s] of the limits per unit of the mass or inertia that the axis carries."""
    position: float = 0.0
    """Where it starts."""
    velocity: float = 0.0
    damping: float = 0.0
    stiffness: float = 0.0
    spring_ref: float = 0.0
    friction: float = 0.0
    armature: float = 0.0
    drive: DriveRecord | None = None
    name: str = ""


@dataclass
class JointRecord:
    """A joint that holds frame ``X_cj`` of its child to frame ``X_pj`` of its parent."""

    path: str
    kind: str
    """``fixed``, ``free``, ``ball``, ``distance``, or ``axes``: translations, then rotations, along ``axes``."""
    parent_path: str | None
    """Path of a BodyRecord; None for the world."""
    child_path: str | None
    """Likewise; None only until ``turned_round``."""
    X_pj: np.ndarray
    X_cj: np.ndarray
    axes: list[JointAxisRecord] = field(default_factory=list)
    start_q: np.ndarray | None = None
    """Coordinates at which a free (seven) or ball joint (four) starts, where its bodies' poses do not say so; likewise
    start_qd, angular velocity first."""
    start_qd: np.ndarray | None = None
    damping: float = 0.0
    """Of free and ball joints; likewise stiffness (ball), friction and armature."""
    stiffness: float = 0.0
    friction: float = 0.0
    armature: float = 0.0
    distance: tuple[float, float] = (-1.0, -1.0)
    """Smallest and largest distance [m] of a distance joint, negative for none."""
    cone: tuple[float, float] | None = None
    """How far the x axis of a ball joint may swing about y and z [rad], negative for any angle."""
    angle_limit: float | None = None
    """Largest rotation of a ball joint away from its zero pose [rad]."""
    filter_collision: bool = True
    """Whether parent and child do not collide."""
    outside_tree: bool = False
    """Said to be no part of an articulation: it closes a loop."""

    def turned_round(self) -> JointRecord | None:
        """The same joint with parent and child exchanged; None when several axes depend on their order.

        The child's motion in the parent is then undone: each axis points the other way, and coordinates stay.
        """
        if len(self.axes) > 1 and any(axis.kind == "angular" for axis in self.axes):
            return None
        axes = [replace(axis, axis=-axis.axis) for axis in self.axes]
        return replace(
            self, parent_path=self.child_path, child_path=self.parent_path, X_pj=self.X_cj, X_cj=self.X_pj, axes=axes
        )


@dataclass
class ActuatorRecord:
    """A motor, or another force on a joint axis that is no drive; see ``sim.articulation.actuators`` for its law."""

    path: str
    axis: tuple[str, int]
    """Path of the joint and number of its axis."""
    gear: float = 1.0
    gain: float = 1.0
    bias: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Constant force, force per length, force per speed; the length is gear times the position of the record's axis."""
    ctrl_range: tuple[float, float] | None = None
    force_range: tuple[float, float] | None = None
    ctrl: float = 0.0
    """Where the control starts."""

    @property
    def constant_force(self) -> float | None:
        """Force on the axis at the initial control; None when it depends on the motion."""
        if self.bias[1] or self.bias[2]:
            return None
        ctrl = float(np.clip(self.ctrl, *(self.ctrl_range or (-np.inf, np.inf))))
        return self.gear * float(np.clip(self.gain * ctrl + self.bias[0], *(self.force_range or (-np.inf, np.inf))))


@dataclass
class EqualityRecord:
    """Two bodies held together besides the joints that move them, or a joint axis that follows another one."""

    path: str
    kind: str
    """``connect`` (points), ``weld`` (frames) or ``joint`` (coordinates)."""
    bodies: tuple[str | None, str | None] = (None, None)
    """Paths of BodyRecords, None for the world; X_1 and X_2 are frames in them."""
    X_1: np.ndarray | None = None
    X_2: np.ndarray | None = None
    axes: tuple[tuple[str, int], tuple[str, int] | None] | None = None
    """Path of a joint and number of its axis: the one that follows, and the one that is followed (None: held still)."""
    coef: tuple[float, ...] = (0.0, 1.0)
    span: tuple[float, float] = (0.0, 0.0)
    """``q_1 - (coef[0] + coef[1] q_2 + …)`` [m or rad] is within this span, coordinates counted as in the joint records."""
    enabled: bool = True


@dataclass
class DeformableRecord:
    """What cloth, soft bodies, cables and particle sets share. Particle i of the set is point i of the prim."""

    path: str
    """The simulation geometry prim (Mesh, TetMesh, BasisCurves, Points): the one whose ``points`` move."""
    points_w: np.ndarray
    """World [m], shape [n, 3] float64."""
    velocities_w: np.ndarray
    """World [m/s], shape [n, 3]."""
    local_to_world: np.ndarray
    """[4, 4] authored matrix of the prim in stage units, column-vector convention: ``p_w = A @ p_l + t``."""
    pinned: np.ndarray
    """[n] bool: held where they start (kinematic)."""
    material: MaterialRecord
    masses: np.ndarray | None = None
    """Per point [kg], shape [n], when authored."""
    total_mass: float | None = None
    """[kg], when authored on the body (physics:mass)."""
    density: float | None = None
    """[kg/m^3] (kg/m^2 never), body density before material density; None = emitter's default."""
    rest_points: np.ndarray | None = None
    """Rest shape [m], None = the starting shape."""
    overrides: dict[str, float] = field(default_factory=dict)
    """Direct solver parameters from ``simrun:*`` (triKe triKa triKd triDrag triLift edgeKe edgeKd springKe springKd
    kMu kLambda kDamp particleRadius), by name, SI."""
    body_path: str = ""
    """The prim that carries PhysicsDeformableBodyAPI."""
    instance_roots: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """Number of points, and of particles."""
        return len(self.points_w)


@dataclass
class ClothRecord(DeformableRecord):
    """A triangle mesh that stretches, shears and bends."""

    triangles: np.ndarray = field(default_factory=lambda: np.zeros((0, 3), np.int32))
    """[m, 3] int32 into the points"""
    rest_triangles: np.ndarray | None = None
    """[m, 3] into ``rest_points``, None = ``triangles``."""
    thicknesses: np.ndarray | None = None
    """Per point [m] when authored."""
    flat_rest_bend: bool = True
    """Rest dihedral angles are 0 (physics:restBendAnglesDefault = "flat", the proposal's fallback), else as at rest."""


@dataclass
class SoftBodyRecord(DeformableRecord):
    """A tetrahedral mesh."""

    tetrahedra: np.ndarray = field(default_factory=lambda: np.zeros((0, 4), np.int32))
    """[m, 4] int32, positive volume in the rest shape"""
    surface_triangles: np.ndarray = field(default_factory=lambda: np.zeros((0, 3), np.int32))
    """[k, 3] boundary faces, outward"""
    rest_tetrahedra: np.ndarray | None = None


@dataclass
class CableRecord(DeformableRecord):
    """Polylines that resist stretching and bending."""

    curve_counts: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))
    """Points of each curve, shape [curves]."""
    closed: bool = False
    """Every curve is a loop (wrap = "periodic")."""
    thicknesses: np.ndarray | None = None


@dataclass
class ParticleRecord(DeformableRecord):
    """Free particles."""

    radii: np.ndarray | None = None
    """Per point [m] (half of the authored widths)."""


@dataclass(frozen=True)
class CollisionGroupRecord:
    """A collision group; members are collider paths, or deformable paths."""

    path: str
    members: frozenset[str]
    filtered_groups: frozenset[str]
    """Paths of groups it does not collide with (after merging and inversion)."""


@dataclass
class SceneRecord:
    """Everything a scene file says about a simulation."""

    source_path: str
    meters_per_unit: float = 1.0
    kilograms_per_unit: float = 1.0
    up_axis: str = "Y"
    """World axis that points up as authored: "X", "Y" or "Z"."""
    gravity: np.ndarray = field(default_factory=lambda: np.array([0.0, -9.80665, 0.0]))
    """[m/s^2], world frame, shape [3]"""
    fps: float = 24.0
    """Frames (= time codes) a second."""
    start_time_code: float | None = None
    end_time_code: float | None = None
    settings: SceneSettings = field(default_factory=SceneSettings)
    scene_path: str | None = None
    """The PhysicsScene prim used."""
    bodies: list[BodyRecord] = field(default_factory=list)
    colliders: list[ColliderRecord] = field(default_factory=list)
    joints: list[JointRecord] = field(default_factory=list)
    equalities: list[EqualityRecord] = field(default_factory=list)
    actuators: list[ActuatorRecord] = field(default_factory=list)
    articulation_roots: tuple[str, ...] = ()
    """Prims said to be (or to hold) the root of an articulation."""
    joints_follow_bodies: bool = False
    """Joint coordinates are those that the bodies' poses and velocities mean, not those in the joint records."""
    visuals: list[VisualRecord] = field(default_factory=list)
    """Only of sources that are not USD; a stage keeps its own."""
    markers: list[MarkerRecord] = field(default_factory=list)
    cloths: list[ClothRecord] = field(default_factory=list)
    softs: list[SoftBodyRecord] = field(default_factory=list)
    particles: list[ParticleRecord] = field(default_factory=list)
    cables: list[CableRecord] = field(default_factory=list)
    filtered_pairs: list[tuple[str, str]] = field(default_factory=list)
    """Pairs of prim paths (bodies, colliders or ancestors of colliders) that do not collide."""
    collision_groups: list[CollisionGroupRecord] = field(default_factory=list)
    pair_frictions: dict[tuple[str, str], float] = field(default_factory=dict)
    """Coefficients of friction that two colliders, by path, have with each other."""
    warnings: list[SceneWarning] = field(default_factory=list)

    @property
    def deformables(self) -> list[DeformableRecord]:
        """All sets of particles in emission order: cloths, soft bodies, cables, particles."""
        return [*self.cloths, *self.softs, *self.cables, *self.particles]

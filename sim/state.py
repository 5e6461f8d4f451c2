"""What changes while simulating: ``State``, and what steers it: ``Control``."""

import weakref

import engine as en
from engine.capture import recording_of

STATE_ARRAYS = (
    "particle_q",
    "particle_qd",
    "particle_f",
    "body_q",
    "body_qd",
    "body_f",
    "joint_q",
    "joint_qd",
    "joint_qdd",
)


class State:
    """Positions, velocities and forces at one moment; made by ``Model.state()``.

    Attributes:
        particle_q: Particle positions [m], world frame, vec3, shape [particle_count].
        particle_qd: Particle velocities [m/s], vec3, shape [particle_count].
        particle_f: External forces on particles [N], vec3, shape [particle_count].
        body_q: Body poses, world frame: position [m] of the body's origin and rotation (x, y, z, w), transform,
            shape [body_count].
        body_qd: Body velocities, world frame: angular [rad/s], then linear of the centre of mass [m/s],
            spatial_vector, shape [body_count].
        body_f: External wrenches on bodies, world frame, about the centre of mass: torque [N m], then force [N],
            spatial_vector, shape [body_count].
        joint_q: Joint coordinates: positions [m], angles [rad], quaternions, float, shape [joint_coord_count].
        joint_qd: Joint velocities [m/s, rad/s], float, shape [joint_dof_count].
        joint_qdd: Mean joint accelerations over the step that led here, zero at the start, float,
            shape [joint_dof_count]; from them ``FeatherstoneIntegrator`` foresees velocities in the middle of a step.
    """

    def __init__(self):
        self.particle_q = None
        self.particle_qd = None
        self.body_q = None
        self.body_qd = None
        self.joint_q = None
        self.joint_qd = None
        self.joint_qdd = None
        self._particle_f = None
        self._body_f = None
        #: whether somebody else may hold the force arrays, and write to them
        self._shared = False
        #: graph and stream in which the forces were cleared last
        self._cleared_in = None

    @property
    def particle_f(self):
        """See the class."""
        self._shared = True
        return self._particle_f

    @particle_f.setter
    def particle_f(self, forces) -> None:
        self._shared, self._particle_f = True, forces

    @property
    def body_f(self):
        """See the class."""
        self._shared = True
        return self._body_f

    @body_f.setter
    def body_f(self, forces) -> None:
        self._shared, self._body_f = True, forces

    def own_forces(self):
        """(particle_f, body_f) for those who only read them."""
        return self._particle_f, self._body_f

    def adopt_forces(self, particle_f, body_f) -> None:
        """Takes force arrays that nobody else holds."""
        self._particle_f, self._body_f = particle_f, body_f

    @property
    def particle_count(self) -> int:
        """Number of particles."""
        return 0 if self.particle_q is None else len(self.particle_q)

    @property
    def body_count(self) -> int:
        """Number of bodies."""
        return 0 if self.body_q is None else len(self.body_q)

    @property
    def requires_grad(self) -> bool:
        """Whether gradients of the arrays are kept."""
        arrays = [getattr(self, name) for name in STATE_ARRAYS if not name.endswith("_f")] + list(self.own_forces())
        return any(bool(getattr(array, "requires_grad", False)) for array in arrays)

    def clear_forces(self) -> None:
        """Sets all external forces to zero.

        In a graph that is being captured only once, as long as nobody outside has asked for the arrays: then nothing can
        have written to them in between, and a frame of 32 substeps saves 30 fills.
        """
        here = self._recording_here()
        if self._stay_cleared(here):
            return
        if self.particle_count:
            self._particle_f.zero_()
        if self.body_count:
            self._body_f.zero_()
        self._cleared_in = here

    def forces_are_zero(self) -> bool:
        """Whether the forces are zero for sure: cleared in the graph that is being captured, and nobody else has them, nor
        will ask for their gradients."""
        wanted = any(bool(getattr(forces, "requires_grad", False)) for forces in self.own_forces())
        return not wanted and self._stay_cleared(self._recording_here())

    def _stay_cleared(self, here) -> bool:
        return here is not None and not self._shared and self._cleared_in == here

    def _recording_here(self):
        """Graph and stream that record what is done with the state, or None."""
        device = (self.particle_q if self.particle_count else self.body_q).device if self.has_any else None
        graph = recording_of(device) if device is not None else None
        return (weakref.ref(graph), device.stream if device.is_cuda else None) if graph is not None else None

    @property
    def has_any(self) -> bool:
        """Whether there is a particle or a body."""
        return bool(self.particle_count or self.body_count)

    def clone(self) -> "State":
        """An independent copy."""
        copied = State()
        for name in STATE_ARRAYS:
            name = f"_{name}" if name.endswith("_f") else name
            array = getattr(self, name)
            setattr(copied, name, None if array is None else en.clone(array, requires_grad=array.requires_grad))
        return copied


class Control:
    """Inputs that steer the simulation; made by ``Model.control()``.

    Attributes:
        tri_activations: Triangle activations, dimensionless, float, shape [tri_count].
        tet_activations: Tetrahedron volumetric activations, float, shape [tet_count].
        spring_activations: Spring activations, float, shape [spring_count].
        joint_act: Per joint axis, what its mode says: force [N or N m], target position [m or rad] or target velocity,
            float, shape [joint_axis_count].
        joint_f: Generalised forces besides [N or N m], float, shape [joint_dof_count].
        ctrl: Controls of actuators, float, shape [actuator_count].
    """

    def __init__(self):
        self.tri_activations = None
        self.tet_activations = None
        self.spring_activations = None
        self.joint_act = None
        self.joint_f = None
        self.ctrl = None

    @property
    def joint_target(self):
        """The same array as ``joint_act``."""
        return self.joint_act

    def clear(self) -> None:
        """Sets all inputs to zero."""
        for array in (
            self.tri_activations,
            self.tet_activations,
            self.spring_activations,
            self.joint_act,
            self.joint_f,
            self.ctrl,
        ):
            if array is not None and len(array):
                array.zero_()

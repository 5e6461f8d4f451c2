"""Actuators on joint axes."""

import numpy as np

from sim.articulation.joint_types import UNLIMITED
from sim.errors import SimError
from sim.inputs import as_number, as_vector


class ActuatorBuilder:
    """The actuator part of ``ModelBuilder``; see ``sim.articulation.actuators`` for the force."""

    @property
    def actuator_count(self) -> int:
        """Number of actuators so far."""
        return len(self.actuator_dof)

    def add_actuator(
        self,
        joint: int,
        *,
        axis: int = 0,
        gear: float = 1.0,
        gain: float = 1.0,
        bias=(0.0, 0.0, 0.0),
        ctrl_range: tuple[float, float] | None = None,
        force_range: tuple[float, float] | None = None,
        ctrl: float = 0.0,
        name: str | None = None,
    ) -> int:
        """Adds an actuator with force ``gain ctrl + bias[0] + bias[1] length + bias[2] speed`` and returns its index.

        Its control is ``Control.ctrl[index]``. Position and velocity servos are better said as drives (``JointAxis``
        ``mode``), which are implicit in the step.

        Args:
            joint: The joint.
            axis: Which of its axes.
            gear: Length of the actuator per unit of the axis; its force acts times the gear.
            gain: Force per unit of control.
            bias: Constant force, force per length, force per speed of the actuator.
            ctrl_range: Range in which the control is held; None for any.
            force_range: Range in which the force is held, before the gear; None for any.
            ctrl: Initial control.
            name: None means ``actuator_<index>``.
        """
        where = "add_actuator()"
        dof = self._axis_dof(joint, axis, where)
        index = self.actuator_count
        numbers = [as_number(v, where, what) for v, what in ((gear, "gear"), (gain, "gain"), (ctrl, "ctrl"))]
        law = as_vector(bias, 3, where, "bias")
        ranges = [_range(ctrl_range, where, "ctrl_range"), _range(force_range, where, "force_range")]
        self.actuator_dof.append(dof)
        self.actuator_coord.append(int(self.joint_q_start[joint]) + dof - int(self.joint_qd_start[joint]))
        self.actuator_gear.append(numbers[0])
        self.actuator_gain.append(numbers[1])
        self.actuator_bias.append(law)
        self.actuator_ctrl_range.append(ranges[0])
        self.actuator_force_range.append(ranges[1])
        self.actuator_ctrl.append(numbers[2])
        self.actuator_name.append(f"actuator_{index}" if name is None else str(name))
        return index


def _range(value, where: str, what: str) -> np.ndarray:
    if value is None:
        return np.array([-UNLIMITED, UNLIMITED])
    ends = np.asarray(value, dtype=np.float64)
    if ends.shape != (2,) or np.isnan(ends).any() or ends[0] > ends[1]:
        raise SimError(where, f"{what} = {value!r}", "two numbers, the lower one first")
    return np.clip(ends, -UNLIMITED, UNLIMITED)

"""Actuators: forces on joint axes by a gain, a bias and a gear, as functions of a control.

An actuator's length is gear times the axis' position. Its force ``gain ctrl + bias[0] + bias[1] length + bias[2] speed``, with the
control and the force held in their ranges, acts on the axis times the gear. It is taken at the start of the step; what is
stiff belongs into a drive, which is implicit.
"""

import numpy as np

import engine as en
from sim.device_arrays import device_array


@en.struct
class ActuatorTable:
    """Actuators by degree of freedom: those of ``d`` are ``which[first[d] : first[d + 1]]``."""

    first: en.array(dtype=int)
    which: en.array(dtype=int)
    coord: en.array(dtype=int)
    gear: en.array(dtype=float)
    gain: en.array(dtype=float)
    bias: en.array(dtype=en.vec3)
    ctrl_range: en.array(dtype=en.vec2)
    force_range: en.array(dtype=en.vec2)


class ActuatorScratch:
    """The table of a model's actuators, and the forces on all degrees of freedom."""

    def __init__(self, model):
        dof = model.actuator_dof.numpy()
        order = np.argsort(dof, kind="stable")
        self.table = ActuatorTable()
        self.table.first = device_array(
            np.searchsorted(dof[order], np.arange(model.joint_dof_count + 1)), "int32", model.device
        )
        self.table.which = device_array(order, "int32", model.device)
        for name in ("coord", "gear", "gain", "bias", "ctrl_range", "force_range"):
            setattr(self.table, name, getattr(model, f"actuator_{name}"))
        self.force = en.zeros(model.joint_dof_count, dtype=float, device=model.device)


def applied_forces(model, state, control):
    """Generalised forces besides drives: ``control.joint_f`` and those of actuators; None for none at all."""
    applied = None if control is None else control.joint_f
    if not model.actuator_count:
        return applied
    if model.actuator_scratch is None:
        model.actuator_scratch = ActuatorScratch(model)
    scratch = model.actuator_scratch
    ctrl = model.actuator_ctrl if control is None or control.ctrl is None else control.ctrl
    en.launch(
        actuate,
        dim=model.joint_dof_count,
        inputs=[scratch.table, ctrl, applied, state.joint_q, state.joint_qd],
        outputs=[scratch.force],
    )
    return scratch.force


@en.kernel
def actuate(
    actuators: ActuatorTable,
    ctrl: en.array(dtype=float),
    applied: en.array(dtype=float),
    q: en.array(dtype=float),
    qd: en.array(dtype=float),
    force: en.array(dtype=float),
):
    dof = en.tid()
    total = 0.0
    if applied:
        total = applied[dof]
    for i in range(actuators.first[dof], actuators.first[dof + 1]):
        a = actuators.which[i]
        gear = actuators.gear[a]
        within = actuators.ctrl_range[a]
        u = en.clamp(ctrl[a], within[0], within[1])
        bias = actuators.bias[a]
        given = actuators.gain[a] * u + bias[0]
        given = given + gear * (bias[1] * q[actuators.coord[a]] + bias[2] * qd[dof])
        within = actuators.force_range[a]
        total = total + gear * en.clamp(given, within[0], within[1])
    force[dof] = total

"""Placing things by hand: bodies, joint coordinates, and kinematic bodies that travel where they are sent."""

from __future__ import annotations

import numpy as np

import engine
from app.pull import conjugate, rotate, transform_point
from sim import Model, State, eval_fk, eval_ik


class Hands:
    """Changes the state of a model from outside physics, between two frames."""

    def __init__(self, model: Model, state: State):
        """Acts on `state`, always the same object."""
        self._model, self._state = model, state
        self._goals: dict[int, np.ndarray] = {}
        #: kinematic bodies under way, with the velocities that they have of their own
        self._under_way: dict[int, np.ndarray] = {}

    def put_body(self, body: int, pose: np.ndarray) -> None:
        """Put a body somewhere, at rest; what a joint holds goes where the joint lets it."""
        set_row(self._state.body_q, body, pose)
        set_row(self._state.body_qd, body, np.zeros(6))
        self._goals.pop(body, None)
        model, state = self._model, self._state
        if model.joint_count:
            eval_ik(model, state, state.joint_q, state.joint_qd)
            eval_fk(model, state.joint_q, state.joint_qd, None, state)

    def put_joint(self, coordinate: int, value: float) -> None:
        """Set a joint coordinate [m or rad]; the model's joint velocities become zero."""
        state = self._state
        set_row(state.joint_q, coordinate, value)
        state.joint_qd.zero_()
        state.joint_qdd.zero_()
        eval_fk(self._model, state.joint_q, state.joint_qd, None, state)

    def send_body(self, body: int, pose: np.ndarray) -> None:
        """Let a kinematic body travel to a pose in the next frame."""
        self._goals[body] = np.asarray(pose, np.float64)

    def forget(self) -> None:
        """Nothing is under way any more."""
        self._goals.clear()
        self._under_way.clear()

    def before_frame(self, frame_dt: float) -> None:
        """Give bodies that were sent somewhere the velocity that takes them there in a frame of `frame_dt` [s]."""
        for body, goal in self._goals.items():
            pose = np.asarray(self._state.body_q.numpy()[body], np.float64)
            com = self._model.body_com.numpy()[body]
            linear = (transform_point(goal, com) - transform_point(pose, com)) / frame_dt
            angular = rotation_vector(multiply(goal[3:], conjugate(pose[3:]))) / frame_dt
            self._under_way[body] = np.array(self._state.body_qd.numpy()[body])
            set_row(self._state.body_qd, body, np.concatenate([angular, linear]))

    def after_frame(self) -> None:
        """Stop the bodies that have arrived where they were sent."""
        for body, goal in self._goals.items():
            set_row(self._state.body_q, body, goal)
            set_row(self._state.body_qd, body, np.zeros(6))
        self._goals.clear()
        self._under_way.clear()


def set_row(values: engine.array, index: int, row: np.ndarray | float) -> None:
    """Change one element of an array, wherever it lives."""
    rows = np.array(values.numpy())
    rows[index] = row
    values.assign(rows)


def multiply(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Product of two quaternions (x, y, z, w): first b, then a."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    vector = a[3] * b[:3] + b[3] * a[:3] + np.cross(a[:3], b[:3])
    return np.append(vector, a[3] * b[3] - a[:3] @ b[:3])


def rotation_vector(q: np.ndarray) -> np.ndarray:
    """Axis times angle [rad] of a unit quaternion, the shorter way round."""
    q = q if q[3] >= 0 else -q
    sine = float(np.linalg.norm(q[:3]))
    if sine < 1e-9:
        return 2.0 * q[:3]
    return q[:3] * (2.0 * np.arctan2(sine, q[3]) / sine)


def turned(pose: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """A direction in a pose's frame, in the world."""
    return rotate(pose[3:], vector)

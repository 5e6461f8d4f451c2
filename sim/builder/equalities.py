"""Equality constraints: bodies held together besides the joints that move them, and coupled joint coordinates."""

import numpy as np

from sim.articulation.joint_types import EQUALITY_CONNECT, EQUALITY_JOINT, EQUALITY_WELD, UNLIMITED
from sim.errors import SimError
from sim.geometry.rotation import transform_inverse, transform_multiply
from sim.inputs import as_count, as_floats, as_number, as_transform, as_vector


class EqualityBuilder:
    """The equality part of ``ModelBuilder``.

    ``compliance`` [m/N or rad/(N m)] makes a constraint give way; 0 means rigid.
    """

    @property
    def equality_count(self) -> int:
        """Number of equality constraints so far."""
        return len(self.equality_type)

    def add_equality_connect(
        self,
        body_1: int,
        body_2: int,
        anchor=(0.0, 0.0, 0.0),
        anchor_2=None,
        *,
        compliance=0.0,
        enabled=True,
        name=None,
    ) -> int:
        """Holds two points together, free to turn: a ball joint that closes a loop. Returns the constraint's index.

        Args:
            body_1: First body; -1 is the world.
            body_2: Second body; -1 is the world.
            anchor: The point in the first body's frame [m].
            anchor_2: The point in the second body's frame; None means where the first one is now.
            compliance: See the class.
            enabled: Whether it acts.
            name: None means ``equality_<index>``.
        """
        where = "add_equality_connect()"
        X_1 = np.append(as_vector(anchor, 3, where, "anchor"), (0.0, 0.0, 0.0, 1.0))
        X_2 = None if anchor_2 is None else np.append(as_vector(anchor_2, 3, where, "anchor_2"), (0.0, 0.0, 0.0, 1.0))
        return self._hold(EQUALITY_CONNECT, where, body_1, body_2, X_1, X_2, compliance, enabled, name)

    def add_equality_weld(
        self, body_1: int, body_2: int, xform_1=None, xform_2=None, *, compliance=0.0, enabled=True, name=None
    ) -> int:
        """Holds two frames together. Returns the constraint's index.

        Args:
            body_1: First body; -1 is the world.
            body_2: Second body; -1 is the world.
            xform_1: The frame in the first body's; None means identity.
            xform_2: The frame in the second body's; None means where the first one is now.
            compliance: See the class.
            enabled: Whether it acts.
            name: None means ``equality_<index>``.
        """
        where = "add_equality_weld()"
        X_1 = as_transform(xform_1, where, "xform_1")
        X_2 = None if xform_2 is None else as_transform(xform_2, where, "xform_2")
        return self._hold(EQUALITY_WELD, where, body_1, body_2, X_1, X_2, compliance, enabled, name)

    def add_equality_joint(
        self,
        joint: int,
        source: int = -1,
        coef=(0.0, 1.0),
        *,
        axis: int = 0,
        source_axis: int = 0,
        lower: float = 0.0,
        upper: float = 0.0,
        compliance: float = 0.0,
        enabled: bool = True,
        name: str | None = None,
    ) -> int:
        """Makes one joint axis follow another: ``q = coef[0] + coef[1] s + … + coef[4] s^4``. Returns its index.

        URDF's mimic is ``coef = (offset, multiplier)``; the force goes both ways. With a range it holds only at its ends,
        as a tendon over two joints does: ``lower <= q - (coef[0] + …) <= upper``.

        Args:
            joint: The joint that follows.
            source: The joint that it follows; -1 for none, which holds it at ``coef[0]``.
            coef: Up to five coefficients, constant one first.
            axis: Which axis of the joint.
            source_axis: Which axis of the source.
            lower: How far q may fall behind [m or rad]; may be infinite.
            upper: How far q may be ahead.
            compliance: See the class.
            enabled: Whether it acts.
            name: None means ``equality_<index>``.
        """
        where = "add_equality_joint()"
        dof, other = self._axis_dof(joint, axis, where), -1
        if source >= 0:
            other = self._axis_dof(source, source_axis, where)
        if dof == other:
            raise SimError(where, f"joint = source = {joint}", "two different axes")
        polynomial = as_floats(coef, where, "coef")
        if polynomial.ndim != 1 or not 1 <= len(polynomial) <= 5:
            raise SimError(where, f"coef of shape {polynomial.shape}", "one to five coefficients")
        if not lower <= upper:
            raise SimError(where, f"range [{lower}, {upper}]", "lower <= upper")
        index = self._append_equality(EQUALITY_JOINT, (-1, -1), compliance, enabled, name, where)
        self.equality_range[index] = [float(np.clip(v, -UNLIMITED, UNLIMITED)) for v in (lower, upper)]
        self.equality_dof[index] = dof, other
        self.equality_coef[index] = np.pad(polynomial, (0, 5 - len(polynomial)))
        return index

    def _axis_dof(self, joint: int, axis: int, where: str) -> int:
        joint, axis = as_count(joint, where, "joint", minimum=0), as_count(axis, where, "axis", minimum=0)
        if joint >= self.joint_count:
            raise SimError(where, f"joint = {joint}", f"one of {self.joint_count} joints")
        axes = int(self.joint_axis_dim[joint].sum())
        if axis >= axes:
            raise SimError(where, f"axis {axis} of {self.joint_name[joint]!r}", f"a joint with more than {axis} axes")
        return int(self.joint_qd_start[joint]) + axis

    def _hold(self, kind, where, body_1, body_2, X_1, X_2, compliance, enabled, name) -> int:
        bodies = [as_count(b, where, what, minimum=-1) for b, what in ((body_1, "body_1"), (body_2, "body_2"))]
        for body in bodies:
            if body >= self.body_count:
                raise SimError(where, f"body {body}", f"one of {self.body_count} bodies", "call add_body() first")
        if bodies[0] == bodies[1]:
            raise SimError(where, f"body_1 = body_2 = {bodies[0]}", "two different bodies")
        if X_2 is None:
            X_w1 = X_1 if bodies[0] < 0 else transform_multiply(self.body_q[bodies[0]], X_1)
            X_2 = X_w1 if bodies[1] < 0 else transform_multiply(transform_inverse(self.body_q[bodies[1]]), X_w1)
        index = self._append_equality(kind, bodies, compliance, enabled, name, where)
        self.equality_X_1[index], self.equality_X_2[index] = X_1, X_2
        return index

    def _append_equality(self, kind, bodies, compliance, enabled, name, where) -> int:
        softness = as_number(compliance, where, "compliance", minimum=0.0)
        index = self.equality_count
        self.equality_type.append(kind)
        self.equality_body.append(bodies)
        self.equality_dof.append((-1, -1))
        self.equality_X_1.append((0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0))
        self.equality_X_2.append((0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0))
        self.equality_coef.append(np.zeros(5))
        self.equality_range.append((0.0, 0.0))
        self.equality_compliance.append(softness)
        self.equality_enabled.append(int(bool(enabled)))
        self.equality_name.append(f"equality_{index}" if name is None else str(name))
        return index

"""What the functions of articulations need of a model, in the precision of the coordinates that they are given."""

from __future__ import annotations

import numpy as np

import engine as en
from sim.articulation.body_table import BodyTable, body_table
from sim.articulation.joint_table import JointTable
from sim.double_precision import in_double
from sim.errors import SimError

PRECISE_COLUMNS = ("joint_X_p", "joint_X_c", "joint_axis", "joint_armature", "body_mass", "body_com", "body_inertia")
"""Columns of the builder that ``finalize(precise=True)`` keeps in float64."""


class Single:
    """The model as it is.

    Attributes:
        scalar, vec3, spatial_vector, transform: Types.
        joints: The joints.
        bodies: Mass properties.
        armature: Of the degrees of freedom.
    """

    scalar, vec3, spatial_vector, transform = en.float32, en.vec3, en.spatial_vector, en.transform

    def __init__(self, model):
        self.joints, self.bodies, self.armature = model.joint_table, body_table(model), model.joint_armature

    def kernel(self, kernel: en.Kernel) -> en.Kernel:
        """A kernel in this precision."""
        return kernel


class Double:
    """The model in float64: as the builder had it where ``finalize(precise=True)`` kept that, else widened."""

    scalar, vec3, spatial_vector, transform = en.float64, en.vec3d, en.spatial_vectord, en.transformd

    def __init__(self, model):
        kept = model.precise_columns

        def wide(name: str, dtype: str):
            values = kept[name] if name in kept else getattr(model, name).numpy()
            return en.array(np.asarray(values, np.float64), dtype=getattr(en, dtype), device=model.device)

        self.joints, self.bodies = in_double(JointTable)(), in_double(BodyTable)()
        for name in ("type", "parent", "child", "q_start", "qd_start", "axis_start", "axis_dim"):
            setattr(self.joints, name, getattr(model, f"joint_{name}"))
        self.joints.X_p, self.joints.X_c = (wide(f"joint_X_{end}", "transformd") for end in "pc")
        self.joints.axis = wide("joint_axis", "vec3d")
        self.bodies.mass, self.bodies.com = wide("body_mass", "float64"), wide("body_com", "vec3d")
        self.bodies.inertia = wide("body_inertia", "mat33d")
        self.armature = wide("joint_armature", "float64")
        #: Scratch of the recursions, made when first needed.
        self.scratch = None

    def kernel(self, kernel: en.Kernel) -> en.Kernel:
        """A kernel in this precision."""
        return in_double(kernel)


def precision_of(model, joint_q) -> Single | Double:
    """The model in the precision of an array of coordinates.

    Raises:
        SimError: Coordinates that are neither float32 nor float64.
    """
    dtype = getattr(joint_q, "dtype", None)
    if dtype is en.float64:
        if model.double_tables is None:
            model.double_tables = Double(model)
        return model.double_tables
    if dtype is not en.float32:
        raise SimError("joint_q", f"an array of {dtype}", "float32 or float64")
    return Single(model)

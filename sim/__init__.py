"""Physics: ``ModelBuilder`` makes a ``Model``; integrators step its ``State``."""

from sim.articulation.forward import eval_fk
from sim.articulation.inverse import eval_ik
from sim.articulation.joint_types import (
    EQUALITY_CONNECT,
    EQUALITY_JOINT,
    EQUALITY_WELD,
    JOINT_BALL,
    JOINT_COMPOUND,
    JOINT_D6,
    JOINT_DISTANCE,
    JOINT_FIXED,
    JOINT_FREE,
    JOINT_MODE_FORCE,
    JOINT_MODE_TARGET_POSITION,
    JOINT_MODE_TARGET_VELOCITY,
    JOINT_PRISMATIC,
    JOINT_REVOLUTE,
    JOINT_UNIVERSAL,
    JointAxis,
)
from sim.builder.bodies import BODY_FLAG_KINEMATIC
from sim.builder.model_builder import ModelBuilder
from sim.builder.particles import PARTICLE_FLAG_ACTIVE, ParticleRange
from sim.collide import collide
from sim.diagnostics import Divergence, find_divergence
from sim.errors import SimError, SimWarning
from sim.featherstone import (
    FeatherstoneIntegrator,
    eval_bias_forces,
    eval_inverse_dynamics,
    eval_jacobian,
    eval_mass_matrix,
)
from sim.geometry.height_field import HeightField
from sim.geometry.mass_properties import MassProperties
from sim.geometry.mesh import Mesh
from sim.geometry.shape_types import (
    GEO_BOX,
    GEO_CAPSULE,
    GEO_CONE,
    GEO_CYLINDER,
    GEO_ELLIPSOID,
    GEO_MESH,
    GEO_NONE,
    GEO_PLANE,
    GEO_SDF,
    GEO_SPHERE,
)
from sim.model import Model, ShapeFilter
from sim.semi_implicit import SemiImplicitIntegrator
from sim.state import Control, State
from sim.xpbd import XPBDIntegrator

__all__ = [
    "BODY_FLAG_KINEMATIC",
    "EQUALITY_CONNECT",
    "EQUALITY_JOINT",
    "EQUALITY_WELD",
    "GEO_BOX",
    "GEO_CAPSULE",
    "GEO_CONE",
    "GEO_CYLINDER",
    "GEO_ELLIPSOID",
    "GEO_MESH",
    "GEO_NONE",
    "GEO_PLANE",
    "GEO_SDF",
    "GEO_SPHERE",
    "JOINT_BALL",
    "JOINT_COMPOUND",
    "JOINT_D6",
    "JOINT_DISTANCE",
    "JOINT_FIXED",
    "JOINT_FREE",
    "JOINT_MODE_FORCE",
    "JOINT_MODE_TARGET_POSITION",
    "JOINT_MODE_TARGET_VELOCITY",
    "JOINT_PRISMATIC",
    "JOINT_REVOLUTE",
    "JOINT_UNIVERSAL",
    "PARTICLE_FLAG_ACTIVE",
    "Control",
    "Divergence",
    "FeatherstoneIntegrator",
    "HeightField",
    "JointAxis",
    "MassProperties",
    "Mesh",
    "Model",
    "ModelBuilder",
    "ParticleRange",
    "SemiImplicitIntegrator",
    "ShapeFilter",
    "SimError",
    "SimWarning",
    "State",
    "XPBDIntegrator",
    "collide",
    "eval_bias_forces",
    "eval_fk",
    "eval_ik",
    "eval_inverse_dynamics",
    "eval_jacobian",
    "eval_mass_matrix",
    "find_divergence",
]

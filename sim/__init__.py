"""Physics: ``ModelBuilder`` makes a ``Model``; integrators step its ``State``."""

from sim.builder.bodies import BODY_FLAG_KINEMATIC
from sim.builder.model_builder import ModelBuilder
from sim.builder.particles import PARTICLE_FLAG_ACTIVE, ParticleRange
from sim.collide import collide
from sim.diagnostics import Divergence, find_divergence
from sim.errors import SimError, SimWarning
from sim.geometry.mass_properties import MassProperties
from sim.geometry.mesh import Mesh
from sim.geometry.shape_types import (
    GEO_BOX,
    GEO_CAPSULE,
    GEO_CONE,
    GEO_CYLINDER,
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
    "GEO_BOX",
    "GEO_CAPSULE",
    "GEO_CONE",
    "GEO_CYLINDER",
    "GEO_MESH",
    "GEO_NONE",
    "GEO_PLANE",
    "GEO_SDF",
    "GEO_SPHERE",
    "PARTICLE_FLAG_ACTIVE",
    "Control",
    "Divergence",
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
    "find_divergence",
]

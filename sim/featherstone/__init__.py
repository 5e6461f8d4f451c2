"""Articulated bodies in reduced coordinates."""

from sim.featherstone.integrator import FeatherstoneIntegrator
from sim.featherstone.inverse_dynamics import eval_bias_forces, eval_inverse_dynamics
from sim.featherstone.jacobian import eval_jacobian
from sim.featherstone.mass_matrix import eval_mass_matrix

__all__ = [
    "FeatherstoneIntegrator",
    "eval_bias_forces",
    "eval_inverse_dynamics",
    "eval_jacobian",
    "eval_mass_matrix",
]

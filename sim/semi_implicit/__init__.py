"""Semi-implicit Euler integrator."""

from sim.semi_implicit.integrator import SemiImplicitIntegrator

__all__ = ["SemiImplicitIntegrator"]

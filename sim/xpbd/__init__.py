"""Extended position based dynamics."""

from sim.xpbd.integrator import XPBDIntegrator

__all__ = ["XPBDIntegrator"]

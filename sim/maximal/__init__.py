"""Joints between bodies in maximal coordinates, shared by the XPBD and the semi-implicit integrator."""

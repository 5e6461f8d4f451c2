"""Shapes as numbers: rotations, mass properties, mesh topology (NumPy only, no engine)."""

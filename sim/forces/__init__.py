"""Element energies and forces shared by the integrators, one element type per file."""

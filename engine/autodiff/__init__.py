"""Gradients: IR → IR differentiation, and the tape that applies it to launches."""

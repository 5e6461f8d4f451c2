"""The kernel language: Python source to verified IR."""

"""MJCF, the model format of MuJoCo, into scene records."""

from usd_io.mjcf.read import read_mjcf

__all__ = ["read_mjcf"]

"""The USD reader."""

from usd_io.read.scene import read_stage, read_usd

__all__ = ["read_stage", "read_usd"]

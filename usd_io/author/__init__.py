"""Scene records as a USD stage, for sources that are none."""

from usd_io.author.stage import author_stage

__all__ = ["author_stage"]

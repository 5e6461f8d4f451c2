"""Records into builder calls."""

from usd_io.emit.scene import emit

__all__ = ["emit"]

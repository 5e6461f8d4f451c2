"""What autodiff refuses, and what a tape cannot vouch for."""

from __future__ import annotations

from engine.errors import EngineError


class GradientError(EngineError):
    """A gradient that does not exist or that is not known how to compute; never a wrong number instead."""


class TapeError(EngineError):
    """A tape cannot replay what it recorded: something it needs is gone or was changed."""

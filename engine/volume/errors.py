"""Errors of volumes; they are also the built-in errors that a Python user expects for wrong values and types."""

from engine.errors import EngineError


class VolumeValueError(EngineError, ValueError):
    """A value out of range, such as a voxel size of zero."""


class VolumeTypeError(EngineError, TypeError):
    """A value of a kind that cannot be used, such as a voxel size of None."""


class VolumeFileError(EngineError, RuntimeError):
    """A file or buffer that is damaged, or uses what is not supported."""

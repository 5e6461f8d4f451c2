"""Packages that the engine can work with but does not need."""

from __future__ import annotations

import importlib
from types import ModuleType

from engine.errors import EngineError


def require(package: str, purpose: str) -> ModuleType:
    """The imported package; raises EngineError with the command that installs it if it is missing."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        name = package.partition(".")[0]
        raise EngineError(
            f"{purpose} needs the package '{name}', which cannot be imported here ({error}); "
            f"install it: pip install {name}"
        ) from None

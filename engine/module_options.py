"""Options of modules by name: what functions and kernels of a module are compiled with."""

from __future__ import annotations

from typing import Any

DEFAULTS = {"enable_backward": True, "fast_math": False, "max_unroll": None, "mode": None, "block_dim": 256}

_options: dict[str, dict[str, Any]] = {}


def options_of(module: str) -> dict[str, Any]:
    """The options of a module, made if it is new."""
    return _options.setdefault(module, dict(DEFAULTS))


def module_option(module: str, name: str) -> Any:
    """One option of a module; its default where none was set."""
    found = _options.get(module)
    return DEFAULTS.get(name) if found is None else found.get(name)

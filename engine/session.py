"""Start-up and constants, for those who expect to call them."""

from __future__ import annotations

from typing import Any

from engine.device import is_cuda_available
from engine.errors import EngineError

#: Levels for `config.log_level`, for programs that set it.
LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR = 10, 20, 30, 40


def init() -> None:
    """Starts the engine; optional, everything starts when first used."""


def constant(value: Any) -> Any:
    """Marks a Python value for use in kernels; numbers and vectors can be captured without it too."""
    return value


def get_cuda_driver_version() -> tuple[int, int] | None:
    """The CUDA version that the GPU driver supports; None without a GPU."""
    if not is_cuda_available():
        return None
    from engine.cuda.driver import call

    return divmod(int(call("cuDriverGetVersion")) // 10, 100)


def get_cuda_toolkit_version() -> tuple[int, int] | None:
    """The version of the run-time compiler NVRTC; None where it is not installed."""
    from engine.cuda.nvrtc import nvrtc

    try:
        return nvrtc().version
    except EngineError:
        return None

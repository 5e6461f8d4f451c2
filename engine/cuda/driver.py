"""The CUDA driver API: how its functions are called, and what their failures become."""

from __future__ import annotations

import functools
from typing import Any

from engine.errors import EngineError
from engine.once import made_once


class CudaError(EngineError):
    """A call of the CUDA driver failed."""


class CudaMemoryError(CudaError, MemoryError):
    """A CUDA device has no room left for an allocation."""


#: Failures after which every later call in the process fails too, by the driver's names.
_FATAL = {
    "CUDA_ERROR_ILLEGAL_ADDRESS": "a kernel read or wrote memory that is not its own",
    "CUDA_ERROR_MISALIGNED_ADDRESS": "a kernel used an address that does not fit the type of what lies there",
    "CUDA_ERROR_ILLEGAL_INSTRUCTION": "a kernel ran into an instruction that does not exist",
    "CUDA_ERROR_INVALID_ADDRESS_SPACE": "a kernel used an address of another kind of memory",
    "CUDA_ERROR_INVALID_PC": "a kernel jumped out of its code",
    "CUDA_ERROR_HARDWARE_STACK_ERROR": "a kernel's call stack broke",
    "CUDA_ERROR_LAUNCH_FAILED": "a kernel died",
    "CUDA_ERROR_LAUNCH_TIMEOUT": "a kernel took longer than this display's GPU allows",
    "CUDA_ERROR_ASSERT": "an assertion in CUDA code failed",
}  # fmt: skip


@functools.cache
def _binding() -> Any:
    try:
        from cuda.bindings import driver
    except ImportError:
        raise EngineError(
            'CUDA support is not installed; pip install "simrun[cuda]" brings it, no CUDA toolkit is needed'
        ) from None
    return driver


def binding() -> Any:
    """The module with the driver's functions, types and constants."""
    return _binding()


#: Graphs being captured whose last launches wait to become one (see `engine.cuda.sequence`).
unsent: list[Any] = []
#: Calls that put work on a stream, or ask what is there: what waits comes first.
_IN_ORDER = frozenset(
    ("cuEventRecord", "cuEventRecordWithFlags", "cuGraphAddChildGraphNode", "cuGraphLaunch",
     "cuGraphicsMapResources", "cuGraphicsUnmapResources", "cuMemAllocAsync", "cuMemcpyAsync",
     "cuMemcpyDtoHAsync", "cuMemcpyHtoDAsync", "cuMemcpyPeerAsync", "cuMemFreeAsync", "cuMemsetD32Async", "cuMemsetD8Async",
     "cuStreamBeginCapture", "cuStreamBeginCaptureToGraph", "cuStreamEndCapture", "cuStreamGetCaptureInfo",
     "cuStreamWaitEvent")
)  # fmt: skip


def send_unsent() -> None:
    """Puts every launch that waits on its stream: something else is about to be."""
    while unsent:
        graph = unsent.pop()
        waiting, graph.sequence = graph.sequence, None
        waiting.send()


def call(name: str, *args: Any) -> Any:
    """Calls driver function `name`; raises CudaError with the driver's own words."""
    if unsent and name in _IN_ORDER:
        send_unsent()
    code, *out = getattr(_binding(), name)(*args)
    if int(code) != 0:
        raise error_of(int(code), name)
    return out[0] if len(out) == 1 else tuple(out) if out else None


def error_of(code: int, doing: str) -> CudaError:
    """The error for a driver's result code."""
    driver = _binding()
    result = driver.CUresult(code)
    _, text = driver.cuGetErrorString(result)
    shown = text.decode() if isinstance(text, bytes) else str(text)
    why = _FATAL.get(result.name)
    if why is not None:
        return CudaError(
            f"CUDA: {doing} failed: {shown} ({result.name}): {why}, in this call or in one before it. CUDA refuses all "
            "further work of this process: restart it. To see which launch it was, run with SIMRUN_MODE=debug, which "
            "checks indices and waits for every launch"
        )
    kind = CudaMemoryError if result.name == "CUDA_ERROR_OUT_OF_MEMORY" else CudaError
    return kind(f"CUDA: {doing} failed: {shown} ({result.name})")


@made_once
def devices() -> tuple[Any, ...]:
    """The CUDA devices of this machine; empty without driver or packages."""
    from engine.cuda.device import CudaDevice

    try:
        call("cuInit", 0)
        return tuple(CudaDevice(k) for k in range(call("cuDeviceGetCount")))
    except (EngineError, RuntimeError, OSError):
        return ()


def why_not() -> str:
    """One sentence that says what is missing for CUDA."""
    try:
        call("cuInit", 0)
        return "no CUDA device was found" if not call("cuDeviceGetCount") else "CUDA works"
    except EngineError as error:
        return str(error)
    except (RuntimeError, OSError):
        return "CUDA needs an NVIDIA driver and none was found"

"""DLPack: arrays exchanged with any library that speaks the protocol, without copies.

Source: DLPack and the Python array API standard, https://dmlc.github.io/dlpack/latest/python_spec.html.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.arrays import array
from engine.errors import EngineError
from engine.foreign import share

_HOST = {1: "CPU", 3: "CUDA host memory", 11: "ROCm host memory"}
_DEVICES = {2: "CUDA", 4: "OpenCL", 7: "Vulkan", 8: "Metal", 10: "ROCm", 13: "CUDA managed memory", 14: "oneAPI"}


class _Capsule:
    """A bare capsule as an object with the protocol's two methods."""

    def __init__(self, capsule: Any):
        self.capsule = capsule

    def __dlpack__(self, **_: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)


def from_dlpack(source: Any, dtype: Any = None) -> array:
    """An array over the memory of `source`, which it keeps alive.

    Args:
        source: an object with `__dlpack__` (tensor, JAX or NumPy array …) or a capsule.
        dtype: element type; a vector or matrix type takes the trailing dimensions of `source`.

    Raises:
        EngineError: the memory is on another device, or only a copy would fit `dtype`.
    """
    if type(source).__name__ == "PyCapsule":
        source = _Capsule(source)
    if not hasattr(source, "__dlpack__"):
        raise EngineError(f"from_dlpack: got {type(source).__name__}; expected an object with __dlpack__, or a capsule")
    kind = int(source.__dlpack_device__()[0])
    if kind == 2 and not isinstance(source, _Capsule):
        from engine.interop.cuda_dlpack import import_from

        return import_from(source, dtype)
    if kind not in _HOST:
        where = _DEVICES.get(kind, f"DLPack device {kind}")
        raise EngineError(
            f"from_dlpack: the source is in the memory of another device ({where}); copy it to the CPU first"
        )
    try:
        values = np.from_dlpack(source)
    except (BufferError, RuntimeError, TypeError, ValueError) as error:
        raise EngineError(f"from_dlpack: {type(source).__name__} refused: {error}") from None
    return share(values, dtype, "from_dlpack: data", "copy the source so that it is contiguous")


def to_dlpack(a: array) -> Any:
    """A capsule that shares the array's memory and keeps it alive; it can be consumed once.

    Vectors and matrices become trailing dimensions. Raises EngineError for arrays of structs, which DLPack cannot tell.
    """
    if not isinstance(a, array):
        raise EngineError(f"to_dlpack: got {type(a).__name__}; expected an engine array")
    try:
        return a.__dlpack__()
    except BufferError as error:
        raise EngineError(f"to_dlpack: {error}") from None

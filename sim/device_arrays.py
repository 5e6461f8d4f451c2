"""The one place where host arrays become engine arrays."""

from types import SimpleNamespace

import numpy as np

import engine as en

_HAS_ENGINE = hasattr(en, "array")


class _HostArray(np.ndarray):
    """Stand-in while the engine cannot hold arrays yet."""

    def numpy(self) -> np.ndarray:
        return np.asarray(self)

    def zero_(self) -> None:
        self[...] = 0


def device_array(values: np.ndarray, dtype: str, device=None, requires_grad: bool = False):
    """Copies ``values`` to an engine array; ``dtype`` names its element type (``float32 vec3 mat33 transform`` ...)."""
    if not _HAS_ENGINE:
        kinds = {"int32": np.int32, "uint32": np.uint32, "uint64": np.uint64, "bool": np.bool_, "uint8": np.uint8}
        return np.array(values, dtype=kinds.get(dtype, np.float32)).view(_HostArray)
    element = getattr(en, dtype)
    scalar = np.float32
    if dtype in ("int32", "uint32", "uint64"):
        scalar = np.dtype(dtype)
    elif dtype in ("bool", "uint8"):
        scalar = np.dtype(dtype)
    host = np.array(values, dtype=scalar, order="C")
    return en.array(host, dtype=element, device=device, requires_grad=requires_grad and scalar is np.float32)


def clone(array, requires_grad: bool = False):
    """An independent copy on the same device."""
    if not _HAS_ENGINE:
        return array.copy()
    return en.clone(array, requires_grad=requires_grad)


def zeros_like(array, requires_grad: bool = False):
    """Zeros of the same shape, type and device."""
    if not _HAS_ENGINE:
        return np.zeros_like(array)
    return en.zeros_like(array, requires_grad=requires_grad)


if hasattr(en, "struct"):

    @en.struct
    class ModelShapeMaterials:
        """Contact materials, arrays of shape [shape_count]: ke [N/m], kd, kf [N s/m], ka [m], mu, restitution."""

        ke: en.array(dtype=en.float32)
        kd: en.array(dtype=en.float32)
        kf: en.array(dtype=en.float32)
        ka: en.array(dtype=en.float32)
        mu: en.array(dtype=en.float32)
        restitution: en.array(dtype=en.float32)

    @en.struct
    class ModelShapeGeometry:
        """Shape geometry, arrays of shape [shape_count]: type (GEO_*), is_solid, thickness [m], source (id), scale."""

        type: en.array(dtype=en.int32)
        is_solid: en.array(dtype=en.uint8)
        thickness: en.array(dtype=en.float32)
        source: en.array(dtype=en.uint64)
        scale: en.array(dtype=en.vec3)

else:
    ModelShapeMaterials = ModelShapeGeometry = SimpleNamespace

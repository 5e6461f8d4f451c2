"""The one place where host arrays become engine arrays, and where a model's device becomes the current one."""

import functools

import numpy as np

import engine as en

# Element types whose numbers are not float32.
_HOST_TYPES = {"int32": np.int32, "uint32": np.uint32, "uint64": np.uint64, "uint8": np.uint8, "bool": np.bool_}


def device_array(values: np.ndarray, dtype: str, device=None, requires_grad: bool = False) -> en.array:
    """Copies ``values`` to an engine array; ``dtype`` names its element type (``float32 vec3 mat33 transform`` ...)."""
    host = np.array(values, dtype=_HOST_TYPES.get(dtype, np.float32), order="C")
    has_grad = requires_grad and dtype not in _HOST_TYPES
    return en.array(host, dtype=getattr(en, dtype), device=device, requires_grad=has_grad)


def on_model_device(step):
    """Decorator: runs a function of `(…, model, …)` with the model's device current, so that its scratch arrays live there."""
    position = step.__code__.co_varnames.index("model")

    @functools.wraps(step)
    def run(*args, **kw):
        model = kw["model"] if "model" in kw else args[position]
        with en.ScopedDevice(model.device):
            return step(*args, **kw)

    return run


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
    """Shape geometry, arrays of shape [shape_count]: type (GEO_*), is_solid, thickness [m], source (mesh id), scale."""

    type: en.array(dtype=en.int32)
    is_solid: en.array(dtype=en.uint8)
    thickness: en.array(dtype=en.float32)
    source: en.array(dtype=en.uint64)
    scale: en.array(dtype=en.vec3)

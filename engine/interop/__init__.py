"""Arrays shared with NumPy, DLPack, PyTorch and JAX; each adapter imports its library when first used."""

from engine.interop import jax as jax
from engine.interop import torch as torch
from engine.interop.dlpack import from_dlpack, to_dlpack
from engine.interop.jax import (
    device_from_jax,
    device_to_jax,
    dtype_from_jax,
    dtype_to_jax,
    from_jax,
    jax_callable,
    jax_kernel,
    to_jax,
)
from engine.interop.torch import (
    device_from_torch,
    device_to_torch,
    dtype_from_torch,
    dtype_to_torch,
    from_torch,
    stream_from_torch,
    stream_to_torch,
    to_torch,
)

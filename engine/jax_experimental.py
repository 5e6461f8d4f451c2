"""`jax_kernel` and `jax_callable` under the module name that programs written for Warp import them from."""

from engine.interop.jax import jax_callable, jax_kernel

__all__ = ["jax_callable", "jax_kernel"]

"""Small writes from the host that do not wait: the contents travel as the argument of a kernel."""

from __future__ import annotations

import functools
from typing import Any

from engine.cuda.native import NativeKernel, runs_on

MOST = 3072  # bytes; a kernel's argument may have 4096

_TEXT = r"""
struct Args { u8* to; i64 count; u8 data[SIZE]; };
extern "C" __global__ void write_bytes(const Args a) {
  for (int k = threadIdx.x; k < a.count; k += blockDim.x) a.to[k] = a.data[k];
}
"""


@functools.cache
def kernel(size: int) -> NativeKernel:
    """The kernel that writes up to `size` bytes."""
    return NativeKernel(_TEXT.replace("SIZE", str(size)), "write_bytes", f"<Qq{size}s", 128)


def write_small(device: Any, address: int, data: bytes) -> bool:
    """Writes up to `MOST` bytes in the order of the stream; False where the host has to wait for a copy instead.

    Where there are several streams it does wait, so that work on any of them finds what was written.
    """
    if len(data) > MOST or device.captures or device.stream_count != 1 or not runs_on(device):
        return False
    kernel(256 if len(data) <= 256 else MOST).launch(device, 1, address, len(data), data)
    return True

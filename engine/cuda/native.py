"""Kernels written in CUDA C++ by hand: what threads of a block do together, which the kernel language has no words for."""

from __future__ import annotations

import re
import struct
from typing import Any

from engine.cuda import nvrtc
from engine.cuda.driver import error_of
from engine.cuda.prelude import WAIT
from engine.taping import active_tape

#: Sums over the threads of a warp and of a block, in a fixed order.
PRELUDE = r"""
typedef long long i64; typedef unsigned long long u64; typedef unsigned int u32; typedef unsigned short u16; typedef unsigned char u8;
constexpr u32 ALL = 0xffffffffu;
// sum of what the threads before this one have, in a block of THREADS; `total` is the sum of all
template <class A, int THREADS> __device__ A before_in_block(A mine, A* shared, A& total) {
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  A sum = mine;
  #pragma unroll
  for (int d = 1; d < 32; d *= 2) { A other = __shfl_up_sync(ALL, sum, d); if (lane >= d) sum = other + sum; }
  if (lane == 31) shared[warp] = sum;
  __syncthreads();
  A before = A(0), all = A(0);
  #pragma unroll
  for (int w = 0; w < THREADS / 32; ++w) { if (w == warp) before = all; all = all + shared[w]; }
  __syncthreads();
  total = all;
  A left = __shfl_up_sync(ALL, sum, 1);
  return lane ? before + left : before;
}
"""


def runs_on(device: Any) -> bool:
    """Whether a device can run CUDA C++ (a stand-in for the driver cannot)."""
    return device.is_cuda and (device if device.is_started else device.start()).table != 0


def may_skip_launches(device: Any) -> bool:
    """Whether an algorithm may use kernels of its own instead of launches: not while a tape has to see what it does."""
    return runs_on(device) and active_tape() is None


def keep_for_graph(device: Any, *used: Any) -> None:
    """Notes what a graph that is being captured uses: kernels that get addresses cannot tell."""
    if device.captures:
        device.captures[-1].keep.append(used)


#: where kernels begin: as nodes of graphs they come early, and wait for the kernel before
_BEGINNING = re.compile(r'(extern "C" __global__[^{]*\{)')


class NativeKernel:
    """A kernel `name` in `text`, which takes one struct by value; `form` is the struct's layout for `struct.pack`."""

    def __init__(self, text: str, name: str, form: str, threads: int):
        text = _BEGINNING.sub(r"\1 wait_for_kernel_before();", text)
        self.text, self.name, self.threads = PRELUDE + WAIT + text, name, threads
        self.pack = struct.Struct(form).pack
        self._loaded: dict[int, tuple[Any, int]] = {}

    def compile(self, arch: str) -> bytes:
        """Machine code for an architecture such as "sm_90"; needs no GPU."""
        return nvrtc.compile_text(self.text, arch, self.name)

    def launch(self, device: Any, blocks: int, *args: Any) -> None:
        """Puts the kernel on the current stream of a device."""
        found = self._loaded.get(device.ordinal)
        if found is None:
            found = self._loaded[device.ordinal] = device.load(self.compile(f"sm_{device.arch}"), self.name)
        stream = device.stream.cuda_stream
        enter = device.enter_graph if device.captures else device.enter
        code = enter(device.table, found[1], blocks, self.threads, 0, stream, self.pack(*args))
        if code:
            raise error_of(code, f"launching '{self.name}'")

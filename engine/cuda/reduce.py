"""Sums and inner products on a GPU: each block adds what it strides over, then one block adds the blocks' sums.

How many blocks there are depends on the length alone, so that sums of floats have the same bits in every run.
"""

from __future__ import annotations

import functools
from typing import Any

from engine.cuda.native import NativeKernel, keep_for_graph
from engine.cuda.scan import SCALARS

THREADS = 256
_MOST_BLOCKS = 512
_TILE = 4096  # elements that make another block worth while

_TEXT = r"""
typedef SCALAR S;
struct Args { const S* a; const S* b; S* parts; S* out; i64 count; i64 blocks; int width; int unused; };

__device__ __forceinline__ S sum_of(const S* a, const S* b, i64 first, i64 step, i64 count, int width, int part) {
  S sums[4] = {S(0), S(0), S(0), S(0)};
  i64 i = first;
  for (; i + 3 * step < count; i += 4 * step) {
    #pragma unroll
    for (int k = 0; k < 4; ++k) {
      const i64 at = (i + k * step) * width + part;
      sums[k] = sums[k] + (b ? a[at] * b[at] : a[at]);
    }
  }
  for (; i < count; i += step) sums[0] = sums[0] + (b ? a[i * width + part] * b[i * width + part] : a[i * width + part]);
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}
// block (k, component): sum of elements k * 256 + thread, and on in steps of all threads
extern "C" __global__ void __launch_bounds__(256) add_blocks(const Args a) {
  __shared__ S shared[8];
  const i64 block = blockIdx.x / a.width; const int part = blockIdx.x % a.width;
  S total;
  before_in_block<S, 256>(sum_of(a.a, a.b, block * 256 + threadIdx.x, a.blocks * 256, a.count, a.width, part), shared, total);
  if (threadIdx.x == 0) a.parts[part * a.blocks + block] = total;
}
extern "C" __global__ void __launch_bounds__(256) add_parts(const Args a) {
  __shared__ S shared[8];
  S total;
  before_in_block<S, 256>(sum_of(a.parts + blockIdx.x * a.blocks, nullptr, threadIdx.x, 256, a.blocks, 1, 0), shared, total);
  if (threadIdx.x == 0) a.out[blockIdx.x] = total;
}
"""
_FORM = "<QQQQqqii"


@functools.cache
def kernels(scalar: str) -> tuple[NativeKernel, ...]:
    """The kernels for one type of scalars."""
    text = _TEXT.replace("SCALAR", SCALARS[scalar], 1)
    return tuple(NativeKernel(text, name, _FORM, THREADS) for name in ("add_blocks", "add_parts"))


def add_up(scalar: Any, a: Any, b: Any, out: Any, count: int, width: int) -> None:
    """Sums `count` elements of `width` scalars of an array, or of products with those of another (or None), to `out`."""
    device = a.device
    keep_for_graph(device, a, b, out)
    blocks = min(_MOST_BLOCKS, max(1, -(-count // _TILE)))
    parts = device.memory.allocate(blocks * width * scalar.size, False)
    args = (a.ptr, 0 if b is None else b.ptr, parts.ctypes.data, out.ptr, count, blocks, width, 0)
    add_blocks, add_parts = kernels(scalar.name)
    add_blocks.launch(device, blocks * width, *args)
    add_parts.launch(device, width, *args)

"""Sums and inner products on a GPU: each block adds what it strides over, and the last one adds the blocks' sums.

How many blocks there are depends on the length alone, so that sums of floats have the same bits in every run.
"""

from __future__ import annotations

from typing import Any

from engine.cuda.native import NativeKernel, keep_for_graph
from engine.cuda.scan import SCALARS
from engine.cuda.scratch import room, zeros
from engine.once import made_once

THREADS = 256
_MOST_BLOCKS = 512
_TILE = 4096  # elements that make another block worth while

_TEXT = r"""
typedef SCALAR S;
struct Args { const S* a; const S* b; S* parts; S* out; u32* done; i64 count; i64 blocks; int width; int unused; };

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
  __shared__ bool is_last;
  const i64 block = blockIdx.x / a.width; const int part = blockIdx.x % a.width;
  S total;
  before_in_block<S, 256>(sum_of(a.a, a.b, block * 256 + threadIdx.x, a.blocks * 256, a.count, a.width, part), shared, total);
  if (threadIdx.x == 0) {
    a.parts[part * a.blocks + block] = total;
    __threadfence();
    is_last = atomicAdd(a.done, 1u) == gridDim.x - 1;
  }
  __syncthreads();
  if (!is_last) return;
  __threadfence();
  for (int part = 0; part < a.width; ++part) {
    volatile S* row = a.parts + part * a.blocks;
    S sum = S(0);
    for (i64 i = threadIdx.x; i < a.blocks; i += 256) sum = sum + row[i];
    before_in_block<S, 256>(sum, shared, total);
    if (threadIdx.x == 0) a.out[part] = total;
  }
  if (threadIdx.x == 0) *a.done = 0;
}
"""
_FORM = "<QQQQQqqii"


@made_once
def add_blocks(scalar: str) -> NativeKernel:
    """The kernel for one type of scalars."""
    return NativeKernel(_TEXT.replace("SCALAR", SCALARS[scalar], 1), "add_blocks", _FORM, THREADS)


def add_up(scalar: Any, a: Any, b: Any, out: Any, count: int, width: int) -> None:
    """Sums `count` elements of `width` scalars of an array, or of products with those of another (or None), to `out`."""
    device = a.device
    keep_for_graph(device, a, b, out)
    blocks = min(_MOST_BLOCKS, max(1, -(-count // _TILE)))
    parts = room(device, blocks * width * scalar.size)
    args = (a.ptr, 0 if b is None else b.ptr, parts, out.ptr, zeros(device, 4), count, blocks, width, 0)
    add_blocks(scalar.name).launch(device, blocks * width, *args)

"""Prefix sums on a GPU: sums of tiles, a scan of these by one block, and the scans of the tiles behind them.

The order of additions depends on the length alone, so that sums of floats have the same bits in every run.
"""

from __future__ import annotations

import functools
from typing import Any

from engine.cuda.native import NativeKernel, keep_for_graph

THREADS = 256
ITEMS = 8
TILE = THREADS * ITEMS

#: Elements are vectors of `WIDTH` scalars that lie side by side; each block scans one component of one tile.
_TEXT = r"""
typedef SCALAR S;
struct Args { const S* values; S* sums; S* totals; i64 count; i64 tiles; int width; int inclusive; };
constexpr int ITEMS = 8, TILE = 2048;

__device__ __forceinline__ void load(const Args& a, i64 first, int part, S* own) {
  #pragma unroll
  for (int k = 0; k < ITEMS; ++k) own[k] = first + k < a.count ? a.values[(first + k) * a.width + part] : S(0);
}
extern "C" __global__ void __launch_bounds__(256) add_tile(const Args a) {
  __shared__ S shared[8];
  const i64 tile = blockIdx.x / a.width; const int part = blockIdx.x % a.width;
  S own[ITEMS], total = S(0), all;
  load(a, tile * TILE + threadIdx.x * ITEMS, part, own);
  #pragma unroll
  for (int k = 0; k < ITEMS; ++k) total = total + own[k];
  before_in_block<S, 256>(total, shared, all);
  if (threadIdx.x == 0) a.totals[part * a.tiles + tile] = all;
}
// one block per component: totals of tiles to what lies in tiles before
extern "C" __global__ void __launch_bounds__(256) scan_totals(const Args a) {
  __shared__ S shared[8];
  S* row = a.totals + blockIdx.x * a.tiles;
  S before = S(0);
  for (i64 first = 0; first < a.tiles; first += 256) {
    const i64 i = first + threadIdx.x;
    S total;
    const S at = before + before_in_block<S, 256>(i < a.tiles ? row[i] : S(0), shared, total);
    if (i < a.tiles) row[i] = at;
    before = before + total;
  }
}
extern "C" __global__ void __launch_bounds__(256) scan_tile(const Args a) {
  __shared__ S shared[8];
  const i64 tile = blockIdx.x / a.width; const int part = blockIdx.x % a.width;
  const i64 first = tile * TILE + threadIdx.x * ITEMS;
  S own[ITEMS], total = S(0), all;
  load(a, first, part, own);
  #pragma unroll
  for (int k = 0; k < ITEMS; ++k) total = total + own[k];
  S sum = a.totals[part * a.tiles + tile] + before_in_block<S, 256>(total, shared, all);
  #pragma unroll
  for (int k = 0; k < ITEMS; ++k) {
    const S next = sum + own[k];
    if (first + k < a.count) a.sums[(first + k) * a.width + part] = a.inclusive ? next : sum;
    sum = next;
  }
}
"""
_FORM = "<QQQqqii"
SCALARS = {"int32": "int", "uint32": "u32", "float32": "float", "int64": "i64", "uint64": "u64", "float64": "double"}


@functools.cache
def kernels(scalar: str) -> tuple[NativeKernel, ...]:
    """The kernels for one type of scalars."""
    text = _TEXT.replace("SCALAR", SCALARS[scalar], 1)
    return tuple(NativeKernel(text, name, _FORM, THREADS) for name in ("add_tile", "scan_totals", "scan_tile"))


def scan(values: Any, sums: Any, inclusive: bool) -> None:
    """Prefix sums of a contiguous array of numbers or vectors into another one, which may be the same."""
    device, scalar = values.device, values.dtype.scalar
    width = values.dtype.count
    tiles = -(-values.size // TILE)
    keep_for_graph(device, values, sums)
    totals = device.memory.allocate(tiles * width * scalar.size, False)
    args = (values.ptr, sums.ptr, totals.ctypes.data, values.size, tiles, width, int(inclusive))
    add_tile, scan_totals, scan_tile = kernels(scalar.name)
    add_tile.launch(device, tiles * width, *args)
    scan_totals.launch(device, width, *args)
    scan_tile.launch(device, tiles * width, *args)
